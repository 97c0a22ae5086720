//! The formulas of LPZero (Dong et al. 2024, section 3.1): two symbols, each
//! under a chain of unary operations, one binary operation between what the
//! two branches reduce to, the mean over all sites.
//!
//! A canonical formula does not show this shape any more (operations without
//! effect are gone, factors have moved), so genetic programming varies these
//! trees and not the formulas that they stand for: whatever it breeds is a
//! member of the same space.

use lpzero_proxy::{Kind, Node, OperatorId, Symbol, Type, known, type_of};
use rand::Rng;

use crate::Vocabulary;
use crate::generate::{Generator, pick, weighted};

/// Attempts at a second branch that meets the first.
const ATTEMPTS: usize = 8;

/// A symbol under a chain of unary operations, the innermost first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Branch {
    /// Tensor that it starts from.
    pub symbol: Symbol,
    /// Operations, as many as the space has per branch.
    pub chain: Vec<OperatorId>,
}

/// A member of the paper's space.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tree {
    /// `add`, `sub`, `mul` or `matmul`.
    pub operator: OperatorId,
    /// Left and right operand.
    pub branches: [Branch; 2],
}

impl Branch {
    /// The branch as an expression: a tensor, or one number per site.
    pub fn node(&self) -> Node {
        let start = Node::Symbol(self.symbol);
        let chain = self.chain.iter();
        chain.fold(start, |node, operator| Node::unary(*operator, node))
    }

    /// Whether every operation finds what it takes: once the tensor is
    /// reduced, only elementwise operations may follow.
    fn is_typed(&self) -> bool {
        let mut tensor = true;
        self.chain.iter().all(|operator| {
            let kind = operator.row().kind;
            let fits = fits(kind, tensor);
            tensor &= kind != Kind::Reduction;
            fits
        })
    }

    fn draw(generator: &Generator<'_>, unary: usize, random: &mut impl Rng) -> Self {
        let symbols = generator.vocabulary().symbols();
        let mut branch = Self {
            symbol: pick(symbols, random).map_or(Symbol::W, |(symbol, _)| *symbol),
            chain: Vec::with_capacity(unary),
        };
        branch.prolong(generator, unary, random);
        branch
    }

    /// Draws operations until the chain has this length.
    fn prolong(&mut self, generator: &Generator<'_>, length: usize, random: &mut impl Rng) {
        while self.chain.len() < length {
            let reduced = |id: &OperatorId| id.row().kind == Kind::Reduction;
            let tensor = !self.chain.iter().any(reduced);
            let operators = generator.operators().iter().copied();
            let fitting: Vec<_> = operators
                .filter(|(id, _)| fits(id.row().kind, tensor))
                .collect();
            let Some(operator) = weighted(&fitting, random) else {
                return;
            };
            self.chain.push(operator);
        }
    }
}

/// Whether an operation of this kind may stand in a chain, over a tensor or
/// over one number per site.
pub(crate) fn fits(kind: Kind, tensor: bool) -> bool {
    match kind {
        Kind::Elementwise | Kind::Disconnect => true,
        Kind::Tensorwise | Kind::Fibre | Kind::Reduction => tensor,
        _ => false,
    }
}

/// A branch as one number per site: what is still a tensor is reduced by `mean`.
pub(crate) fn reduced(node: Node) -> Node {
    match type_of(&node) {
        Ok(Type::Tensor(_)) => Node::unary(known::R_MEAN, node),
        _ => node,
    }
}

impl Tree {
    /// The formula that the tree stands for.
    pub fn node(&self) -> Node {
        let [left, right] = [self.branches[0].node(), self.branches[1].node()];
        let product = || Node::binary(self.operator, left.clone(), right.clone());
        let site = if self.operator == known::MATMUL {
            match type_of(&product()) {
                Ok(_) => reduced(product()),
                // No matrix product of these two: the paper's tree falls back
                // on arithmetic between what the branches reduce to.
                Err(_) => Node::binary(known::MUL, reduced(left), reduced(right)),
            }
        } else {
            Node::binary(self.operator, reduced(left), reduced(right))
        };
        Node::aggregate(known::MEAN, None, site)
    }

