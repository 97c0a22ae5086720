//! Identity of formulas: equality, hashing and interned ids.
//!
//! Two formulas are equal if they are the same tree. Constants are compared by
//! their bits, so `-0` differs from `0`; every NaN is one constant. Formulas
//! that [type-check](crate::type_of) are equal exactly if their texts are.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::mem::discriminant;

use crate::Node;

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Node::Number(a), Node::Number(b)) => bits(*a) == bits(*b),
            (Node::Scalar(a), Node::Scalar(b)) => a == b,
            (Node::Symbol(a), Node::Symbol(b)) => a == b,
            (Node::Apply(a, left), Node::Apply(b, right)) => a == b && left == right,
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
            ) => (a, a_roles, a_layer, a_argument) == (b, b_roles, b_layer, b_argument),
            _ => false,
        }
    }
}

impl Eq for Node {}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        discriminant(self).hash(state);
        match self {
            Node::Number(value) => bits(*value).hash(state),
            Node::Scalar(scalar) => scalar.hash(state),
            Node::Symbol(symbol) => symbol.hash(state),
            Node::Apply(operator, arguments) => (operator, arguments).hash(state),
            Node::Aggregate {
                operator,
                roles,
                by_layer,
                argument,
            } => (operator, roles, by_layer, argument).hash(state),
        }
    }
}

/// The identity of a constant.
fn bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}

/// A formula among those of one [`Interner`]: equal ids, equal formulas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FormulaId(u32);

impl FormulaId {
    /// Number of formulas that were interned before this one.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Ids of formulas, given out from 0 in the order in which they are met.
///
/// ```
/// use lpzero_proxy::{Interner, parse};
///
/// let mut formulas = Interner::default();
/// let width = formulas.intern(&parse("width")?);
/// assert_ne!(formulas.intern(&parse("layers")?), width);
/// assert_eq!(formulas.intern(&parse("(width)")?), width);
/// assert_eq!(formulas.len(), 2);
/// # Ok::<(), lpzero_proxy::ParseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Interner {
    ids: HashMap<Node, FormulaId>,
}

impl Interner {
    /// The id of a formula, a new one if it was not met before.
    ///
    /// # Panics
    /// After 2^32 formulas, which no memory holds.
    pub fn intern(&mut self, formula: &Node) -> FormulaId {
        if let Some(id) = self.get(formula) {
            return id;
        }
        let id = FormulaId(u32::try_from(self.ids.len()).unwrap_or_else(|_| unreachable!()));
        self.ids.insert(formula.clone(), id);
        id
    }

    /// Interns a formula. Returns whether it is new.
    pub fn insert(&mut self, formula: &Node) -> bool {
        let before = self.len();
        self.intern(formula).index() == before
    }

    /// The id of a formula that was met before.
    pub fn get(&self, formula: &Node) -> Option<FormulaId> {
        self.ids.get(formula).copied()
    }

    /// Number of formulas.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether no formula was met yet.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_told_apart_by_their_bits_and_nan_is_one() {
        let mut formulas = Interner::default();
        let quiet = f64::from_bits(f64::NAN.to_bits() ^ (1 << 63) ^ 1);
        let ids = [0.0, -0.0, f64::NAN, quiet, 0.0].map(|x| formulas.intern(&Node::Number(x)));
        assert_eq!(ids.map(FormulaId::index), [0, 1, 2, 2, 0]);
    }
}
