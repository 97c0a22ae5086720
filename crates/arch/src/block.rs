//! One transformer block: a mixer, a feed-forward network, adapters.

use serde::{Deserialize, Serialize};

use crate::adapters::Adapters;
use crate::mixer::Mixer;

/// One transformer block: a token mixer, then a feed-forward network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Mixer, which moves information between positions.
    pub mixer: Mixer,
    /// Feed-forward network, which transforms each position on its own.
    pub feed_forward: FeedForward,
    /// Low-rank adapters on its maps.
    #[serde(default, skip_serializing_if = "Adapters::is_none")]
    pub adapters: Adapters,
    /// Whether a sub-network goes without the block: it has no tensors, and its input is
    /// its output. Other blocks keep their numbers, and with them their names.
    #[serde(default, skip_serializing_if = "is_false")]
    pub left_out: bool,
}

impl Block {
    /// A block without adapters.
    pub fn new(mixer: impl Into<Mixer>, feed_forward: FeedForward) -> Self {
        Block {
            mixer: mixer.into(),
            feed_forward,
            adapters: Adapters::NONE,
            left_out: false,
        }
    }

    /// A block of plain softmax attention, as BERT and GPT-2 have it.
    pub fn attention(heads: usize, feed_forward: FeedForward) -> Self {
        let weighted = false;
        Block::new(Mixer::Attention { heads, weighted }, feed_forward)
    }
}

/// A stack of dense layers: width, then each hidden width in turn, then width.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedForward {
    /// Hidden widths, first to last; at least one. The activation follows each.
    pub hidden: Vec<usize>,
    /// The nonlinearity.
    pub activation: Activation,
    /// Whether the one hidden layer, which then has no activation of its own, is
    /// multiplied by a gate: a second map of the same input, through the
    /// activation (Shazeer 2020, "GLU variants"; with SiLU it is SwiGLU).
    #[serde(default, skip_serializing_if = "is_false")]
    pub gated: bool,
    /// Whether its maps have biases.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub bias: bool,
}

impl FeedForward {
    /// Dense layers with biases and without a gate.
    pub fn dense(hidden: Vec<usize>, activation: Activation) -> Self {
        FeedForward {
            hidden,
            activation,
            gated: false,
            bias: true,
        }
    }
}

// Fields that came later are left out of files where they have their first
// value, so that architectures keep the text, and with it the key, that they had.

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// Feed-forward nonlinearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// x * Phi(x) with the exact error function (BERT, ELECTRA).
    Gelu,
    /// The tanh approximation ("gelu_new", GPT-2).
    GeluTanh,
    /// max(x, 0).
    Relu,
    /// x / (1 + e^-x), also called swish (LLaMA).
    Silu,
}
