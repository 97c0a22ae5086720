//! The type checker.
//!
//! Types form a lattice, from one value to many: a constant, one number per
//! architecture, one per layer or one per site, a tensor of a shape class at
//! every site. Binary operators broadcast the side with fewer values; layers
//! do not broadcast to sites, nor one class of tensors to another.

use std::fmt;

use crate::operator::known;
use crate::{Class, Kind, Node, OperatorId, RoleSet, Type};

/// Why a formula has no type. Every message names what was found and what the
/// operator accepts.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TypeError {
    /// Two operands that do not broadcast.
    #[error("`{operator}` cannot combine {left} with {right}")]
    Mismatch {
        /// The operator as written.
        operator: &'static str,
        /// Type on the left.
        left: Type,
        /// Type on the right.
        right: Type,
    },
    /// An argument that the operator does not take.
    #[error("`{operator}` takes {expected}, but its argument is {found}")]
    Argument {
        /// The operator as written.
        operator: &'static str,
        /// Words for what it takes.
        expected: &'static str,
        /// Type that it was given.
        found: Type,
    },
    /// A reduction that is only known for whole symbols.
    #[error(
        "`{operator}` takes a bare symbol such as A, not an expression over one, since it is not read from a sample"
    )]
    BareSymbol {
        /// The operator as written.
        operator: &'static str,
    },
    /// An exponent that is not constant.
    #[error("the exponent of `^` must be a constant, but it is {found}")]
    Exponent {
        /// Type of the exponent.
        found: Type,
    },
    /// A role filter on layers, which have no role.
    #[error(
        "`{operator}` aggregates layers here, which a filter or `by layer` cannot apply to; put it on the inner aggregate"
    )]
    FilteredLayers {
        /// The aggregator.
        operator: &'static str,
    },
    /// An operator with too few or too many arguments.
    #[error("`{operator}` takes {expected} argument(s), not {found}")]
    Arity {
        /// The operator as written.
        operator: &'static str,
        /// How many it takes.
        expected: usize,
        /// How many it was given.
        found: usize,
    },
    /// A whole formula that is not a score.
    #[error("a proxy must be one number per architecture, but this formula is {found}")]
    NotAScore {
        /// Type of the formula.
        found: Type,
    },
}

impl TypeError {
    /// Which argument is at fault, if it is one of them rather than their combination.
    pub(crate) fn culprit(&self) -> Option<usize> {
        match self {
            TypeError::Argument { .. } | TypeError::BareSymbol { .. } => Some(0),
            TypeError::Exponent { .. } => Some(1),
            _ => None,
        }
    }
}

/// The type of a formula, checked from the leaves up.
///
/// ```
/// use lpzero_proxy::{Type, parse_expression, type_of};
///
/// let saliency = parse_expression("mean(abs(W * G))").unwrap();
/// assert_eq!(type_of(&saliency), Ok(Type::Site));
/// ```
pub fn type_of(node: &Node) -> Result<Type, TypeError> {
    match node {
        Node::Number(_) => Ok(Type::Number),
        Node::Scalar(_) => Ok(Type::Network),
        Node::Symbol(symbol) => Ok(Type::Tensor(Class::of(*symbol))),
        Node::Apply(operator, arguments) => {
            let types = arguments
                .iter()
                .map(type_of)
                .collect::<Result<Vec<_>, _>>()?;
            apply_type(*operator, arguments, &types)
        }
        Node::Aggregate {
            operator,
            roles,
            by_layer,
            argument,
        } => aggregate_type(*operator, *roles, *by_layer, type_of(argument)?),
    }
}

/// Checks that a formula is a score: well-typed, one number per architecture
/// (or constant).
pub fn check_score(node: &Node) -> Result<(), TypeError> {
    match type_of(node)? {
        Type::Network | Type::Number => Ok(()),
        found => Err(TypeError::NotAScore { found }),
    }
}