    /// A random tree with so many operations per branch, whose symbols meet if
    /// a few attempts find two.
    pub fn draw(generator: &Generator<'_>, unary: usize, random: &mut impl Rng) -> Self {
        let left = Branch::draw(generator, unary, random);
        let mut tree = Self {
            operator: binary(generator, random),
            branches: [left.clone(), left],
        };
        for _ in 0..ATTEMPTS {
            tree.branches[1] = Branch::draw(generator, unary, random);
            if tree.meets(generator.vocabulary()) {
                break;
            }
        }
        tree
    }

    /// Whether some site has both symbols; a tree of two that never meet has
    /// no value, unless one of them is disconnected.
    pub fn meets(&self, vocabulary: &Vocabulary) -> bool {
        let symbols = [self.branches[0].symbol, self.branches[1].symbol];
        !vocabulary.roles(&symbols).is_empty()
    }

    /// A tree that differs in one place, or in one branch.
    pub fn mutated(&self, generator: &Generator<'_>, random: &mut impl Rng) -> Self {
        let mut tree = self.clone();
        let branch = &mut tree.branches[random.random_range(0..2)];
        let length = branch.chain.len();
        match random.random_range(0..10) {
            0 | 1 => tree.operator = binary(generator, random),
            2 | 3 => {
                let symbols = generator.vocabulary().symbols();
                branch.symbol = pick(symbols, random).map_or(branch.symbol, |(symbol, _)| *symbol);
            }
            4..=7 if length > 0 => {
                let index = random.random_range(0..length);
                let others = generator.operators().iter().copied();
                let others: Vec<_> = others
                    .filter(|(id, _)| {
                        let mut changed = branch.clone();
                        changed.chain[index] = *id;
                        *id != branch.chain[index] && changed.is_typed()
                    })
                    .collect();
                if let Some(operator) = weighted(&others, random) {
                    branch.chain[index] = operator;
                }
            }
            8 if length > 0 => {
                branch.chain.truncate(random.random_range(0..length));
                branch.prolong(generator, length, random);
            }
            _ => *branch = Branch::draw(generator, length, random),
        }
        tree
    }

    /// Every tree that differs in one symbol, one unary operation, or the binary
    /// operation.
    pub(crate) fn neighbours(&self, generator: &Generator<'_>) -> Vec<Self> {
        let mut neighbours = Vec::new();
        for (operator, _) in generator.operators() {
            if matches!(operator.row().kind, Kind::Binary | Kind::Product) {
                neighbours.push(Self {
                    operator: *operator,
                    ..self.clone()
                });
            }
        }
        for side in 0..2 {
            let mut add = |branch: Branch| {
                let mut tree = self.clone();
                tree.branches[side] = branch;
                neighbours.push(tree);
            };
            let branch = &self.branches[side];
            for (symbol, _) in generator.vocabulary().symbols() {
                add(Branch {
                    symbol: *symbol,
                    ..branch.clone()
                });
            }
            for index in 0..branch.chain.len() {
                for (operator, _) in generator.operators() {
                    let mut changed = branch.clone();
                    changed.chain[index] = *operator;
                    if changed.is_typed() {
                        add(changed);
                    }
                }
            }
        }
        neighbours.retain(|tree| tree != self);
        neighbours
    }

    /// A child of two trees: a branch of each, or one branch that begins as
    /// the one and ends as the other.
    pub fn crossed(&self, other: &Tree, random: &mut impl Rng) -> Self {
        let mut child = self.clone();
        let (own, theirs) = (random.random_range(0..2), random.random_range(0..2));
        let gift = &other.branches[theirs];
        let length = gift.chain.len();
        let mut mixed = child.branches[own].clone();
        if length > 1 && random.random_bool(0.3) {
            let cut = random.random_range(1..length);
            mixed.chain.truncate(cut);
            mixed.chain.extend(&gift.chain[cut..]);
        }
        child.branches[own] = if mixed.is_typed() && mixed != child.branches[own] {
            mixed
        } else {
            gift.clone()
        };
        if random.random_bool(0.5) {
            child.operator = other.operator;
        }
        child
    }
}

fn binary(generator: &Generator<'_>, random: &mut impl Rng) -> OperatorId {
    let operators = generator.operators().iter().copied();
    let binary: Vec<_> = operators
        .filter(|(id, _)| matches!(id.row().kind, Kind::Binary | Kind::Product))
        .collect();
    weighted(&binary, random).unwrap_or(known::ADD)
}
