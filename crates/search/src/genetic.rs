//! Typed genetic programming with LPZero's settings (Dong et al. 2024,
//! algorithm 1): parents from the top half, crossover, mutation, the worst
//! member replaced.
//!
//! Two things keep the population from collapsing onto variants of one
//! formula: an offspring that ranks almost like a member competes with that
//! member instead of the worst one, and some parents come from the archive,
//! which holds the best formulas of every complexity.

use std::collections::HashMap;

use lpzero_proxy::Node;
use rand::Rng;

use crate::archive::{Archive, Individual};
use crate::budget::Control;
use crate::generate::{Generator, Grammar, pick};
use crate::paper::Tree;
use crate::run::{Found, Problem, Run, Settings};
use crate::vary::{crossover, mutate_somehow};
use crate::{Error, seed};

/// Rank correlation from which two formulas count as one kind.
const ALIKE: f64 = 0.995;

/// Probability that a parent comes from the archive.
const FROM_ARCHIVE: f64 = 0.2;

/// Share of random newcomers among the offspring in the paper's space, whose
/// trees have few parts: without them a population soon has no other symbol or
/// operation left to exchange.
const IMMIGRANTS: f64 = 0.25;

/// Attempts at one offspring before its place in the batch stays empty.
const ATTEMPTS: usize = 8;

/// Evolves formulas until the budget is spent.
///
/// One seed and one budget in iterations or evaluations give one result, on
/// any number of threads: offspring are bred one after the other, evaluated
/// side by side, and take their places in the order they were bred.
///
/// # Errors
/// Settings out of range, an empty vocabulary, a constant truth, or nothing
/// that could be evaluated.
pub fn search(
    problem: Problem<'_>,
    settings: &Settings,
    control: &mut Control<'_>,
) -> Result<Found, Error> {
    let generator = Generator::new(problem.vocabulary, settings.grammar)?;
    let mut random = seed::stream(settings.seed, "search/genetic");
    let mut population = Population::new(settings.population);
    let mut run = Run::start(problem, settings, control)?;

    let mut breeder = match settings.grammar {
        Grammar::Aggregates => Breeder::Formulas,
        Grammar::Paper { unary } => Breeder::Trees {
            unary,
            known: HashMap::new(),
        },
    };

    // Known proxies and bare scalars first, then random formulas; of the
    // paper's space, neither is a member.
    let known: Vec<Node> = match breeder {
        Breeder::Formulas => {
            let scalars = problem.vocabulary.scalars().iter();
            let scalars = scalars.map(|scalar| Node::Scalar(*scalar));
            problem.seeds.iter().cloned().chain(scalars).collect()
        }
        Breeder::Trees { .. } => Vec::new(),
    };
    for chunk in known.chunks(settings.offspring) {
        let batch = chunk.iter().filter_map(|formula| run.admit(formula));
        let batch = batch.collect();
        population.settle_all(run.evaluate(batch, 0.0)?);
    }
    while !population.is_full() && !run.finished() {
        let batch = breeder.draw(&mut run, &generator, &mut random);
        population.settle_all(run.evaluate(batch, 0.0)?);
        run.tick();
    }
    while !run.finished() {
        let mut batch = Vec::with_capacity(settings.offspring);
        for _ in 0..settings.offspring {
            let mut attempts = 0..ATTEMPTS;
            batch.extend(
                attempts
                    .find_map(|_| breeder.breed(&population, &mut run, &generator, &mut random)),
            );
        }
        let worst = population.worst();
        population.settle_all(run.evaluate(batch, worst)?);
        run.tick();
    }
    run.finish()
}

/// What is bred: formulas as they are, or the trees of the paper's space that
/// they stand for.
enum Breeder {
    Formulas,
    Trees {
        /// Unary operations per branch.
        unary: usize,
        /// The first tree met of every canonical formula.
        known: HashMap<String, Tree>,
    },
}

impl Breeder {
    /// A batch of random formulas, as far as they are admitted.
    fn draw(
        &mut self,
        run: &mut Run<'_, '_>,
        generator: &Generator<'_>,
        random: &mut impl Rng,
    ) -> Vec<Node> {
        match self {
            Breeder::Formulas => run.draw(generator, random),
            Breeder::Trees { unary, known } => (0..run.settings.offspring)
                .filter_map(|_| admit(Tree::draw(generator, *unary, random), known, run))
                .collect(),
        }
    }

