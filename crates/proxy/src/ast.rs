//! The syntax tree of a formula.

use lpzero_trace::{NetworkScalar, Symbol};

use crate::{OperatorId, RoleSet};

/// A formula, or a part of one. Trees are immutable and at most
/// [`MAX_DEPTH`](crate::MAX_DEPTH) deep, which every constructor that takes
/// outside input enforces before it allocates.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A constant.
    Number(f64),
    /// A scalar of the whole network: `layers`, `loss`, `params`.
    Scalar(NetworkScalar),
    /// A tensor at every site: `W`, `G`, `X`, `A`, `D`, `H`, `S`, `J`.
    Symbol(Symbol),
    /// An operator of the table (elementwise, reduction, binary, ...).
    Apply(OperatorId, Vec<Node>),
    /// An aggregate over sites or layers: `sum[ffn](...)`.
    Aggregate {
        /// Which aggregator (`sum`, `mean`, `max`, `last`, ...).
        operator: OperatorId,
        /// The roles that take part; `None` means every site but the norms.
        roles: Option<RoleSet>,
        /// Whether sites are aggregated layer by layer (the result is a
        /// scalar per layer, to be aggregated once more).
        by_layer: bool,
        /// The site-level (or layer-level) expression.
        argument: Box<Node>,
    },
}

/// What a node evaluates to, from many values to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// A tensor at every site that has it, of a shape class.
    Tensor(Class),
    /// One number per site.
    Site,
    /// One number per layer.
    Layer,
    /// One number per architecture.
    Network,
    /// A constant, usable wherever a scalar is.
    Number,
}

/// Shape classes: tensors combine elementwise only within one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// W and G.
    Parameter,
    /// X.
    Input,
    /// A, D, H, J.
    Output,
    /// S.
    Attention,
    /// The result of a matrix product (contracts dimension 0 of two tensors of one class).
    Product,
}
