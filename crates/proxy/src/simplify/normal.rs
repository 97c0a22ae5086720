//! Normal forms of sums and products: a constant and terms with coefficients;
//! a coefficient and factors with exponents, above and below the line.

use super::order::compare;
use super::rewrite::rewrite;
use crate::operator::known;
use crate::sign::signs;
use crate::{Domain, Node, OperatorId};

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

/// coefficient * Π above^exponent / Π below^exponent, all exponents positive.
///
/// Factors do not cancel across the line unless they are known to be positive,
/// since x / x is undefined where x is 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Factors {
    pub(super) coefficient: f64,
    above: Vec<(Node, f64)>,
    below: Vec<(Node, f64)>,
}

impl Default for Factors {
    fn default() -> Self {
        Factors {
            coefficient: 1.0,
            above: Vec::new(),
            below: Vec::new(),
        }
    }
}

/// Whether an operator is part of this normal form.
pub(super) fn is_product(operator: OperatorId) -> bool {
    [
        known::MUL,
        known::DIV,
        known::POW,
        known::NEG,
        known::RECIPROCAL,
        known::SQUARE,
        known::SQRT,
    ]
    .contains(&operator)
}

/// Splits a canonical formula into its constant factor and the rest; `None`
/// for a constant.
pub(super) fn split_coefficient(node: &Node) -> (f64, Option<Node>) {
    match node {
        Node::Number(value) => (*value, None),
        Node::Apply(known::NEG, parts) => {
            let (coefficient, rest) = split_coefficient(&parts[0]);
            (-coefficient, rest)
        }
        Node::Apply(known::MUL, parts) => match &parts[..] {
            [Node::Number(value), rest] => (*value, Some(rest.clone())),
            _ => (1.0, Some(node.clone())),
        },
        Node::Apply(known::DIV, parts) => match &parts[..] {
            [Node::Number(value), divisor] if *value != 1.0 => {
                let rest = Node::unary(known::RECIPROCAL, divisor.clone());
                (*value, Some(rest))
            }
            _ => (1.0, Some(node.clone())),
        },
        _ => (1.0, Some(node.clone())),
    }
}

fn is_integer(x: f64) -> bool {
    x.fract() == 0.0
}

fn is_even(x: f64) -> bool {
    x % 2.0 == 0.0
}

fn never_negative(node: &Node) -> bool {
    signs(node).are_in(Domain::NonNegative)
}

impl Factors {
    /// The factors of a formula whose parts are canonical.
    pub(super) fn of(node: &Node) -> Factors {
        let mut factors = Factors::default();
        factors.gather(node, 1.0);
        factors
    }

    /// coefficient * node.
    pub(super) fn scaled(coefficient: f64, node: Node) -> Factors {
        let mut factors = Factors {
            coefficient,
            ..Factors::default()
        };
        factors.gather(&node, 1.0);
        factors
    }

    /// Multiplies by a formula.
    pub(super) fn multiply(&mut self, node: &Node) {
        self.gather(node, 1.0);
    }

    /// Moves factors that satisfy a condition here, keeping at least one there.
    pub(super) fn take_from(&mut self, other: &mut Factors, condition: impl Fn(&Node) -> bool) {
        let mut take = |from: &mut Vec<(Node, f64)>, sign: f64| {
            let (taken, kept) = from.drain(..).partition(|(factor, _)| condition(factor));
            *from = kept;
            let taken: Vec<(Node, f64)> = taken;
            for (factor, exponent) in taken {
                self.push(factor, sign * exponent);
            }
        };
        take(&mut other.above, 1.0);
        take(&mut other.below, -1.0);
    }

    /// Multiplies by node^exponent.
    fn gather(&mut self, node: &Node, exponent: f64) {
        match node {
            Node::Number(value) => {
                let scaled = self.coefficient * value.powf(exponent);
                let lost = scaled == 0.0 && *value != 0.0;
                if scaled.is_finite() && !lost {
                    self.coefficient = scaled;
                } else {
                    self.push(node.clone(), exponent);
                }
            }
            Node::Apply(operator, parts) => {
                let whole = is_integer(exponent);
                let splits = whole || parts.iter().all(never_negative);
                match (*operator, &parts[..]) {
                    (known::NEG, [x]) if whole => {
                        if !is_even(exponent) {
                            self.coefficient = -self.coefficient;
                        }
                        self.gather(x, exponent);
                    }
                    (known::MUL, [a, b]) if splits => {
                        self.gather(a, exponent);
                        self.gather(b, exponent);
                    }
                    // A root of a positive multiple.
                    (known::MUL, [c @ Node::Number(value), x]) if *value > 0.0 => {
                        self.gather(c, exponent);
                        self.push(x.clone(), exponent);
                    }
                    (known::DIV, [a, b]) if splits => {
                        self.gather(a, exponent);
                        self.gather(b, -exponent);
                    }
                    (known::RECIPROCAL, [x]) if splits => self.gather(x, -exponent),
                    (known::SQUARE, [x]) if whole => self.gather(x, 2.0 * exponent),
                    (known::SQUARE, [x]) => {
                        let absolute = rewrite(Node::unary(known::ABS, x.clone()));
                        self.gather(&absolute, 2.0 * exponent);
                    }
                    (known::SQRT, [x]) if exponent == 1.0 || never_negative(x) => {
                        self.gather(x, 0.5 * exponent);
                    }
                    (known::POW, [x, Node::Number(power)])
                        if *power != 0.0
                            && (exponent == 1.0
                                || never_negative(x)
                                || (whole && is_integer(*power))) =>
                    {
                        self.gather(x, power * exponent);
                    }
                    (known::ABS, [x]) if is_even(exponent) => self.gather(x, exponent),
                    _ => self.push(node.clone(), exponent),
                }
            }
            _ => self.push(node.clone(), exponent),
        }
    }

