//! The order in which operands of commutative operators stand. Operators go by
//! the key that their row declares, wherever in the table it stands.

use std::cmp::Ordering;

use crate::Node;

/// A total order on formulas: leaves before operators, then by content.
pub(crate) fn compare(a: &Node, b: &Node) -> Ordering {
    match (a, b) {
        (Node::Number(a), Node::Number(b)) => a.total_cmp(b),
        (Node::Scalar(a), Node::Scalar(b)) => a.cmp(b),
        (Node::Symbol(a), Node::Symbol(b)) => a.cmp(b),
        (Node::Apply(a, left), Node::Apply(b, right)) => {
            (a.row().order.cmp(&b.row().order)).then_with(|| compare_all(left, right))
        }
        (
            Node::Aggregate {
                operator: a,
                roles: a_roles,
                by_layer: a_layer,
                argument: a_argument,
            },
            Node::Aggregate {
                operator: b,
                roles: b_roles,
                by_layer: b_layer,
                argument: b_argument,
            },
        ) => (a.row().order, a_roles, a_layer)
            .cmp(&(b.row().order, b_roles, b_layer))
            .then_with(|| compare(a_argument, b_argument)),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn compare_all(left: &[Node], right: &[Node]) -> Ordering {
    let pairs = left.iter().zip(right);
    pairs
        .map(|(a, b)| compare(a, b))
        .find(|order| order.is_ne())
        .unwrap_or(left.len().cmp(&right.len()))
}

fn rank(node: &Node) -> u8 {
    match node {
        Node::Number(_) => 0,
        Node::Symbol(_) => 1,
        Node::Scalar(_) => 2,
        Node::Apply(..) => 3,
        Node::Aggregate { .. } => 4,
    }
}
