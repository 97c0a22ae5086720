"""Writes the reference dumps that crates/nn/tests/engine/pytorch.rs compares with.

    python -m venv .venv && .venv/bin/pip install -r tools/requirements.txt
    .venv/bin/python tools/dump_networks.py [--check] [--out DIR]

One safetensors file per network, all floats in double precision:

    <name>             every parameter, under the engine's tensor names
    gradient.<name>    the gradient of the loss with respect to it
    input.tokens       (B, T) int64
    input.masked       indices into B * T of the masked positions (masked-token only)
    output.hidden      (B, T, C), the last hidden state
    output.logits      (predictions, V), or the head cluster's of an adaptive softmax
    output.loss        (1,)

and in the metadata: format, version, architecture (JSON as crates/arch reads
it), objective, mask_token. `--check` also compares these definitions with
independent implementations (transformers' GPT-2, scipy's DCT, a loop).
"""

import argparse
import json
import pathlib

import torch
from safetensors.torch import save_file

from networks import (
    Parameters,
    adaptive_log_probabilities,
    dynamic_convolution,
    hidden_states,
    masked_token,
    next_token,
    relative_attention,
    transform_2d,
)

FIXTURES = pathlib.Path(__file__).parent.parent / "crates/nn/tests/fixtures"
BATCH, POSITIONS = 3, 7
# What a network loaded by the engine masks in a batch of this size (seed 0).
MASKED = [5, 7, 9]


def block(mixer, hidden, activation):
    return {"mixer": mixer, "feed_forward": {"hidden": hidden, "activation": activation}}


def encoder(*mixers):
    """FlexiBERT-like: post-norm, embedding narrower than the model, stacked
    feed-forwards of unequal widths."""
    hidden = [[24], [20, 28, 12]]
    return {
        "kind": "encoder",
        "vocabulary": 30,
        "positions": 9,
        "token_types": 2,
        "width": 16,
        "embedding": {
            "width": 12,
            "cutoffs": [30],
            "division": 1,
            "projection_bias": True,
            "scale_by_root_width": False,
            "position_width": "embedding",
            "norm": True,
        },
        "blocks": [block(m, h, "gelu") for m, h in zip(mixers, hidden)],
        "norm_placement": "post",
        "norm_epsilon": 1e-12,
        "head": "none",
        "initialisation": {"weight": 0.02, "projection": 0.02},
    }


def decoder(width, embedding_width, cutoffs, division, head):
    """GPT-2-like: pre-norm, heads and feed-forward widths that change by block."""
    return {
        "kind": "decoder",
        "vocabulary": cutoffs[-1],
        "positions": 9,
        "token_types": 0,
        "width": width,
        "embedding": {
            "width": embedding_width,
            "cutoffs": cutoffs,
            "division": division,
            "projection_bias": False,
            "scale_by_root_width": True,
            "position_width": "model",
            "norm": False,
        },
        "blocks": [
            block({"attention": {"heads": heads, "weighted": False}}, [hidden], "gelu-tanh")
            for heads, hidden in [(4, 24), (2, 40)]
        ],
        "norm_placement": "pre",
        "norm_epsilon": 1e-5,
        "head": head,
        "initialisation": {"weight": 0.02, "projection": 0.01},
    }


def transformer_xl(placement, division):
    """Transformer-XL: the decoder without a table of positions."""
    architecture = decoder(16, 12, [14, 24, 32], division, ADAPTIVE)
    architecture["embedding"]["position_width"] = "none"
    architecture["norm_placement"] = placement
    for spec in architecture["blocks"]:
        heads = spec["mixer"]["attention"]["heads"]
        spec["mixer"] = {"relative-attention": {"heads": heads, "memory": 9}}
        spec["feed_forward"]["activation"] = "relu"
    return architecture


def llama(head, feed_forward_bias=False, **mixer):
    """LLaMA and its descendants: RMSNorm, rotary positions, a gate."""
    architecture = decoder(16, 16, [32], 1, head)
    architecture["embedding"] |= {"position_width": "none", "scale_by_root_width": False}
    architecture |= {"norm_kind": "rms", "norm_epsilon": 1e-6}
    grouped = {"heads": 4, "key_value_heads": 2, "head_width": 4, "biases": "none", "normed": False}
    grouped |= {"rotary": {"base": 10000.0, "scaling": "none"}} | mixer
    for spec in architecture["blocks"]:
        spec["mixer"] = {"grouped-attention": grouped}
        spec["feed_forward"] |= {"activation": "silu", "gated": True, "bias": feed_forward_bias}
    return architecture


# Wavelengths of a base of 10 in heads of width 8 are 6.3, 11.2, 19.9 and 35.3: one
# stays, two are mixed, one is divided.
LLAMA3 = {"factor": 8.0, "low": 0.25, "high": 1.2, "original_positions": 8}


def attention(heads, weighted):
    return {"attention": {"heads": heads, "weighted": weighted}}


def transform(heads, kind):
    return {"transform": {"heads": heads, "transform": kind}}


def convolution(heads, kernel):
    return {"dynamic-convolution": {"heads": heads, "kernel": kernel}}


