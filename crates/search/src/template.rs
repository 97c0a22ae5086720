//! Formulas with holes: `sum[ffn](?(D)) ^ ?` is every formula that fills them.
//!
//! | hole | is filled by |
//! | --- | --- |
//! | `?(x)` | one to three operations on x, a reduction or aggregator among them where one is needed |
//! | `?` | a part of the type that fits there; after `^`, a number |
//! | `[?]` | a role filter, or none |

use std::collections::BTreeSet;
use std::fmt;

use lpzero_proxy::{
    Class, Fixity, Kind, Node, OperatorId, ROLE_GROUPS, Role, RoleSet, Type, parse,
};
use rand::Rng;

use crate::generate::{Generator, pick, rounded, weighted};
use crate::seed::Stream;
use crate::space::Genomes;
use crate::vary::{Limits, mutate_somehow, nudged};
use crate::{Error, seed};

/// Roles that there were not when journals first recorded templates.
const LATER: [Role; 2] = [Role::FfnGate, Role::Other];

/// A formula with holes.
#[derive(Clone, PartialEq)]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

/// A template is its text: two with the same text are the same.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Hole(Hole),
    /// `?(x)`.
    Applied(Vec<Piece>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Hole {
    /// A part of a type that its place allows.
    Part,
    Number,
    Roles,
}

/// Filling of one hole.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filling {
    Part(Type, Node),
    /// Operations, the innermost first.
    Chain(Vec<OperatorId>),
    Roles(Option<RoleSet>),
}

/// The most holes that a template may have.
const MOST_HOLES: usize = 12;

/// The longest chain that fills `?(x)`.
const LONGEST_CHAIN: usize = 3;

/// Random fillings that are tried to find out what fits.
const ATTEMPTS: usize = 4000;

/// Attempts at one filling.
const DRAWS: usize = 40;

/// The types that a part may have.
const TYPES: [Type; 8] = [
    Type::Number,
    Type::Network,
    Type::Layer,
    Type::Site,
    Type::Tensor(Class::Parameter),
    Type::Tensor(Class::Input),
    Type::Tensor(Class::Output),
    Type::Tensor(Class::Attention),
];

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// No hole or too many, or a bracket that is not closed. What the text says
    /// beside its holes is only checked when it is filled.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |expected: &'static str| Error::Setting {
            name: "template",
            value: text.to_owned(),
            expected,
        };
        let mut rest = text;
        let pieces = pieces(&mut rest, false);
        let pieces = pieces.ok_or_else(|| wrong("a closing bracket for every `?(`"))?;
        let template = Self {
            text: text.to_owned(),
            pieces,
        };
        match template.holes().len() {
            0 => Err(wrong("at least one hole: `?(x)`, `?` or `[?]`")),
            1..=MOST_HOLES => Ok(template),
            _ => Err(wrong("at most 12 holes")),
        }
    }

    /// The holes in the order of their fillings; `None` for `?(x)`.
    fn holes(&self) -> Vec<Option<Hole>> {
        fn collect(pieces: &[Piece], holes: &mut Vec<Option<Hole>>) {
            for piece in pieces {
                match piece {
                    Piece::Text(_) => {}
                    Piece::Hole(hole) => holes.push(Some(*hole)),
                    Piece::Applied(inner) => {
                        holes.push(None);
                        collect(inner, holes);
                    }
                }
            }
        }
        let mut holes = Vec::new();
        collect(&self.pieces, &mut holes);
        holes
    }

    /// The formula with its holes filled, if it is one.
    fn filled(&self, fillings: &[Filling]) -> Option<Node> {
        let mut text = String::new();
        write(&self.pieces, &mut fillings.iter(), &mut text);
        parse(&text).ok()
    }
}

/// Reads pieces up to the end, or to the bracket that closes `?(`.
fn pieces(rest: &mut &str, inside: bool) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut open = 0usize;
    while let Some(next) = rest.chars().next() {
        *rest = &rest[next.len_utf8()..];
        match next {
            ')' if inside && open == 0 => {
                pieces.push(Piece::Text(text));
                return Some(pieces);
            }
            '(' => open += 1,
            ')' => open = open.saturating_sub(1),
            '?' => {
                let before = text.trim_end();
                let hole = if before.ends_with('[') && rest.trim_start().starts_with(']') {
                    Hole::Roles
                } else if before.ends_with('^') {
                    Hole::Number
                } else {
                    Hole::Part
                };
                if hole == Hole::Roles {
                    // The brackets belong to the hole: no filter, no brackets.
                    text.truncate(before.len() - 1);
                    *rest = &rest.trim_start()[1..];
                }
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(match rest.strip_prefix('(') {
                    Some(argument) if hole == Hole::Part => {
                        *rest = argument;
                        Piece::Applied(self::pieces(rest, true)?)
                    }
                    _ => Piece::Hole(hole),
                });
                continue;
            }
            _ => {}
        }
        text.push(next);
    }
    pieces.push(Piece::Text(text));
    (!inside).then_some(pieces)
}

