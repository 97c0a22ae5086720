//! Classes with the block of LLaMA: their differences, and keys of their configs.

use super::rotary::{RotaryKeys, SHARE};
use crate::adapters::Adapters;
use crate::architecture::NormPlacement;
use crate::block::Activation;
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
    /// Key of the nonlinearity, and which one it is where none is given.
    pub(in super::super) activation: (&'static str, Activation),
    /// Whether token embeddings are scaled by the root of the width.
    pub(in super::super) scaled_embedding: bool,
    /// Whether the head is the table of tokens where no key says.
    pub(in super::super) tied: bool,
    pub(in super::super) normed: HeadNorms,
    pub(in super::super) norm_placement: NormPlacement,
    pub(in super::super) norm_epsilon: f64,
    /// Positions where no key says: files of 2023 leave them out.
    pub(in super::super) positions: usize,
    pub(in super::super) window: Window,
    pub(in super::super) rotary: RotaryKeys,
}

/// When `sliding_window` holds, beside where `layer_types` say so.
pub(in super::super) enum Window {
    /// Never: it is no key of this model type.
    Never,
    Always,
    /// Where `use_sliding_window` is true.
    Flagged,
    /// In the blocks that `layer_types` name, whose rotary positions have a base of their
    /// own. In other classes a window only says for how many positions a network is meant.
    OfBlocks,
}

/// `LlamaForCausalLM`.
pub(in super::super) const PLAIN: Class = Class {
    key_value_heads: None,
    head_width: None,
    biases: None,
    feed_forward_bias: true,
    activation: ("hidden_act", Activation::Silu),
    scaled_embedding: false,
    tied: false,
    normed: HeadNorms::None,
    norm_placement: NormPlacement::Pre,
    norm_epsilon: 1e-6,
    positions: 2048,
    window: Window::Never,
    rotary: RotaryKeys {
        base: "rope_theta",
        share: SHARE,
        partial: None,
    },
};

pub(super) const INTERMEDIATE: &str = "intermediate_size";

/// Ranks of adapters, which no class of transformers reads: a mapping from the maps
/// below to a rank, or to a list of one per block.
pub(super) const RANKS: &str = "lora_ranks";

/// Which blocks there are: a list of 1, and of 0 for those that are left out. No class of
/// transformers reads it.
pub(crate) const KEPT_BLOCKS: &str = "kept_blocks";

/// How many key heads each block keeps, of those that `num_key_value_heads` says, with the
/// heads of queries that read them: a size or a list. No class of transformers reads it.
pub(crate) const KEPT_KEY_HEADS: &str = "kept_key_value_heads";

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
