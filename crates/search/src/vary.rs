//! Genetic operators: how formulas beget formulas.
//!
//! Every operator keeps the type of what it replaces, and every result passes
//! the type checker before it is returned. An operator that does not apply, or
//! whose result would be too large, yields `None` and the caller tries again.

use lpzero_proxy::{MAX_DEPTH, Node, Type, check_score, known};
use rand::Rng;

use crate::generate::{EXPONENTS, Generator, pick, power, rounded, weighted};
use crate::tree::{parts, replaced};

/// The largest formulas that a search considers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sum of the complexities of all nodes.
    pub complexity: u32,
    /// Longest path from the root to a leaf.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            complexity: 30,
            depth: 16,
        }
    }
}

impl Limits {
    /// The formula, if it is a well-typed score within the limits.
    pub fn check(&self, formula: Node) -> Option<Node> {
        (formula.depth() <= self.depth.min(MAX_DEPTH)
            && formula.complexity() <= self.complexity
            && check_score(&formula).is_ok())
        .then_some(formula)
    }
}

/// A way to change one formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// One operator, constant, symbol, scalar, aggregator or role filter is
    /// exchanged for another with the same signature.
    Point,
    /// A part is replaced by a random one of the same type.
    Subtree,
    /// A part is replaced by a smaller part of itself, of the same type.
    Hoist,
    /// The formula is combined with one more term.
    Extend,
    /// Constants are moved a little; a factor without an exponent gets one.
    Constant,
}

/// All mutations with their relative frequencies.
pub const MUTATIONS: [(Mutation, f64); 5] = [
    (Mutation::Point, 0.30),
    (Mutation::Subtree, 0.20),
    (Mutation::Hoist, 0.10),
    (Mutation::Extend, 0.15),
    (Mutation::Constant, 0.25),
];

/// Replaces a part of `receiver` by a part of `donor` with the same type.
pub fn crossover(
    receiver: &Node,
    donor: &Node,
    limits: &Limits,
    random: &mut impl Rng,
) -> Option<Node> {
    let (receiving, giving) = (parts(receiver), parts(donor));
    // The type is drawn first: a formula has many constants and few terms.
    let of = pick(&types(&receiving), random).copied()?;
    let (index, part) = *pick(&of_type(&receiving, of), random)?;
    let gift = match of {
        // An exponent wants a plain number, not arithmetic.
        Type::Number => plain(&of_type(&giving, of)),
        _ => of_type(&giving, of),
    };
    let (_, gift) = *pick(&gift, random)?;
    if part == gift {
        return None;
    }
    limits.check(replaced(receiver, index, gift.clone()))
}

/// Applies one mutation.
pub fn mutate(
    formula: &Node,
    mutation: Mutation,
    generator: &Generator<'_>,
    limits: &Limits,
    random: &mut impl Rng,
) -> Option<Node> {
    let mutant = match mutation {
        Mutation::Point => point(formula, generator, random),
        Mutation::Subtree => subtree(formula, generator, random),
        Mutation::Hoist => hoist(formula, random),
        Mutation::Extend => {
            let operator = generator.arithmetic_operator(random);
            Some(generator.joined(formula.clone(), operator, random))
        }
        Mutation::Constant => constant(formula, random),
    }?;
    if mutant == *formula {
        return None;
    }
    limits.check(mutant)
}

/// Applies a mutation drawn from [`MUTATIONS`].
pub fn mutate_somehow(
    formula: &Node,
    generator: &Generator<'_>,
    limits: &Limits,
    random: &mut impl Rng,
) -> Option<Node> {
    let mutation = weighted(&MUTATIONS, random)?;
    mutate(formula, mutation, generator, limits, random)
}

fn point(formula: &Node, generator: &Generator<'_>, random: &mut impl Rng) -> Option<Node> {
    let parts = parts(formula);
    let index = random.random_range(0..parts.len());
    let part = match parts[index].0 {
        Node::Number(value) => Node::Number(nudged(*value, random)),
        Node::Scalar(_) => Node::Scalar(*pick(generator.vocabulary().scalars(), random)?),
        Node::Symbol(_) => Node::Symbol(pick(generator.vocabulary().symbols(), random)?.0),
        Node::Apply(operator, arguments) => {
            Node::Apply(generator.alternative(*operator, random), arguments.clone())
        }
        Node::Aggregate {
            operator,
            roles,
            by_layer,
            argument,
        } => {
            let exchange_operator = random.random_bool(0.4);
            Node::Aggregate {
                operator: if exchange_operator {
                    generator.alternative(*operator, random)
                } else {
                    *operator
                },
                roles: if exchange_operator {
                    *roles
                } else {
                    generator.filter(argument, random)
                },
                by_layer: *by_layer,
                argument: argument.clone(),
            }
        }
    };
    Some(replaced(formula, index, part))
}

