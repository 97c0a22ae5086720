"""Writes what transformers computes of a pretrained model, for a test of the engine.

    .venv/bin/python tools/dump_real.py FOLDER TEXT

FOLDER is one that `from_pretrained` loads, with a tokenizer.json; TEXT is plain English.
The results go to FOLDER/expected.safetensors:

    text, window, perplexity   20,000 tokens behind the start token; mean over windows that
                               each begin with it
    tokens.N, logits.N         two sequences of 600 tokens, logits of their last 8 positions
    greedy.N, begun.N          five prompts with 40 tokens of greedy continuation, and where
                               these begin

    LPZERO_REAL_MODEL=FOLDER cargo test -p lpzero-nn --test engine real -- --nocapture

All is single precision, attention eager: the definition, written out.
"""

import pathlib
import sys

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

COUNT, WINDOW, LENGTH, LAST, CONTINUED = 20_000, 1024, 600, 8, 40
PROMPTS = [
    "The capital of France is",
    "Once upon a time, there was a",
    "In the beginning God created",
    "Water boils at a temperature of",
    "The three laws of motion say that",
]


@torch.no_grad()
def main():
    folder, text = map(pathlib.Path, sys.argv[1:3])
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    start = model.config.bos_token_id
    ids = tokenizer.encode(text.read_text(), add_special_tokens=False).ids[:COUNT]
    found = {}
    nats = 0.0
    for first in range(0, len(ids), WINDOW - 1):
        part = torch.tensor([[start, *ids[first : first + WINDOW - 1]]])
        logits = model(part).logits[0, :-1]
        loss = torch.nn.functional.cross_entropy(logits, part[0, 1:], reduction="sum")
        nats += loss.double().item()
    found["text"] = torch.tensor([start, *ids], dtype=torch.float64)
    found["window"] = torch.tensor([float(WINDOW)])
    found["perplexity"] = torch.tensor([nats / len(ids)], dtype=torch.float64).exp()
    print(f"perplexity of {len(ids)} tokens: {found['perplexity'].item():.6f}")
    for number, first in enumerate([0, 10_000]):
        sequence = torch.tensor([[start, *ids[first : first + LENGTH - 1]]])
        found[f"tokens.{number}"] = sequence[0].double()
        found[f"logits.{number}"] = model(sequence).logits[0, -LAST:].contiguous()
    for number, prompt in enumerate(PROMPTS):
        begun = [start, *tokenizer.encode(prompt, add_special_tokens=False).ids]
        sequence = torch.tensor([begun])
        for _ in range(CONTINUED):
            following = model(sequence).logits[0, -1].argmax()
            sequence = torch.cat([sequence, following.view(1, 1)], dim=1)
        found[f"greedy.{number}"] = sequence[0].double()
        found[f"begun.{number}"] = torch.tensor([float(len(begun))])
        print(repr(tokenizer.decode(sequence[0].tolist())))
    save_file(found, folder / "expected.safetensors")


if __name__ == "__main__":
    main()
