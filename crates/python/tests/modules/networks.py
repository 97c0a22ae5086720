"""Small random networks of transformers, and batches for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers as t

VOCABULARY, BATCH, POSITIONS = 64, 3, 9
SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
    # A padding token would have no gradient.
    "pad_token_id": None,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED = {**SMALL, "num_key_value_heads": 1}
T5 = {"vocab_size": 64, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2}
FALCON = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
BLOOM = {"vocab_size": 64, "hidden_size": 16, "n_layer": 2, "n_head": 2}
MAMBA = {
    "vocab_size": 64,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_heads": 4,
    "head_dim": 8,
    "state_size": 8,
    "n_groups": 1,
    "chunk_size": 8,
}
OPT = {
    "vocab_size": 64,
    "hidden_size": 16,
    "ffn_dim": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
    "word_embed_proj_dim": 16,
}
VIT = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 8,
    "patch_size": 4,
    "num_labels": 5,
}
DEBERTA = {
    **SMALL,
    "pad_token_id": 0,
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
}

#: Networks that the engine reads too.
OF_THE_ENGINE: dict[str, Callable[[], Any]] = {
    "gpt2": lambda: t.GPT2LMHeadModel(
        t.GPT2Config(vocab_size=64, n_positions=32, n_embd=16, n_layer=2, n_head=2)
    ),
    "bert": lambda: t.BertForMaskedLM(t.BertConfig(**SMALL)),
    "llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(**GROUPED)),
    "qwen3": lambda: t.Qwen3ForCausalLM(t.Qwen3Config(**GROUPED, head_dim=8)),
    "mistral": lambda: t.MistralForCausalLM(t.MistralConfig(**GROUPED)),
    "qwen2": lambda: t.Qwen2ForCausalLM(t.Qwen2Config(**GROUPED)),
    "electra": lambda: t.ElectraForMaskedLM(t.ElectraConfig(**SMALL, embedding_size=8)),
}

#: Networks that only PyTorch knows.
FOREIGN: dict[str, Callable[[], Any]] = {
    "gpt_neox": lambda: t.GPTNeoXForCausalLM(t.GPTNeoXConfig(**SMALL)),
    "opt": lambda: t.OPTForCausalLM(t.OPTConfig(**OPT)),
    "phi3": lambda: t.Phi3ForCausalLM(t.Phi3Config(**GROUPED)),
    "gemma3": lambda: t.Gemma3ForCausalLM(t.Gemma3TextConfig(**GROUPED, head_dim=8)),
    "olmo2": lambda: t.Olmo2ForCausalLM(t.Olmo2Config(**GROUPED)),
    "falcon": lambda: t.FalconForCausalLM(t.FalconConfig(**FALCON)),
    "bloom": lambda: t.BloomForCausalLM(t.BloomConfig(**BLOOM)),
    "mixtral": lambda: t.MixtralForCausalLM(t.MixtralConfig(**GROUPED, num_local_experts=4)),
    "qwen3_moe": lambda: t.Qwen3MoeForCausalLM(
        t.Qwen3MoeConfig(
            **GROUPED, head_dim=8, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=24
        )
    ),
    "mamba2": lambda: t.Mamba2ForCausalLM(t.Mamba2Config(**MAMBA)),
    "t5": lambda: t.T5ForConditionalGeneration(t.T5Config(**T5, decoder_start_token_id=0)),
    "roberta": lambda: t.RobertaForMaskedLM(
        t.RobertaConfig(**{**SMALL, "pad_token_id": 0, "max_position_embeddings": 40})
    ),
    "deberta_v2": lambda: t.DebertaV2ForMaskedLM(t.DebertaV2Config(**DEBERTA)),
    "vit": lambda: t.ViTForImageClassification(t.ViTConfig(**VIT)),
    "modernbert": lambda: t.ModernBertForMaskedLM(
        t.ModernBertConfig(**{**SMALL, "pad_token_id": 0})
    ),
}


def network(name: str) -> Any:
    """A network with random weights, biases and gains too, as it is after its constructor."""
    torch.manual_seed(0)
    model = (OF_THE_ENGINE | FOREIGN)[name]()
    with torch.no_grad():
        for parameter in model.parameters():
            # Large enough for attention to be far from uniform.
            scale = 0.3 if parameter.dim() > 1 else 0.2
            parameter.add_(scale * torch.randn(parameter.shape))
    return model


def tokens(batch: int = BATCH, positions: int = POSITIONS) -> torch.Tensor:
    """Token ids, none of them special."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(3, VOCABULARY - 2, (batch, positions), generator=generator)


def batch_for(name: str) -> Any:
    """A batch that suits a network."""
    if name == "vit":
        return {"pixel_values": torch.randn(2, 3, 8, 8), "labels": torch.tensor([1, 2])}
    if name == "t5":
        return {"input_ids": tokens(), "labels": tokens(positions=7)}
    return tokens()


class Parts(torch.nn.Module):
    """A small module of nobody's: an embedding, blocks of two maps, a head."""

    def __init__(self, blocks: int = 2, inplace: bool = False) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(VOCABULARY, 8)
        self.blocks = torch.nn.ModuleList(
            torch.nn.Sequential(
                torch.nn.Linear(8, 12), torch.nn.ReLU(inplace=inplace), torch.nn.Linear(12, 8)
            )
            for _ in range(blocks)
        )
        self.last = torch.nn.LayerNorm(8)
        self.head = torch.nn.Linear(8, VOCABULARY, bias=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.table(ids)
        for block in self.blocks:
            x = x + block(x)
        logits: torch.Tensor = self.head(self.last(x))
        return logits
