//! All pairs of tensors of one class under `matmul`.
//!
//! The mean of a matrix product needs no product: over the sampled columns it
//! is a form in the row sums of both tensors and in their elements
//! ([`SiteColumns::mean_product_weights`]), the same numbers that the evaluator
//! uses. So every branch is one long vector per architecture, and a formula is
//! the inner product of two, in f32 as the evaluator has it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use lpzero_proxy::{Class, SiteColumns, Symbol};
use rayon::prelude::*;

use super::branches::Branches;
use super::ranking::{Buffers, Ranker};
use super::tally::{Member, Operation, Tally};
use crate::score::Score;

/// Elements of a vector that are multiplied before the next: both operands
/// stay in the innermost cache.
const STRETCH: usize = 1024;

/// Lanes of the innermost loop.
const LANES: usize = 8;

/// Vectors multiplied with one vector at a time.
const COLUMNS: usize = 4;

/// Architectures after which branches that are not finite are dropped.
const WAVE: usize = 8;

/// The scorer and the architectures that it is asked about.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a> {
    pub(super) scorer: &'a dyn Score,
    pub(super) architectures: &'a [usize],
    pub(super) pool: &'a rayon::ThreadPool,
    pub(super) cancel: &'a AtomicBool,
}

/// Two symbols of one class, and what is known about their matrix products.
struct Block {
    symbols: [Symbol; 2],
    /// Indices of the tensors that are finite so far.
    sides: [Vec<usize>; 2],
    /// Per architecture, row by row, the score of every pair.
    scores: Vec<Vec<f64>>,
}

/// The tensors of one class in one architecture, by index.
type Evaluated = BTreeMap<usize, Vec<SiteColumns>>;

/// Measures the matrix products of all tensors of one class.
pub(super) fn measure(
    class: Class,
    branches: &Branches,
    sample: Sample<'_>,
    ranker: &Ranker<'_>,
    tally: &mut Tally,
) {
    let mut blocks = blocks(class, branches);
    for wave in sample.architectures.chunks(WAVE) {
        if sample.cancel.load(Ordering::Relaxed) {
            return;
        }
        let tables: Vec<Vec<Table>> = sample.pool.install(|| {
            let tables = |&architecture: &usize| {
                let evaluated = evaluate(&blocks, branches, sample.scorer, architecture);
                let tables = blocks.iter().map(|block| block.table(&evaluated));
                tables.collect()
            };
            let wave = wave.par_iter().with_max_len(1);
            wave.map(tables).collect()
        });
        for (place, block) in blocks.iter_mut().enumerate() {
            block.extend(tables.iter().map(|tables| &tables[place]));
        }
    }
    for block in &blocks {
        if sample.cancel.load(Ordering::Relaxed) {
            return;
        }
        for part in sample.pool.install(|| block.rank(branches, ranker)) {
            tally.add(part);
        }
    }
}

/// Calls `visit` with every pair of tensors that has scores, and with those.
#[cfg(test)]
pub(super) fn for_each_score(
    branches: &Branches,
    scorer: &dyn Score,
    architectures: &[usize],
    visit: &mut dyn FnMut(usize, usize, &[f64]),
) {
    for class in branches.classes() {
        for mut block in blocks(class, branches) {
            for &architecture in architectures {
                let blocks = std::slice::from_ref(&block);
                let evaluated = evaluate(blocks, branches, scorer, architecture);
                let table = block.table(&evaluated);
                block.extend([&table].into_iter());
            }
            let [left, right] = &block.sides;
            for (row, &i) in left.iter().enumerate() {
                for (column, &j) in right.iter().enumerate() {
                    if !block.is_symmetric() || i <= j {
                        let cell = row * right.len() + column;
                        let scores: Vec<f64> = block.scores.iter().map(|s| s[cell]).collect();
                        visit(i, j, &scores);
                    }
                }
            }
        }
    }
}