    /// Multiplies by a factor that is not a product itself.
    fn push(&mut self, factor: Node, exponent: f64) {
        let merges =
            |known: f64| never_negative(&factor) || (is_integer(known) && is_integer(exponent));
        let positive = signs(&factor).are_in(Domain::Positive);
        let (same, other) = if exponent > 0.0 {
            (&mut self.above, &mut self.below)
        } else {
            (&mut self.below, &mut self.above)
        };
        let power = exponent.abs();
        if positive
            && let Some(index) = other
                .iter()
                .position(|(known, p)| *known == factor && *p != power)
        {
            if other[index].1 > power {
                other[index].1 -= power;
            } else {
                let rest = power - other.remove(index).1;
                self.push(factor, rest * exponent.signum());
            }
            return;
        }
        match same
            .iter_mut()
            .find(|(known, p)| *known == factor && merges(*p))
        {
            Some((_, known)) => *known += power,
            None => same.push((factor, power)),
        }
    }

    /// The product as a formula.
    pub(super) fn build(self) -> Node {
        let coefficient = self.coefficient;
        let (above, below) = (side(self.above), side(self.below));
        match (above, below) {
            (None, None) => Node::Number(coefficient),
            (Some(above), None) => scale(coefficient, above),
            (Some(above), Some(below)) => {
                scale(coefficient, Node::binary(known::DIV, above, below))
            }
            (None, Some(below)) if coefficient == 1.0 => Node::unary(known::RECIPROCAL, below),
            (None, Some(below)) => Node::binary(known::DIV, Node::Number(coefficient), below),
        }
    }
}

fn scale(coefficient: f64, node: Node) -> Node {
    if coefficient == 1.0 {
        node
    } else if coefficient == -1.0 {
        Node::unary(known::NEG, node)
    } else {
        Node::binary(known::MUL, Node::Number(coefficient), node)
    }
}

/// Factors of one side of the line as a formula.
fn side(mut factors: Vec<(Node, f64)>) -> Option<Node> {
    // |a| * |b| is |a * b|.
    let is_abs =
        |(node, exponent): &(Node, f64)| *exponent == 1.0 && node.operator() == Some(known::ABS);
    if factors.iter().filter(|factor| is_abs(factor)).count() > 1 {
        let (absolute, rest): (Vec<_>, Vec<_>) = factors.into_iter().partition(is_abs);
        factors = rest;
        let inside = absolute.iter().map(|(node, _)| node.children()[0].clone());
        let product = rewrite(chain(known::MUL, inside.collect()));
        factors.push((rewrite(Node::unary(known::ABS, product)), 1.0));
    }
    // Factors with one exponent share it: a^2 * b^2 is (a * b)^2.
    factors.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| compare(&a.0, &b.0)));
    let shares = |exponent: f64, group: &[(Node, f64)]| {
        is_integer(exponent) || group.iter().all(|(node, _)| never_negative(node))
    };
    let mut joined: Vec<Node> = Vec::new();
    for group in factors.chunk_by(|a, b| a.1 == b.1) {
        let exponent = group[0].1;
        let nodes = group.iter().map(|(node, _)| node.clone());
        if exponent != 1.0 && shares(exponent, group) {
            joined.push(power(chain(known::MUL, nodes.collect()), exponent));
        } else {
            joined.extend(nodes.map(|node| power(node, exponent)));
        }
    }
    joined.sort_by(compare);
    (!joined.is_empty()).then(|| chain(known::MUL, joined))
}

fn power(base: Node, exponent: f64) -> Node {
    if exponent == 1.0 {
        base
    } else if exponent == 2.0 {
        Node::unary(known::SQUARE, base)
    } else if exponent == 0.5 {
        Node::unary(known::SQRT, base)
    } else {
        Node::binary(known::POW, base, Node::Number(exponent))
    }
}

/// Operands joined from the left.
pub(super) fn chain(operator: OperatorId, operands: Vec<Node>) -> Node {
    let joined = operands
        .into_iter()
        .reduce(|left, right| Node::binary(operator, left, right));
    joined.unwrap_or(Node::Number(f64::NAN))
}
