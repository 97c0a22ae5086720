//! The half of a block that moves information between positions.

use serde::{Deserialize, Serialize};

use crate::rotary::Rotary;

/// Which tokens a position may attend to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Bidirectional, BERT-like.
    Encoder,
    /// Causal, GPT-like.
    Decoder,
}

/// The part of a block that moves information between positions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Mixer {
    /// Multi-head softmax attention.
    Attention {
        /// Number of heads; divides the width.
        heads: usize,
        /// FlexiBERT's "weighted multiplicative attention": one more linear
        /// map without bias on the queries.
        weighted: bool,
    },
    /// Multi-head softmax attention over relative positions (Transformer-XL,
    /// Dai et al. 2019, section 3.3): scores add a term of the query and the
    /// encoded distance to the key. No map has a bias; the query has two, one
    /// for either term.
    RelativeAttention {
        /// Number of heads; divides the width.
        heads: usize,
        /// Earlier positions whose hidden states training keeps from one
        /// segment to the next. A first segment, and so every pass of the
        /// engine, has none of them yet.
        memory: usize,
    },
    /// Multi-head softmax attention as LLaMA and its descendants have it:
    /// several heads of queries share one head of keys and values (Ainslie et
    /// al. 2023), and positions turn queries and keys (Su et al. 2021).
    GroupedAttention(GroupedAttention),
    /// FlexiBERT's linear transform: one linear map, then a fixed
    /// two-dimensional transform per head over (positions, head width). No
    /// output map, residual or norm of its own.
    Transform {
        /// Number of heads; divides the width.
        heads: usize,
        /// Fourier or cosine.
        transform: Transform,
    },
    /// Span-based dynamic convolution (ConvBERT, Jiang et al. 2020): half of
    /// the heads attend, the other half convolve with predicted kernels.
    DynamicConvolution {
        /// Number of heads before the split; divides the width.
        heads: usize,
        /// Odd kernel length.
        kernel: usize,
    },
}

/// Sizes and options of [`Mixer::GroupedAttention`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupedAttention {
    /// Number of heads of queries.
    pub heads: usize,
    /// Number of heads of keys and values; divides `heads`, and equals it
    /// where nothing is shared.
    pub key_value_heads: usize,
    /// Width of one head, even. Heads times this need not be the width.
    pub head_width: usize,
    /// How positions turn queries and keys.
    pub rotary: Rotary,
    /// How many positions a query sees at most, its own the last; all earlier ones where
    /// `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
    /// Which maps have biases.
    pub biases: AttentionBiases,
    /// The norms of queries and of keys before they are turned.
    pub normed: HeadNorms,
}

impl GroupedAttention {
    /// Width of all heads of queries, side by side.
    pub fn queries(&self) -> usize {
        self.heads.saturating_mul(self.head_width)
    }

    /// Width of all heads of keys, side by side, and of all heads of values.
    pub fn keys(&self) -> usize {
        self.key_value_heads.saturating_mul(self.head_width)
    }
}

impl From<GroupedAttention> for Mixer {
    fn from(attention: GroupedAttention) -> Self {
        Mixer::GroupedAttention(attention)
    }
}

impl Mixer {
    /// Number of heads (before the split, for a dynamic convolution).
    pub fn heads(&self) -> usize {
        match *self {
            Mixer::Attention { heads, .. }
            | Mixer::RelativeAttention { heads, .. }
            | Mixer::GroupedAttention(GroupedAttention { heads, .. })
            | Mixer::Transform { heads, .. }
            | Mixer::DynamicConvolution { heads, .. } => heads,
        }
    }

    /// The grouped attention, where it is one.
    pub fn grouped(&self) -> Option<&GroupedAttention> {
        match self {
            Mixer::GroupedAttention(attention) => Some(attention),
            _ => None,
        }
    }

    /// The mixer's name in the project's own files.
    pub fn name(&self) -> &'static str {
        match self {
            Mixer::Attention { .. } => "attention",
            Mixer::RelativeAttention { .. } => "relative-attention",
            Mixer::GroupedAttention(_) => "grouped-attention",
            Mixer::Transform { .. } => "transform",
            Mixer::DynamicConvolution { .. } => "dynamic-convolution",
        }
    }

    /// The operation in words, for tables.
    pub(crate) fn operation(&self) -> String {
        match self {
            Mixer::Attention { weighted: true, .. } => "weighted attention".into(),
            Mixer::Transform { transform, .. } => match transform {
                Transform::Fourier => "Fourier transform".into(),
                Transform::Cosine => "cosine transform".into(),
            },
            Mixer::DynamicConvolution { kernel, .. } => format!("convolution of {kernel}"),
            _ => self.name().replace('-', " "),
        }
    }
}

/// Which maps of a grouped attention have biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionBiases {
    /// None (LLaMA, Mistral, Qwen3).
    None,
    /// Biases of the query, key and value maps (Qwen2).
    QueryKeyValue,
    /// Biases of these maps and of the map after the heads (`attention_bias`).
    All,
}

/// Norms over queries and over keys. In files `false`, `true` and `"whole"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub enum HeadNorms {
    /// No norms (LLaMA, Mistral, Qwen2).
    None,
    /// One norm per head, with one gain for all heads of queries and one for all
    /// heads of keys (Qwen3).
    Each,
    /// One norm of all heads of queries at once, and one of all heads of keys (OLMo 2).
    Whole,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected true, false or \"whole\"")]
enum Written {
    Flag(bool),
    Name(Name),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Name {
    Whole,
}

impl From<Written> for HeadNorms {
    fn from(written: Written) -> Self {
        match written {
            Written::Flag(normed) => normed.into(),
            Written::Name(Name::Whole) => HeadNorms::Whole,
        }
    }
}

impl From<HeadNorms> for Written {
    fn from(norms: HeadNorms) -> Self {
        match norms {
            HeadNorms::None => Written::Flag(false),
            HeadNorms::Each => Written::Flag(true),
            HeadNorms::Whole => Written::Name(Name::Whole),
        }
    }
}

impl From<bool> for HeadNorms {
    fn from(normed: bool) -> Self {
        match normed {
            true => HeadNorms::Each,
            false => HeadNorms::None,
        }
    }
}

/// The fixed transform of [`Mixer::Transform`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transform {
    /// Real part of the unnormalised two-dimensional discrete Fourier transform.
    Fourier,
    /// Unnormalised two-dimensional DCT-II (factor 2 per axis).
    Cosine,
}
