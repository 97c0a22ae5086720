//! Which signs a formula can take, from the ranges in the operator table.

use lpzero_trace::Symbol;

use crate::operator::known;
use crate::{Domain, Kind, Node, Operator, Range};

/// A set of signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signs(u8);

impl Signs {
    const NEGATIVE: Signs = Signs(1);
    const ZERO: Signs = Signs(2);
    const POSITIVE: Signs = Signs(4);
    const ANY: Signs = Signs(7);
    const NOT_NEGATIVE: Signs = Signs(6);
    const NOT_POSITIVE: Signs = Signs(3);

    const fn or(self, other: Signs) -> Signs {
        Signs(self.0 | other.0)
    }

    const fn within(self, other: Signs) -> bool {
        self.0 & !other.0 == 0
    }

    fn opposite(self) -> Signs {
        let swap = |from: Signs, to: Signs| if self.0 & from.0 != 0 { to.0 } else { 0 };
        Signs(
            swap(Self::NEGATIVE, Self::POSITIVE)
                | swap(Self::POSITIVE, Self::NEGATIVE)
                | self.0 & Self::ZERO.0,
        )
    }

    fn times(self, other: Signs) -> Signs {
        let mut product = 0;
        if self.0 & Self::ZERO.0 != 0 || other.0 & Self::ZERO.0 != 0 {
            product |= Self::ZERO.0;
        }
        if other.0 & Self::POSITIVE.0 != 0 {
            product |= self.0;
        }
        if other.0 & Self::NEGATIVE.0 != 0 {
            product |= self.opposite().0;
        }
        Signs(product)
    }

    fn of_number(value: f64) -> Signs {
        if value > 0.0 {
            Self::POSITIVE
        } else if value < 0.0 {
            Self::NEGATIVE
        } else if value == 0.0 {
            Self::ZERO
        } else {
            Self::ANY
        }
    }

    /// Whether all values are known to lie in a domain.
    pub(crate) fn are_in(self, domain: Domain) -> bool {
        match domain {
            Domain::All => true,
            Domain::NonNegative => self.within(Self::NOT_NEGATIVE),
            Domain::Positive => self == Self::POSITIVE,
            Domain::NonZero => self.0 & Self::ZERO.0 == 0,
        }
    }

    /// Whether nothing but the edge of a domain can be met: what is never
    /// positive has no logarithm, and a square root only where it is 0.
    pub(crate) fn miss(self, domain: Domain) -> bool {
        match domain {
            Domain::All => false,
            Domain::NonNegative | Domain::Positive => self.within(Self::NOT_POSITIVE),
            Domain::NonZero => self == Self::ZERO,
        }
    }
}

/// The signs that the values of a formula can have, where they are numbers.
pub(crate) fn signs(node: &Node) -> Signs {
    match node {
        Node::Number(value) => Signs::of_number(*value),
        // Counts of a valid architecture are positive; a loss may be anything.
        Node::Scalar(scalar) if scalar.row().needs_pass() => Signs::ANY,
        Node::Scalar(_) => Signs::POSITIVE,
        // A causal mask makes zeros.
        Node::Symbol(Symbol::S) => Signs::NOT_NEGATIVE,
        Node::Symbol(_) => Signs::ANY,
        Node::Apply(operator, arguments) => of_operator(operator.row(), arguments),
        Node::Aggregate {
            operator, argument, ..
        } => {
            let signs = of_operator(operator.row(), std::slice::from_ref(argument));
            // The sum over no sites.
            if *operator == known::SUM {
                signs.or(Signs::ZERO)
            } else {
                signs
            }
        }
    }
}

fn of_operator(row: &Operator, arguments: &[Node]) -> Signs {
    match (row.kind, row.range, arguments) {
        (Kind::Power, _, [base, Node::Number(exponent)]) => {
            let base = signs(base);
            if base == Signs::POSITIVE {
                Signs::POSITIVE
            } else if exponent % 2.0 == 0.0 || base.are_in(Domain::NonNegative) {
                Signs::NOT_NEGATIVE
            } else {
                Signs::ANY
            }
        }
        (_, Range::Any, _) => Signs::ANY,
        (_, Range::NonNegative, _) => Signs::NOT_NEGATIVE,
        (_, Range::NonPositive, _) => Signs::NOT_POSITIVE,
        (_, Range::Positive, _) => Signs::POSITIVE,
        (_, Range::Opposite, [argument, ..]) => signs(argument).opposite(),
        (_, Range::Product, [left, right]) => signs(left).times(signs(right)),
        (_, Range::Argument, _) => {
            let all = arguments.iter().map(signs).fold(Signs(0), Signs::or);
            let mixed = Signs::NEGATIVE.or(Signs::POSITIVE);
            // What has both signs may add up to zero.
            if mixed.within(all) { Signs::ANY } else { all }
        }
        _ => Signs::ANY,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::parse_expression;

    #[test]
    fn signs_follow_from_the_table() {
        for (source, expected) in [
            ("W", Signs::ANY),
            ("abs(W)", Signs::NOT_NEGATIVE),
            ("-abs(W)", Signs::NOT_POSITIVE),
            ("exp(W) * layers", Signs::POSITIVE),
            ("mean(sigmoid(W))", Signs::POSITIVE),
            ("sum(l2(W))", Signs::NOT_NEGATIVE),
            ("abs(W) * -2", Signs::NOT_POSITIVE),
            ("square(W) + abs(G)", Signs::NOT_NEGATIVE),
            ("square(W) + -abs(G)", Signs::ANY),
            ("layers ^ -0.5", Signs::POSITIVE),
            ("W ^ 4", Signs::NOT_NEGATIVE),
            ("1 / abs(W)", Signs::NOT_NEGATIVE),
        ] {
            let node = parse_expression(source).unwrap();
            assert_eq!(signs(&node), expected, "{source}");
        }
    }
}