/// Writes pieces with the next fillings in their holes.
fn write<'f>(
    pieces: &[Piece],
    fillings: &mut impl Iterator<Item = &'f Filling>,
    text: &mut String,
) {
    for piece in pieces {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Hole(_) => match fillings.next() {
                Some(Filling::Part(_, part)) => text.push_str(&format!("({part})")),
                Some(Filling::Roles(Some(roles))) => text.push_str(&format!("[{roles}]")),
                _ => {}
            },
            Piece::Applied(inner) => {
                let chain = match fillings.next() {
                    Some(Filling::Chain(chain)) => &chain[..],
                    _ => &[],
                };
                for operator in chain.iter().rev() {
                    text.push_str(operator.row().name);
                    text.push('(');
                }
                write(inner, fillings, text);
                text.push_str(&")".repeat(chain.len()));
            }
        }
    }
}

/// The formulas that fill a template.
pub(crate) struct Templates<'a> {
    template: &'a Template,
    generator: &'a Generator<'a>,
    limits: &'a Limits,
    holes: Vec<Option<Hole>>,
    /// The combinations of types that parts may have.
    signatures: Vec<Vec<Option<Type>>>,
}

impl<'a> Templates<'a> {
    /// Finds out by trying what fits into the holes.
    ///
    /// # Errors
    /// A template that no filling makes a score.
    pub(crate) fn new(
        template: &'a Template,
        generator: &'a Generator<'a>,
        limits: &'a Limits,
    ) -> Result<Self, Error> {
        let holes = template.holes();
        let mut random = seed::stream(0, "search/template");
        let mut templates = Self {
            template,
            generator,
            limits,
            holes,
            signatures: Vec::new(),
        };
        let mut fitting = BTreeSet::new();
        for _ in 0..ATTEMPTS {
            let types = templates.holes.iter().map(|hole| match hole {
                Some(Hole::Part) => pick(&TYPES, &mut random).copied(),
                Some(Hole::Number) => Some(Type::Number),
                Some(Hole::Roles) | None => None,
            });
            let types: Vec<Option<Type>> = types.collect();
            let fillings = templates.fillings(&types, &mut random);
            if fillings.is_some_and(|fillings| templates.formula(&fillings).is_some()) {
                fitting.insert(types);
            }
        }
        templates.signatures = fitting.into_iter().collect();
        if templates.signatures.is_empty() {
            return Err(Error::Setting {
                name: "template",
                value: template.text.clone(),
                expected: "a formula whose holes can be filled so that it is a score \
                           (`lpzero proxies --reference` explains the language)",
            });
        }
        Ok(templates)
    }

    fn fillings(&self, types: &[Option<Type>], random: &mut Stream) -> Option<Vec<Filling>> {
        let holes = self.holes.iter().zip(types);
        holes
            .map(|(hole, of)| self.filling(*hole, *of, random))
            .collect()
    }

    /// A role filter, or none. Roles that came later are offered only where they are met:
    /// other searches go on as they did before.
    fn roles(&self, random: &mut Stream) -> Option<RoleSet> {
        let groups = ROLE_GROUPS.iter().map(|(_, group)| (Some(*group), 1.5));
        let single = (Role::ALL.iter())
            .filter(|(role, _)| !LATER.contains(role) || self.generator.finds(*role))
            .map(|(role, _)| (Some(RoleSet::of(&[*role])), 0.5));
        let none = [(None, 2.0)];
        let all: Vec<_> = none.into_iter().chain(groups).chain(single).collect();
        weighted(&all, random).flatten()
    }

    fn filling(
        &self,
        hole: Option<Hole>,
        of: Option<Type>,
        random: &mut Stream,
    ) -> Option<Filling> {
        match (hole, of) {
            (None, _) => Some(Filling::Chain(self.chain(random))),
            (Some(Hole::Roles), _) => Some(Filling::Roles(self.roles(random))),
            (Some(_), of) => {
                let of = of?;
                // A whole network-level expression would leave little of the
                // template: one term is a part.
                let part = match of {
                    Type::Network => self.generator.term(random),
                    of => self.generator.part(of, random)?,
                };
                Some(Filling::Part(of, part))
            }
        }
    }

