//! Typed genetic programming with LPZero's settings (Dong et al. 2024,
//! algorithm 1): parents from the top half, crossover, mutation, the worst
//! member replaced.
//!
//! Two things keep the population from collapsing onto variants of one
//! formula: an offspring that ranks almost like a member competes with that
//! member instead of the worst one, and some parents come from the archive,
//! which holds the best formulas of every complexity.
//!
//! Part of every batch is no accident: the neighbours of the best formulas, of
//! each a small step away, are tried one after the other. That fits constants.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use lpzero_proxy::{FormulaId, Node};
use lpzero_stats::rank_vector::alike;
use rand::Rng;

use crate::archive::{Archive, Individual};
use crate::assess::Wanted;
use crate::control::Control;
use crate::foresight::Foresight;
use crate::found::Found;
use crate::generate::{Generator, Grammar, pick};
use crate::powers::Products;
use crate::run::Run;
use crate::seed::Stream;
use crate::settings::Settings;
use crate::space::{Formulas, Genomes, Trees};
use crate::template::Templates;
use crate::{Error, Problem, seed};

/// Probability that a parent comes from the archive.
const FROM_ARCHIVE: f64 = 0.2;

/// Batches after which it is seen anew how correlations of members have moved.
const FORESIGHT: usize = 8;

/// Attempts at one offspring before its place in the batch stays empty.
const ATTEMPTS: usize = 8;

/// Evolves formulas until the budget is spent.
///
/// One seed and one budget in iterations or evaluations give one result, on
/// any number of threads: offspring are bred one after the other, evaluated
/// side by side, and take their places in the order they were bred.
///
/// # Errors
/// Settings out of range, an empty vocabulary, a constant truth, a template
/// that nothing fills, or nothing that could be evaluated.
pub fn search(
    problem: Problem<'_>,
    settings: &Settings,
    control: &mut Control<'_>,
) -> Result<Found, Error> {
    let generator = &Generator::new(problem.vocabulary, settings.grammar)?;
    let limits = &settings.limits;
    if let Some(template) = &settings.template {
        let space = Templates::new(template, generator, limits)?;
        return evolve(&space, &[], false, problem, settings, control);
    }
    match settings.grammar {
        Grammar::Aggregates => {
            // Known proxies and bare scalars first.
            let scalars = problem.vocabulary.scalars().iter();
            let scalars = scalars.map(|scalar| Node::Scalar(*scalar));
            let known: Vec<Node> = problem.seeds.iter().cloned().chain(scalars).collect();
            let space = Formulas { generator, limits };
            evolve(&space, &known, settings.powers, problem, settings, control)
        }
        Grammar::Paper { unary } => {
            let space = Trees { generator, unary };
            evolve(&space, &[], false, problem, settings, control)
        }
    }
}

/// Evolves members of a space, starting from these formulas and random ones.
fn evolve<S: Genomes>(
    space: &S,
    known: &[Node],
    powers: bool,
    problem: Problem<'_>,
    settings: &Settings,
    control: &mut Control<'_>,
) -> Result<Found, Error> {
    let mut random = seed::stream(settings.seed, "search/genetic");
    let mut population = Population::new(settings.population, problem.searched().collect());
    let mut run = Run::start(problem, settings, control)?;
    let mut breeder = Breeder {
        space,
        genomes: HashMap::new(),
        visited: HashSet::new(),
        neighbours: VecDeque::new(),
    };
    // First, because they tell what is attainable on each ground truth.
    if powers {
        population.settle_all(Products::of(&mut run)?.evaluate(&mut run)?);
    }
    for chunk in known.chunks(settings.offspring) {
        let batch = chunk.iter().filter_map(|formula| run.admit(formula));
        let batch = batch.collect();
        population.settle_all(run.evaluate(batch, &Wanted::ANY)?);
    }
    while !population.is_full() && !run.finished() {
        let drawn = (0..settings.offspring).filter_map(|_| breeder.draw(&mut run, &mut random));
        let batch = drawn.collect();
        population.settle_all(run.evaluate(batch, &Wanted::ANY)?);
        run.tick();
    }
    let mut foresight = None;
    let mut iteration = 0_usize;
    let beside = (S::NEIGHBOURS * settings.offspring as f64) as usize;
    while !run.finished() {
        let mut batch = Vec::with_capacity(settings.offspring);
        while batch.len() < beside
            && let Some(neighbour) = breeder.neighbour(&population, &mut run)
        {
            batch.push(neighbour);
        }
        for _ in batch.len()..settings.offspring {
            let mut attempts = 0..ATTEMPTS;
            batch.extend(attempts.find_map(|_| breeder.breed(&population, &mut run, &mut random)));
        }
        let worst = population.worst();
        if iteration.is_multiple_of(FORESIGHT) {
            let members = &population.members;
            foresight = Foresight::of(members, &run.problem, &run.fitness).map(Arc::new);
        }
        let wanted = Wanted::above(worst, foresight.clone());
        population.settle_all(run.evaluate(batch, &wanted)?);
        iteration += 1;
        run.tick();
    }
    run.finish()
}

