//! Decoders like LLaMA, built again from the few sizes by which benchmarks name them.

use lpzero_arch::{
    Activation, Architecture, AttentionBiases, Block, Embedding, FeedForward, GroupedAttention,
    Head, HeadNorms, Initialisation, Kind, NormKind, NormPlacement, PositionWidth, Rotary,
    RotaryScaling,
};

/// Sizes of a decoder whose blocks are equal: grouped attention with rotary positions, a
/// gated feed-forward network, RMSNorm before both, no biases, a head of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoder {
    /// Number of tokens.
    pub(crate) vocabulary: usize,
    /// Longest sequence of its training.
    pub(crate) positions: usize,
    /// Width of the residual stream.
    pub(crate) width: usize,
    /// Number of blocks.
    pub(crate) blocks: usize,
    /// Heads of queries.
    pub(crate) heads: usize,
    /// Heads of keys and values.
    pub(crate) key_value_heads: usize,
    /// Width of a head.
    pub(crate) head_width: usize,
    /// Width inside the feed-forward network.
    pub(crate) hidden: usize,
    /// Nonlinearity of the gate.
    pub(crate) activation: Activation,
    /// Whether embeddings are multiplied by the square root of the width, as in Gemma.
    pub(crate) scaled_embedding: bool,
}

impl Decoder {
    /// The architecture.
    pub(crate) fn architecture(self) -> Architecture {
        let attention = GroupedAttention {
            heads: self.heads,
            key_value_heads: self.key_value_heads,
            head_width: self.head_width,
            rotary: Rotary {
                base: 10_000.0,
                scaling: RotaryScaling::None,
                turned: None,
            },
            window: None,
            biases: AttentionBiases::None,
            normed: HeadNorms::None,
        };
        let feed_forward = FeedForward {
            hidden: vec![self.hidden],
            activation: self.activation,
            gated: true,
            bias: false,
        };
        let embedding = Embedding::plain(self.vocabulary, self.width, PositionWidth::None);
        let deviation = 0.02;
        Architecture {
            kind: Kind::Decoder,
            vocabulary: self.vocabulary,
            positions: self.positions,
            token_types: 0,
            width: self.width,
            embedding: Embedding {
                scale_by_root_width: self.scaled_embedding,
                ..embedding
            },
            blocks: vec![Block::new(attention, feed_forward); self.blocks],
            norm_placement: NormPlacement::Pre,
            norm_kind: NormKind::Rms,
            norm_epsilon: 1e-5,
            head: Head::Free,
            initialisation: Initialisation {
                weight: deviation,
                residual: None,
                projection: deviation,
            },
        }
    }
}