fn subtree(formula: &Node, generator: &Generator<'_>, random: &mut impl Rng) -> Option<Node> {
    let parts = parts(formula);
    let of = pick(&types(&parts), random).copied()?;
    let (index, _) = *pick(&of_type(&parts, of), random)?;
    // A whole network-level expression would often be a new formula; one term
    // keeps the rest worth keeping.
    let part = match of {
        Type::Network => generator.term(random),
        of => generator.part(of, random)?,
    };
    Some(replaced(formula, index, part))
}

fn hoist(formula: &Node, random: &mut impl Rng) -> Option<Node> {
    let parts = parts(formula);
    let index = random.random_range(0..parts.len());
    let (part, of) = parts[index];
    let inside = self::parts(part);
    let smaller: Vec<&Node> = inside
        .into_iter()
        .skip(1)
        .filter(|(_, inner)| of.is_some() && *inner == of)
        .map(|(node, _)| node)
        .collect();
    let smaller = *pick(&smaller, random)?;
    Some(replaced(formula, index, smaller.clone()))
}

fn constant(formula: &Node, random: &mut impl Rng) -> Option<Node> {
    let parts = parts(formula);
    let numbers: Vec<usize> = (0..parts.len())
        .filter(|&index| matches!(parts[index].0, Node::Number(_)))
        .collect();
    let factors: Vec<usize> = (0..parts.len())
        .filter(|&index| is_factor(parts[index].0))
        .collect();
    let exponentiate = numbers.is_empty() || random.random_bool(0.3);
    if exponentiate {
        let index = *pick(&factors, random)?;
        let exponent = *pick(&EXPONENTS, random)?;
        let base = parts[index].0.clone();
        return Some(replaced(formula, index, power(base, exponent)));
    }
    let mut mutant = formula.clone();
    let only = *pick(&numbers, random)?;
    let all = random.random_bool(0.3);
    for index in numbers {
        if let Node::Number(value) = parts[index].0
            && (all || index == only)
        {
            // Numbers have no parts, so indices stay where they are.
            mutant = replaced(&mutant, index, Node::Number(nudged(*value, random)));
        }
    }
    Some(mutant)
}

/// A number near `value`: often a tenth away, at times twice or half of it.
pub(crate) fn nudged(value: f64, random: &mut impl Rng) -> f64 {
    if value == 0.0 {
        return rounded(random.random_range(-1.0..1.0));
    }
    match random.random_range(0..10) {
        0 => rounded(value * 2.0),
        1 => rounded(value / 2.0),
        2 => value.round(),
        3 => -value,
        _ => rounded(value * random.random_range(-0.5f64..0.5).exp()),
    }
}

/// Factors by which neighbours of a formula move a constant: two digits leave
/// no room for smaller ones.
pub(crate) const STEPS: [f64; 6] = [0.5, 0.8, 0.95, 1.05, 1.25, 2.0];

/// The formula with one of its constants moved, for each constant and step.
pub(crate) fn refined(formula: &Node) -> Vec<Node> {
    let mut refined = Vec::new();
    for (index, (part, _)) in parts(formula).into_iter().enumerate() {
        if let Node::Number(value) = part {
            for factor in STEPS {
                let moved = Node::Number(rounded(value * factor));
                refined.push(replaced(formula, index, moved));
            }
        }
    }
    refined
}

/// Whether the node is an aggregate or scalar that an exponent may stand on.
fn is_factor(node: &Node) -> bool {
    matches!(node, Node::Aggregate { .. } | Node::Scalar(_))
}

/// The distinct types of a formula's parts.
fn types(parts: &[(&Node, Option<Type>)]) -> Vec<Type> {
    let mut types: Vec<Type> = parts.iter().filter_map(|(_, of)| *of).collect();
    types.sort_unstable();
    types.dedup();
    types
}

fn of_type<'a>(parts: &[(&'a Node, Option<Type>)], of: Type) -> Vec<(usize, &'a Node)> {
    let indexed = parts.iter().enumerate();
    indexed
        .filter(|(_, (_, known))| *known == Some(of))
        .map(|(index, (node, _))| (index, *node))
        .collect()
}

fn plain<'a>(parts: &[(usize, &'a Node)]) -> Vec<(usize, &'a Node)> {
    let parts = parts.iter().copied();
    parts
        .filter(|(_, node)| matches!(node, Node::Number(_)))
        .collect()
}

/// The formula turned so that larger is better: a leading minus is added, or
/// taken away.
pub(crate) fn negated(formula: &Node) -> Node {
    match formula {
        Node::Apply(operator, arguments) if *operator == known::NEG => arguments[0].clone(),
        formula => Node::unary(known::NEG, formula.clone()),
    }
}