/// Breeds members of a space.
struct Breeder<'a, S: Genomes> {
    space: &'a S,
    /// The first genome met of every canonical formula that is not its own.
    genomes: HashMap<FormulaId, S::Genome>,
    /// Formulas whose neighbours have been listed.
    visited: HashSet<FormulaId>,
    /// Neighbours that are still to be tried.
    neighbours: VecDeque<S::Genome>,
}

impl<S: Genomes> Breeder<'_, S> {
    /// A random newcomer, if it is admitted.
    fn draw(&mut self, run: &mut Run<'_, '_>, random: &mut Stream) -> Option<Node> {
        let genome = self.space.draw(random)?;
        self.admit(genome, run)
    }

    /// One offspring, if it is admitted.
    fn breed(
        &mut self,
        population: &Population,
        run: &mut Run<'_, '_>,
        random: &mut Stream,
    ) -> Option<Node> {
        if S::NEWCOMERS > 0.0 && random.random_bool(S::NEWCOMERS) {
            return self.draw(run, random);
        }
        let settings = run.settings;
        let first = self.genome(parent(population, &run.archive, settings, random)?, run)?;
        let second = if random.random_bool(settings.crossover) {
            self.genome(parent(population, &run.archive, settings, random)?, run)
        } else {
            None
        };
        let space = self.space;
        let crossed = second.and_then(|second| space.crossed(&first, &second, random));
        let child = match crossed {
            Some(child) if !random.random_bool(settings.mutation) => Some(child),
            Some(child) => space.mutated(&child, random).or(Some(child)),
            None => space.mutated(&first, random),
        };
        self.admit(child?, run)
    }

    /// The next neighbour of a good formula that is not known yet: of the
    /// fittest whose neighbours were never listed.
    fn neighbour(&mut self, population: &Population, run: &mut Run<'_, '_>) -> Option<Node> {
        loop {
            while let Some(genome) = self.neighbours.pop_front() {
                if let Some(formula) = self.admit(genome, run) {
                    return Some(formula);
                }
            }
            let fittest = population.members.iter().take(population.size / 4);
            let ids = fittest.filter_map(|member| Some((member, run.met.get(&member.formula)?)));
            let mut unvisited = ids.filter(|(_, id)| !self.visited.contains(id));
            let (member, id) = unvisited.next()?;
            self.visited.insert(id);
            if let Some(genome) = self.genome(member, run) {
                self.neighbours.extend(self.space.neighbours(&genome));
            }
        }
    }

    /// The genome of an evaluated formula.
    fn genome(&self, individual: &Individual, run: &Run<'_, '_>) -> Option<S::Genome> {
        let formula = &individual.formula;
        let own = self.space.own(formula);
        own.or_else(|| self.genomes.get(&run.met.get(formula)?).cloned())
    }

    /// The canonical formula of a genome, unless a rule discards it or it was
    /// met before.
    fn admit(&mut self, genome: S::Genome, run: &mut Run<'_, '_>) -> Option<Node> {
        let formula = run.admit(&self.space.formula(&genome)?)?;
        if self.space.own(&formula).is_none() {
            self.genomes.insert(run.met.intern(&formula), genome);
        }
        Some(formula)
    }
}

fn parent<'p>(
    population: &'p Population,
    archive: &'p Archive,
    settings: &Settings,
    random: &mut Stream,
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
    /// Lengths of the pieces of a rank vector, one per ground truth.
    pieces: Vec<usize>,
}

impl Population {
    fn new(size: usize, pieces: Vec<usize>) -> Self {
        Self {
            members: Vec::with_capacity(size + 1),
            size,
            pieces,
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
            .position(|member| alike(&member.ranks, &individual.ranks, &self.pieces));
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
