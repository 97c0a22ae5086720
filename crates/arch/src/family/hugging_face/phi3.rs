//! `model_type` phi3 (Abdin et al. 2024, "Phi-3"; Phi-4 too): the block of LLaMA with its
//! maps fused: queries, keys and values in one tensor, the gate and what it multiplies in
//! another. Positions may turn a share of each head.

use super::llama::{Class, PLAIN, RotaryKeys, Window, read, tensors, write};
use super::model_type::ModelType;
use super::tensors::{Piece, Rows, WHOLE};
use crate::mixer::AttentionBiases;

const CLASS: Class = Class {
    biases: Some(AttentionBiases::None),
    feed_forward_bias: false,
    norm_epsilon: 1e-5,
    positions: 4096,
    window: Window::Always,
    rotary: RotaryKeys {
        partial: Some(1.0),
        ..PLAIN.rotary
    },
    ..PLAIN
};

const fn fused(index: usize) -> Piece {
    Piece::Rows(Rows::Attention(index))
}

pub(super) const PHI3: ModelType = ModelType {
    name: "phi3",
    class: "Phi3ForCausalLM",
    tensors: tensors(&[
        ("norm.0.gain", "input_layernorm.weight", WHOLE),
        ("query.", "self_attn.qkv_proj.", fused(0)),
        ("key.", "self_attn.qkv_proj.", fused(1)),
        ("value.", "self_attn.qkv_proj.", fused(2)),
        ("out.", "self_attn.o_proj.", WHOLE),
        ("norm.1.gain", "post_attention_layernorm.weight", WHOLE),
        (
            "ffn.gate.",
            "mlp.gate_up_proj.",
            Piece::Rows(Rows::Gated(0)),
        ),
        ("ffn.0.", "mlp.gate_up_proj.", Piece::Rows(Rows::Gated(1))),
        ("ffn.1.", "mlp.down_proj.", WHOLE),
    ]),
    read: |root| read(root, &CLASS),
    write: |architecture| write(architecture, &CLASS),
};
