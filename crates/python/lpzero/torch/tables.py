"""Roles of the modules of `transformers`, by model type: declared data.

A rule is a pair: the end of a module's name, and what stands there. `*` and `?` are those of
`fnmatch`. The first rule that fits decides. What stands there is one of

- a role, such as `query`, or a role with its index, such as `norm 2`;
- several roles and how the outputs of one map are divided among them, such as
  `query key value / thirds` (see `cuts.py`).

A rule may also name a parameter that is a weight without a module of its own, such as the
experts of a mixture.

Norms of a block have index 0 before or after the mixer, 1 at the feed-forward network, 2 of
queries, 3 of keys, 4 and 5 the second norms of mixer and feed-forward network. Norms outside
the blocks: 0 of the embeddings, 1 the last one, 2 of a masked-token objective.
"""

from __future__ import annotations

from dataclasses import dataclass

Rules = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Family:
    """What is known of the modules of a model type."""

    rules: Rules
    #: Names of modules that belong to the objective and not to the network: the engine counts
    #: neither their parameters nor their operations.
    objective: tuple[str, ...] = ()


_LLAMA_MAPS: Rules = (
    ("embed_tokens", "embedding"),
    ("self_attn.q_proj", "query"),
    ("self_attn.k_proj", "key"),
    ("self_attn.v_proj", "value"),
    ("self_attn.o_proj", "out"),
    ("mlp.up_proj", "ffn-in"),
    ("mlp.gate_proj", "ffn-gate"),
    ("mlp.down_proj", "ffn-out"),
    ("self_attn.q_norm", "norm 2"),
    ("self_attn.k_norm", "norm 3"),
    ("lm_head", "head"),
)
_PRE_NORMS: Rules = (
    ("layers.*.input_layernorm", "norm 0"),
    ("layers.*.post_attention_layernorm", "norm 1"),
    ("model.norm", "norm 1"),
    ("norm", "norm 1"),
)
_POST_NORMS: Rules = (
    ("layers.*.post_attention_layernorm", "norm 0"),
    ("layers.*.post_feedforward_layernorm", "norm 1"),
    ("norm", "norm 1"),
)
_FOUR_NORMS: Rules = (
    ("layers.*.input_layernorm", "norm 0"),
    ("layers.*.post_attention_layernorm", "norm 4"),
    ("layers.*.pre_feedforward_layernorm", "norm 1"),
    ("layers.*.post_feedforward_layernorm", "norm 5"),
    ("norm", "norm 1"),
)
#: Experts that share one tensor, and the map that chooses among them.
_EXPERTS: Rules = (
    ("mlp.experts.gate_up_proj", "ffn-gate ffn-in / experts"),
    ("mlp.experts.down_proj", "ffn-out / experts"),
    ("mlp.gate.weight", "other"),
)
_LLAMA = Family(_LLAMA_MAPS + _PRE_NORMS)
_MIXTURE = Family(_EXPERTS + _LLAMA_MAPS + _PRE_NORMS)
_BERT_LAYERS: Rules = (
    ("embeddings.word_embeddings", "embedding"),
    ("embeddings.position_embeddings", "position"),
    ("embeddings.token_type_embeddings", "segment"),
    ("embeddings.LayerNorm", "norm 0"),
    ("attention.self.query", "query"),
    ("attention.self.key", "key"),
    ("attention.self.value", "value"),
    ("attention.output.dense", "out"),
    ("attention.output.LayerNorm", "norm 0"),
    ("intermediate.dense", "ffn-in"),
    ("layer.*.output.dense", "ffn-out"),
    ("layer.*.output.LayerNorm", "norm 1"),
)
_BERT_OBJECTIVE: Rules = (
    ("cls.predictions.transform.dense", "head 0"),
    ("cls.predictions.transform.LayerNorm", "norm 2"),
    ("cls.predictions.decoder", "head 1"),
)
_GPT_NEOX_FFN: Rules = (
    ("mlp.dense_h_to_4h", "ffn-in"),
    ("mlp.dense_4h_to_h", "ffn-out"),
)