    /// Operations in the order in which types allow them: on tensors, a
    /// reduction, on numbers, an aggregator.
    fn chain(&self, random: &mut Stream) -> Vec<OperatorId> {
        let mut chain = Vec::new();
        let length = random.random_range(1..=LONGEST_CHAIN);
        let mut stage = 0;
        while chain.len() < length {
            let operators = self.operators(stage);
            let Some(operator) = weighted(&operators, random) else {
                break;
            };
            stage = stage.max(rank(operator.row().kind).unwrap_or_default());
            chain.push(operator);
        }
        chain
    }

    /// Operations that may follow one of this rank.
    fn operators(&self, stage: usize) -> Vec<(OperatorId, f64)> {
        let operators = self.generator.operators().iter().copied();
        operators
            .filter(|(id, _)| {
                let row = id.row();
                row.fixity == Fixity::Call
                    && rank(row.kind).is_some_and(|rank| {
                        row.kind == Kind::Elementwise || rank > stage || (rank, stage) == (0, 0)
                    })
            })
            .collect()
    }
}

/// The order of operations in a chain.
fn rank(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Elementwise | Kind::Tensorwise | Kind::Fibre => Some(0),
        Kind::Reduction | Kind::SymbolReduction => Some(1),
        Kind::Aggregator => Some(2),
        _ => None,
    }
}

