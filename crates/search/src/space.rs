//! Spaces of formulas: how their members are drawn and varied.
//!
//! What is varied need not be the formula itself: a canonical formula no longer
//! shows the shape of the paper's trees, or which part of it fills the hole of a
//! template. So a space varies *genomes*, and says which formula each stands for.

use lpzero_proxy::Node;

use crate::generate::Generator;
use crate::paper::Tree;
use crate::seed::Stream;
use crate::vary::{Limits, crossover, mutate_somehow, refined};

/// A space of formulas.
pub(crate) trait Genomes {
    /// Representation that is varied; each stands for a formula.
    type Genome: Clone;

    /// Share of random newcomers among the offspring. A space whose members have
    /// few parts needs them: without them a population soon has no other symbol
    /// or operation left to exchange.
    const NEWCOMERS: f64;

    /// Share of a batch that neighbours of the best members may take.
    const NEIGHBOURS: f64;

    /// A random member; `None` where an attempt fails.
    fn draw(&self, random: &mut Stream) -> Option<Self::Genome>;

    /// A member that differs in one place.
    fn mutated(&self, genome: &Self::Genome, random: &mut Stream) -> Option<Self::Genome>;

    /// A child of two.
    fn crossed(
        &self,
        receiver: &Self::Genome,
        donor: &Self::Genome,
        random: &mut Stream,
    ) -> Option<Self::Genome>;

    /// All members a small step away, which are tried for the best ones: what
    /// chance would take long to come by, such as the best value of a constant.
    fn neighbours(&self, genome: &Self::Genome) -> Vec<Self::Genome>;

    /// The formula that a member stands for, if it is a score within the limits.
    fn formula(&self, genome: &Self::Genome) -> Option<Node>;

    /// The genome of a formula that is its own.
    fn own(&self, formula: &Node) -> Option<Self::Genome>;
}

/// Every well-typed formula.
pub(crate) struct Formulas<'a> {
    pub(crate) generator: &'a Generator<'a>,
    pub(crate) limits: &'a Limits,
}

impl Genomes for Formulas<'_> {
    type Genome = Node;

    const NEWCOMERS: f64 = 0.0;
    const NEIGHBOURS: f64 = 0.125;

    fn draw(&self, random: &mut Stream) -> Option<Node> {
        self.limits.check(self.generator.formula(random))
    }

    fn mutated(&self, formula: &Node, random: &mut Stream) -> Option<Node> {
        mutate_somehow(formula, self.generator, self.limits, random)
    }

    fn crossed(&self, receiver: &Node, donor: &Node, random: &mut Stream) -> Option<Node> {
        crossover(receiver, donor, self.limits, random)
    }

    fn neighbours(&self, formula: &Node) -> Vec<Node> {
        refined(formula)
    }

    fn formula(&self, formula: &Node) -> Option<Node> {
        Some(formula.clone())
    }

    fn own(&self, formula: &Node) -> Option<Node> {
        Some(formula.clone())
    }
}

/// LPZero's trees.
pub(crate) struct Trees<'a> {
    pub(crate) generator: &'a Generator<'a>,
    /// Unary operations per branch.
    pub(crate) unary: usize,
}

impl Trees<'_> {
    /// A tree whose branches meet at some site.
    fn sound(&self, tree: Tree) -> Option<Tree> {
        tree.meets(self.generator.vocabulary()).then_some(tree)
    }
}

impl Genomes for Trees<'_> {
    type Genome = Tree;

    const NEWCOMERS: f64 = 0.25;
    const NEIGHBOURS: f64 = 0.5;

    fn draw(&self, random: &mut Stream) -> Option<Tree> {
        Some(Tree::draw(self.generator, self.unary, random))
    }

    fn mutated(&self, tree: &Tree, random: &mut Stream) -> Option<Tree> {
        self.sound(tree.mutated(self.generator, random))
    }

    fn crossed(&self, receiver: &Tree, donor: &Tree, random: &mut Stream) -> Option<Tree> {
        self.sound(receiver.crossed(donor, random))
    }

    fn neighbours(&self, tree: &Tree) -> Vec<Tree> {
        let neighbours = tree.neighbours(self.generator).into_iter();
        neighbours.filter_map(|tree| self.sound(tree)).collect()
    }

    fn formula(&self, tree: &Tree) -> Option<Node> {
        Some(tree.node())
    }

    fn own(&self, _: &Node) -> Option<Tree> {
        None
    }
}
