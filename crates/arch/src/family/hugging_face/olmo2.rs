//! `model_type` olmo2 (OLMo et al. 2024, "2 OLMo 2 Furious"): the block of LLaMA with
//! norms after its halves, before their residual sums, and norms of whole queries and
//! keys.

use super::llama::{Class, PLAIN, read, tensors, write};
use super::model_type::ModelType;
use super::tensors::WHOLE;
use crate::architecture::NormPlacement;
use crate::mixer::HeadNorms;

const CLASS: Class = Class {
    feed_forward_bias: false,
    normed: HeadNorms::Whole,
    norm_placement: NormPlacement::BeforeSum,
    norm_epsilon: 1e-5,
    ..PLAIN
};

pub(super) const OLMO2: ModelType = ModelType {
    name: "olmo2",
    class: "Olmo2ForCausalLM",
    tensors: tensors(&[
        ("query.norm.gain", "self_attn.q_norm.weight", WHOLE),
        ("key.norm.gain", "self_attn.k_norm.weight", WHOLE),
        ("query.", "self_attn.q_proj.", WHOLE),
        ("key.", "self_attn.k_proj.", WHOLE),
        ("value.", "self_attn.v_proj.", WHOLE),
        ("out.", "self_attn.o_proj.", WHOLE),
        ("norm.0.gain", "post_attention_layernorm.weight", WHOLE),
        ("ffn.gate.", "mlp.gate_proj.", WHOLE),
        ("ffn.0.", "mlp.up_proj.", WHOLE),
        ("ffn.1.", "mlp.down_proj.", WHOLE),
        ("norm.1.gain", "post_feedforward_layernorm.weight", WHOLE),
    ]),
    read: |root| read(root, &CLASS),
    write: |architecture| write(architecture, &CLASS),
};