FAMILIES: dict[str, Family] = {
    "gpt2": Family(
        (
            ("wte", "embedding"),
            ("wpe", "position"),
            ("attn.c_attn", "query key value / thirds"),
            ("attn.c_proj", "out"),
            ("mlp.c_fc", "ffn-in"),
            ("mlp.c_proj", "ffn-out"),
            ("ln_1", "norm 0"),
            ("ln_2", "norm 1"),
            ("ln_f", "norm 1"),
            ("lm_head", "head"),
        )
    ),
    "bert": Family(_BERT_LAYERS + _BERT_OBJECTIVE, objective=("cls.*",)),
    "electra": Family(
        (
            *_BERT_LAYERS,
            ("embeddings_project", "projection"),
            ("generator_predictions.dense", "head 0"),
            ("generator_predictions.LayerNorm", "norm 2"),
            ("generator_lm_head", "head 1"),
        ),
        objective=("generator_predictions.*", "generator_lm_head*"),
    ),
    "roberta": Family(
        (
            *_BERT_LAYERS,
            ("lm_head.dense", "head 0"),
            ("lm_head.layer_norm", "norm 2"),
            ("lm_head.decoder", "head 1"),
        ),
        objective=("lm_head.*",),
    ),
    "deberta-v2": Family(
        (
            ("attention.self.query_proj", "query"),
            ("attention.self.key_proj", "key"),
            ("attention.self.value_proj", "value"),
            ("attention.self.pos_key_proj", "relative-key"),
            ("encoder.rel_embeddings", "position"),
            ("encoder.LayerNorm", "norm 3"),
            *_BERT_LAYERS,
            *_BERT_OBJECTIVE,
        ),
        objective=("cls.*",),
    ),
    "modernbert": Family(
        (
            ("embeddings.tok_embeddings", "embedding"),
            ("embeddings.norm", "norm 0"),
            ("attn.Wqkv", "query key value / thirds"),
            ("attn.Wo", "out"),
            ("attn_norm", "norm 0"),
            ("mlp_norm", "norm 1"),
            ("mlp.Wi", "ffn-gate ffn-in / halves"),
            ("mlp.Wo", "ffn-out"),
            ("final_norm", "norm 1"),
            ("head.dense", "head 0"),
            ("head.norm", "norm 2"),
            ("decoder", "head 1"),
        ),
        objective=("head.*", "decoder*"),
    ),
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": _LLAMA,
    "qwen3": _LLAMA,
    "gemma": _LLAMA,
    "olmo": _LLAMA,
    "smollm3": _LLAMA,
    "granite": _LLAMA,
    "olmo2": Family(_LLAMA_MAPS + _POST_NORMS),
    "olmo3": Family(_LLAMA_MAPS + _POST_NORMS),
    "gemma2": Family(_LLAMA_MAPS + _FOUR_NORMS),
    "gemma3_text": Family(_LLAMA_MAPS + _FOUR_NORMS),
    "phi3": Family(
        (
            ("self_attn.qkv_proj", "query key value / grouped"),
            ("mlp.gate_up_proj", "ffn-gate ffn-in / halves"),
            *_LLAMA_MAPS,
            *_PRE_NORMS,
        )
    ),
    "mixtral": _MIXTURE,
    "qwen2_moe": _MIXTURE,
    "qwen3_moe": _MIXTURE,
    "olmoe": _MIXTURE,
    "gpt_neox": Family(
        (
            ("embed_in", "embedding"),
            ("attention.query_key_value", "query key value / heads"),
            ("attention.dense", "out"),
            *_GPT_NEOX_FFN,
            ("layers.*.input_layernorm", "norm 0"),
            ("layers.*.post_attention_layernorm", "norm 1"),
            ("final_layer_norm", "norm 1"),
            ("embed_out", "head"),
            ("lm_head", "head"),
        )
    ),
    "opt": Family(
        (
            ("embed_tokens", "embedding"),
            ("embed_positions", "position"),
            ("self_attn.q_proj", "query"),
            ("self_attn.k_proj", "key"),
            ("self_attn.v_proj", "value"),
            ("self_attn.out_proj", "out"),
            ("fc1", "ffn-in"),
            ("fc2", "ffn-out"),
            ("self_attn_layer_norm", "norm 0"),
            ("layers.*.final_layer_norm", "norm 1"),
            ("decoder.final_layer_norm", "norm 1"),
            ("project_in", "projection"),
            ("project_out", "head-projection"),
            ("lm_head", "head"),
        )
    ),
    "falcon": Family(
        (
            ("word_embeddings", "embedding"),
            ("self_attention.query_key_value", "query key value / falcon"),
            ("self_attention.dense", "out"),
            *_GPT_NEOX_FFN,
            ("h.*.input_layernorm", "norm 0"),
            ("h.*.ln_attn", "norm 0"),
            ("h.*.ln_mlp", "norm 1"),
            ("h.*.post_attention_layernorm", "norm 1"),
            ("ln_f", "norm 1"),
            ("lm_head", "head"),
        )
    ),
    "bloom": Family(
        (
            ("word_embeddings", "embedding"),
            ("word_embeddings_layernorm", "norm 0"),
            ("self_attention.query_key_value", "query key value / heads"),
            ("self_attention.dense", "out"),
            *_GPT_NEOX_FFN,
            ("h.*.input_layernorm", "norm 0"),
            ("h.*.post_attention_layernorm", "norm 1"),
            ("ln_f", "norm 1"),
            ("lm_head", "head"),
        )
    ),
    # The maps of a state-space mixer are neither queries, keys nor values.
    "mamba2": Family(
        (
            ("backbone.embeddings", "embedding"),
            ("mixer.in_proj", "other"),
            ("mixer.conv1d", "convolution"),
            ("mixer.norm", "norm 1"),
            ("mixer.out_proj", "out"),
            ("layers.*.norm", "norm 0"),
            ("norm_f", "norm 1"),
            ("lm_head", "head"),
        )
    ),
    "t5": Family(
        (
            ("shared", "embedding"),
            ("embed_tokens", "embedding"),
            ("relative_attention_bias", "position"),
            ("*Attention.q", "query"),
            ("*Attention.k", "key"),
            ("*Attention.v", "value"),
            ("*Attention.o", "out"),
            ("DenseReluDense.wi", "ffn-in"),
            ("DenseReluDense.wi_0", "ffn-gate"),
            ("DenseReluDense.wi_1", "ffn-in"),
            ("DenseReluDense.wo", "ffn-out"),
            ("layer.0.layer_norm", "norm 0"),
            ("layer.*.layer_norm", "norm"),
            ("final_layer_norm", "norm"),
            ("lm_head", "head"),
        )
    ),
    "vit": Family(
        (
            ("patch_embeddings.projection", "projection"),
            ("embeddings.position_embeddings", "position"),
            ("attention.q_proj", "query"),
            ("attention.k_proj", "key"),
            ("attention.v_proj", "value"),
            ("attention.o_proj", "out"),
            ("mlp.fc1", "ffn-in"),
            ("mlp.fc2", "ffn-out"),
            ("layernorm_before", "norm 0"),
            ("layernorm_after", "norm 1"),
            ("layernorm", "norm 1"),
            ("classifier", "head"),
        )
    ),
}
