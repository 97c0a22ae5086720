"""Time of a trace from PyTorch, beside a bare forward and backward pass of the same module.

    PYTHONPATH=crates/python .venv/bin/python tools/time_torch_trace.py [threads]

Networks are those of GPT-2 with random weights. The first is W1 of `docs/lab/engine.md`. Each
time is the smallest of some runs that alternate, so that a busy machine slows both alike.
"""

import sys
import time

import torch
from transformers import GPT2Config, GPT2LMHeadModel

import lpzero.torch

#: Layers, width, vocabulary, sequences, positions.
SHAPES = [
    (8, 512, 10_000, 8, 192),
    (4, 256, 50_257, 4, 64),
    (8, 512, 50_257, 4, 64),
    (12, 768, 50_257, 4, 64),
]
RUNS = 7


def bare(model: torch.nn.Module, ids: torch.Tensor) -> None:
    logits = model(ids).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].reshape(-1))
    torch.autograd.grad(loss, list(model.parameters()))


def main() -> None:
    if len(sys.argv) > 1:
        torch.set_num_threads(int(sys.argv[1]))
    print("layers  width  tokens  pass (ms)  trace (ms)  ratio")
    for layers, width, vocabulary, batch, positions in SHAPES:
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(0, vocabulary, (batch, positions), generator=generator)
        config = GPT2Config(
            n_layer=layers, n_embd=width, n_head=width // 64, vocab_size=vocabulary
        )
        config.bos_token_id = config.eos_token_id = 0
        model = GPT2LMHeadModel(config).eval()
        times: dict[str, list[float]] = {"pass": [], "trace": []}
        for _ in range(RUNS):
            start = time.perf_counter()
            bare(model, ids)
            middle = time.perf_counter()
            lpzero.torch.trace(model, ids, loss="next-token")
            end = time.perf_counter()
            times["pass"].append(middle - start)
            times["trace"].append(end - middle)
        plain, traced = (1e3 * min(times[name]) for name in ("pass", "trace"))
        tokens = batch * positions
        row = f"{layers:6}  {width:5}  {tokens:6}  {plain:9.1f}  {traced:10.1f}"
        print(f"{row}  {traced / plain:5.2f}")


if __name__ == "__main__":
    main()
