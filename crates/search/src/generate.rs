//! Typed random formulas, drawn over the operator table.

use lpzero_proxy::{
    Class, Kind, Node, OperatorId, ROLE_GROUPS, Role, RoleSet, Type, known, type_of,
};
use rand::Rng;

use crate::paper::Tree;
use crate::{Error, Vocabulary};

/// Exponents that formulas start with; search refines them.
pub const EXPONENTS: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 3.0];

/// Which formulas are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grammar {
    /// Arithmetic over aggregates and network scalars, products of powers first.
    #[default]
    Aggregates,
    /// The space of LPZero (Dong et al. 2024, section 3.1): two symbols, so
    /// many unary operations on each, one binary operation, the mean over all
    /// sites.
    Paper {
        /// Unary operations per branch; the paper's default is 2.
        unary: usize,
    },
}

/// Relative frequencies of arithmetic between the terms of a formula. Products
/// of powers rank unlike quantities without a common unit; sums need one.
const ARITHMETIC: [(OperatorId, f64); 4] = [
    (known::MUL, 0.55),
    (known::DIV, 0.30),
    (known::ADD, 0.10),
    (known::SUB, 0.05),
];

/// How many terms a formula has, with relative frequencies.
const TERMS: [(usize, f64); 4] = [(1, 0.35), (2, 0.40), (3, 0.20), (4, 0.05)];

/// How many elementwise operations follow a symbol, with relative frequencies.
const CHAIN: [(usize, f64); 4] = [(0, 0.35), (1, 0.40), (2, 0.20), (3, 0.05)];

/// Draws formulas and parts of formulas.
#[derive(Clone, Debug)]
pub struct Generator<'a> {
    vocabulary: &'a Vocabulary,
    grammar: Grammar,
    /// Operators of the table that may be drawn, with their weights.
    operators: Vec<(OperatorId, f64)>,
}

impl<'a> Generator<'a> {
    /// A generator over a vocabulary.
    ///
    /// # Errors
    /// When there is nothing to write a formula with, or, for the paper's
    /// grammar, no symbol.
    pub fn new(vocabulary: &'a Vocabulary, grammar: Grammar) -> Result<Self, Error> {
        let paper = grammar != Grammar::Aggregates;
        if vocabulary.is_empty() || (paper && vocabulary.symbols().is_empty()) {
            return Err(Error::EmptyVocabulary);
        }
        let drawn = |id: &OperatorId| {
            let row = id.row();
            if paper {
                row.paper
            } else {
                // What leaves its argument alone, or drops it, only makes
                // longer names for shorter formulas.
                *id != known::NO_OP && row.kind != Kind::Disconnect
            }
        };
        let operators = OperatorId::all()
            .filter(drawn)
            .map(|id| (id, id.row().weight))
            .collect();
        Ok(Self {
            vocabulary,
            grammar,
            operators,
        })
    }

    /// The vocabulary that formulas are written in.
    pub fn vocabulary(&self) -> &Vocabulary {
        self.vocabulary
    }

    /// Operators of the table that may be drawn, with their weights.
    pub(crate) fn operators(&self) -> &[(OperatorId, f64)] {
        &self.operators
    }

    /// A whole formula: one number per architecture.
    pub fn formula(&self, random: &mut impl Rng) -> Node {
        match self.grammar {
            Grammar::Aggregates => self.arithmetic(random),
            Grammar::Paper { unary } => Tree::draw(self, unary, random).node(),
        }
    }

    /// A random part of the given type; `None` where the vocabulary has
    /// nothing of it.
    pub fn part(&self, of: Type, random: &mut impl Rng) -> Option<Node> {
        match of {
            Type::Number => Some(Node::Number(self.constant(random))),
            Type::Network if self.grammar == Grammar::Aggregates => Some(self.arithmetic(random)),
            Type::Network => Some(self.formula(random)),
            Type::Layer => {
                let argument = self.site(random)?;
                Some(self.aggregate(argument, true, random))
            }
            Type::Site => self.site(random),
            Type::Tensor(Class::Product) => {
                let classes = self.classes();
                let class = pick(&classes, random)?;
                let (left, right) = (self.chain(*class, random)?, self.chain(*class, random)?);
                Some(Node::binary(known::MATMUL, left, right))
            }
            Type::Tensor(class) => self.tensor(class, random),
        }
    }