    /// One offspring, if it is admitted.
    fn breed(
        &mut self,
        population: &Population,
        run: &mut Run<'_, '_>,
        generator: &Generator<'_>,
        random: &mut impl Rng,
    ) -> Option<Node> {
        if let Breeder::Trees { unary, known } = self
            && random.random_bool(IMMIGRANTS)
        {
            return admit(Tree::draw(generator, *unary, random), known, run);
        }
        let settings = run.settings;
        let limits = &settings.limits;
        let first = parent(population, &run.archive, settings, random)?;
        let second = if random.random_bool(settings.crossover) {
            Some(parent(population, &run.archive, settings, random)?)
        } else {
            None
        };
        match self {
            Breeder::Formulas => {
                let crossed = second
                    .and_then(|second| crossover(&first.formula, &second.formula, limits, random));
                let child = match crossed {
                    Some(child) if !random.random_bool(settings.mutation) => Some(child),
                    Some(child) => {
                        mutate_somehow(&child, generator, limits, random).or(Some(child))
                    }
                    None => mutate_somehow(&first.formula, generator, limits, random),
                };
                child.and_then(|child| run.admit(&child))
            }
            Breeder::Trees { known, .. } => {
                let tree = |parent: &Individual| known.get(&parent.formula.to_string());
                let first = tree(first)?;
                let second = second.and_then(tree);
                let child = match second.map(|second| first.crossed(second, random)) {
                    Some(child) if !random.random_bool(settings.mutation) => child,
                    Some(child) => child.mutated(generator, random),
                    None => first.mutated(generator, random),
                };
                if !child.meets(generator.vocabulary()) {
                    return None;
                }
                admit(child, known, run)
            }
        }
    }
}

/// The canonical formula of a tree, unless a rule discards it or it was met
/// before.
fn admit(tree: Tree, known: &mut HashMap<String, Tree>, run: &mut Run<'_, '_>) -> Option<Node> {
    let formula = run.admit(&tree.node())?;
    known.insert(formula.to_string(), tree);
    Some(formula)
}

fn parent<'p>(
    population: &'p Population,
    archive: &'p Archive,
    settings: &Settings,
    random: &mut impl Rng,
) -> Option<&'p Individual> {
    if random.random_bool(FROM_ARCHIVE) {
        return pick(&archive.front(), random).copied();
    }
    let half = &population.members[..population.members.len().div_ceil(2)];
    let draws = 0..settings.tournament;
    // Members are sorted: the smallest index is the fittest.
    let drawn = draws.map(|_| random.random_range(0..half.len().max(1)));
    drawn.min().and_then(|index| half.get(index))
}

/// Members, fittest first.
struct Population {
    members: Vec<Individual>,
    size: usize,
}

impl Population {
    fn new(size: usize) -> Self {
        Self {
            members: Vec::with_capacity(size + 1),
            size,
        }
    }

    fn is_full(&self) -> bool {
        self.members.len() >= self.size
    }

    /// Fitness that an offspring must exceed; 0 while there is room.
    fn worst(&self) -> f64 {
        match self.members.last() {
            Some(worst) if self.is_full() => worst.fitness,
            _ => 0.0,
        }
    }

    fn settle_all(&mut self, offspring: Vec<Individual>) {
        for individual in offspring {
            self.settle(individual);
        }
    }

    /// Gives an offspring a place, or not.
    fn settle(&mut self, individual: Individual) {
        let alike = self
            .members
            .iter()
            .position(|member| alike(&member.ranks, &individual.ranks));
        if let Some(rival) = alike {
            if individual.order(&self.members[rival]).is_ge() {
                return;
            }
            self.members.remove(rival);
        }
        let at = self
            .members
            .partition_point(|m| m.order(&individual).is_lt());
        self.members.insert(at, individual);
        self.members.truncate(self.size);
    }
}

/// Whether two doubled rank vectors correlate at [`ALIKE`] or more.
fn alike(a: &[u32], b: &[u32]) -> bool {
    let mean = i64::try_from(a.len() + 1).unwrap_or(i64::MAX);
    let (mut aa, mut bb, mut ab) = (0i64, 0i64, 0i64);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (i64::from(a) - mean, i64::from(b) - mean);
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    ab as f64 >= ALIKE * (aa as f64 * bb as f64).sqrt()
}