/// All pairs of symbols of a class.
fn blocks(class: Class, branches: &Branches) -> Vec<Block> {
    let mut symbols: Vec<Symbol> = branches.tensors.iter().map(|t| t.symbol).collect();
    symbols.dedup();
    symbols.retain(|symbol| Class::of(*symbol) == class);
    let of = |symbol: Symbol| {
        let tensors = branches.tensors.iter().enumerate();
        let own = tensors.filter(|(_, tensor)| tensor.symbol == symbol);
        own.map(|(index, _)| index).collect()
    };
    let pairs = symbols.iter().enumerate().flat_map(|(place, &left)| {
        let rest = symbols[place..].iter();
        rest.map(move |&right| [left, right])
    });
    pairs
        .map(|symbols| Block {
            symbols,
            sides: symbols.map(of),
            scores: Vec::new(),
        })
        .collect()
}

/// Evaluates every tensor that some block still needs, once.
fn evaluate(
    blocks: &[Block],
    branches: &Branches,
    scorer: &dyn Score,
    architecture: usize,
) -> Evaluated {
    let needed: BTreeSet<usize> = blocks
        .iter()
        .flat_map(|block| block.sides.iter().flatten().copied())
        .collect();
    let evaluated = needed.into_iter().filter_map(|index| {
        let node = &branches.tensors[index].node;
        Some((index, scorer.site_columns(node, architecture)?))
    });
    evaluated.collect()
}

impl Block {
    fn is_symmetric(&self) -> bool {
        self.symbols[0] == self.symbols[1]
    }

    /// The products of all pairs in one architecture.
    fn table(&self, evaluated: &Evaluated) -> Table {
        // Where a symbol is found does not depend on what is done with it.
        let sites = |side: usize| {
            let first = self.sides[side].iter().find_map(|i| evaluated.get(i));
            first.map(Vec::as_slice).unwrap_or_default()
        };
        let shapes = [sites(0), sites(1)];
        let vectors = |side: usize| -> Vec<Option<Vec<f32>>> {
            let others = shapes[1 - side];
            let tensors = self.sides[side].iter();
            tensors
                .map(|index| vector(evaluated.get(index)?, others, side == 0))
                .collect()
        };
        Table::multiply(&vectors(0), &vectors(1), self.is_symmetric())
    }

    /// Adds architectures; what is undefined in one of them has no score, and
    /// costs no more from there on.
    fn extend<'t>(&mut self, tables: impl Iterator<Item = &'t Table> + Clone) {
        let kept = [0, 1].map(|side| {
            let places = 0..self.sides[side].len();
            let sound = |place: &usize| tables.clone().all(|table| table.finite[side][*place]);
            places.filter(sound).collect::<Vec<usize>>()
        });
        let width = self.sides[1].len();
        let cells: Vec<usize> = kept[0]
            .iter()
            .flat_map(|row| kept[1].iter().map(move |column| row * width + column))
            .collect();
        let keep = |column: &[f64]| cells.iter().map(|&cell| column[cell]).collect();
        let mut scores: Vec<Vec<f64>> = self.scores.iter().map(|old| keep(old)).collect();
        scores.extend(tables.map(|table| keep(&table.products)));
        self.scores = scores;
        for (side, kept) in self.sides.iter_mut().zip(&kept) {
            *side = kept.iter().map(|&place| side[place]).collect();
        }
    }

    /// Ranks every pair, row by row.
    fn rank(&self, branches: &Branches, ranker: &Ranker<'_>) -> Vec<Tally> {
        let [left, right] = &self.sides;
        let row = |(buffers, column): &mut (Buffers, Vec<f64>), (row, &i): (usize, &usize)| {
            let mut part = Tally::default();
            for (place, &j) in right.iter().enumerate() {
                if self.is_symmetric() && j < i {
                    continue;
                }
                let cell = row * right.len() + place;
                column.clear();
                column.extend(self.scores.iter().map(|scores| scores[cell]));
                let [a, b] = [&branches.tensors[i], &branches.tensors[j]];
                let member = Member {
                    operation: Operation::Matmul,
                    left: i,
                    right: j,
                };
                // The mean over sites, the mean of the product, the product.
                let complexity = 3 + a.complexity + b.complexity;
                part.count(member, complexity, ranker.rank(column, buffers));
            }
            part
        };
        let rows = left.par_iter().enumerate();
        rows.map_init(Default::default, row).collect()
    }
}

