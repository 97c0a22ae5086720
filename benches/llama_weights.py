"""Writes a folder of LLaMA-7B's shape, with normal numbers in half precision: 13.5 GB.

    python benches/llama_weights.py OUT

What a pass takes does not depend on the weights, so that 45 million numbers are drawn and
every tensor is a part of them, from a place of its own.
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import save_file

WIDTH, HIDDEN, BLOCKS, VOCABULARY = 4096, 11008, 32, 32000
CONFIG = {
    "model_type": "llama",
    "hidden_size": WIDTH,
    "intermediate_size": HIDDEN,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 32,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
}


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True)
    (out / "config.json").write_text(json.dumps(CONFIG))
    torch.manual_seed(0)
    drawn = (torch.randn(HIDDEN * WIDTH) * 0.02).half()
    start, shards = 0, {}

    def weight(rows, columns):
        nonlocal start
        start = (start + 7919 * WIDTH) % drawn.numel()
        copies = -(-rows * columns // drawn.numel())
        return torch.roll(drawn, start).repeat(copies)[: rows * columns].reshape(rows, columns)

    def save(tensors):
        name = f"model-{len(set(shards.values())):02}.safetensors"
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(tensors, out / name, metadata={"format": "pt"})
        shards.update(dict.fromkeys(tensors, name))

    ones = torch.ones(WIDTH).half()
    save(
        {
            "model.embed_tokens.weight": weight(VOCABULARY, WIDTH),
            "lm_head.weight": weight(VOCABULARY, WIDTH),
            "model.norm.weight": ones,
        }
    )
    for block in range(BLOCKS):
        maps = {f"self_attn.{name}_proj": (WIDTH, WIDTH) for name in "qkvo"}
        maps |= {"mlp.gate_proj": (HIDDEN, WIDTH), "mlp.up_proj": (HIDDEN, WIDTH)}
        maps |= {"mlp.down_proj": (WIDTH, HIDDEN)}
        tensors = {f"{name}.weight": weight(*shape) for name, shape in maps.items()}
        norms = ["input_layernorm.weight", "post_attention_layernorm.weight"]
        tensors |= {name: ones.clone() for name in norms}
        save({f"model.layers.{block}.{name}": tensor for name, tensor in tensors.items()})
    index = {"metadata": {}, "weight_map": shards}
    (out / "model.safetensors.index.json").write_text(json.dumps(index))


if __name__ == "__main__":
    main()