ADAPTIVE = {"adaptive": {"tied_projections": [False, True, True]}}

NETWORKS = {
    "encoder_sdp": encoder(attention(4, False), attention(2, False)),
    "encoder_wma": encoder(attention(4, True), attention(2, True)),
    "encoder_dft": encoder(transform(4, "fourier"), transform(2, "fourier")),
    "encoder_dct": encoder(transform(2, "cosine"), transform(4, "cosine")),
    "encoder_dsc": encoder(convolution(4, 5), convolution(2, 9)),
    "gpt2_adaptive_div1": decoder(16, 12, [14, 24, 32], 1, ADAPTIVE),
    "gpt2_adaptive_div2": decoder(16, 12, [14, 24, 32], 2, ADAPTIVE),
    "gpt2_tied": decoder(16, 16, [32], 1, "tied"),
    "transformer_xl_post": transformer_xl("post", 2),
    "transformer_xl_pre": transformer_xl("pre-without-final", 1),
    "llama": llama("free", key_value_heads=4),
    "llama_grouped": llama("free"),
    "llama_linear": llama(
        "free", rotary={"base": 100.0, "scaling": {"linear": {"factor": 2.5}}}, head_width=6
    ),
    "llama_scaled": llama(
        "tied", rotary={"base": 10.0, "scaling": {"llama3": LLAMA3}}, head_width=8
    ),
    "llama_biased": llama("free", True, biases="all"),
    "qwen2": llama("tied", biases="query-key-value", key_value_heads=1),
    "qwen3": llama("free", normed=True, head_width=10),
}


def dump(name, architecture, seed, folder):
    p = Parameters(seed)
    vocabulary = architecture["vocabulary"]
    tokens = torch.randint(0, vocabulary, (BATCH, POSITIONS), generator=p.generator)
    tensors = {"input.tokens": tokens}
    metadata = {
        "format": "lpzero-dump",
        "version": "1",
        "architecture": json.dumps(architecture, separators=(",", ":")),
    }
    if architecture["kind"] == "encoder":
        # The engine masks with the last token of a small vocabulary.
        mask_token = vocabulary - 1
        metadata |= {"objective": "masked-token", "mask_token": str(mask_token)}
        masked = torch.tensor(MASKED)
        tensors["input.masked"] = masked
        hidden, logits, loss = masked_token(p, architecture, tokens, masked, mask_token)
    else:
        metadata |= {"objective": "next-token"}
        hidden, logits, loss = next_token(p, architecture, tokens)
    loss.backward()
    tensors |= {
        "output.hidden": hidden.detach(),
        "output.logits": logits.detach(),
        "output.loss": loss.detach().reshape(1),
    }
    for parameter, value in p.tensors.items():
        tensors[parameter] = value.detach()
        tensors[f"gradient.{parameter}"] = value.grad
    path = folder / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in tensors.items()}, path, metadata)
    sort_metadata(path)
    print(f"{path}: {len(p.tensors)} tensors, loss {loss:.4f}, {path.stat().st_size} bytes")


def sort_metadata(path):
    """safetensors writes metadata in random order; a fixture that did not
    change should not change a byte."""
    raw = path.read_bytes()
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode().ljust(end - 8)
    assert len(text) == end - 8
    path.write_bytes(raw[:8] + text + raw[end:])


def check_gpt2():
    """The tied decoder equals transformers' GPT-2 with the same weights."""
    from transformers import GPT2Config, GPT2Model

    tied = NETWORKS["gpt2_tied"]
    architecture = tied | {
        "embedding": tied["embedding"] | {"scale_by_root_width": False},
        # GPT-2 has one number of heads and one feed-forward width for all blocks.
        "blocks": [tied["blocks"][0]] * 2,
    }
    p = Parameters(1)
    tokens = torch.randint(0, 32, (2, 7), generator=p.generator)
    ours = hidden_states(p, architecture, tokens)
    config = GPT2Config(
        vocab_size=32,
        n_positions=9,
        n_embd=16,
        n_layer=2,
        n_head=4,
        n_inner=24,
        bos_token_id=0,
        eos_token_id=0,
        attn_pdrop=0,
        embd_pdrop=0,
        resid_pdrop=0,
        attn_implementation="eager",
    )
    model = GPT2Model(config).double().eval()
    t = p.tensors
    state = {
        "wte.weight": t["embedding.0.table"],
        "wpe.weight": t["position.table"],
        "ln_f.weight": t["final.norm.gain"],
        "ln_f.bias": t["final.norm.bias"],
    }
    for i in range(2):
        for theirs, names in {
            "ln_1": ["norm.0"],
            "attn.c_attn": ["query", "key", "value"],
            "attn.c_proj": ["out"],
            "ln_2": ["norm.1"],
            "mlp.c_fc": ["ffn.0"],
            "mlp.c_proj": ["ffn.1"],
        }.items():
            for kind in ("weight", "bias"):
                suffix = "gain" if theirs.startswith("ln") and kind == "weight" else kind
                tensor = torch.cat([t[f"block.{i}.{name}.{suffix}"] for name in names])
                # GPT-2 lays its maps out as (in, out).
                state[f"h.{i}.{theirs}.{kind}"] = tensor.T if tensor.dim() == 2 else tensor
    model.load_state_dict({k: v.detach() for k, v in state.items()}, strict=True)
    torch.testing.assert_close(ours, model(tokens).last_hidden_state, rtol=1e-12, atol=1e-12)


