//! Traces of one forward and backward pass, small enough to keep for every architecture of a ground
//! truth.

use lpzero_nn::{Site, Symbol};

/// Everything that formulas may read about one architecture.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Network-level scalars, in the order of [`NetworkScalar::ALL`].
    pub scalars: Vec<f64>,
    /// One entry per site that showed at least one symbol, sorted by site.
    pub sites: Vec<SiteTrace>,
}

/// The symbols seen at one site.
#[derive(Clone, Debug, PartialEq)]
pub struct SiteTrace {
    /// Place in the network.
    pub site: Site,
    /// Tensors seen there, in the order of [`Symbol`]; `H` is not stored, it is `A` at a head site.
    pub tensors: Vec<TensorTrace>,
    /// Exact reductions of the elementwise product W * G, since half of the
    /// literature is made of it; `None` where the site has no weights.
    pub saliency: Option<Moments>,
}

/// Reductions and sketch of one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorTrace {
    /// Symbol of the tensor.
    pub symbol: Symbol,
    /// Full shape, one to four dimensions.
    pub shape: Vec<usize>,
    /// Reductions over all elements, exact up to rounding.
    pub moments: Moments,
    /// Elements at fixed pseudo-random positions, the same for every tensor of
    /// this shape, as [`kept`](crate::kept): what elementwise formulas are evaluated on.
    pub points: Vec<f32>,
    /// Complete fibres along dimension 0 (of longer ones
    /// [`MOST_FIBRE_ROWS`](crate::MOST_FIBRE_ROWS) elements at equal distances), row-major
    /// (elements, sampled columns): what operations along dimension 0 are
    /// evaluated on; see [`columns`](TensorTrace::columns). Empty
    /// where `points` already consists of complete fibres, in the same layout.
    pub fibres: Vec<f32>,
    /// Number of columns in `fibres` (or in `points`, where `fibres` is empty
    /// and `points` has that layout).
    pub fibre_count: usize,
}

/// Exact reductions over the elements of a tensor; all of them for every tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Number of elements.
    pub count: u64,
    /// Sum of x.
    pub sum: f64,
    /// Sum of |x|.
    pub sum_abs: f64,
    /// Sum of x^2.
    pub sum_square: f64,
    /// Sum of sqrt(|x|).
    pub sum_sqrt_abs: f64,
    /// Smallest element.
    pub min: f64,
    /// Largest element.
    pub max: f64,
    /// Mean over all other dimensions of the maximum along dimension 1
    /// ("confidence", Serianni & Kalita 2023); the plain maximum for vectors.
    pub confidence: f64,
    /// Sum over all pairs of rows (tokens) of the number of columns (units)
    /// whose signs agree: the summed NASWOT kernel (Mellor et al. 2021).
    /// Rows are all dimensions but the last, flattened.
    pub code_agreement: f64,
}

/// Scalars of the whole network that need no formula over tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum NetworkScalar {
    /// Loss at initialisation, in nats.
    Loss,
    /// All parameters of the network.
    Params,
    /// Parameters of attention and feed-forward maps (norms and embeddings excluded).
    DecoderParams,
    /// Parameters of the token mixers.
    AttentionParams,
    /// Parameters of the feed-forward networks.
    FfnParams,
    /// Parameters of embeddings, their projections and the head.
    EmbeddingParams,
    /// Multiply-adds times two of one forward pass over one token of a full-length sequence.
    Flops,
    /// Number of blocks.
    Layers,
    /// Width of the residual stream.
    Width,
    /// Width of the (first) token table.
    EmbeddingWidth,
    /// Mean number of heads of a block.
    Heads,
    /// Mean over blocks of the summed hidden widths of the feed-forward network.
    FfnWidth,
    /// Mean over blocks of the number of dense layers before the last of a feed-forward network.
    FfnDepth,
}
