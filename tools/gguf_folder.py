"""Writes a GGUF file as a folder of transformers.

    .venv/bin/python tools/gguf_folder.py MODEL.gguf FOLDER [--bf16]

FOLDER then has config.json, model.safetensors and tokenizer.json, which transformers loads
by `from_pretrained`, and lpzero reads. Quantised numbers are taken to single precision by
the `gguf` package, and written as they are (or in half of it, with --bf16).

Every tensor is then compared with what transformers makes of the same file
(`from_pretrained(..., gguf_file=...)`), whose own way from one to the other is another
one. A tensor that is left over on either side is an error.

Needs gguf, torch, transformers, safetensors, tokenizers, sentencepiece and protobuf.
Known architectures: gemma3 (text).
"""

import argparse
import json
import pathlib
import sys

import numpy
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

# Names of a block's tensors: theirs in GGUF, and those of transformers.
GEMMA3_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_output": "self_attn.o_proj",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "post_ffw_norm": "post_feedforward_layernorm",
}
OUTER = {"token_embd": "embed_tokens", "output_norm": "norm"}
# One block of so many sees everything; files do not say.
GEMMA3_PATTERN = 6
# The base of rotary positions of the others; files do not say.
GEMMA3_LOCAL_BASE = 10_000.0


def field(reader, key, default=None):
    """The value of a key of a file."""
    if key not in reader.fields:
        if default is None:
            sys.exit(f"{key}: expected this key in the file")
        return default
    return reader.fields[key].contents()


def gemma3_config(reader):
    """The config.json of a gemma3 file."""
    key = lambda name, default=None: field(reader, f"gemma3.{name}", default)
    layers = key("block_count")
    head_width = key("attention.key_length")
    if key("attention.value_length", head_width) != head_width:
        sys.exit("gemma3.attention.value_length: expected that of keys")
    return {
        "architectures": ["Gemma3ForCausalLM"],
        "model_type": "gemma3_text",
        "vocab_size": len(reader.fields["tokenizer.ggml.tokens"].data),
        "hidden_size": key("embedding_length"),
        "intermediate_size": key("feed_forward_length"),
        "num_hidden_layers": layers,
        "num_attention_heads": key("attention.head_count"),
        "num_key_value_heads": key("attention.head_count_kv"),
        "head_dim": head_width,
        "query_pre_attn_scalar": head_width,
        "hidden_activation": "gelu_pytorch_tanh",
        "max_position_embeddings": key("context_length"),
        "rms_norm_eps": round(key("attention.layer_norm_rms_epsilon"), 12),
        "rope_theta": key("rope.freq_base"),
        "rope_local_base_freq": GEMMA3_LOCAL_BASE,
        "sliding_window": key("attention.sliding_window"),
        "layer_types": [
            "sliding_attention" if (i + 1) % GEMMA3_PATTERN else "full_attention"
            for i in range(layers)
        ],
        "tie_word_embeddings": True,
        "attention_bias": False,
        "bos_token_id": field(reader, "tokenizer.ggml.bos_token_id"),
        "eos_token_id": field(reader, "tokenizer.ggml.eos_token_id"),
        "pad_token_id": field(reader, "tokenizer.ggml.padding_token_id"),
    }


def gemma3_name(name):
    """transformers' name of a tensor."""
    stem, _, end = name.rpartition(".")
    if stem.startswith("blk."):
        _, layer, inner = stem.split(".", 2)
        return f"model.layers.{layer}.{GEMMA3_BLOCK[inner]}.{end}"
    return f"model.{OUTER[stem]}.{end}"


def tensors(reader):
    """Every tensor, under transformers' name."""
    found = {}
    for tensor in reader.tensors:
        data = dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        # GGUF names the fastest dimension first.
        data = data.reshape([int(n) for n in reversed(tensor.shape)])
        name = gemma3_name(tensor.name)
        if name.endswith("norm.weight"):
            # There, norms multiply by what is stored; in transformers, by one plus it.
            data = data - numpy.float32(1)
        found[name] = torch.from_numpy(numpy.ascontiguousarray(data))
    return found


def check(folder, path, written):
    """Compares with transformers' own reading of the file."""
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32
    )
    theirs = {n: t for n, t in model.state_dict().items() if n != "lm_head.weight"}
    if theirs.keys() != written.keys():
        sys.exit(f"tensors differ: {sorted(theirs.keys() ^ written.keys())}")
    worst = 0.0
    for name, tensor in theirs.items():
        if tensor.shape != written[name].shape:
            sys.exit(f"{name}: {tuple(written[name].shape)}, but {tuple(tensor.shape)} there")
        worst = max(worst, (tensor - written[name]).abs().max().item())
    again = load_file(folder / "model.safetensors")
    stored = max((again[n].float() - t).abs().max().item() for n, t in written.items())
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    mine = loaded.config.to_dict()
    other = model.config.to_dict()
    differing = [k for k in mine.keys() | other.keys() if mine.get(k) != other.get(k)]
    print(f"{len(written)} tensors; largest difference to transformers' reading: {worst:g}")
    print(f"largest difference of what was written: {stored:g}")
    print(f"keys of the configuration that differ from its own: {sorted(differing)}")
    for key in sorted(differing):
        print(f"  {key}: {mine.get(key)!r}, there {other.get(key)!r}"[:160])
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gguf", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--bf16", action="store_true", help="write half precision")
    arguments = parser.parse_args()
    reader = GGUFReader(arguments.gguf)
    architecture = field(reader, "general.architecture")
    if architecture != "gemma3":
        sys.exit(f"general.architecture: expected gemma3, found {architecture}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    element = torch.bfloat16 if arguments.bf16 else torch.float32
    config = gemma3_config(reader) | {"dtype": str(element).removeprefix("torch.")}
    (arguments.folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    found = tensors(reader)
    save_file(
        {name: tensor.to(element) for name, tensor in found.items()},
        arguments.folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    tokenizer = AutoTokenizer.from_pretrained(
        arguments.gguf.parent, gguf_file=arguments.gguf.name
    )
    tokenizer.save_pretrained(arguments.folder)
    worst = check(arguments.folder, arguments.gguf, found)
    sys.exit(0 if worst == 0.0 else 1)


if __name__ == "__main__":
    main()
