"""Compares the llama-like networks of networks.py with transformers.

    .venv/bin/python tools/check_llama.py

Logits, loss and every gradient of tiny random checkpoints of LlamaForCausalLM,
MistralForCausalLM, Qwen2ForCausalLM and Qwen3ForCausalLM against the definitions
that the fixtures of crates/nn come from. Prints the largest difference of each,
relative to the largest element of the tensor (gradients: of no smaller scale than a
thousandth of the largest one), and fails above 1e-5: transformers computes norms
and angles in single precision whatever the model's.
"""

import torch
import torch.nn.functional as F
import transformers

from dump_networks import LLAMA3, llama
from networks import Parameters, next_token

TOLERANCE = 1e-5
BATCH, POSITIONS = 2, 9

# Their names of ours: outside the blocks, and in block i.
OUTSIDE = {
    "embedding.0.table": "model.embed_tokens.weight",
    "final.norm.gain": "model.norm.weight",
    "head.weight": "lm_head.weight",
}
IN_BLOCK = {
    "norm.0.gain": "input_layernorm.weight",
    "norm.1.gain": "post_attention_layernorm.weight",
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "out": "self_attn.o_proj",
    "query.norm.gain": "self_attn.q_norm.weight",
    "key.norm.gain": "self_attn.k_norm.weight",
    "ffn.0": "mlp.up_proj",
    "ffn.gate": "mlp.gate_proj",
    "ffn.1": "mlp.down_proj",
}


def their_name(name):
    if name in OUTSIDE:
        return OUTSIDE[name]
    _, layer, part = name.split(".", 2)
    if part not in IN_BLOCK:
        map_name, kind = part.rsplit(".", 1)
        return f"model.layers.{layer}.{IN_BLOCK[map_name]}.{kind}"
    return f"model.layers.{layer}.{IN_BLOCK[part]}"


def rotary(base, scaling="none"):
    return {"rotary": {"base": base, "scaling": scaling}}


LINEAR = {"rope_type": "linear", "rope_theta": 100.0, "factor": 2.5}
SCALED = {
    "rope_type": "llama3",
    "rope_theta": 10.0,
    "factor": LLAMA3["factor"],
    "low_freq_factor": LLAMA3["low"],
    "high_freq_factor": LLAMA3["high"],
    "original_max_position_embeddings": LLAMA3["original_positions"],
}
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}
BIASED = {"attention_bias": True, "mlp_bias": True}
WINDOW = {"sliding_window": POSITIONS}

# Name, class of transformers, its keys, and what they are in an architecture.
CASES = [
    ("llama", "Llama", {}, llama("free", key_value_heads=4)),
    ("llama, grouped", "Llama", {}, llama("free")),
    ("llama, linear", "Llama", {"rope_parameters": LINEAR}, llama("free", **rotary(100.0, {"linear": {"factor": 2.5}}))),
    ("llama, llama3", "Llama", {"rope_parameters": SCALED}, llama("tied", head_width=8, **rotary(10.0, {"llama3": LLAMA3}))),
    ("llama, dynamic", "Llama", {"rope_parameters": DYNAMIC}, llama("free")),
    ("llama, biases", "Llama", BIASED, llama("free", True, biases="all")),
    ("mistral, window", "Mistral", WINDOW, llama("free", head_width=6)),
    ("qwen2", "Qwen2", {}, llama("tied", biases="query-key-value", key_value_heads=1)),
    ("qwen3", "Qwen3", {}, llama("free", normed=True, head_width=10)),
]


def model_of(kind, keys, architecture):
    """The same network of transformers, in double precision."""
    mixer = architecture["blocks"][0]["mixer"]["grouped-attention"]
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=architecture["vocabulary"],
        hidden_size=architecture["width"],
        intermediate_size=architecture["blocks"][0]["feed_forward"]["hidden"][0],
        num_hidden_layers=len(architecture["blocks"]),
        num_attention_heads=mixer["heads"],
        num_key_value_heads=mixer["key_value_heads"],
        head_dim=mixer["head_width"],
        max_position_embeddings=POSITIONS,
        rms_norm_eps=architecture["norm_epsilon"],
        tie_word_embeddings=architecture["head"] == "tied",
        bos_token_id=0,
        eos_token_id=0,
        attn_implementation="eager",
        **keys,
    )
    return getattr(transformers, f"{kind}ForCausalLM")(config).double().eval()


def check(kind, keys, architecture, seed):
    """Largest relative differences of logits, loss and gradients."""
    # Their blocks are of one width.
    hidden = architecture["blocks"][0]["feed_forward"]["hidden"]
    for block in architecture["blocks"]:
        block["feed_forward"]["hidden"] = hidden
    p = Parameters(seed)
    tokens = torch.randint(0, architecture["vocabulary"], (BATCH, POSITIONS), generator=p.generator)
    _, logits, loss = next_token(p, architecture, tokens)
    loss.backward()

    model = model_of(kind, keys, architecture)
    state = {their_name(name): value.detach() for name, value in p.tensors.items()}
    if architecture["head"] == "tied":
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state, strict=True)
    their_logits = model(tokens).logits[:, :-1].flatten(0, 1)
    their_loss = F.cross_entropy(their_logits, tokens[:, 1:].flatten())
    their_loss.backward()

    gradients = dict(model.named_parameters())
    largest = max(value.grad.abs().max().item() for value in p.tensors.values())

    def difference(ours, theirs, finest=0.0):
        return ((ours - theirs).abs().max() / max(ours.abs().max().item(), finest)).item()

    return (
        difference(logits, their_logits),
        difference(loss, their_loss),
        max(
            difference(value.grad, gradients[their_name(name)].grad, 1e-3 * largest)
            for name, value in p.tensors.items()
        ),
    )


def main():
    print(f"transformers {transformers.__version__}, PyTorch {torch.__version__}")
    print(f"{'':<16} {'logits':>8} {'loss':>8} {'gradients':>10}")
    for seed, (name, kind, keys, architecture) in enumerate(CASES):
        logits, loss, gradients = check(kind, keys, architecture, seed)
        print(f"{name:<16} {logits:8.1e} {loss:8.1e} {gradients:10.1e}")
        assert max(logits, loss, gradients) < TOLERANCE, name


if __name__ == "__main__":
    main()
