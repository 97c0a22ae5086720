"""Writes the checkpoint fixtures of crates/nn: tiny random models of transformers.

    .venv/bin/python tools/dump_checkpoints.py [folder]

Each is a folder as `save_pretrained` leaves it, and beside it what transformers and
PyTorch compute in double precision:

    config.json, model.safetensors (or an index and shards)
    expected/config.json, expected/model.safetensors   the gradients, under the same names
    expected/outputs.safetensors   tokens, masked, logits, loss

Weights are single or half precision; the double-precision model computes with the
rounded ones. Attention is eager: the definition, written out.
"""

import pathlib
import shutil
import sys

import torch
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Olmo2Config,
    Olmo2ForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from dump_networks import MASKED

FOLDER = pathlib.Path(__file__).parent.parent / "crates/nn/tests/fixtures/checkpoints"
BATCH, POSITIONS, VOCABULARY = 3, 7, 13

LLAMA = {
    "vocab_size": VOCABULARY,
    "hidden_size": 8,
    "intermediate_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 16,
    "initializer_range": 0.3,
}
SCALED = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8,
}
# Where a token is the padding, PyTorch leaves its gradient out.
WITHOUT_PADDING = {"pad_token_id": None, "bos_token_id": 1, "eos_token_id": 2}
# A window that sequences are longer than, in one block of two.
GEMMA3 = {
    "head_dim": 6,
    "query_pre_attn_scalar": 6,
    "sliding_window": 3,
    "layer_types": ["sliding_attention", "full_attention"],
    "rope_parameters": {
        "sliding_attention": {"rope_type": "default", "rope_theta": 10.0},
        "full_attention": {"rope_type": "linear", "rope_theta": 100.0, "factor": 2.0},
    },
}
# A quarter of each head is turned.
NEOX = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 16,
    "initializer_range": 0.3,
}
GPT2 = {
    "vocab_size": VOCABULARY,
    "n_positions": 8,
    "n_embd": 8,
    "n_layer": 2,
    "n_head": 2,
    "initializer_range": 0.3,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "resid_pdrop": 0.0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
ENCODER = {
    "vocab_size": VOCABULARY,
    "hidden_size": 8,
    "intermediate_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 8,
    "initializer_range": 0.3,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}

# Name, class, configuration, type of the weights, bytes of a shard.
CHECKPOINTS = [
    ("llama", LlamaForCausalLM, LlamaConfig(**LLAMA), torch.float32, None),
    (
        "llama_scaled_biased",
        LlamaForCausalLM,
        LlamaConfig(**LLAMA, rope_scaling=SCALED, attention_bias=True, mlp_bias=True),
        torch.float16,
        None,
    ),
    (
        "llama_sharded",
        LlamaForCausalLM,
        LlamaConfig(**LLAMA, tie_word_embeddings=True),
        torch.bfloat16,
        1000,
    ),
    ("mistral", MistralForCausalLM, MistralConfig(**LLAMA), torch.float32, None),
    ("qwen2", Qwen2ForCausalLM, Qwen2Config(**LLAMA), torch.bfloat16, None),
    ("qwen3", Qwen3ForCausalLM, Qwen3Config(**LLAMA, head_dim=4), torch.float32, 2000),
    ("olmo2", Olmo2ForCausalLM, Olmo2Config(**LLAMA, **WITHOUT_PADDING), torch.float32, None),
    (
        "gemma3",
        Gemma3ForCausalLM,
        Gemma3TextConfig(**LLAMA, **GEMMA3, **WITHOUT_PADDING),
        torch.float32,
        None,
    ),
    ("phi3", Phi3ForCausalLM, Phi3Config(**LLAMA, **WITHOUT_PADDING), torch.float32, None),
    (
        "phi3_partial",
        Phi3ForCausalLM,
        Phi3Config(
            **LLAMA | {"hidden_size": 32},
            **WITHOUT_PADDING,
            rope_parameters={"rope_type": "default", "partial_rotary_factor": 0.75},
        ),
        torch.bfloat16,
        None,
    ),
    ("gpt_neox", GPTNeoXForCausalLM, GPTNeoXConfig(**NEOX), torch.float32, None),
    ("gpt2", GPT2LMHeadModel, GPT2Config(**GPT2), torch.float32, None),
    ("bert", BertForMaskedLM, BertConfig(**ENCODER), torch.float32, None),
    ("electra", ElectraForMaskedLM, ElectraConfig(**ENCODER, embedding_size=4), torch.float32, None),
]


def dump(folder, model_class, config, element_type, shard):
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(0)
    config._attn_implementation = "eager"
    model = model_class(config).eval().to(element_type)
    with torch.no_grad():
        for parameter in model.parameters():
            # Biases and gains too, so that none can be mistaken for another.
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn(parameter.shape).to(element_type))
    size = {} if shard is None else {"max_shard_size": shard}
    model.save_pretrained(folder, safe_serialization=True, **size)
    # Anew: casting a model to half precision rounds its rotary frequencies too.
    model = model_class.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager"
    ).eval()

    # Not token 0: where it is the padding, PyTorch leaves its gradient out.
    tokens = torch.randint(1, VOCABULARY - 1, (BATCH, POSITIONS))
    outputs = {"tokens": tokens.double()}
    if model_class in (BertForMaskedLM, ElectraForMaskedLM):
        masked = torch.tensor(MASKED)
        seen, labels = tokens.flatten().clone(), torch.full((BATCH * POSITIONS,), -100)
        labels[masked] = tokens.flatten()[masked]
        # The engine masks with the last token of a small vocabulary.
        seen[masked] = VOCABULARY - 1
        result = model(seen.view_as(tokens), labels=labels.view_as(tokens))
        logits = result.logits.flatten(0, 1)[masked]
        outputs["masked"] = masked.double()
    else:
        result = model(tokens, labels=tokens)
        logits = result.logits[:, :-1]
    result.loss.backward()
    outputs |= {"logits": logits.detach().contiguous(), "loss": result.loss.detach()}

    expected = folder / "expected"
    expected.mkdir()
    shutil.copy(folder / "config.json", expected)
    seen, gradients = set(), {}
    for name, parameter in model.named_parameters():
        if id(parameter) not in seen:
            seen.add(id(parameter))
            gradient = parameter.grad
            # The only map whose name in the file is not that in memory.
            if name == "lm_head.weight" and model.config.model_type == "gpt_neox":
                name = "embed_out.weight"
            gradients[name] = torch.zeros_like(parameter) if gradient is None else gradient
    save_file(gradients, expected / "model.safetensors", metadata={"format": "pt"})
    save_file(outputs, expected / "outputs.safetensors")
    for extra in ["generation_config.json"]:
        (folder / extra).unlink(missing_ok=True)


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for name, model_class, config, element_type, shard in CHECKPOINTS:
        dump(folder / name, model_class, config, element_type, shard)
        files = sorted(file.name for file in (folder / name).iterdir())
        print(f"{name}: {', '.join(files)}")


if __name__ == "__main__":
    main()
