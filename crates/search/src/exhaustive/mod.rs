//! The whole of the paper's space, formula by formula.
//!
//! A formula of LPZero's tree is two branches and an operation, under the mean over all
//! sites or another [`Aggregate`]. There are a few thousand different branches; each is
//! evaluated once, at every site. Millions of formulas are then arithmetic on those
//! numbers, and what search methods look for, the best formula of the space, is known
//! exactly, as is how rare good ones are.

pub(crate) mod aggregate;
mod branches;
mod distinct;
mod pairs;
mod piece;
mod products;
mod ranking;
mod sample;
pub(crate) mod space;
mod tally;
#[cfg(test)]
mod tests;
mod values;

use lpzero_proxy::{Node, known};
use lpzero_run::{Cancel, ContentHash};

use crate::assess::Wanted;
use crate::control::{Control, Snapshot};
use crate::found::Found;
use crate::generate::{Generator, Grammar};
use crate::run::{Recorded, Run};
use crate::settings::Settings;
use crate::{Error, Problem, language};
pub use aggregate::Aggregate;
use branches::Branches;
use piece::{Kind, Piece, Work};
pub use piece::{NUMBERS, PRODUCTS};
use ranking::Ranker;
use sample::Sample;
pub use space::{Census, Optimum};
pub use tally::BINS;
use tally::{Member, Operation, Tally};
use values::Values;

/// The longest chains that are enumerated.
pub const MOST_UNARY: usize = 3;

/// Bytes that an enumeration may take beside the traces.
pub const MOST_MEMORY: u64 = 8_000_000_000;

/// Evaluates every formula of the paper's space on the search split. The best
/// of every complexity are evaluated once more by the scorer of the problem,
/// and are what is found.
///
/// The budget is not looked at. The result does not depend on the number of
/// threads. A search that is cancelled reports on what it has searched; with a
/// journal it goes on after the last piece, all formulas of one kind over two
/// symbols, that it had finished.
///
/// # Errors
/// Settings out of range, several ground truths, another grammar, no symbols, no
/// aggregate, a constant truth, a space that needs more than [`MOST_MEMORY`], a journal of
/// another search, or nothing that could be evaluated; [`Error::Share`] where the journal is
/// that of a share, and the share is done.
pub fn search(
    problem: Problem<'_>,
    settings: &Settings,
    control: &mut Control<'_>,
) -> Result<Found, Error> {
    let unary = longest_chain(settings)?;
    let aggregates = &settings.aggregates[..];
    let (pool, cancel) = (control.pool, control.cancel);
    let benchmark = problem.only()?;
    let architectures = &benchmark.split.search[..];
    let truth = benchmark.truths(architectures);
    let generator = Generator::new(problem.vocabulary, settings.grammar)?;
    let mut run = Run::start(problem, settings, control)?;
    let fitness = run.fitness.clone();
    let ranker = Ranker::new(settings.fitness, &fitness, &truth)?;

    let branches = Branches::enumerate(&generator, unary);
    let pieces = Piece::all(problem.vocabulary, aggregates, &branches);
    let sample = Sample {
        scorer: benchmark.scorer,
        architectures,
        pool,
        cancel,
    };
    let formulas = pieces.iter().map(|piece| piece.formulas(&branches)).sum();
    check_memory(&pieces, &branches, sample, formulas)?;
    let trees = branches.trees * aggregates.len() as u64;
    run.counts.generated = trees;
    run.counts.canonical = formulas;

    let mut enumeration = Enumeration {
        key: branches.key(),
        work: Work::of(&pieces, &branches),
        branches: &branches,
        aggregates: aggregates.len(),
        sample,
        ranker: &ranker,
        tally: Tally::default(),
        recorded: 0,
        values: None,
    };
    enumeration.measure(&pieces, &mut run)?;
    let Enumeration {
        work, mut tally, ..
    } = enumeration;
    let done = work.share_done();
    evaluate_best(&tally, &branches, done, &mut run)?;

    let optimum = run.archive.best().map(|best| Optimum {
        formula: best.formula.to_string(),
        fitness: best.fitness,
    });
    let (rankings, rankings_error) = tally.rankings.count();
    run.space = optimum.map(|optimum| Census {
        unary,
        aggregates: aggregates.to_vec(),
        trees,
        branches: [branches.numbers.len(), branches.tensors.len()],
        canonical: formulas,
        done,
        measured: tally.measured,
        rankings,
        rankings_error,
        optimum,
        histogram: tally.histogram,
    });
    // For those who keep the front.
    (run.control.progress)(Snapshot {
        part: "",
        evaluated: tally.measured,
        spent: done,
        best: tally.strongest(),
        formula: None,
        archive: &run.archive,
    });
    run.finish()
}

/// Operations of the longest chains, where the settings can be enumerated.
fn longest_chain(settings: &Settings) -> Result<usize, Error> {
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
    if settings.aggregates.is_empty() {
        return Err(Error::Setting {
            name: "aggregates",
            value: "empty".to_owned(),
            expected: "at least one",
        });
    }
    Ok(unary)
}

/// Refuses a space of which the largest piece does not fit.
fn check_memory(
    pieces: &[Piece],
    branches: &Branches,
    sample: Sample<'_>,
    formulas: u64,
) -> Result<(), Error> {
    let products = pieces
        .iter()
        .filter(|piece| matches!(piece.kind, Kind::Products(_)));
    let products = products.map(|piece| (piece.symbols, piece.parts().len()));
    let bytes = branches.memory(sample, products);
    if bytes <= MOST_MEMORY {
        return Ok(());
    }
    Err(Error::SpaceTooLarge {
        formulas,
        bytes,
        limit: MOST_MEMORY,
    })
}

