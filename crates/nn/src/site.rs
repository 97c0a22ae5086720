//! Sites: the places in a network where tensors can be read.

pub use lpzero_arch::Role;

/// One place in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// Block index, first block 0; `None` outside the blocks.
    pub layer: Option<u16>,
    /// Role of the site in its network.
    pub role: Role,
    /// Tells sites of one role and layer apart: cluster, stacked layer, norm (of the two halves of a block, of queries, of keys).
    pub index: u16,
}

/// A kind of tensor at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Symbol {
    /// Weight, (out, in) as PyTorch lays it out; tables (rows, width).
    W,
    /// Gradient of the loss with respect to W, same shape.
    G,
    /// Input activation, (batch, positions, in).
    X,
    /// Output activation, (batch, positions, out).
    A,
    /// Gradient of the loss with respect to A, same shape.
    D,
    /// Head output: A of a query, key, value, weighting or transform map, (batch, positions, out).
    H,
    /// Attention probabilities, (batch, heads, positions, positions).
    S,
    /// Gradient with respect to the summed embeddings, (batch, positions, width).
    J,
    /// The Hessian of the loss times G, same shape as W; from a pass over dual numbers.
    Hg,
    /// Gradient with respect to |W| in the pass of synaptic flow, same shape as W.
    Gf,
    /// log(1 + |Gf|), computed in double precision: Gf itself leaves single precision in deep networks.
    Lf,
    /// Mean over standard deviation (divided by n) of |G| over sequences, each a
    /// pass of its own; 0 where there is no spread. Same shape as W.
    Gr,
    /// Jacobian of half a block (its mixer or its feed-forward network, with
    /// residual sum and norm), tried with random signs, (width, width); at the
    /// map where the half ends. See [`Network::sign_jacobians`](crate::Network::sign_jacobians).
    Jr,
}

impl Symbol {
    /// Symbols that one forward and backward pass shows, in the order of the enum.
    pub const ALL: [Symbol; 8] = [
        Symbol::W,
        Symbol::G,
        Symbol::X,
        Symbol::A,
        Symbol::D,
        Symbol::H,
        Symbol::S,
        Symbol::J,
    ];

    /// Symbols that take further passes, in the order of the enum after [`ALL`](Self::ALL).
    pub const LATER: [Symbol; 5] = [Symbol::Hg, Symbol::Gf, Symbol::Lf, Symbol::Gr, Symbol::Jr];

    /// Whether it follows from the loss: a gradient of it, or what is made of one.
    pub fn needs_loss(self) -> bool {
        matches!(
            self,
            Symbol::G | Symbol::D | Symbol::J | Symbol::Hg | Symbol::Gr
        )
    }

    /// Whether it takes a further pass.
    pub fn is_later(self) -> bool {
        self as usize >= Self::ALL.len()
    }
}

impl Symbol {
    /// Meaning of the symbol, with its shape.
    pub fn meaning(self) -> &'static str {
        match self {
            Symbol::W => "weight matrix (out, in) or table (rows, width)",
            Symbol::G => "gradient of the loss with respect to W",
            Symbol::X => "input activation (batch, positions, in)",
            Symbol::A => "output activation (batch, positions, out)",
            Symbol::D => "gradient of the loss with respect to A",
            Symbol::H => "head output: A of a query, key, value, weighting or transform map",
            Symbol::S => "attention probabilities (batch, heads, positions, positions)",
            Symbol::J => "gradient with respect to the summed embeddings (batch, positions, width)",
            Symbol::Hg => "Hessian of the loss times G",
            Symbol::Gf => "gradient with respect to |W| in the pass of synaptic flow",
            Symbol::Lf => "log(1 + |Gf|), computed in double precision",
            Symbol::Gr => {
                "mean over standard deviation of |G| over sequences, each being a pass of its own; 0 where there is no spread"
            }
            Symbol::Jr => {
                "mean over tokens of g sᵀ, s being random signs as the gradient at the end of half a block and g what they become at its start (width, width); where the half ends: `out`, `transform` and `ffn-out`"
            }
        }
    }
}
