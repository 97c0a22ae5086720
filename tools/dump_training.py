"""Writes the reference dumps that crates/train/tests/pytorch.rs compares with.

    .venv/bin/python tools/dump_training.py [--out DIR]

Ten updates of two of the networks of dump_networks.py with torch.optim.AdamW,
torch.nn.utils.clip_grad_norm_, warm-up and cosine decay, and two passes per
update. One safetensors file per network, floats in double precision:

    initial.<name>     every parameter before training
    final.<name>       the same after the last update
    input.tokens       (updates * passes, B, T) int64
    output.losses      (updates,) mean loss of the passes of each update
    output.norms       (updates,) norm of the gradient before it is clipped

and in the metadata: format, version, architecture, recipe (JSON as crates/train
reads it).
"""

import argparse
import json
import math
import pathlib

import torch
from safetensors.torch import save_file

from dump_networks import BATCH, MASKED, NETWORKS, POSITIONS, sort_metadata
from networks import Parameters, masked_token, next_token

FIXTURES = pathlib.Path(__file__).parent.parent / "crates/train/tests/fixtures"
RECIPE = {
    "steps": 10,
    "batch": BATCH,
    "positions": POSITIONS,
    "accumulate": 2,
    "learning_rate": 0.01,
    "warm_up": 3,
    "betas": [0.9, 0.95],
    "epsilon": 1e-8,
    "weight_decay": 0.1,
    "clip": 0.8,
    "validate_every": 10,
    "validation_batches": 1,
}


def rate(step):
    """Rises over the warm-up, then falls along half a cosine to a tenth."""
    highest, warm_up = RECIPE["learning_rate"], RECIPE["warm_up"]
    if step < warm_up:
        return highest * (step + 1) / warm_up
    done = (step - warm_up) / (RECIPE["steps"] - warm_up)
    return highest * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * done)))


def dump(name, seed, folder):
    architecture = NETWORKS[name]
    p = Parameters(seed)
    vocabulary = architecture["vocabulary"]
    count = RECIPE["steps"] * RECIPE["accumulate"]
    tokens = torch.randint(0, vocabulary, (count, BATCH, POSITIONS), generator=p.generator)

    def loss_of(batch):
        if architecture["kind"] == "encoder":
            # The engine masks with the last token of a small vocabulary, and in a
            # batch of this size, with seed 0, at these positions.
            masked = torch.tensor(MASKED)
            return masked_token(p, architecture, batch, masked, vocabulary - 1)[-1]
        return next_token(p, architecture, batch)[-1]

    loss_of(tokens[0])  # draws the parameters
    tensors = {"input.tokens": tokens}
    tensors |= {f"initial.{key}": value.detach().clone() for key, value in p.tensors.items()}
    decaying = [value for value in p.tensors.values() if value.dim() > 1]
    others = [value for value in p.tensors.values() if value.dim() <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": decaying, "weight_decay": RECIPE["weight_decay"]},
            {"params": others, "weight_decay": 0.0},
        ],
        betas=RECIPE["betas"],
        eps=RECIPE["epsilon"],
    )
    losses, norms = [], []
    for step, passes in enumerate(tokens.split(RECIPE["accumulate"])):
        for group in optimiser.param_groups:
            group["lr"] = rate(step)
        optimiser.zero_grad()
        loss = sum(loss_of(batch) for batch in passes) / len(passes)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(p.tensors.values(), RECIPE["clip"]))
        optimiser.step()
        losses.append(loss.detach())
    tensors |= {f"final.{key}": value.detach() for key, value in p.tensors.items()}
    tensors |= {"output.losses": torch.stack(losses), "output.norms": torch.stack(norms)}
    metadata = {
        "format": "lpzero-dump",
        "version": "1",
        "architecture": json.dumps(architecture, separators=(",", ":")),
        "recipe": json.dumps(RECIPE, separators=(",", ":")),
    }
    path = folder / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in tensors.items()}, path, metadata)
    sort_metadata(path)
    print(f"{path}: losses {losses[0]:.4f} to {losses[-1]:.4f}, norms", *(f"{n:.2f}" for n in norms))


def main():
    parser = argparse.ArgumentParser(description="Write the reference dumps of crates/train.")
    parser.add_argument("--out", type=pathlib.Path, default=FIXTURES)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(["gpt2_adaptive_div2", "encoder_sdp"]):
        dump(name, seed, arguments.out)


if __name__ == "__main__":
    main()
