//! The whole of the paper's space, formula by formula.
//!
//! A formula of LPZero's tree is two branches and an operation, under the mean over all
//! sites or another [`Aggregate`]. There are a few thousand different branches; each is
//! evaluated once, at every site. Millions of formulas are then arithmetic on those
//! numbers, and what search methods look for, the best formula of the space, is known
//! exactly, as is how rare good ones are.

mod aggregate;
mod branches;
mod distinct;
mod pairs;
mod products;
mod ranking;
mod tally;
#[cfg(test)]
mod tests;
mod values;

use std::sync::atomic::{AtomicBool, Ordering};

use lpzero_proxy::{Node, RoleSet, Symbol, known};
use serde::Serialize;

use crate::assess::Wanted;
use crate::budget::{Control, Progress};
use crate::generate::{Generator, Grammar};
use crate::record::{Key, truncated};
use crate::run::{Found, Run, Settings};
use crate::{Error, Problem, Vocabulary, language};
pub use aggregate::Aggregate;
use aggregate::Numbered;
use branches::Branches;
use products::Sample;
use ranking::Ranker;
pub use tally::BINS;
use tally::{Member, Operation, Tally};
use values::Values;

/// The longest chains that are enumerated.
pub const MOST_UNARY: usize = 3;

/// The parts of a search, as its [`Progress`] names them: arithmetic on one
/// number per site, and matrix products of tensors.
pub const NUMBERS: &str = "numbers";
/// See [`NUMBERS`].
pub const PRODUCTS: &str = "matrix products";

/// Bytes that an enumeration may take beside the traces.
pub const MOST_MEMORY: u64 = 8_000_000_000;

