//! How a score answers to the unit of synaptic flow.
//!
//! Synaptic flow grows beyond double precision in networks of some ten blocks. So its
//! gradients come in units of a power of two, and what a formula makes of them is turned
//! into what it would have made of the gradients themselves.

use lpzero_trace::Symbol;

use crate::operator::known;
use crate::{Node, OperatorId};

/// Answer of a formula f to gradients of synaptic flow that are c times as large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Answer {
    /// c^d f.
    Power(f64),
    /// f + d log(c).
    Logarithm(f64),
}

impl Answer {
    /// The answer of a formula, where it has one of these forms.
    pub(super) fn of(node: &Node) -> Option<Answer> {
        use Answer::{Logarithm, Power};
        let parts: Option<Vec<Answer>> = node.children().iter().map(Answer::of).collect();
        let unmoved = |parts: &[Answer]| parts.iter().all(|part| *part == Power(0.0));
        Some(match (node, &parts?[..]) {
            (Node::Symbol(Symbol::Gf), _) => Power(1.0),
            (_, parts) if unmoved(parts) => Power(0.0),
            (_, [Power(d)]) => {
                let operator = node.operator()?;
                match operator {
                    known::LOG => Logarithm(*d),
                    known::SQUARE => Power(2.0 * d),
                    known::SQRT => Power(0.5 * d),
                    _ if operator.row().homogeneous => Power(*d),
                    _ => return None,
                }
            }
            (_, [left, right]) => match (node.operator()?, *left, *right) {
                (known::MUL, Power(a), Power(b)) => Power(a + b),
                (known::DIV, Power(a), Power(b)) => Power(a - b),
                (operator, Power(a), Power(b)) if a == b && is_sum(operator) => Power(a),
                (operator, Logarithm(d), Power(0.0)) if is_sum(operator) => Logarithm(d),
                (known::ADD, Power(0.0), Logarithm(d)) => Logarithm(d),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// The score in units of 1, given that in units of 2 to this power.
    pub(super) fn in_units_of_one(self, score: f64, exponent: f64) -> f64 {
        match self {
            Answer::Power(0.0) => score,
            Answer::Power(d) => score * (d * exponent).exp2(),
            Answer::Logarithm(d) => score + d * exponent * std::f64::consts::LN_2,
        }
    }
}

fn is_sum(operator: OperatorId) -> bool {
    matches!(operator, known::ADD | known::SUB)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Answer::{self, Logarithm, Power};
    use crate::parse;

    #[test]
    fn the_answer_of_a_formula_follows_from_its_operators() {
        for (formula, answer) in [
            ("sum(sum(abs(W * Gf)))", Some(Power(1.0))),
            (
                "log(sum(sum(abs(W * Gf)))) - log(params)",
                Some(Logarithm(1.0)),
            ),
            ("mean(l2(Gf)) / max(l2(Gf))", Some(Power(0.0))),
            ("sum(sum(square(Gf))) * params", Some(Power(2.0))),
            ("sum(sum(abs(W) * Lf))", Some(Power(0.0))),
            ("sum(log(sum(abs(Gf))))", None),
            ("sum(sum(exp(Gf)))", None),
            ("log(layers + sum(sum(abs(Gf))))", None),
        ] {
            assert_eq!(Answer::of(&parse(formula).unwrap()), answer, "{formula}");
        }
    }

    #[test]
    fn scores_are_told_in_units_of_one() {
        assert_eq!(Power(2.0).in_units_of_one(3.0, 4.0), 768.0);
        let logarithm = Logarithm(1.0).in_units_of_one(0.5f64.ln(), 1e6);
        assert!((logarithm - 999_999.0 * 2f64.ln()).abs() < 1e-6);
    }
}
