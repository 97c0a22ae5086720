//! All pairs of branches under `add`, `sub` and `mul`.
//!
//! Aggregates distribute over sums, so that sums and differences of branches cost
//! one addition per architecture; a product costs one multiplication per site.

use std::ops::Range;

use rayon::prelude::*;

use super::branches::Branches;
use super::ranking::{Buffers, Ranker};
use super::sample::Sample;
use super::tally::{Member, Operation, Tally};
use super::values::SymbolPair;

/// Branches on each side of one piece of work: their numbers fit the cache.
const TILE: usize = 16;

/// Pieces of work between two looks at the clock.
const BATCH: usize = 256;

/// Measures every formula over one block; also which share of the pairs is done: all of
/// them, unless it was cancelled. `report` is told the same.
pub(super) fn measure(
    block: &SymbolPair,
    branches: &Branches,
    ranker: &Ranker<'_>,
    sample: Sample<'_>,
    report: &mut dyn FnMut(&Tally, f64),
) -> (Tally, f64) {
    let mut tally = Tally::default();
    let tiles = tiles(block);
    let mut done = 0;
    for batch in tiles.chunks(BATCH) {
        if sample.cancel.is_cancelled() {
            return (tally, done as f64 / tiles.len() as f64);
        }
        let parts: Vec<Tally> = sample.pool.install(|| {
            let tile = |buffers: &mut Tile, (rows, columns): &(Range<usize>, Range<usize>)| {
                let part = (rows.clone(), columns.clone());
                buffers.measure(block, branches, ranker, part)
            };
            batch.par_iter().map_init(Tile::default, tile).collect()
        });
        for part in parts {
            tally.add(part);
        }
        done += batch.len();
        report(&tally, done as f64 / tiles.len() as f64);
    }
    (tally, 1.0)
}

/// Ranges of left and right places; of one symbol, half of them.
fn tiles(block: &SymbolPair) -> Vec<(Range<usize>, Range<usize>)> {
    let ranges = |count: usize| {
        let starts = (0..count).step_by(TILE);
        starts.map(move |start| start..(start + TILE).min(count))
    };
    let rows = ranges(block.left.branches.len());
    let pairs = rows.flat_map(|row| {
        let columns = ranges(block.right().branches.len());
        columns.map(move |column| (row.clone(), column))
    });
    pairs
        .filter(|(row, column)| !block.is_symmetric() || row.start <= column.start)
        .collect()
}

/// Buffers of one thread.
#[derive(Default)]
struct Tile {
    products: Vec<f64>,
    scores: Vec<f64>,
    buffers: Buffers,
}

impl Tile {
    fn measure(
        &mut self,
        block: &SymbolPair,
        branches: &Branches,
        ranker: &Ranker<'_>,
        (rows, columns): (Range<usize>, Range<usize>),
    ) -> Tally {
        let architectures = block.architectures();
        self.products.clear();
        let pairs = rows.len() * columns.len();
        self.products.resize(pairs * architectures, 0.0);
        for architecture in 0..architectures {
            let pairs = rows
                .clone()
                .flat_map(|row| columns.clone().map(move |c| (row, c)));
            let cells = self.products.iter_mut().skip(architecture);
            for ((row, column), cell) in pairs.zip(cells.step_by(architectures)) {
                *cell = block.product(row, column, architecture);
            }
        }

        let mut tally = Tally::default();
        let mut products = self.products.chunks_exact(architectures);
        let (left, right) = (&block.left, block.right());
        for row in rows {
            for column in columns.clone() {
                let product = products.next().unwrap_or_default();
                if block.is_symmetric() && row > column {
                    continue;
                }
                let [i, j] = [left.branches[row], right.branches[column]];
                let [a, b] = [&branches.numbers[i], &branches.numbers[j]];
                let mut count = |operation, scores: &[f64], complexity| {
                    let member = Member {
                        aggregate: block.aggregate,
                        operation,
                        left: i,
                        right: j,
                    };
                    let ranked = ranker.rank(scores, &mut self.buffers);
                    tally.count(member, complexity, ranked);
                };
                let both = 2 + a.complexity + b.complexity;
                let redundant = a.base == b.base && branches.redundant.contains(&(i, j));
                let (own, other) = (left.aggregates(row), right.aggregates(column));
                if i == j {
                    count(Operation::Single, own, 1 + a.complexity);
                } else {
                    let both_sides = || own.iter().zip(other);
                    self.scores.clear();
                    self.scores.extend(both_sides().map(|(a, b)| a + b));
                    count(Operation::Add, &self.scores, both);
                    self.scores.clear();
                    self.scores.extend(both_sides().map(|(a, b)| a - b));
                    count(Operation::Sub, &self.scores, both);
                }
                if !redundant {
                    count(Operation::Mul, product, both);
                }
            }
        }
        tally
    }
}
