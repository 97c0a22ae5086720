//! All pairs of tensors of one class under `matmul`.
//!
//! The mean of a matrix product needs no product: over the sampled columns it
//! is a form in the row sums of both tensors and in their elements
//! ([`SiteColumns::mean_product_weights`]), the same numbers that the evaluator
//! uses. So every branch is one long vector per architecture, and a formula is
//! the inner product of two, in f32 as the evaluator has it.

use std::sync::atomic::{AtomicBool, Ordering};

use lpzero_proxy::{Class, SiteColumns, Symbol};
use rayon::prelude::*;

use super::branches::{Branch, Branches};
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

/// Pairs of symbols whose tensors have a matrix product.
pub(super) fn blocks(symbols: &[Symbol]) -> Vec<[Symbol; 2]> {
    let pairs = symbols.iter().enumerate().flat_map(|(place, &left)| {
        let rest = symbols[place..].iter();
        rest.map(move |&right| [left, right])
    });
    pairs
        .filter(|[left, right]| Class::of(*left) == Class::of(*right))
        .collect()
}

/// Measures the matrix products of all tensors of two symbols.
pub(super) fn measure(
    symbols: [Symbol; 2],
    branches: &Branches,
    sample: Sample<'_>,
    ranker: &Ranker<'_>,
    tally: &mut Tally,
) {
    let of = |symbol| {
        let tensors = branches.tensors.iter().enumerate();
        let own = tensors.filter(move |(_, tensor)| tensor.symbol == symbol);
        own.map(|(index, _)| index).collect::<Vec<usize>>()
    };
    let [mut left, mut right] = symbols.map(of);
    let same = symbols[0] == symbols[1];
    let mut scores: Vec<Vec<f64>> = Vec::new();
    for wave in sample.architectures.chunks(WAVE) {
        if sample.cancel.load(Ordering::Relaxed) {
            return;
        }
        let tables: Vec<Table> = sample.pool.install(|| {
            let wave = wave.par_iter().with_max_len(1);
            wave.map(|&architecture| {
                let vectors = |indices: &[usize], other: Symbol, weighted| {
                    let tensors = indices.iter().map(|index| &branches.tensors[*index]);
                    vectors(tensors, other, sample.scorer, architecture, weighted)
                };
                let a = vectors(&left, symbols[1], true);
                let b = vectors(&right, symbols[0], false);
                Table::multiply(&a, &b, same)
            })
            .collect()
        });
        // What is undefined once has no score, and costs no more from here on.
        let sound = |finite: fn(&Table) -> &[bool], place: usize| {
            tables.iter().all(|table| finite(table)[place])
        };
        let rows: Vec<usize> = (0..left.len())
            .filter(|&place| sound(|table| &table.finite[0], place))
            .collect();
        let columns: Vec<usize> = (0..right.len())
            .filter(|&place| sound(|table| &table.finite[1], place))
            .collect();
        let width = right.len();
        let cells: Vec<usize> = rows
            .iter()
            .flat_map(|row| columns.iter().map(move |column| row * width + column))
            .collect();
        let kept = |column: &[f64]| cells.iter().map(|&cell| column[cell]).collect();
        scores = scores.iter().map(|column| kept(column)).collect();
        scores.extend(tables.iter().map(|table| kept(&table.products)));
        left = rows.into_iter().map(|row| left[row]).collect();
        right = columns.into_iter().map(|column| right[column]).collect();
    }

    let parts: Vec<Tally> = sample.pool.install(|| {
        let rows = left.par_iter().enumerate();
        rows.map_init(Buffers::default, |buffers, (row, &i)| {
            let mut part = Tally::default();
            for (column, &j) in right.iter().enumerate() {
                if same && j < i {
                    continue;
                }
                let cell = row * right.len() + column;
                let column: Vec<f64> = scores.iter().map(|column| column[cell]).collect();
                let [a, b] = [&branches.tensors[i], &branches.tensors[j]];
                let member = Member {
                    operation: Operation::Matmul,
                    left: i,
                    right: j,
                };
                // The mean over sites, the mean of the product, the product.
                let complexity = 3 + a.complexity + b.complexity;
                part.count(member, complexity, ranker.rank(&column, buffers));
            }
            part
        })
        .collect()
    });
    for part in parts {
        tally.add(part);
    }
}

/// The vectors of the tensors in one architecture, at the sites where the
/// other symbol is found as well.
fn vectors<'b>(
    tensors: impl Iterator<Item = &'b Branch>,
    other: Symbol,
    scorer: &dyn Score,
    architecture: usize,
    weighted: bool,
) -> Vec<Option<Vec<f32>>> {
    let bare = scorer.site_columns(&lpzero_proxy::Node::Symbol(other), architecture);
    let bare = bare.unwrap_or_default();
    tensors
        .map(|tensor| {
            let sites = scorer.site_columns(&tensor.node, architecture)?;
            let common: Vec<(&SiteColumns, &SiteColumns)> = sites
                .iter()
                .filter_map(|own| Some((own, bare.iter().find(|other| other.site == own.site)?)))
                .collect();
            vector(&common, weighted)
        })
        .collect()
}

/// Row sums and elements of a tensor at all sites, one after the other, with
/// the weights of the mean on one side. `None` where the product is undefined.
fn vector(common: &[(&SiteColumns, &SiteColumns)], weighted: bool) -> Option<Vec<f32>> {
    let mut vector = Vec::new();
    for (own, other) in common {
        let shapes = [own, other].map(|tensor| (tensor.columns, tensor.values.len()));
        if shapes[0] != shapes[1] || own.columns == 0 {
            return None;
        }
        let [total, diagonal] = match weighted {
            true => own.mean_product_weights().map(|w| w / common.len() as f64),
            false => [1.0, 1.0],
        };
        let rows = own.values.chunks_exact(own.columns);
        vector.extend(rows.map(|row| {
            let sum: f64 = row.iter().map(|x| f64::from(*x)).sum();
            (total * sum) as f32
        }));
        // Without weight, the elements do not count on either side.
        if own.mean_product_weights()[1] != 0.0 {
            let elements = own.values.iter();
            vector.extend(elements.map(|x| (diagonal * f64::from(*x)) as f32));
        }
    }
    let finite = vector.iter().all(|x| x.is_finite());
    (finite && !vector.is_empty()).then_some(vector)
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