/// Row sums and elements of a tensor, one after the other, at the sites where
/// the other symbol is found as well, with the weights of the mean on one side.
/// `None` where the product is undefined.
fn vector(sites: &[SiteColumns], others: &[SiteColumns], weighted: bool) -> Option<Vec<f32>> {
    let mut vector = Vec::new();
    let mut common = 0;
    for own in sites {
        let Some(other) = others.iter().find(|other| other.site == own.site) else {
            continue;
        };
        let shapes = [own, other].map(|tensor| (tensor.columns, tensor.values.len()));
        if shapes[0] != shapes[1] || own.columns == 0 {
            return None;
        }
        common += 1;
        let weights = own.mean_product_weights();
        let [total, diagonal] = if weighted { weights } else { [1.0, 1.0] };
        let rows = own.values.chunks_exact(own.columns);
        vector.extend(rows.map(|row| {
            let sum: f64 = row.iter().map(|x| f64::from(*x)).sum();
            (total * sum) as f32
        }));
        // Without weight, the elements do not count on either side.
        if weights[1] != 0.0 {
            let elements = own.values.iter();
            vector.extend(elements.map(|x| (diagonal * f64::from(*x)) as f32));
        }
    }
    if weighted {
        let share = 1.0 / common.max(1) as f32;
        vector.iter_mut().for_each(|x| *x *= share);
    }
    let finite = vector.iter().all(|x| x.is_finite());
    (finite && common > 0).then_some(vector)
}

/// Inner products of two sets of vectors in one architecture.
struct Table {
    /// Row by row, one column per right vector.
    products: Vec<f64>,
    /// Which vectors there are, left and right.
    finite: [Vec<bool>; 2],
}

impl Table {
    fn multiply(left: &[Option<Vec<f32>>], right: &[Option<Vec<f32>>], same: bool) -> Self {
        let width = right.len();
        let mut products = vec![0.0; left.len() * width];
        let known = |side: &[Option<Vec<f32>>]| side.iter().map(Option::is_some).collect();
        let rows: Vec<(usize, &[f32])> = present(left);
        let columns: Vec<(usize, &[f32])> = present(right);
        let longest = rows.first().map_or(0, |(_, vector)| vector.len());
        for start in (0..longest).step_by(STRETCH) {
            let stretch = start..(start + STRETCH).min(longest);
            for (row, a) in &rows {
                for group in columns.chunks(COLUMNS) {
                    // Both triangles of a symmetric table are the same.
                    if same && group[group.len() - 1].0 < *row {
                        continue;
                    }
                    let vectors = std::array::from_fn(|k| {
                        let (_, b) = group[k.min(group.len() - 1)];
                        &b[stretch.clone()]
                    });
                    let sums = inner_products(&a[stretch.clone()], vectors);
                    for ((column, _), sum) in group.iter().zip(sums) {
                        products[row * width + column] += sum;
                    }
                }
            }
        }
        Self {
            products,
            finite: [known(left), known(right)],
        }
    }
}

fn present(side: &[Option<Vec<f32>>]) -> Vec<(usize, &[f32])> {
    let places = side.iter().enumerate();
    places
        .filter_map(|(place, vector)| Some((place, vector.as_deref()?)))
        .collect()
}

/// Inner products of one vector with several, in a fixed order that vectorises.
fn inner_products(a: &[f32], b: [&[f32]; COLUMNS]) -> [f64; COLUMNS] {
    let mut lanes = [[0.0f32; LANES]; COLUMNS];
    let whole = a.len() - a.len() % LANES;
    let b = b.map(|b| &b[..a.len()]);
    for start in (0..whole).step_by(LANES) {
        let a = &a[start..start + LANES];
        for (lanes, b) in lanes.iter_mut().zip(b) {
            let b = &b[start..start + LANES];
            for lane in 0..LANES {
                lanes[lane] += a[lane] * b[lane];
            }
        }
    }
    std::array::from_fn(|k| {
        let rest = a[whole..].iter().zip(&b[k][whole..]);
        let rest: f64 = rest.map(|(a, b)| f64::from(a * b)).sum();
        rest + lanes[k].iter().map(|x| f64::from(*x)).sum::<f64>()
    })
}
