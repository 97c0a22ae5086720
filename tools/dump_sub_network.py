"""Writes what transformers computes with a sub-network that `lpzero export` wrote.

    .venv/bin/python tools/dump_sub_network.py target/release/lpzero

Reads crates/nn/tests/fixtures/checkpoints/llama, and writes beside it llama_part:

    config.json    the sub-network: fewer heads, narrower feed-forward networks
    expected/      what LlamaForCausalLM computes with the exported folder, in double
                   precision, as dump_checkpoints.py writes it
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

from dump_checkpoints import BATCH, FOLDER, POSITIONS, VOCABULARY

SIZES = {"num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 7}


def main():
    whole, part = FOLDER / "llama", FOLDER / "llama_part"
    part.mkdir(exist_ok=True)
    config = json.loads((whole / "config.json").read_text()) | SIZES
    (part / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "exported"
        command = [sys.argv[1], "export", part / "config.json", "--supernet", whole, "--out", out]
        subprocess.run(command, check=True)
        model = LlamaForCausalLM.from_pretrained(
            out, dtype=torch.float64, attn_implementation="eager"
        ).eval()
    torch.manual_seed(1)
    tokens = torch.randint(1, VOCABULARY, (BATCH, POSITIONS))
    result = model(tokens, labels=tokens)
    result.loss.backward()
    expected = part / "expected"
    expected.mkdir(exist_ok=True)
    shutil.copy(part / "config.json", expected)
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    save_file(gradients, expected / "model.safetensors", metadata={"format": "pt"})
    outputs = {
        "tokens": tokens.double(),
        "logits": result.logits[:, :-1].detach().contiguous(),
        "loss": result.loss.detach(),
    }
    save_file(outputs, expected / "outputs.safetensors")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters} parameters, loss {result.loss.item():.6f}")


if __name__ == "__main__":
    main()
