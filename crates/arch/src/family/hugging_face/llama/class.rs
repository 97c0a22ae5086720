//! Classes with the block of LLaMA: their differences, and keys of their configs.

use crate::adapters::Adapters;
use crate::architecture::NormPlacement;
use crate::mixer::{AttentionBiases, HeadNorms};

/// Declaration of a class in transformers, with the values of keys that are left out.
pub(in super::super) struct Class {
    /// Number of key heads where no key says; as many as heads where `None`.
    pub(in super::super) key_value_heads: Option<usize>,
    /// Head width where no key says; the width over the heads where `None`.
    pub(in super::super) head_width: Option<usize>,
    /// Biases that no key decides; `None` where `attention_bias` does.
    pub(in super::super) biases: Option<AttentionBiases>,
    /// Whether `mlp_bias` is a key.
    pub(in super::super) feed_forward_bias: bool,
    pub(in super::super) normed: HeadNorms,
    pub(in super::super) norm_placement: NormPlacement,
    pub(in super::super) norm_epsilon: f64,
    /// Positions where no key says: files of 2023 leave them out.
    pub(in super::super) positions: usize,
    pub(in super::super) window: Window,
}

/// When `sliding_window` holds, beside where `layer_types` say so.
pub(in super::super) enum Window {
    /// Never: it is no key of this model type.
    Never,
    Always,
    /// Where `use_sliding_window` is true.
    Flagged,
}

/// `LlamaForCausalLM`.
pub(in super::super) const PLAIN: Class = Class {
    key_value_heads: None,
    head_width: None,
    biases: None,
    feed_forward_bias: true,
    normed: HeadNorms::None,
    norm_placement: NormPlacement::Pre,
    norm_epsilon: 1e-6,
    positions: 2048,
    window: Window::Never,
};

pub(super) const INTERMEDIATE: &str = "intermediate_size";

/// Ranks of adapters, which no class of transformers reads: a mapping from the maps
/// below to a rank, or to a list of one per block.
pub(super) const RANKS: &str = "lora_ranks";

/// The maps that adapters are named by.
pub(super) type Rank = (&'static str, fn(&mut Adapters) -> &mut usize);
pub(super) const ADAPTED: [Rank; 7] = [
    ("q_proj", |ranks| &mut ranks.query),
    ("k_proj", |ranks| &mut ranks.key),
    ("v_proj", |ranks| &mut ranks.value),
    ("o_proj", |ranks| &mut ranks.out),
    ("gate_proj", |ranks| &mut ranks.ffn_gate),
    ("up_proj", |ranks| &mut ranks.ffn_in),
    ("down_proj", |ranks| &mut ranks.ffn_out),
];
