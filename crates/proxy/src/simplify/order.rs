//! The order in which operands of commutative operators stand. Operators go by
//! the key that their row declares, wherever in the table it stands.

use std::cmp::Ordering;

use crate::{Node, OperatorId};

/// A total order on formulas: leaves before operators, then by content.
pub(crate) fn compare(a: &Node, b: &Node) -> Ordering {
    compare_by(|operator| operator.row().order, a, b)
}

/// The order that keys of operators give.
fn compare_by(key: fn(OperatorId) -> u16, a: &Node, b: &Node) -> Ordering {
    match (a, b) {
        (Node::Number(a), Node::Number(b)) => a.total_cmp(b),
        (Node::Scalar(a), Node::Scalar(b)) => a.cmp(b),
        (Node::Symbol(a), Node::Symbol(b)) => a.cmp(b),
        (Node::Apply(a, left), Node::Apply(b, right)) => {
            let operators = key(*a).cmp(&key(*b));
            operators.then_with(|| compare_all(key, left, right))
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
        ) => (key(*a), a_roles, a_layer)
            .cmp(&(key(*b), b_roles, b_layer))
            .then_with(|| compare_by(key, a_argument, b_argument)),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn compare_all(key: fn(OperatorId) -> u16, left: &[Node], right: &[Node]) -> Ordering {
    let pairs = left.iter().zip(right);
    pairs
        .map(|(a, b)| compare_by(key, a, b))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Kind, parse_expression, simplify};

    #[test]
    fn the_key_alone_orders_operators_wherever_their_rows_stand() {
        // Were the rows moved, their keys would stay: keys that run against the
        // rows turn every comparison of operators round.
        let against: fn(OperatorId) -> u16 = |operator| u16::MAX - operator.row().order;
        let inner = parse_expression("l2(W)").unwrap();
        let over = |operator: OperatorId| match operator.row().kind {
            Kind::Aggregator => Node::aggregate(operator, None, inner.clone()),
            _ => Node::Apply(operator, vec![inner.clone(); operator.row().arity()]),
        };
        for a in OperatorId::all() {
            for b in OperatorId::all() {
                let alike =
                    (a.row().kind == Kind::Aggregator) == (b.row().kind == Kind::Aggregator);
                let [left, right] = [over(a), over(b)];
                let declared = a.row().order.cmp(&b.row().order);
                if alike {
                    assert_eq!(compare(&left, &right), declared);
                    assert_eq!(compare_by(against, &left, &right), declared.reverse());
                } else {
                    assert_eq!(compare(&left, &right), compare_by(against, &left, &right));
                }
            }
        }
    }

    #[test]
    fn keys_are_those_of_the_forms_that_journals_hold() {
        for (source, form) in [
            (
                "spectral_norm(W) + nuclear(W) + l2(W) + l1(W) + max(W) + min(W) + std(W) + sum(W) + mean(W)",
                "mean(W) + sum(W) + std(W) + min(W) + max(W) + l1(W) + l2(W) + nuclear(W) + spectral_norm(W)",
            ),
            (
                "mean(G) * mean(W) + nuclear(W)",
                "nuclear(W) + mean(W) * mean(G)",
            ),
            (
                "cbrt(W) + tanh(W) + sigmoid(W) + relu(W) + exp(W) + abs(W) + abslog(W) + log(W)",
                "log(W) + abslog(W) + abs(W) + exp(W) + relu(W) + sigmoid(W) + tanh(W) + cbrt(W)",
            ),
            (
                "first(l2(W)) + last(l2(W)) + std(l2(W)) + min(l2(W)) + max(l2(W)) + mean(l2(W)) + sum(l2(W))",
                "sum(l2(W)) + mean(l2(W)) + max(l2(W)) + min(l2(W)) + std(l2(W)) + last(l2(W)) + first(l2(W))",
            ),
        ] {
            let node = parse_expression(source).unwrap();
            assert_eq!(simplify(&node).to_string(), form);
        }
    }
}
