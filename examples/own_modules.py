"""Search for a proxy on your own PyTorch modules.

Sixty small decoders are traced untrained, then trained for about a second each. The search
sees a part of them; the others say how good the found formula is, beside #Params.

    pip install lpzero torch numpy
    python examples/own_modules.py
"""

from __future__ import annotations

import argparse

import torch
from torch import nn
from torch.nn import functional

import lpzero
import lpzero.torch

VOCABULARY, POSITIONS, BATCH = 128, 32, 16


class Block(nn.Module):
    """Attention and a feed-forward network, norm first."""

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, positions, width = x.shape
        normed = self.norm1(x)
        q, k, v = (
            map_(normed).view(batch, positions, self.heads, -1).transpose(1, 2)
            for map_ in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, positions, width))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class Decoder(nn.Module):
    """A decoder of any shape."""

    def __init__(self, layers: int, width: int, heads: int, hidden: int):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.places = nn.Embedding(POSITIONS, width)
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCABULARY, bias=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


#: Roles of maps, since no table knows this class.
ROLES = {
    "tokens": "embedding",
    "places": "position",
    "blocks.*.query": "query",
    "blocks.*.key": "key",
    "blocks.*.value": "value",
    "blocks.*.out": "out",
    "blocks.*.up": "ffn-in",
    "blocks.*.down": "ffn-out",
    "head": "head",
}


class Language:
    """Text in which a token depends on the two before it."""

    def __init__(self, seed: int = 0):
        draw = torch.Generator().manual_seed(seed)
        shape = (VOCABULARY, VOCABULARY)
        self.next = torch.stack([torch.randperm(VOCABULARY, generator=draw) for _ in range(shape[0])])
        self.draw = draw

    def batch(self) -> torch.Tensor:
        ids = torch.randint(VOCABULARY, (BATCH, POSITIONS), generator=self.draw)
        for t in range(2, POSITIONS):
            follows = torch.rand(BATCH, generator=self.draw) < 0.8
            ids[:, t] = torch.where(follows, self.next[ids[:, t - 2] % 16, ids[:, t - 1]], ids[:, t])
        return ids


def loss_of(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the next token, in nats."""
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


def train(model: nn.Module, steps: int) -> float:
    """The loss at the end of a short training, as the mean of its last tenth."""
    language = Language(seed=1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(steps):
        ids = language.batch()
        loss = loss_of(model(ids), ids)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    last = losses[-max(len(losses) // 10, 1) :]
    return sum(last) / len(last)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--models", type=int, default=60)
    arguments.add_argument("--steps", type=int, default=150)
    given = arguments.parse_args()
    # Matrices this small are done before a second thread has woken up.
    torch.set_num_threads(1)
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(0)

    def choice(values: list[int]) -> int:
        return values[int(torch.randint(len(values), (1,), generator=draw))]

    ids = Language().batch()
    traces, losses, names = [], [], []
    for number in range(given.models):
        layers, heads = choice([1, 2, 3, 4, 5]), choice([1, 2, 4])
        width, hidden = choice([16, 24, 32, 48, 64]), choice([32, 64, 128, 192])
        width -= width % heads
        model = Decoder(layers, width, heads, hidden)
        traces.append(lpzero.torch.trace(model, ids, loss=loss_of, roles=ROLES))
        losses.append(train(model, given.steps))
        names.append(f"{number}: {layers} x {width}, {heads} heads, {hidden} hidden")
        print(f"\r{number + 1} of {given.models} trained", end="", flush=True)
    print()

    truth = lpzero.Truth.from_traces(traces, losses, names, lower_is_better=True, name="mine")
    run = lpzero.search(truth, method="powers", progress=False)
    print(f"found     {run.best}")
    print(f"test tau  {run.test['tau']:.3f} on {run.test['n']} modules that took no part")
    for row in run.test["baselines"]:
        print(f"          {row['tau']:.3f} {row['name']}")


if __name__ == "__main__":
    main()
