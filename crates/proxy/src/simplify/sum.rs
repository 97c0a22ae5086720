//! Sums in normal form: a constant and terms with coefficients.

use super::order::compare;
use super::product::{Factors, split_coefficient};
use crate::Node;
use crate::operator::known;

/// constant + Σ coefficient * term.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) constant: f64,
    pub(super) terms: Vec<(f64, Node)>,
}

impl Terms {
    /// The terms of a formula whose parts are canonical.
    pub(super) fn of(node: &Node) -> Terms {
        let mut terms = Terms {
            constant: 0.0,
            terms: Vec::new(),
        };
        terms.add(node, 1.0);
        terms
    }

    fn add(&mut self, node: &Node, sign: f64) {
        match node {
            Node::Number(value) if (self.constant + sign * value).is_finite() => {
                self.constant += sign * value;
            }
            Node::Apply(known::ADD, parts) => {
                self.add(&parts[0], sign);
                self.add(&parts[1], sign);
            }
            Node::Apply(known::SUB, parts) => {
                self.add(&parts[0], sign);
                self.add(&parts[1], -sign);
            }
            _ => match split_coefficient(node) {
                (coefficient, Some(term)) => self.insert(sign * coefficient, term),
                (_, None) => self.insert(sign, node.clone()),
            },
        }
    }

    fn insert(&mut self, coefficient: f64, term: Node) {
        // A negated sum is a sum of negated terms.
        if coefficient.abs() == 1.0
            && let Node::Apply(known::ADD | known::SUB, _) = term
        {
            return self.add(&term, coefficient);
        }
        match self.terms.iter_mut().find(|(_, known)| *known == term) {
            // What cancels stays as 0 * x, which is undefined where x is.
            Some((known, _)) if (*known + coefficient).is_finite() => *known += coefficient,
            _ => self.terms.push((coefficient, term)),
        }
    }

    /// Whether the first of the terms in their order is subtracted.
    pub(super) fn leads_negative(&self) -> bool {
        let first = self.terms.iter().min_by(|a, b| compare(&a.1, &b.1));
        first.is_some_and(|(coefficient, _)| *coefficient < 0.0)
    }

    /// The negative of the sum.
    pub(super) fn negated(mut self) -> Terms {
        self.constant = -self.constant;
        for (coefficient, _) in &mut self.terms {
            *coefficient = -*coefficient;
        }
        self
    }

    /// The sum as a formula: positive terms in order, then what is subtracted,
    /// then the constant.
    pub(super) fn build(mut self) -> Node {
        self.terms.sort_by(|a, b| {
            let negative = (a.0 < 0.0).cmp(&(b.0 < 0.0));
            negative.then_with(|| compare(&a.1, &b.1))
        });
        let mut terms = self.terms.into_iter();
        let Some((coefficient, first)) = terms.next() else {
            return Node::Number(self.constant);
        };
        let mut sum = Factors::scaled(coefficient, first).build();
        for (coefficient, term) in terms {
            let scaled = Factors::scaled(coefficient.abs(), term).build();
            let operator = if coefficient < 0.0 {
                known::SUB
            } else {
                known::ADD
            };
            sum = Node::binary(operator, sum, scaled);
        }
        if self.constant > 0.0 {
            Node::binary(known::ADD, sum, Node::Number(self.constant))
        } else if self.constant < 0.0 {
            Node::binary(known::SUB, sum, Node::Number(-self.constant))
        } else {
            sum
        }
    }
}