/// An enumeration under way.
struct Enumeration<'a> {
    branches: &'a Branches,
    /// Identifies them in a journal.
    key: ContentHash,
    /// How many there are.
    aggregates: usize,
    sample: Sample<'a>,
    ranker: &'a Ranker<'a>,
    work: Work<'a>,
    tally: Tally,
    /// Pieces that the journal holds.
    recorded: usize,
    /// Numbers of all branches at all sites, while there are pieces that need them.
    values: Option<Values>,
}

impl Enumeration<'_> {
    /// Measures piece after piece, those that are recorded excepted, until it is
    /// cancelled. A share of them does not end in a result, but in [`Error::Share`].
    fn measure(&mut self, pieces: &[Piece], run: &mut Run<'_, '_>) -> Result<(), Error> {
        let shard = run.control.journal.as_ref().and_then(|j| j.shard());
        for (index, piece) in pieces.iter().enumerate() {
            let key = piece.key(&self.key);
            let decode = |body: &[u8]| {
                let known = Tally::decode(body)?;
                let lists = [&self.branches.numbers, &self.branches.tensors];
                let [numbers, tensors] = lists.map(Vec::len);
                let fits = known.fits(self.aggregates, numbers, tensors);
                fits.then_some(known)
            };
            if let Some(known) = run.recorded(Recorded::Anywhere(key), decode)? {
                self.tally.add(known);
                self.work.finish(piece, 1.0);
                self.recorded += 1;
                continue;
            }
            if shard.is_some_and(|shard| !shard.takes(index)) {
                continue;
            }
            if self.sample.cancel.is_cancelled() {
                break;
            }
            let Some((mut part, done)) = self.measure_piece(piece, run) else {
                break;
            };
            if done >= 1.0 {
                run.record(key, &part.encode())?;
                self.recorded += 1;
            }
            self.work.finish(piece, done);
            // Of a piece that was cancelled, what is there counts, but is not kept.
            self.tally.add(part);
            if done < 1.0 {
                break;
            }
        }
        match shard {
            Some(_) if !self.sample.cancel.is_cancelled() => Err(Error::Share {
                recorded: self.recorded,
                all: pieces.len(),
            }),
            _ => Ok(()),
        }
    }

    /// Measures one piece; also which share of it was done before it was cancelled.
    /// `None` where nothing was.
    fn measure_piece(&mut self, piece: &Piece, run: &mut Run<'_, '_>) -> Option<(Tally, f64)> {
        let Sample {
            scorer,
            architectures,
            pool,
            cancel,
        } = self.sample;
        let (branches, tally, work) = (self.branches, &self.tally, &self.work);
        let mut report = |part: &Tally, share: f64| {
            (run.control.progress)(Snapshot {
                part: piece.part(),
                evaluated: tally.measured + part.measured,
                spent: work.share(piece, share),
                best: tally.strongest().max(part.strongest()),
                formula: None,
                archive: &run.archive,
            });
        };
        match &piece.kind {
            Kind::Numbers(aggregate) => {
                let numbers = &branches.numbers;
                let values = self.values.get_or_insert_with(|| {
                    pool.install(|| Values::of(numbers, scorer, architectures, cancel))
                });
                // What was evaluated while it was cancelled is not complete.
                if cancel.is_cancelled() {
                    return None;
                }
                let Some(block) = values.block(numbers, piece.symbols, *aggregate) else {
                    return Some((Tally::default(), 1.0));
                };
                Some(pairs::measure(
                    &block,
                    branches,
                    self.ranker,
                    self.sample,
                    &mut report,
                ))
            }
            Kind::Products(_) => {
                self.values = None;
                let mut report = |share| report(&Tally::default(), share);
                let measured =
                    products::measure(piece, branches, self.sample, self.ranker, &mut report);
                let done = f64::from(u8::from(measured.is_some()));
                Some((measured.unwrap_or_default(), done))
            }
        }
    }
}

/// Evaluates the best of every complexity once more, by the scorer of the problem.
///
/// That is no part of the search, and takes a moment: it is not cancelled. Before the
/// end, it is nothing to come back to either.
fn evaluate_best(
    tally: &Tally,
    branches: &Branches,
    done: f64,
    run: &mut Run<'_, '_>,
) -> Result<(), Error> {
    let aggregates = &run.settings.aggregates;
    let best = tally
        .best()
        .map(|member| node(member, aggregates, branches))
        .collect();
    tally.report(&mut run.counts);
    run.counts.evaluated = tally.measured;
    let (counts, cancel) = (run.counts.clone(), run.control.cancel);
    let journal = run.control.journal.take_if(|_| done < 1.0);
    run.control.cancel = &NEVER;
    run.evaluate(best, &Wanted::ANY)?;
    (run.control.cancel, run.counts) = (cancel, counts);
    run.control.journal = run.control.journal.take().or(journal);
    Ok(())
}

/// Nothing sets it.
static NEVER: Cancel = Cancel::NEVER;

/// The canonical formula of a member.
fn node(member: Member, aggregates: &[Aggregate], branches: &Branches) -> Node {
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
    language::canonical(&aggregates[member.aggregate].of(site))
}
