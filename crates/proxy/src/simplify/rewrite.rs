//! Rules of algebra for one operator over canonical parts.

use super::normal::{Factors, Terms, chain, is_product};
use super::order::compare;
use crate::operator::known;
use crate::sign::signs;
use crate::types::is_disconnected;
use crate::{Domain, Kernel, Kind, Node, OperatorId, Parity, RoleSet, Type, type_of};

/// Simplifies the outermost operator over canonical parts.
pub(super) fn rewrite(node: Node) -> Node {
    match &node {
        Node::Apply(operator, arguments) => {
            if let Some(folded) = fold(*operator, arguments) {
                return folded;
            }
            match &arguments[..] {
                [argument] => unary(*operator, argument, &node),
                [..] => binary(*operator, arguments, &node),
            }
        }
        Node::Aggregate {
            operator,
            roles: Some(RoleSet::DEFAULT),
            by_layer,
            argument,
        } => rewrite(Node::Aggregate {
            operator: *operator,
            roles: None,
            by_layer: *by_layer,
            argument: argument.clone(),
        }),
        Node::Aggregate {
            operator, argument, ..
        } => collect(*operator, argument, &node).unwrap_or(node),
        _ => node,
    }
}

/// The value of an operator over constants, if it is finite.
fn fold(operator: OperatorId, arguments: &[Node]) -> Option<Node> {
    let number = |node: &Node| match node {
        Node::Number(value) => Some(*value),
        _ => None,
    };
    let value = match (operator.row().kernel, arguments) {
        (Kernel::Elementwise { scalar, .. }, [x]) => scalar(number(x)?),
        (Kernel::Binary { scalar, .. }, [a, b]) => scalar(number(a)?, number(b)?),
        _ => return None,
    };
    // Adding zero turns -0 into 0, which prints and orders like it.
    value.is_finite().then_some(Node::Number(value + 0.0))
}

fn unary(operator: OperatorId, argument: &Node, node: &Node) -> Node {
    let row = operator.row();
    let inner = argument.operator();
    let below = || argument.children()[0].clone();
    if operator == known::NO_OP || (row.idempotent && inner == Some(operator)) {
        return argument.clone();
    }
    if let (Some(inverse), Node::Apply(inner, parts)) = (row.inverse_of, argument)
        && inner.row().name == inverse
        && parts.len() == 1
        && (*inner == operator || signs(&parts[0]).are_in(inner.row().domain))
    {
        return parts[0].clone();
    }
    if row.parity == Parity::Even {
        // Only the absolute value of the argument matters, number by number or
        // in a norm (but not in a standard deviation).
        let by_number = row.kind == Kind::Elementwise || operator == known::R_L1;
        if inner == Some(known::ABS) && (by_number || operator == known::R_L2) {
            return rewrite(Node::unary(operator, below()));
        }
        // Of a sum and its negative, the one whose first term counts positively.
        let terms = Terms::of(argument);
        if terms.leads_negative() {
            return rewrite(Node::unary(operator, terms.negated().build()));
        }
    }
    let never_negative = || signs(argument).are_in(Domain::NonNegative);
    match operator {
        known::ABS | known::RELU if never_negative() => return argument.clone(),
        known::R_L1 if never_negative() => {
            return rewrite(Node::unary(known::R_MEAN, argument.clone()));
        }
        known::R_MEAN if inner == Some(known::ABS) => {
            return rewrite(Node::unary(known::R_L1, below()));
        }
        known::SQRT if inner == Some(known::R_SUM) => {
            if let Node::Apply(known::SQUARE, parts) = &argument.children()[0] {
                return Node::unary(known::R_L2, parts[0].clone());
            }
        }
        known::SQUARE if inner == Some(known::R_L2) => {
            let squares = rewrite(Node::unary(known::SQUARE, below()));
            return rewrite(Node::unary(known::R_SUM, squares));
        }
        _ => {}
    }
    if is_product(operator) {
        return Factors::of(node).build();
    }
    collect(operator, argument, node).unwrap_or_else(|| node.clone())
}

fn binary(operator: OperatorId, arguments: &[Node], node: &Node) -> Node {
    let row = operator.row();
    match operator {
        known::ADD | known::SUB => Terms::of(node).build(),
        _ if is_product(operator) => Factors::of(node).build(),
        _ if row.kind == Kind::Binary && row.commutative && row.associative => {
            let mut operands = Vec::new();
            flatten(operator, node, &mut operands);
            operands.sort_by(compare);
            if row.idempotent {
                operands.dedup();
            }
            chain(operator, operands)
        }
        _ if row.commutative && compare(&arguments[0], &arguments[1]).is_gt() => {
            Node::binary(operator, arguments[1].clone(), arguments[0].clone())
        }
        _ => node.clone(),
    }
}

fn flatten(operator: OperatorId, node: &Node, operands: &mut Vec<Node>) {
    match node {
        Node::Apply(own, arguments) if *own == operator => {
            for argument in arguments {
                flatten(operator, argument, operands);
            }
        }
        _ => operands.push(node.clone()),
    }
}

/// Moves factors out of a homogeneous operator: constants out of any, other
/// numbers out of linear reductions and aggregates.
fn collect(operator: OperatorId, argument: &Node, node: &Node) -> Option<Node> {
    let row = operator.row();
    if !row.homogeneous || is_disconnected(node) {
        return None;
    }
    let linear = row.parity == Parity::Odd && row.kind != Kind::Elementwise;
    let mut inside = Factors::of(argument);
    let mut outside = Factors::default();
    let coefficient = inside.coefficient;
    let mut operator = operator;
    if coefficient != 0.0 && coefficient != 1.0 {
        let out = match row.parity {
            Parity::Odd => coefficient,
            Parity::Even => coefficient.abs(),
            Parity::None if coefficient > 0.0 => coefficient,
            Parity::None => {
                operator = mirror(operator)?;
                coefficient
            }
        };
        inside.coefficient = 1.0;
        outside.coefficient = out;
    }
    if linear {
        let target = if row.kind == Kind::Aggregator {
            Type::Network
        } else {
            Type::Site
        };
        let of = type_of(argument).ok()?;
        outside.take_from(&mut inside, |factor| {
            type_of(factor).is_ok_and(|factor| factor >= target && factor > of)
        });
    }
    if outside == Factors::default() {
        return None;
    }
    let parts = vec![inside.build()];
    let reduced = match node {
        Node::Aggregate {
            roles, by_layer, ..
        } => Node::Aggregate {
            operator,
            roles: *roles,
            by_layer: *by_layer,
            argument: Box::new(parts.into_iter().next()?),
        },
        _ => Node::Apply(operator, parts),
    };
    outside.multiply(&rewrite(reduced));
    Some(outside.build())
}

/// The operator g with f(-x) = -g(x).
fn mirror(operator: OperatorId) -> Option<OperatorId> {
    match operator {
        known::R_MIN => Some(known::R_MAX),
        known::R_MAX => Some(known::R_MIN),
        known::MIN => Some(known::MAX),
        known::MAX => Some(known::MIN),
        _ => None,
    }
}
