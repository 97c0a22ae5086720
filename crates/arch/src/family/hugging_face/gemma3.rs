//! `model_type` gemma3_text (Gemma Team 2025, "Gemma 3"): the block of LLaMA with norms
//! before and after its halves, norms of queries and keys, a scaled embedding, and blocks
//! that see a window only, with rotary positions of their own.
//!
//! Norms multiply by one plus what is stored.

use super::config::Config;
use super::llama::{Class, PLAIN, Window, read, tensors, write};
use super::model_type::ModelType;
use super::tensors::{ONE_LESS, WHOLE};
use crate::architecture::{Architecture, NormPlacement};
use crate::block::Activation;
use crate::document::{Cursor, Node};
use crate::error::Error;
use crate::mixer::HeadNorms;

const CLASS: Class = Class {
    key_value_heads: Some(4),
    head_width: Some(256),
    feed_forward_bias: false,
    activation: ("hidden_activation", Activation::GeluTanh),
    scaled_embedding: true,
    tied: true,
    normed: HeadNorms::Each,
    norm_placement: NormPlacement::Around,
    positions: 131_072,
    window: Window::OfBlocks,
    ..PLAIN
};

pub(super) const GEMMA3: ModelType = ModelType {
    name: "gemma3_text",
    class: "Gemma3ForCausalLM",
    tensors: super::tensors::TensorNames {
        outer: &[
            ("embedding.0.table", "embed_tokens.weight", WHOLE),
            ("final.norm.gain", "norm.weight", ONE_LESS),
        ],
        ..tensors(&[
            ("norm.0.gain", "input_layernorm.weight", ONE_LESS),
            ("query.norm.gain", "self_attn.q_norm.weight", ONE_LESS),
            ("key.norm.gain", "self_attn.k_norm.weight", ONE_LESS),
            ("query.", "self_attn.q_proj.", WHOLE),
            ("key.", "self_attn.k_proj.", WHOLE),
            ("value.", "self_attn.v_proj.", WHOLE),
            ("out.", "self_attn.o_proj.", WHOLE),
            (
                "norm.0.after.gain",
                "post_attention_layernorm.weight",
                ONE_LESS,
            ),
            ("norm.1.gain", "pre_feedforward_layernorm.weight", ONE_LESS),
            ("ffn.gate.", "mlp.gate_proj.", WHOLE),
            ("ffn.0.", "mlp.up_proj.", WHOLE),
            ("ffn.1.", "mlp.down_proj.", WHOLE),
            (
                "norm.1.after.gain",
                "post_feedforward_layernorm.weight",
                ONE_LESS,
            ),
        ])
    },
    read: read_text,
    write: |architecture| write(architecture, &CLASS),
};

/// Keys that must be left out, or null.
const CAPPED: [&str; 2] = ["final_logit_softcapping", "attn_logit_softcapping"];

fn read_text(root: &Cursor<'_>) -> Result<Architecture, Error> {
    let config = Config(root);
    config.require(&[("use_bidirectional_attention", Node::Bool(false))])?;
    if let Some(found) = CAPPED.iter().find_map(|key| config.find(key)) {
        return Err(found.unexpected("null (scores that are not capped)"));
    }
    let architecture = read(root, &CLASS)?;
    let head_width = config.size_or("head_dim", 256)?;
    let scale = config.number_or("query_pre_attn_scalar", 256.0)?;
    if scale != head_width as f64 {
        let expected = format!("{head_width}, the width of a head");
        return Err(match config.find("query_pre_attn_scalar") {
            Some(found) => found.unexpected(expected),
            None => root.unexpected(format!("`query_pre_attn_scalar`: {expected}")),
        });
    }
    Ok(architecture)
}
