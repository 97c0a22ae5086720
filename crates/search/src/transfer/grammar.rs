//! What a formula that is to carry over may be made of, as declared data.
//!
//! Vocabularies differ by a factor of a thousand between benchmarks, so embeddings and
//! head have no part. Sampled extremes depend on how much is sampled, spreads over sites
//! on how many there are. What is left are sums and means over blocks of low moments.

use lpzero_proxy::{Node, OperatorId, ROLE_GROUPS, RoleSet};
use lpzero_trace::{NetworkScalar, Symbol};

/// What makes one number of all sites.
const AGGREGATORS: [&str; 2] = ["sum", "mean"];

/// Operators below an aggregator.
const OPERATORS: [&str; 8] = ["sum", "mean", "l1", "l2", "abs", "square", "sqrt", "mul"];

/// Tensors: weights, gradients, and what goes into and comes out of maps.
const SYMBOLS: [Symbol; 6] = [
    Symbol::W,
    Symbol::G,
    Symbol::X,
    Symbol::A,
    Symbol::D,
    Symbol::H,
];

/// Counts of the network that may be a factor.
pub(super) const COUNTS: [NetworkScalar; 6] = [
    NetworkScalar::Layers,
    NetworkScalar::Width,
    NetworkScalar::DecoderParams,
    NetworkScalar::AttentionParams,
    NetworkScalar::FfnParams,
    NetworkScalar::Heads,
];

/// Exponents of a second factor; that of the first is 1 or -1.
pub(super) const EXPONENTS: [f64; 7] = [-1.0, -0.5, -0.25, 0.25, 0.5, 1.0, 2.0];

/// Whether a factor may be part of a formula that is to carry over.
pub(super) fn allows(factor: &Node) -> bool {
    match factor {
        Node::Scalar(scalar) => COUNTS.contains(scalar),
        Node::Aggregate {
            operator,
            roles: Some(roles),
            by_layer: false,
            argument,
        } => AGGREGATORS.contains(&name(*operator)) && is_of_blocks(*roles) && is_moment(argument),
        _ => false,
    }
}

fn name(id: OperatorId) -> &'static str {
    id.row().name
}

/// Whether the sites of a filter all lie inside blocks.
fn is_of_blocks(roles: RoleSet) -> bool {
    let block = ROLE_GROUPS.iter().find(|(name, _)| *name == "block");
    block.is_some_and(|(_, block)| roles.difference(*block).is_empty())
}

fn is_moment(node: &Node) -> bool {
    match node {
        Node::Symbol(symbol) => SYMBOLS.contains(symbol),
        Node::Apply(id, parts) => OPERATORS.contains(&name(*id)) && parts.iter().all(is_moment),
        _ => false,
    }
}