    /// One factor: an aggregate or a network scalar, often with an exponent.
    pub fn term(&self, random: &mut impl Rng) -> Node {
        let aggregate = (random.random_bool(0.65) || self.vocabulary.scalars().is_empty())
            .then(|| self.site(random))
            .flatten()
            .map(|site| {
                if random.random_bool(0.1) {
                    let layers = self.aggregate(site, true, random);
                    self.aggregate(layers, false, random)
                } else {
                    self.aggregate(site, false, random)
                }
            });
        let term = aggregate.or_else(|| {
            let scalar = pick(self.vocabulary.scalars(), random)?;
            Some(Node::Scalar(*scalar))
        });
        let Some(term) = term else {
            return Node::Number(1.0);
        };
        if random.random_bool(0.4) {
            let exponent = EXPONENTS[random.random_range(0..EXPONENTS.len())];
            return power(term, exponent);
        }
        term
    }

    /// An operator of the table that maps the same to the same as `id` does,
    /// drawn by weight; `id` itself where there is no other.
    pub fn alternative(&self, id: OperatorId, random: &mut impl Rng) -> OperatorId {
        let family = |kind| match kind {
            // All of these take a tensor to a tensor.
            Kind::Tensorwise | Kind::Fibre => Kind::Elementwise,
            Kind::SymbolReduction => Kind::Reduction,
            kind => kind,
        };
        let wanted = family(id.row().kind);
        let others = self.operators.iter().copied();
        let others: Vec<_> = others
            .filter(|(other, _)| *other != id && family(other.row().kind) == wanted)
            .collect();
        weighted(&others, random).unwrap_or(id)
    }

    /// Whether anything is found at a role.
    pub(crate) fn finds(&self, role: Role) -> bool {
        let mut symbols = self.vocabulary.symbols().iter();
        symbols.any(|(_, roles)| roles.contains(role))
    }

    /// A role filter for an aggregate over this expression.
    pub fn filter(&self, argument: &Node, random: &mut impl Rng) -> Option<RoleSet> {
        let found = self.vocabulary.roles(&argument.symbols());
        let meets = |roles: RoleSet| found.difference(found.difference(roles));
        let groups = ROLE_GROUPS
            .iter()
            .map(|(_, group)| (Some(*group), 1.5))
            .filter(|(group, _)| group.is_some_and(|group| !meets(group).is_empty()));
        let roles = found.iter().map(|role| (Some(RoleSet::of(&[role])), 0.7));
        let mut filters = vec![(None, 2.0)];
        filters.extend(groups.chain(roles));
        let first = weighted(&filters, random).flatten();
        // Now and then two of them together.
        if random.random_bool(0.15) {
            let second = weighted(&filters, random).flatten();
            return first.zip(second).map(|(a, b)| a.union(b)).or(first);
        }
        first
    }

    fn arithmetic(&self, random: &mut impl Rng) -> Node {
        let count = weighted(&TERMS, random).unwrap_or(1);
        let mut formula = self.term(random);
        for _ in 1..count {
            let operator = weighted(&ARITHMETIC, random).unwrap_or(known::MUL);
            formula = self.joined(formula, operator, random);
        }
        formula
    }

    /// `formula` combined with one more term; sums give the term a
    /// coefficient, since units differ.
    pub(crate) fn joined(
        &self,
        formula: Node,
        operator: OperatorId,
        random: &mut impl Rng,
    ) -> Node {
        let term = self.term(random);
        let term = if operator == known::ADD || operator == known::SUB {
            Node::binary(known::MUL, Node::Number(self.constant(random)), term)
        } else {
            term
        };
        Node::binary(operator, formula, term)
    }

    /// A random operator of arithmetic between terms.
    pub(crate) fn arithmetic_operator(&self, random: &mut impl Rng) -> OperatorId {
        weighted(&ARITHMETIC, random).unwrap_or(known::MUL)
    }

    fn aggregate(&self, argument: Node, by_layer: bool, random: &mut impl Rng) -> Node {
        let operator = self.drawn(Kind::Aggregator, random);
        let layered = type_of(&argument) == Ok(Type::Layer);
        let roles = if layered {
            None
        } else {
            self.filter(&argument, random)
        };
        Node::Aggregate {
            operator: operator.unwrap_or(known::SUM),
            roles,
            by_layer: by_layer && !layered,
            argument: Box::new(argument),
        }
    }

    /// One number per site: a reduction, at times with arithmetic around it.
    fn site(&self, random: &mut impl Rng) -> Option<Node> {
        let reduced = self.reduction(random)?;
        Some(match random.random_range(0..10) {
            0 => match self.drawn(Kind::Elementwise, random) {
                Some(operator) => Node::unary(operator, reduced),
                None => reduced,
            },
            1 => power(reduced, EXPONENTS[random.random_range(0..EXPONENTS.len())]),
            2 => {
                let operator = weighted(&ARITHMETIC, random).unwrap_or(known::MUL);
                Node::binary(operator, reduced, self.reduction(random)?)
            }
            _ => reduced,
        })
    }

