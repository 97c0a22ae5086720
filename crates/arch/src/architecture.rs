//! The one type that describes a network of any family.

use serde::{Deserialize, Serialize};

use crate::adapters::Adapters;

/// A plain description of one transformer: no tensors, no randomness.
///
/// Every family (FlexiBERT, LiteTransformerSearch, ...) reads its own files
/// into this type; the engine builds networks from it and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Encoder (sees the whole sequence) or decoder (causal).
    pub kind: Kind,
    /// Number of tokens, V.
    pub vocabulary: usize,
    /// Longest sequence: what the position table can address, or, without
    /// one, what the network is meant for.
    pub positions: usize,
    /// Number of segment ("token type") embeddings; 0 where there is no such table.
    pub token_types: usize,
    /// Width of the residual stream, C ("hidden size", "d_model").
    pub width: usize,
    /// Token, position and segment embeddings.
    pub embedding: Embedding,
    /// The transformer blocks, first to last.
    pub blocks: Vec<Block>,
    /// Where the norms of a block stand.
    pub norm_placement: NormPlacement,
    /// What a norm computes.
    #[serde(default, skip_serializing_if = "NormKind::is_layer")]
    pub norm_kind: NormKind,
    /// The epsilon inside every norm.
    pub norm_epsilon: f64,
    /// How the residual stream becomes token scores.
    pub head: Head,
    /// Standard deviations of the seeded initialisation.
    pub initialisation: Initialisation,
}

/// Which tokens a position may attend to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Bidirectional, BERT-like.
    Encoder,
    /// Causal, GPT-like.
    Decoder,
}

/// The input side: tables, adaptive clusters, projection, norm.
///
/// The token table is cut into clusters of consecutive token ids (adaptive
/// embedding, Baevski & Auli 2019). Cluster `i` has width
/// `width / division^i`. With `division` 1 the clusters share one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// Width of the token table (of its first cluster), E.
    pub width: usize,
    /// Exclusive ends of the clusters in increasing order; the last one equals
    /// the vocabulary. One entry where the embedding is not adaptive.
    pub cutoffs: Vec<usize>,
    /// Each further cluster is narrower by this factor.
    pub division: usize,
    /// Whether the projection from E to the model width has a bias.
    pub projection_bias: bool,
    /// Whether token embeddings are multiplied by the square root of the model
    /// width after projection (Transformer-XL and LiteTransformerSearch do).
    pub scale_by_root_width: bool,
    /// Width of the position (and segment) tables, where there are any.
    pub position_width: PositionWidth,
    /// A norm over the summed embeddings, before the projection.
    pub norm: bool,
}

impl Embedding {
    /// Number of clusters of the token table.
    pub fn clusters(&self) -> usize {
        self.cutoffs.len()
    }

    /// Number of tokens of a cluster; 0 beyond the last.
    pub fn cluster_rows(&self, cluster: usize) -> usize {
        let start = match cluster {
            0 => 0,
            _ => self.cutoffs.get(cluster - 1).copied().unwrap_or(0),
        };
        let end = self.cutoffs.get(cluster).copied().unwrap_or(start);
        end.saturating_sub(start)
    }

    /// Width of a cluster's table, `width / division^cluster`, rounded down.
    pub fn cluster_width(&self, cluster: usize) -> usize {
        // Dividing step by step equals dividing by the power, and cannot overflow.
        (0..cluster.min(usize::BITS as usize)).fold(self.width, |width, _| {
            width.checked_div(self.division).unwrap_or(0)
        })
    }

    /// Whether token embeddings pass a projection to the model width. With
    /// `division` 1 that is one map for all clusters, and only where the
    /// widths differ; else every cluster has its own.
    pub fn is_projected(&self, model_width: usize) -> bool {
        self.division > 1 || self.width != model_width
    }
}

/// Where position embeddings are added, if at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PositionWidth {
    /// At embedding width, before the projection (BERT, ELECTRA).
    Embedding,
    /// At model width, after the projection (GPT-2).
    Model,
    /// Nowhere: there is no table, and attention itself knows positions
    /// (Transformer-XL, LLaMA).
    None,
}

/// One transformer block: a token mixer, then a feed-forward network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// What moves information between positions.
    pub mixer: Mixer,
    /// What transforms each position on its own.
    pub feed_forward: FeedForward,
    /// Low-rank adapters on its maps.
    #[serde(default, skip_serializing_if = "Adapters::is_none")]
    pub adapters: Adapters,
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
    GroupedAttention {
        /// Number of heads of queries.
        heads: usize,
        /// Number of heads of keys and values; divides `heads`, and equals it
        /// where nothing is shared.
        key_value_heads: usize,
        /// Width of one head, even. Heads times this need not be the width.
        head_width: usize,
        /// How positions turn queries and keys.
        rotary: Rotary,
        /// Which maps have biases.
        biases: AttentionBiases,
        /// Whether each head of queries and of keys passes a norm before it is
        /// turned, with one gain for all query heads and one for all key heads
        /// (Qwen3).
        normed: bool,
    },
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

impl Mixer {
    /// Number of heads (before the split, for a dynamic convolution).
    pub fn heads(&self) -> usize {
        match *self {
            Mixer::Attention { heads, .. }
            | Mixer::RelativeAttention { heads, .. }
            | Mixer::GroupedAttention { heads, .. }
            | Mixer::Transform { heads, .. }
            | Mixer::DynamicConvolution { heads, .. } => heads,
        }
    }

