"""Time of a trace from PyTorch, beside a bare forward and backward pass of the same module.

    PYTHONPATH=crates/python .venv/bin/python tools/time_torch_trace.py [threads]

Networks are those of GPT-2 with random weights. The first is W1 of `docs/lab/engine.md`. Passes
and traces alternate, so that a busy machine slows both alike; each time is the smallest of some.
Seconds of the processor say what is computed, those of the clock what is waited for.
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
RUNS = 5


def bare(model: torch.nn.Module, ids: torch.Tensor) -> None:
    logits = model(ids).logits[:, :-1]
    targets = ids[:, 1:].reshape(-1)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets)
    torch.autograd.grad(loss, list(model.parameters()))


def main() -> None:
    if len(sys.argv) > 1:
        torch.set_num_threads(int(sys.argv[1]))
    print("layers  width  vocabulary  tokens", end="")
    print("  clock: pass  trace  ratio  processor: pass  trace  ratio")
    for layers, width, vocabulary, batch, positions in SHAPES:
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(0, vocabulary, (batch, positions), generator=generator)
        config = GPT2Config(
            n_layer=layers, n_embd=width, n_head=width // 64, vocab_size=vocabulary
        )
        config.bos_token_id = config.eos_token_id = 0
        model = GPT2LMHeadModel(config).eval()
        times: dict[str, list[tuple[float, float]]] = {"pass": [], "trace": []}
        for _ in range(RUNS):
            start = now()
            bare(model, ids)
            middle = now()
            lpzero.torch.trace(model, ids, loss="next-token")
            end = now()
            times["pass"].append((middle[0] - start[0], middle[1] - start[1]))
            times["trace"].append((end[0] - middle[0], end[1] - middle[1]))
        row = f"{layers:6}  {width:5}  {vocabulary:10}  {batch * positions:6}"
        for clock, wide in ((0, 11), (1, 15)):
            plain, traced = (min(t[clock] for t in times[n]) for n in ("pass", "trace"))
            row += f"  {plain:{wide}.3f}  {traced:5.3f}  {traced / plain:5.2f}"
        print(row, flush=True)


def now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


if __name__ == "__main__":
    main()