    fn reduction(&self, random: &mut impl Rng) -> Option<Node> {
        let operator = {
            let reductions = self.operators.iter().copied();
            let reductions: Vec<_> = reductions
                .filter(|(id, _)| matches!(id.row().kind, Kind::Reduction | Kind::SymbolReduction))
                .collect();
            weighted(&reductions, random).unwrap_or(known::R_MEAN)
        };
        let classes = self.classes();
        let class = *pick(&classes, random)?;
        let argument = match operator.row().kind {
            Kind::SymbolReduction => self.symbol(class, random)?,
            _ if random.random_bool(0.02) => self.part(Type::Tensor(Class::Product), random)?,
            _ => self.tensor(class, random)?,
        };
        Some(Node::unary(operator, argument))
    }

    /// A tensor: a chain, or two chains of one class combined.
    fn tensor(&self, class: Class, random: &mut impl Rng) -> Option<Node> {
        let left = self.chain(class, random)?;
        if random.random_bool(0.7) {
            return Some(left);
        }
        // Elementwise products are what saliency is made of.
        let operator = if random.random_bool(0.5) {
            known::MUL
        } else {
            self.drawn(Kind::Binary, random)?
        };
        let right = self.chain(class, random)?;
        let combined = Node::binary(operator, left, right);
        Some(if random.random_bool(0.5) {
            Node::unary(self.drawn(Kind::Elementwise, random)?, combined)
        } else {
            combined
        })
    }

    fn chain(&self, class: Class, random: &mut impl Rng) -> Option<Node> {
        let mut node = self.symbol(class, random)?;
        for _ in 0..weighted(&CHAIN, random).unwrap_or(0) {
            let tensors = self.operators.iter().copied();
            let tensors: Vec<_> = tensors
                .filter(|(id, _)| {
                    matches!(
                        id.row().kind,
                        Kind::Elementwise | Kind::Tensorwise | Kind::Fibre
                    )
                })
                .collect();
            node = Node::unary(weighted(&tensors, random)?, node);
        }
        Some(node)
    }

    fn symbol(&self, class: Class, random: &mut impl Rng) -> Option<Node> {
        let symbols: Vec<_> = self.vocabulary.of_class(class).collect();
        pick(&symbols, random).map(|symbol| Node::Symbol(*symbol))
    }

    /// The class of every symbol, so that classes are drawn as often as they
    /// have symbols.
    fn classes(&self) -> Vec<Class> {
        let symbols = self.vocabulary.symbols().iter();
        symbols.map(|(symbol, _)| Class::of(*symbol)).collect()
    }

    fn drawn(&self, kind: Kind, random: &mut impl Rng) -> Option<OperatorId> {
        let of_kind = self.operators.iter().copied();
        let of_kind: Vec<_> = of_kind.filter(|(id, _)| id.row().kind == kind).collect();
        weighted(&of_kind, random)
    }

    /// A positive constant between 10^-3 and 10^3, two digits.
    fn constant(&self, random: &mut impl Rng) -> f64 {
        rounded(10f64.powf(random.random_range(-3.0..3.0)))
    }
}

/// `base ^ exponent`, or `base` itself for 1.
pub(crate) fn power(base: Node, exponent: f64) -> Node {
    if exponent == 1.0 {
        return base;
    }
    Node::binary(known::POW, base, Node::Number(exponent))
}

/// Two significant digits: constants that a reader can compare, and equal
/// formulas more often than nearly equal ones.
pub(crate) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    // Through text, so that 0.35 is the number nearest to 0.35.
    format!("{value:.1e}").parse().unwrap_or(value)
}

/// One of `items`, each equally likely.
pub(crate) fn pick<'a, T>(items: &'a [T], random: &mut impl Rng) -> Option<&'a T> {
    (!items.is_empty()).then(|| &items[random.random_range(0..items.len())])
}

/// One of `items` with probability proportional to its weight.
pub(crate) fn weighted<T: Copy>(items: &[(T, f64)], random: &mut impl Rng) -> Option<T> {
    let total: f64 = items.iter().map(|(_, weight)| weight).sum();
    let mut left = random.random::<f64>() * total;
    for (item, weight) in items {
        left -= weight;
        if left < 0.0 {
            return Some(*item);
        }
    }
    // Rounding, or no weights at all.
    items.last().map(|(item, _)| *item)
}
