//! The one type that describes a network of any family.

use serde::{Deserialize, Serialize};

use crate::block::Block;
use crate::mixer::Kind;

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
    /// Normalisation that every norm computes.
    #[serde(default, skip_serializing_if = "NormKind::is_layer")]
    pub norm_kind: NormKind,
    /// The epsilon inside every norm.
    pub norm_epsilon: f64,
    /// How the residual stream becomes token scores.
    pub head: Head,
    /// Standard deviations of the seeded initialisation.
    pub initialisation: Initialisation,
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
    /// One table of tokens, unscaled, without a norm or biases.
    pub fn plain(vocabulary: usize, width: usize, position_width: PositionWidth) -> Self {
        Embedding {
            width,
            cutoffs: vec![vocabulary],
            division: 1,
            projection_bias: false,
            scale_by_root_width: false,
            position_width,
            norm: false,
        }
    }

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

/// Normalisation of each row of features.
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
    /// After each sub-layer, before its residual sum, with one more norm after the last
    /// block (OLMo 2).
    BeforeSum,
    /// Before both sub-layers, which read the same input and are added to it together,
    /// with one more norm after the last block (GPT-NeoX).
    Parallel,
    /// Before each sub-layer and after it, before its residual sum, with one more norm
    /// after the last block (Gemma 2 and 3).
    Around,
}

impl NormPlacement {
    /// Whether one more norm stands after the last block.
    pub fn has_final(self) -> bool {
        matches!(
            self,
            NormPlacement::Pre
                | NormPlacement::BeforeSum
                | NormPlacement::Around
                | NormPlacement::Parallel
        )
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
    /// Standard deviation of every weight matrix and table that no other field names.
    pub weight: f64,
    /// Standard deviation of the maps that write to the residual stream: attention's output map
    /// and the last feed-forward map. `None` where it is `weight`.
    ///
    /// GPT-2 draws them with `weight / sqrt(2 blocks)`, so that the stream does not grow with
    /// depth (Radford et al. 2019, section 2.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<f64>,
    /// Standard deviation of embedding and head projections.
    pub projection: f64,
}