/// What a whole space is like on the search split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Space {
    /// Unary operations per branch.
    pub unary: usize,
    /// What makes one number of all sites.
    pub aggregates: Vec<Aggregate>,
    /// Trees as the paper counts them, under every aggregate.
    pub trees: u64,
    /// Operands of binary operations that differ by more than algebra and sign:
    /// those that are one number per site, and tensors.
    pub branches: [usize; 2],
    /// Formulas that differ by more than algebra, of symbols that meet where an aggregate
    /// looks.
    pub canonical: u64,
    /// Share of them that was searched; left out where it is all of them.
    #[serde(skip_serializing_if = "is_whole")]
    pub done: f64,
    /// Those of them that are finite and not constant on the search split, and
    /// whose branches differ in value from each other.
    pub measured: u64,
    /// Different rankings of the search split, a ranking and its reverse being one.
    pub rankings: u64,
    /// Relative standard error of that number, where there are too many to be
    /// counted one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rankings_error: Option<f64>,
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
/// threads. A search that is cancelled reports on what it has searched; with a
/// journal it goes on after the last piece, all formulas of one kind over two
/// symbols, that it had finished.
///
/// # Errors
/// Settings out of range, several ground truths, another grammar, no symbols, no
/// aggregate, a constant truth, a space that needs more than [`MOST_MEMORY`], a journal of
/// another search, or nothing that could be evaluated.
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
    let aggregates = &settings.aggregates[..];
    if aggregates.is_empty() {
        return Err(Error::Setting {
            name: "aggregates",
            value: "empty".to_owned(),
            expected: "at least one",
        });
    }
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
    let formulas = pieces.iter().map(|piece| piece.formulas(&branches)).sum();
    let trees = branches.trees * aggregates.len() as u64;
    run.counts.generated = trees;
    run.counts.canonical = formulas;
    let sample = Sample {
        scorer: benchmark.scorer,
        architectures,
        pool,
        cancel,
    };
    let products = pieces
        .iter()
        .filter(|piece| matches!(piece.kind, Kind::Products(_)));
    let products = products.map(|piece| (piece.symbols, piece.parts().len()));
    let bytes = branches.memory(sample, products);
    if bytes > MOST_MEMORY {
        return Err(Error::SpaceTooLarge {
            formulas,
            bytes,
            limit: MOST_MEMORY,
        });
    }

    let key = branches.key();
    let mut work = Work::of(&pieces, &branches);
    let mut tally = Tally::default();
    let mut values = None;
    for piece in &pieces {
        let decode = |body: &[u8]| {
            let known = Tally::decode(body)?;
            let [numbers, tensors] = [&branches.numbers, &branches.tensors].map(Vec::len);
            let fits = known.fits(aggregates.len(), numbers, tensors);
            fits.then_some(known)
        };
        if let Some(known) = run.recorded(piece.key(&key), decode)? {
            tally.add(known);
            work.finish(piece, 1.0);
            continue;
        }
        if cancel.load(Ordering::Relaxed) {
            break;
        }
        let mut part = Tally::default();
        let mut report = |part: &Tally, share: f64| {
            (run.control.progress)(Progress {
                part: piece.part(),
                evaluated: tally.measured + part.measured,
                spent: work.share(piece, share),
                best: tally.strongest().max(part.strongest()),
                formula: None,
                archive: &run.archive,
            });
        };
        let done = match &piece.kind {
            Kind::Numbers(aggregate) => {
                let values = values.get_or_insert_with(|| {
                    pool.install(|| {
                        Values::of(&branches.numbers, benchmark.scorer, architectures, cancel)
                    })
                });
                // What was evaluated while it was cancelled is not complete.
                if cancel.load(Ordering::Relaxed) {
                    break;
                }
                let block = values.block(&branches.numbers, piece.symbols, *aggregate);
                block.map_or(1.0, |block| {
                    pairs::measure(
                        &block,
                        &branches,
                        &ranker,
                        &mut part,
                        pool,
                        cancel,
                        &mut report,
                    )
                })
            }
            Kind::Products(_) => {
                values = None;
                let mut report = |share| report(&Tally::default(), share);
                let measured = products::measure(piece, &branches, sample, &ranker, &mut report);
                let done = f64::from(u8::from(measured.is_some()));
                part = measured.unwrap_or_default();
                done
            }
        };
        if done >= 1.0 {
            run.record(piece.key(&key), &part.encode())?;
        }
        work.finish(piece, done);
        // Of a piece that was cancelled, what is there counts, but is not kept.
        tally.add(part);
        if done < 1.0 {
            break;
        }
    }

    let best: Vec<Node> = tally
        .best()
        .map(|member| node(member, aggregates, &branches))
        .collect();
    tally.report(&mut run.counts);
    run.counts.evaluated = tally.measured;
    // The second evaluation is no part of the search, and takes a moment: it is
    // not cancelled. Before the end, it is nothing to come back to either.
    let counts = run.counts.clone();
    let done = work.share_done();
    let journal = run.control.journal.take_if(|_| done < 1.0);
    run.control.cancel = &NEVER;
    run.evaluate(best, &Wanted::ANY)?;
    (run.control.cancel, run.counts) = (cancel, counts);
    run.control.journal = run.control.journal.take().or(journal);
    let optimum = run.archive.best().map(|best| Optimum {
        formula: best.formula.to_string(),
        fitness: best.fitness,
    });
    let (rankings, rankings_error) = tally.rankings.count();
    run.space = optimum.map(|optimum| Space {
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
    (run.control.progress)(Progress {
        part: "",
        evaluated: tally.measured,
        spent: done,
        best: tally.strongest(),
        formula: None,
        archive: &run.archive,
    });
    run.finish()
}

/// Nothing sets it.
static NEVER: AtomicBool = AtomicBool::new(false);

/// What is measured and recorded at one go.
#[derive(Clone, Debug)]
struct Piece {
    kind: Kind,
    symbols: [Symbol; 2],
    /// Where both symbols are found.
    roles: RoleSet,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Sums, differences and products of the numbers of two symbols, under one aggregate.
    Numbers(Numbered),
    /// Matrix products of the tensors of two symbols, under several aggregates.
    Products(Vec<Numbered>),
}

impl Piece {
    /// All pieces of a space; symbols that never meet where an aggregate looks have none.
    fn all(vocabulary: &Vocabulary, aggregates: &[Aggregate], branches: &Branches) -> Vec<Self> {
        let symbols: Vec<Symbol> = vocabulary.symbols().iter().map(|(s, _)| *s).collect();
        let pairs = symbols.iter().enumerate().flat_map(|(place, &left)| {
            let rest = symbols[place..].iter();
            rest.map(move |&right| [left, right])
        });
        let piece = |kind, symbols| Self {
            kind,
            symbols,
            roles: vocabulary.roles(&symbols),
        };
        let numbers = pairs.flat_map(|symbols| {
            let distinct = Aggregate::distinct(aggregates, vocabulary, symbols).into_iter();
            let pieces = distinct.map(|one| piece(Kind::Numbers(one), symbols));
            pieces.collect::<Vec<_>>()
        });
        // Tensors take long to evaluate: once for all aggregates.
        let products = products::pairs(branches).into_iter().filter_map(|symbols| {
            let distinct = Aggregate::distinct(aggregates, vocabulary, symbols);
            (!distinct.is_empty()).then(|| piece(Kind::Products(distinct), symbols))
        });
        numbers.chain(products).collect()
    }

    /// What it consists of, for people.
    fn part(&self) -> &'static str {
        match self.kind {
            Kind::Numbers(_) => NUMBERS,
            Kind::Products(_) => PRODUCTS,
        }
    }

    fn aggregates(&self) -> &[Numbered] {
        match &self.kind {
            Kind::Numbers(aggregate) => std::slice::from_ref(aggregate),
            Kind::Products(aggregates) => aggregates,
        }
    }

    /// The roles that its aggregates tell apart.
    fn parts(&self) -> Vec<RoleSet> {
        aggregate::parts(self.aggregates(), self.roles)
    }

    /// Identifies it in a journal, beside the key of all branches.
    fn key(&self, branches: &Key) -> Key {
        let mut hasher = blake3::Hasher::new();
        hasher.update(branches);
        hasher.update(format!("{} {:?}", self.part(), self.symbols).as_bytes());
        for Numbered { number, aggregate } in self.aggregates() {
            hasher.update(format!(" {number} {aggregate}").as_bytes());
        }
        truncated(&hasher)
    }

    /// Number of its formulas that differ by more than algebra.
    fn formulas(&self, branches: &Branches) -> u64 {
        let one = match self.kind {
            Kind::Numbers(_) => branches.formulas(self.symbols),
            Kind::Products(_) => branches.products(self.symbols),
        };
        one * self.aggregates().len() as u64
    }
}

/// How much of a space is done.
struct Work<'a> {
    branches: &'a Branches,
    all: f64,
    finished: f64,
}

impl<'a> Work<'a> {
    fn of(pieces: &[Piece], branches: &'a Branches) -> Self {
        Self {
            branches,
            all: pieces
                .iter()
                .map(|piece| piece.formulas(branches) as f64)
                .sum(),
            finished: 0.0,
        }
    }

    fn finish(&mut self, piece: &Piece, share: f64) {
        self.finished += share * piece.formulas(self.branches) as f64;
    }

    /// With such a share of a piece beside those that are finished.
    fn share(&self, piece: &Piece, done: f64) -> f64 {
        let work = self.finished + done * piece.formulas(self.branches) as f64;
        (work / self.all).min(1.0)
    }

    fn share_done(&self) -> f64 {
        // Sums of whole numbers: exact.
        if self.finished < self.all {
            self.finished / self.all
        } else {
            1.0
        }
    }
}

/// Whether all of a space is done.
fn is_whole(done: &f64) -> bool {
    *done >= 1.0
}

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