def check_adaptive_softmax():
    """The adaptive softmax is a distribution over the vocabulary."""
    for name in ("gpt2_adaptive_div1", "gpt2_adaptive_div2"):
        hidden = torch.randn(5, 16, dtype=torch.float64)
        _, log_probabilities = adaptive_log_probabilities(Parameters(2), NETWORKS[name], hidden)
        assert log_probabilities.shape == (5, 32)
        torch.testing.assert_close(
            log_probabilities.exp().sum(-1), torch.ones(5, dtype=torch.float64)
        )


def check_transforms():
    """DFT and DCT equal scipy's."""
    import scipy.fft

    x = torch.randn(2, 7, 4, dtype=torch.float64)
    for transform, expected in {
        "fourier": scipy.fft.fft2(x.numpy()).real,
        "cosine": scipy.fft.dctn(x.numpy(), type=2, axes=(1, 2)),
    }.items():
        torch.testing.assert_close(transform_2d(x, transform), torch.from_numpy(expected))


def check_dynamic_convolution():
    """The unfolded dynamic convolution equals its definition, written as a loop."""
    p = Parameters(3)
    x = torch.randn(1, 6, 16, dtype=torch.float64)
    heads, head_width, kernel = 2, 4, 5
    found = dynamic_convolution(p, "c", x, 2 * heads, kernel)[..., heads * head_width :]
    t = p.tensors
    query, values = p.linear("c.query", x, 8)[0], p.linear("c.convolution.output", x, 8)[0]
    padded = torch.zeros(6 + 4, 16, dtype=torch.float64)
    padded[2:8] = x[0]
    for position in range(6):
        window = padded[position : position + kernel]
        depthwise = (window.T * t["c.convolution.depthwise.weight"][:, 0]).sum(1)
        key = t["c.convolution.pointwise.weight"] @ depthwise + t["c.convolution.pointwise.bias"]
        logits = t["c.convolution.kernel.weight"] @ (key * query[position])
        logits = logits + t["c.convolution.kernel.bias"]
        for head in range(heads):
            weights = logits[head * kernel : (head + 1) * kernel].softmax(0)
            for c in range(head * head_width, (head + 1) * head_width):
                expected = sum(
                    weights[i] * values[position + i - 2, c]
                    for i in range(kernel)
                    if 0 <= position + i - 2 < 6
                )
                torch.testing.assert_close(found[0, position, c], expected)


def check_relative_attention():
    """The pairwise attention equals the shifted product of the paper's appendix B."""
    p = Parameters(4)
    x = torch.randn(2, 6, 8, dtype=torch.float64)
    heads, size = 2, 6
    found = relative_attention(p, "r", x, heads)
    t = p.tensors
    query, key, value = (x @ t[f"r.{role}.weight"].T for role in ("query", "key", "value"))
    waves = torch.tensor([10000.0 ** (-2 * i / 8) for i in range(4)], dtype=torch.float64)
    angles = torch.outer(torch.arange(size - 1, -1, -1, dtype=torch.float64), waves)
    relative = torch.cat([angles.sin(), angles.cos()], 1) @ t["r.relative_key.weight"].T
    for head in range(heads):
        own = slice(4 * head, 4 * head + 4)
        u, v = (t[f"r.query.{term}.bias"][own] for term in ("content", "position"))
        content = (query[..., own] + u) @ key[..., own].transpose(1, 2)
        shifted = (query[..., own] + v) @ relative[:, own].T
        # A column of zeros in front; read as one row less of one column more.
        padded = torch.cat([torch.zeros(2, size, 1, dtype=torch.float64), shifted], 2)
        shifted = padded.reshape(2, size + 1, size)[:, 1:].reshape(2, size, size)
        scores = ((content + shifted) / 2).masked_fill(
            torch.ones(size, size, dtype=torch.bool).triu(1), -torch.inf
        )
        torch.testing.assert_close(found[..., own], scores.softmax(-1) @ value[..., own])


CHECKS = [
    check_gpt2,
    check_adaptive_softmax,
    check_transforms,
    check_dynamic_convolution,
    check_relative_attention,
]


def main():
    parser = argparse.ArgumentParser(description="Write the reference dumps of crates/nn.")
    parser.add_argument("--out", type=pathlib.Path, default=FIXTURES)
    parser.add_argument("--check", action="store_true", help="compare with independent code")
    arguments = parser.parse_args()
    if arguments.check:
        for check in CHECKS:
            check()
            print(f"{check.__name__}: equal")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed, (name, architecture) in enumerate(NETWORKS.items()):
        dump(name, architecture, seed, arguments.out)


if __name__ == "__main__":
    main()