impl Genomes for Templates<'_> {
    type Genome = Vec<Filling>;

    const NEWCOMERS: f64 = 0.1;
    const NEIGHBOURS: f64 = 0.25;

    fn draw(&self, random: &mut Stream) -> Option<Vec<Filling>> {
        (0..DRAWS).find_map(|_| {
            let types = pick(&self.signatures, random)?;
            let fillings = self.fillings(types, random)?;
            self.formula(&fillings).map(|_| fillings)
        })
    }

    fn mutated(&self, fillings: &Vec<Filling>, random: &mut Stream) -> Option<Vec<Filling>> {
        (0..DRAWS).find_map(|_| {
            let mut mutant = fillings.clone();
            let index = random.random_range(0..mutant.len());
            mutant[index] = match &mutant[index] {
                Filling::Part(Type::Number, Node::Number(value)) if random.random_bool(0.7) => {
                    Filling::Part(Type::Number, Node::Number(nudged(*value, random)))
                }
                Filling::Part(Type::Network, part) if random.random_bool(0.7) => {
                    let part = mutate_somehow(part, self.generator, self.limits, random)?;
                    Filling::Part(Type::Network, part)
                }
                Filling::Part(of, _) => self.filling(Some(Hole::Part), Some(*of), random)?,
                Filling::Chain(chain) if random.random_bool(0.7) => {
                    let mut chain = chain.clone();
                    let place = random.random_range(0..chain.len());
                    chain[place] = self.generator.alternative(chain[place], random);
                    Filling::Chain(chain)
                }
                Filling::Chain(_) => Filling::Chain(self.chain(random)),
                Filling::Roles(_) => Filling::Roles(self.roles(random)),
            };
            (mutant != *fillings && self.formula(&mutant).is_some()).then_some(mutant)
        })
    }

    fn crossed(
        &self,
        receiver: &Vec<Filling>,
        donor: &Vec<Filling>,
        random: &mut Stream,
    ) -> Option<Vec<Filling>> {
        let pairs = receiver.iter().zip(donor);
        let child: Vec<Filling> = pairs
            .map(|(own, theirs)| {
                if random.random_bool(0.5) {
                    own.clone()
                } else {
                    theirs.clone()
                }
            })
            .collect();
        self.formula(&child).map(|_| child)
    }

    fn neighbours(&self, fillings: &Vec<Filling>) -> Vec<Vec<Filling>> {
        let mut neighbours = Vec::new();
        let mut add = |index: usize, filling: Filling| {
            let mut neighbour = fillings.clone();
            neighbour[index] = filling;
            neighbours.push(neighbour);
        };
        for (index, filling) in fillings.iter().enumerate() {
            match filling {
                Filling::Part(Type::Number, Node::Number(value)) => {
                    for factor in crate::vary::STEPS {
                        let moved = Node::Number(rounded(value * factor));
                        add(index, Filling::Part(Type::Number, moved));
                    }
                }
                Filling::Chain(chain) => {
                    for place in 0..chain.len() {
                        for (operator, _) in self.operators(0) {
                            let mut chain = chain.clone();
                            chain[place] = operator;
                            add(index, Filling::Chain(chain));
                        }
                    }
                }
                _ => {}
            }
        }
        neighbours.retain(|neighbour| self.formula(neighbour).is_some());
        neighbours
    }

    fn formula(&self, fillings: &Vec<Filling>) -> Option<Node> {
        self.limits.check(self.template.filled(fillings)?)
    }

    fn own(&self, _: &Node) -> Option<Vec<Filling>> {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::Vocabulary;
    use crate::generate::Grammar;
    use lpzero_proxy::Symbol;

    /// Formulas drawn and varied from a template.
    fn members(text: &str) -> Vec<String> {
        let template = Template::parse(text).unwrap();
        let vocabulary = Vocabulary::everything();
        let generator = Generator::new(&vocabulary, Grammar::Aggregates).unwrap();
        let limits = Limits::default();
        let space = Templates::new(&template, &generator, &limits).unwrap();
        let mut random = seed::stream(1, "test");
        let mut members = Vec::new();
        for _ in 0..100 {
            let [a, b] = [(); 2].map(|()| space.draw(&mut random).unwrap());
            let varied = [
                space.mutated(&a, &mut random),
                space.crossed(&a, &b, &mut random),
            ];
            let all = space.neighbours(&a).into_iter().take(5);
            let all = all.chain(varied.into_iter().flatten()).chain([a, b]);
            members.extend(all.map(|member| space.formula(&member).unwrap().to_string()));
        }
        members
    }

    #[test]
    fn every_member_has_the_shape_of_the_template() {
        for member in members("sum[ffn](?(D)) ^ ?") {
            assert!(member.starts_with("sum[ffn]("), "{member}");
            let (_, exponent) = member.rsplit_once(" ^ ").unwrap();
            exponent.trim_matches(['(', ')']).parse::<f64>().unwrap();
            assert!(member.contains('D'), "{member}");
        }
        for member in members("mean[?](l1(W * ?)) / layers") {
            assert!(member.ends_with(" / layers"), "{member}");
            assert!(member.contains("W *"), "{member}");
        }
    }

    #[test]
    fn a_gate_is_offered_where_there_is_one() {
        let offers = |roles: RoleSet| {
            let vocabulary = Vocabulary::new(vec![(Symbol::W, roles)], Vec::new());
            let generator = Generator::new(&vocabulary, Grammar::Aggregates).unwrap();
            let (template, limits) = (Template::parse("sum[?](l1(W))").unwrap(), Limits::default());
            let space = Templates::new(&template, &generator, &limits).unwrap();
            let mut random = seed::stream(1, "test");
            let gate = Some(RoleSet::of(&[Role::FfnGate]));
            (0..1000).any(|_| space.roles(&mut random) == gate)
        };
        assert!(offers(RoleSet::of(&[Role::FfnIn, Role::FfnGate])));
        assert!(!offers(RoleSet::of(&[Role::FfnIn])));
    }

    #[test]
    fn holes_are_filled_in_more_than_one_way() {
        let distinct = |text: &str| members(text).into_iter().collect::<BTreeSet<_>>().len();
        assert!(distinct("sum[ffn](?(D)) ^ ?") > 50);
        assert!(distinct("?") > 50);
        assert!(distinct("?(A)") > 20);
        // A hole inside a hole.
        assert!(distinct("sum(?(?(D) * A))") > 20);
    }

    #[test]
    fn what_is_no_template_is_refused() {
        let error = |text: &str| Template::parse(text).unwrap_err().to_string();
        assert!(error("sum(l1(D))").contains("at least one hole"));
        assert!(error("sum(?(D").contains("closing bracket"));
        assert!(error(&"? * ".repeat(13)).contains("at most 12"));
        let vocabulary = Vocabulary::everything();
        let generator = Generator::new(&vocabulary, Grammar::Aggregates).unwrap();
        for text in [
            "sum(?(D",
            "sum(l1(W + A)) * ?",
            "l1(?",
            "? ? ?",
            "(((?",
            "?é(",
            "[?",
        ] {
            let limits = Limits::default();
            let refused = Template::parse(text)
                .and_then(|template| Templates::new(&template, &generator, &limits).map(|_| ()));
            assert!(refused.is_err(), "{text}");
        }
    }
}
