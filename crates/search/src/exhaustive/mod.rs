//! The whole of the paper's space, formula by formula.
//!
//! A formula of LPZero's tree is two branches and an operation. There are a few
//! thousand different branches; each is evaluated once, at every site. Millions
//! of formulas are then arithmetic on those numbers, and what search methods
//! look for, the best formula of the space, is known exactly, as is how rare
//! good ones are.

mod branches;
mod pairs;
mod products;
mod ranking;
mod tally;
#[cfg(test)]
mod tests;
mod values;

use lpzero_proxy::{Node, known};
use serde::Serialize;

use crate::budget::{Control, Progress};
use crate::generate::{Generator, Grammar};
use crate::run::{Found, Run, Settings};
use crate::{Error, Problem, language};
use branches::{Branches, mean_of};
use products::Sample;
use ranking::Ranker;
pub use tally::BINS;
use tally::{Member, Operation, Tally};
use values::Values;

/// The longest chains that are enumerated.
pub const MOST_UNARY: usize = 3;

/// Bytes that an enumeration may take beside the traces.
pub const MOST_MEMORY: u64 = 8_000_000_000;

/// What a whole space is like on the search split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Space {
    /// Unary operations per branch.
    pub unary: usize,
    /// Trees as the paper counts them.
    pub trees: u64,
    /// Operands of binary operations that differ by more than algebra and sign:
    /// those that are one number per site, and tensors.
    pub branches: [usize; 2],
    /// Formulas that differ by more than algebra.
    pub canonical: u64,
    /// Those of them that are finite and not constant on the search split, and
    /// whose branches differ in value from each other.
    pub measured: u64,
    /// Different rankings of the search split, a ranking and its reverse being one.
    pub rankings: u64,
    /// The best formula of the space.
    pub optimum: Optimum,
    /// How many of the measured formulas have which absolute correlation, in
    /// [`BINS`] equal bins from 0 to 1.
    pub histogram: [u64; BINS],
}

/// The best formula of a space.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Optimum {
    /// As enumerated; its correlation may be negative.
    pub formula: String,
    /// Absolute correlation on the search split.
    pub fitness: f64,
}

/// Evaluates every formula of the paper's space on the search split. The best
/// of every complexity are evaluated once more by the scorer of the problem,
/// and are what is found.
///
/// The budget is not looked at. The result does not depend on the number of
/// threads. A search that is cancelled finds nothing.
///
/// # Errors
/// Settings out of range, several ground truths, another grammar, no symbols, a constant truth, a
/// space that needs more than [`MOST_MEMORY`], or nothing that could be
/// evaluated.
pub fn search(
    problem: Problem<'_>,
    settings: &Settings,
    control: &mut Control<'_>,
) -> Result<Found, Error> {
    let unary = match settings.grammar {
        Grammar::Paper { unary } if (1..=MOST_UNARY).contains(&unary) => unary,
        grammar => {
            return Err(Error::Setting {
                name: "grammar",
                value: format!("{grammar:?}"),
                expected: "the paper's, with 1 to 3 unary operations",
            });
        }
    };
    let (pool, cancel) = (control.pool, control.cancel);
    let benchmark = problem.only()?;
    let architectures = &benchmark.split.search[..];
    let truth = benchmark.truths(architectures);
    let generator = Generator::new(problem.vocabulary, settings.grammar)?;
    let mut run = Run::start(problem, settings, control)?;
    let fitness = run.fitness.clone();
    let ranker = Ranker::new(settings.fitness, &fitness, &truth)?;

    let branches = Branches::enumerate(&generator, unary);
    run.counts.generated = branches.trees;
    run.counts.canonical = branches.formulas();
    let bytes = branches.memory(architectures.len());
    if bytes > MOST_MEMORY {
        return Err(Error::SpaceTooLarge {
            formulas: branches.formulas(),
            bytes,
            limit: MOST_MEMORY,
        });
    }
    let values =
        pool.install(|| Values::of(&branches.numbers, benchmark.scorer, architectures, cancel));

    let mut tally = Tally::default();
    let mut done = 0;
    let total = branches.formulas() as f64;
    let mut report = |tally: &Tally, pairs: u64| {
        done += 3 * pairs;
        (run.control.progress)(Progress {
            evaluated: tally.measured,
            spent: (done as f64 / total).min(1.0),
            best: tally.strongest(),
            formula: None,
            archive: &run.archive,
        });
    };
    let symbols = problem.vocabulary.symbols().iter().map(|(s, _)| *s);
    let symbols: Vec<_> = symbols.collect();
    for (place, &left) in symbols.iter().enumerate() {
        for &right in &symbols[place..] {
            if let Some(block) = values.block(&branches.numbers, [left, right]) {
                pairs::measure(
                    &block,
                    &branches,
                    &ranker,
                    &mut tally,
                    pool,
                    cancel,
                    &mut report,
                );
            }
        }
    }
    let sample = Sample {
        scorer: benchmark.scorer,
        architectures,
        pool,
        cancel,
    };
    for class in branches.classes() {
        let before = tally.measured;
        products::measure(class, &branches, sample, &ranker, &mut tally);
        report(&tally, (tally.measured - before) / 3);
    }

    let best: Vec<Node> = tally.best().map(|member| node(member, &branches)).collect();
    tally.report(&mut run.counts);
    run.counts.evaluated = tally.measured;
    // The second evaluation is no part of the search.
    let counts = run.counts.clone();
    run.evaluate(best, 0.0)?;
    run.counts = counts;
    let optimum = run.archive.best().map(|best| Optimum {
        formula: best.formula.to_string(),
        fitness: best.fitness,
    });
    run.space = optimum.map(|optimum| Space {
        unary,
        trees: branches.trees,
        branches: [branches.numbers.len(), branches.tensors.len()],
        canonical: branches.formulas(),
        measured: tally.measured,
        rankings: tally.distinct(),
        optimum,
        histogram: tally.histogram,
    });
    run.finish()
}

/// The canonical formula of a member.
fn node(member: Member, branches: &Branches) -> Node {
    let list = match member.operation {
        Operation::Matmul => &branches.tensors,
        _ => &branches.numbers,
    };
    let [left, right] = [member.left, member.right].map(|index| list[index].node.clone());
    let site = match member.operation {
        Operation::Single => left,
        Operation::Add => Node::binary(known::ADD, left, right),
        Operation::Sub => Node::binary(known::SUB, left, right),
        Operation::Mul => Node::binary(known::MUL, left, right),
        Operation::Matmul => Node::unary(known::R_MEAN, Node::binary(known::MATMUL, left, right)),
    };
    language::canonical(&mean_of(site))
}