/// The type of an operator over arguments of these types.
pub(crate) fn apply_type(
    operator: OperatorId,
    arguments: &[Node],
    types: &[Type],
) -> Result<Type, TypeError> {
    let row = operator.row();
    let wrong = |expected| TypeError::Argument {
        operator: row.sign(),
        expected,
        found: types[0],
    };
    if types.len() != row.arity() {
        return Err(TypeError::Arity {
            operator: row.sign(),
            expected: row.arity(),
            found: types.len(),
        });
    }
    match (row.kind, types[0]) {
        (Kind::Elementwise | Kind::Disconnect, any) => Ok(any),
        (Kind::Tensorwise, Type::Tensor(class)) => Ok(Type::Tensor(class)),
        (Kind::Tensorwise, _) => Err(wrong("a tensor")),
        (Kind::Fibre, Type::Tensor(class)) if class != Class::Product => Ok(Type::Tensor(class)),
        (Kind::Fibre, _) => Err(wrong("a tensor that is not a matrix product")),
        (Kind::Reduction | Kind::Decomposition, Type::Tensor(_)) => Ok(Type::Site),
        (Kind::Reduction | Kind::Decomposition, _) => Err(wrong("a tensor")),
        (Kind::SymbolReduction, Type::Tensor(_)) => match arguments[0] {
            Node::Symbol(_) => Ok(Type::Site),
            _ => Err(TypeError::BareSymbol {
                operator: row.sign(),
            }),
        },
        (Kind::SymbolReduction, _) => Err(wrong("a symbol")),
        (Kind::Aggregator, _) => Err(wrong("sites or layers, as an aggregate")),
        (Kind::Power, base) if types[1] == Type::Number => Ok(base),
        (Kind::Power, _) => Err(TypeError::Exponent { found: types[1] }),
        (Kind::Binary, left) => match connected(arguments) {
            Some(index) => Ok(types[index]),
            None => broadcast(left, types[1]).ok_or(TypeError::Mismatch {
                operator: row.sign(),
                left,
                right: types[1],
            }),
        },
        (Kind::Product, left) => match connected(arguments) {
            Some(index) => Ok(types[index]),
            None => match (left, types[1]) {
                (Type::Tensor(a), Type::Tensor(b)) if a == b && a != Class::Product => {
                    Ok(Type::Tensor(Class::Product))
                }
                (left, right) => Err(TypeError::Mismatch {
                    operator: row.sign(),
                    left,
                    right,
                }),
            },
        },
    }
}

/// The type of an aggregate over an argument of this type.
pub(crate) fn aggregate_type(
    operator: OperatorId,
    roles: Option<RoleSet>,
    by_layer: bool,
    argument: Type,
) -> Result<Type, TypeError> {
    let row = operator.row();
    let wrong = |expected, found| TypeError::Argument {
        operator: row.sign(),
        expected,
        found,
    };
    match argument {
        _ if row.kind != Kind::Aggregator => Err(wrong("a tensor", argument)),
        Type::Site if by_layer => Ok(Type::Layer),
        Type::Site => Ok(Type::Network),
        Type::Layer if roles.is_some() || by_layer => Err(TypeError::FilteredLayers {
            operator: row.sign(),
        }),
        Type::Layer => Ok(Type::Network),
        found => Err(wrong("one number per site or per layer", found)),
    }
}

/// The type of two operands of a binary operator together.
fn broadcast(left: Type, right: Type) -> Option<Type> {
    match (left, right) {
        (Type::Site, Type::Layer) | (Type::Layer, Type::Site) => None,
        (Type::Tensor(_), Type::Layer) | (Type::Layer, Type::Tensor(_)) => None,
        (Type::Tensor(a), Type::Tensor(b)) if a != b => None,
        // Types are ordered from many values to one.
        (left, right) => Some(left.min(right)),
    }
}

/// Which of two operands remains where the other one is disconnected; `None`
/// where both are connected.
pub(crate) fn connected(operands: &[Node]) -> Option<usize> {
    match operands {
        [_, right] if is_disconnected(right) => Some(0),
        [left, _] if is_disconnected(left) => Some(1),
        _ => None,
    }
}