    /// Widths of all query heads, and of all key heads, of a grouped attention;
    /// zeros for any other mixer.
    pub(crate) fn grouped_widths(&self) -> (usize, usize) {
        match *self {
            Mixer::GroupedAttention {
                heads,
                key_value_heads,
                head_width,
                ..
            } => (
                heads.saturating_mul(head_width),
                key_value_heads.saturating_mul(head_width),
            ),
            _ => (0, 0),
        }
    }

    /// The mixer's name in the project's own files.
    pub fn name(&self) -> &'static str {
        match self {
            Mixer::Attention { .. } => "attention",
            Mixer::RelativeAttention { .. } => "relative-attention",
            Mixer::GroupedAttention { .. } => "grouped-attention",
            Mixer::Transform { .. } => "transform",
            Mixer::DynamicConvolution { .. } => "dynamic-convolution",
        }
    }
}

/// Which maps of a grouped attention have biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionBiases {
    /// None (LLaMA, Mistral, Qwen3).
    None,
    /// Those of query, key and value (Qwen2).
    QueryKeyValue,
    /// These and the map after the heads (`attention_bias`).
    All,
}

/// Rotary position embedding (Su et al. 2021, "RoFormer"): in a head of width d,
/// position p turns the features i and i + d/2, as a point of the plane, by the
/// angle p f_i, where f_i = base^(-2i/d) before scaling.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotary {
    /// The wavelength of the last pair of features would be 2 pi times this.
    pub base: f64,
    /// What becomes of the frequencies in networks that are meant for longer
    /// sequences than they were first trained on.
    pub scaling: RotaryScaling,
}

/// How the frequencies of a rotary position embedding are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RotaryScaling {
    /// Not at all.
    None,
    /// All divided by a factor ("position interpolation", Chen et al. 2023).
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// Llama 3.1: wavelengths above `original_positions / low` are divided by
    /// the factor, those below `original_positions / high` stay, and
    /// between them both are mixed.
    Llama3 {
        /// The divisor of low frequencies.
        factor: f64,
        /// Fewest turns in the original length of a frequency that is not
        /// divided wholly.
        low: f64,
        /// Turns in the original length from which on a frequency stays.
        high: f64,
        /// The length that the network was first trained on.
        original_positions: usize,
    },
}

impl Rotary {
    /// The frequencies f_i of a head of this width, in radians per position, the
    /// highest first: half as many as the head has features.
    pub fn frequencies(&self, head_width: usize) -> Vec<f64> {
        let half = head_width / 2;
        let plain = (0..half).map(|i| self.base.powf(-(i as f64) / half as f64));
        plain.map(|f| self.scaling.scaled(f)).collect()
    }
}

impl RotaryScaling {
    /// The scaling's name in the project's own files.
    pub fn name(&self) -> &'static str {
        match self {
            RotaryScaling::None => "none",
            RotaryScaling::Linear { .. } => "linear",
            RotaryScaling::Llama3 { .. } => "llama3",
        }
    }

    fn scaled(self, frequency: f64) -> f64 {
        match self {
            RotaryScaling::None => frequency,
            RotaryScaling::Linear { factor } => frequency / factor,
            RotaryScaling::Llama3 {
                factor,
                low,
                high,
                original_positions,
            } => {
                let turns = original_positions as f64 * frequency / std::f64::consts::TAU;
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                (1.0 - kept) * frequency / factor + kept * frequency
            }
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

/// What a norm computes of each row of features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormKind {
    /// LayerNorm: mean 0 and variance 1, then gain and bias (Ba et al. 2016).
    #[default]
    Layer,
    /// RMSNorm: mean square 1, then gain (Zhang & Sennrich 2019).
    Rms,
}

impl NormKind {
    /// Whether it is LayerNorm, which has a bias.
    pub fn is_layer(&self) -> bool {
        *self == NormKind::Layer
    }
}

/// Where the norm stands in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormPlacement {
    /// Before each sub-layer, with one more norm after the last block (GPT-2, LLaMA).
    Pre,
    /// Before each sub-layer and nowhere else (Transformer-XL with `pre_lnorm`).
    PreWithoutFinal,
    /// After each residual sum (BERT, Transformer-XL).
    Post,
}

impl NormPlacement {
    /// Whether one more norm stands after the last block.
    pub fn has_final(self) -> bool {
        self == NormPlacement::Pre
    }
}

/// The output side of the network itself (an objective may bring its own).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Head {
    /// No head: the network ends in its last hidden state (FlexiBERT).
    None,
    /// Scores through the transposed token table, without bias (GPT-2).
    Tied,
    /// Scores through a table of its own, (vocabulary, model width), without
    /// bias (LLaMA).
    Free,
    /// Adaptive softmax over the clusters of the embedding, tables tied
    /// (Grave et al. 2017, as LiteTransformerSearch configures it).
    Adaptive {
        /// Per cluster: whether it shares the embedding's projection. A false
        /// entry has a projection of its own. Meaningless where the embedding
        /// has no projection.
        tied_projections: Vec<bool>,
    },
}

/// Standard deviations of the normal initialisation. Biases start at 0 (those
/// of a relative query as weights do), norm gains at 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Initialisation {
    /// Of every weight matrix and table not named below.
    pub weight: f64,
    /// Of the maps that write to the residual stream, attention's output map and
    /// the last feed-forward map, where it is not `weight`: GPT-2 draws them with
    /// `weight / sqrt(2 blocks)`, so that the stream does not grow with depth
    /// (Radford et al. 2019, section 2.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<f64>,
    /// Of embedding and head projections.
    pub projection: f64,
}
