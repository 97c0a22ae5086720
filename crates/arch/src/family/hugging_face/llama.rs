//! `model_type` llama, and what has the same block: mistral, qwen2, qwen3.
//!
//! Grouped attention with rotary positions, RMSNorm, a gated feed-forward network. The
//! classes differ in biases, in norms, and in what their files may leave out.

mod blocks;
mod class;
mod read;
mod rotary;
mod write;

pub(super) use class::{Class, PLAIN, Window};
pub(crate) use class::{KEPT_BLOCKS, KEPT_KEY_HEADS};
pub(super) use read::read;
pub(super) use rotary::{RotaryKeys, read_rotary, scaling_key, write_scaling};
pub(super) use write::write;

use super::model_type::ModelType;
use super::tensors::{Rule, TensorNames, WHOLE};
use crate::mixer::{AttentionBiases, HeadNorms};

const OF_MISTRAL: Class = Class {
    key_value_heads: Some(8),
    biases: Some(AttentionBiases::None),
    feed_forward_bias: false,
    positions: 131_072,
    window: Window::Always,
    ..PLAIN
};

const OF_QWEN2: Class = Class {
    key_value_heads: Some(32),
    biases: Some(AttentionBiases::QueryKeyValue),
    feed_forward_bias: false,
    positions: 32_768,
    window: Window::Flagged,
    ..PLAIN
};

const OF_QWEN3: Class = Class {
    key_value_heads: Some(32),
    head_width: Some(128),
    feed_forward_bias: false,
    normed: HeadNorms::Each,
    positions: 32_768,
    window: Window::Flagged,
    ..PLAIN
};

/// Names of a class whose blocks have these.
pub(super) const fn tensors(inner: &'static [Rule]) -> TensorNames {
    TensorNames {
        prefixes: &["model.", ""],
        outer: &[
            ("embedding.0.table", "embed_tokens.weight", WHOLE),
            ("final.norm.gain", "norm.weight", WHOLE),
        ],
        block: "layers.",
        inner,
        head: &[("head.weight", "lm_head.weight", WHOLE)],
        tied: &[("embedding.0.table", "lm_head.weight")],
    }
}

const TENSORS: TensorNames = tensors(&[
    ("norm.0.gain", "input_layernorm.weight", WHOLE),
    ("query.norm.gain", "self_attn.q_norm.weight", WHOLE),
    ("key.norm.gain", "self_attn.k_norm.weight", WHOLE),
    ("query.", "self_attn.q_proj.", WHOLE),
    ("key.", "self_attn.k_proj.", WHOLE),
    ("value.", "self_attn.v_proj.", WHOLE),
    ("out.", "self_attn.o_proj.", WHOLE),
    ("norm.1.gain", "post_attention_layernorm.weight", WHOLE),
    ("ffn.gate.", "mlp.gate_proj.", WHOLE),
    ("ffn.0.", "mlp.up_proj.", WHOLE),
    ("ffn.1.", "mlp.down_proj.", WHOLE),
]);

pub(super) const LLAMA: ModelType = ModelType {
    name: "llama",
    class: "LlamaForCausalLM",
    tensors: TENSORS,
    read: |root| read(root, &PLAIN),
    write: |architecture| write(architecture, &PLAIN),
};

pub(super) const MISTRAL: ModelType = ModelType {
    name: "mistral",
    class: "MistralForCausalLM",
    tensors: TENSORS,
    read: |root| read(root, &OF_MISTRAL),
    write: |architecture| write(architecture, &OF_MISTRAL),
};

pub(super) const QWEN2: ModelType = ModelType {
    name: "qwen2",
    class: "Qwen2ForCausalLM",
    tensors: TENSORS,
    read: |root| read(root, &OF_QWEN2),
    write: |architecture| write(architecture, &OF_QWEN2),
};

pub(super) const QWEN3: ModelType = ModelType {
    name: "qwen3",
    class: "Qwen3ForCausalLM",
    tensors: TENSORS,
    read: |root| read(root, &OF_QWEN3),
    write: |architecture| write(architecture, &OF_QWEN3),
};