/// Whether a branch leads nowhere: all of it hangs on `disconnect`.
pub(crate) fn is_disconnected(node: &Node) -> bool {
    match node {
        Node::Number(_) | Node::Scalar(_) | Node::Symbol(_) => false,
        Node::Apply(operator, _) if *operator == known::DISCONNECT => true,
        Node::Apply(operator, arguments) if operator.row().kind == Kind::Power => {
            is_disconnected(&arguments[0])
        }
        Node::Apply(_, arguments) => arguments.iter().all(is_disconnected),
        Node::Aggregate { argument, .. } => is_disconnected(argument),
    }
}

/// The formula without its disconnected branches; `None` if nothing is left.
///
/// ```
/// use lpzero_proxy::{parse, without_disconnected};
///
/// let formula = parse("sum(l2(W) + disconnect(l2(G)))").unwrap();
/// assert_eq!(without_disconnected(&formula), parse("sum(l2(W))").ok());
/// ```
pub fn without_disconnected(node: &Node) -> Option<Node> {
    if is_disconnected(node) {
        return None;
    }
    if let Some(index) = connected(node.children()) {
        return without_disconnected(&node.children()[index]);
    }
    let children = node.children().iter().map(without_disconnected);
    Some(node.with_children(children.collect::<Option<Vec<_>>>()?))
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Tensor(class) => write!(f, "a tensor of {class}"),
            Type::Site => f.write_str("one number per site"),
            Type::Layer => f.write_str("one number per layer"),
            Type::Network => f.write_str("one number per architecture"),
            Type::Number => f.write_str("a constant"),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Parameter => "parameters (W, G)",
            Class::Input => "inputs (X)",
            Class::Output => "outputs (A, D, H, J)",
            Class::Attention => "attention probabilities (S)",
            Class::Jacobian => "Jacobians (Jr)",
            Class::Product => "a matrix product",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::Symbol;

    fn reduce(symbol: Symbol) -> Node {
        Node::unary(known::R_MEAN, Node::Symbol(symbol))
    }

    #[test]
    fn a_scalar_is_broadcast_to_sites_and_tensors() {
        let site = Node::binary(known::MUL, Node::Number(2.0), reduce(Symbol::W));
        assert_eq!(type_of(&site), Ok(Type::Site));
        let tensor = Node::binary(known::DIV, Node::Symbol(Symbol::S), site);
        assert_eq!(type_of(&tensor), Ok(Type::Tensor(Class::Attention)));
    }

    #[test]
    fn tensors_of_two_classes_do_not_combine() {
        let sum = Node::binary(known::ADD, Node::Symbol(Symbol::W), Node::Symbol(Symbol::A));
        assert_eq!(
            type_of(&sum).unwrap_err().to_string(),
            "`+` cannot combine a tensor of parameters (W, G) with a tensor of outputs (A, D, H, J)"
        );
    }

    #[test]
    fn layers_do_not_combine_with_sites() {
        let layers = Node::Aggregate {
            operator: known::SUM,
            roles: None,
            by_layer: true,
            argument: Box::new(reduce(Symbol::A)),
        };
        assert_eq!(type_of(&layers), Ok(Type::Layer));
        let mixed = Node::binary(known::ADD, layers.clone(), reduce(Symbol::A));
        assert_eq!(
            type_of(&mixed).unwrap_err().to_string(),
            "`+` cannot combine one number per layer with one number per site"
        );
        assert_eq!(
            type_of(&Node::aggregate(known::MEAN, None, layers)),
            Ok(Type::Network)
        );
    }

    #[test]
    fn a_matrix_product_is_a_class_of_its_own() {
        let gram = Node::binary(
            known::MATMUL,
            Node::Symbol(Symbol::W),
            Node::Symbol(Symbol::G),
        );
        assert_eq!(type_of(&gram), Ok(Type::Tensor(Class::Product)));
        let again = Node::binary(known::MATMUL, gram.clone(), gram);
        assert!(type_of(&again).is_err());
    }

    #[test]
    fn a_disconnected_operand_leaves_the_type_of_the_other() {
        let dropped = Node::unary(known::DISCONNECT, Node::Symbol(Symbol::W));
        let sum = Node::binary(known::ADD, reduce(Symbol::A), dropped);
        assert_eq!(type_of(&sum), Ok(Type::Site));
    }
}
