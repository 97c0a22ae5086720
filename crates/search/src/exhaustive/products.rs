//! All pairs of tensors of two symbols of one class under `matmul`.
//!
//! The mean of a matrix product needs no product: over the sampled columns it
//! is a form in the row sums of both tensors and in their elements
//! ([`SiteColumns::mean_product_weights`]), the same numbers that the evaluator
//! uses. So every branch is one long vector per architecture, a formula is the
//! inner product of two, and all formulas of two symbols are one matrix product
//! in f32, whatever the branches are. Where there are several aggregates, there is one
//! for each part of the sites that they tell apart: what an aggregate says of its sites is
//! the sum of what the parts say.

use std::ops::Range;

use lpzero_nn::add_inner_products;
use lpzero_proxy::{Node, RoleSet, SiteColumns, Symbol};
use rayon::prelude::*;

use super::aggregate::{Aggregate, Numbered, is_at};
use super::branches::Branches;
use super::piece::Piece;
use super::ranking::{Buffers, Ranker};
use super::sample::Sample;
use super::tally::{Member, Operation, Tally};
use crate::score::Score;

/// Elements of a vector that are summed up in f32; stretches are added in f64.
const STRETCH: usize = 256;

/// Vectors that one thread multiplies with all others at a time.
const ROWS: usize = 96;

/// Share of the work that is summing up, and not ranking, where there are many aggregates.
const SUMMING: f64 = 0.5;

/// Elements so much smaller than the largest of their vector are left out. They
/// add nothing that f32 could hold, and products of them are subnormal numbers,
/// with which many processors are slow.
const NEGLIGIBLE: f64 = 1.0 / (1u64 << 60) as f64;

/// Two symbols of one class, and what is known about their matrix products.
struct SymbolProduct {
    symbols: [Symbol; 2],
    aggregates: Vec<Numbered>,
    /// The roles that the aggregates tell apart.
    parts: Vec<RoleSet>,
    /// Indices of the tensors that are finite so far, in some part.
    sides: [Vec<usize>; 2],
    /// Per architecture, then part.
    totals: Vec<Vec<Total>>,
}

/// Sums over the sites of a part in one architecture.
struct Total {
    sites: usize,
    /// Row by row, of every pair of tensors; NaN where one of them is undefined.
    sums: Vec<f64>,
}

/// Measures the matrix products of two symbols; `None` where it was cancelled.
/// `report` is told which share of the work is done.
pub(super) fn measure(
    piece: &Piece,
    branches: &Branches,
    sample: Sample<'_>,
    ranker: &Ranker<'_>,
    report: &mut dyn FnMut(f64),
) -> Option<Tally> {
    let mut block = SymbolProduct::new(piece, branches);
    let all = sample.architectures.len() as f64;
    for (done, &architecture) in sample.architectures.iter().enumerate() {
        if sample.cancel.is_cancelled() {
            return None;
        }
        sample
            .pool
            .install(|| block.extend(branches, sample.scorer, architecture));
        report(SUMMING * (done + 1) as f64 / all);
    }
    let mut tally = Tally::default();
    let rows = block.sides[0].len();
    for first in (0..rows).step_by(ROWS) {
        if sample.cancel.is_cancelled() {
            return None;
        }
        let band = first..(first + ROWS).min(rows);
        report(SUMMING + (1.0 - SUMMING) * band.end as f64 / rows as f64);
        let parts = sample.pool.install(|| block.rank(band, branches, ranker));
        parts.into_iter().for_each(|part| tally.add(part));
    }
    Some(tally)
}

/// Calls `visit` with an aggregate and every pair of tensors that has scores, and with
/// those.
#[cfg(test)]
pub(super) fn for_each_score(
    piece: &Piece,
    branches: &Branches,
    scorer: &dyn Score,
    architectures: &[usize],
    mut visit: impl FnMut(Aggregate, [usize; 2], &[f64]),
) {
    let mut block = SymbolProduct::new(piece, branches);
    for &architecture in architectures {
        block.extend(branches, scorer, architecture);
    }
    let mut column = Vec::new();
    for numbered in &block.aggregates {
        let takes = block.taken(numbered.aggregate);
        for (row, &i) in block.sides[0].iter().enumerate() {
            for (place, &j) in block.sides[1].iter().enumerate() {
                let cell = row * block.sides[1].len() + place;
                let wanted = !block.is_symmetric() || i <= j;
                if wanted && block.fill(&mut column, numbered.aggregate, &takes, cell) {
                    visit(numbered.aggregate, [i, j], &column);
                }
            }
        }
    }
}

impl SymbolProduct {
    fn new(piece: &Piece, branches: &Branches) -> Self {
        let of = |symbol: Symbol| {
            let tensors = branches.tensors.iter().enumerate();
            let own = tensors.filter(|(_, tensor)| tensor.symbol == symbol);
            own.map(|(index, _)| index).collect()
        };
        Self {
            symbols: piece.symbols,
            aggregates: piece.aggregates().to_vec(),
            parts: piece.parts(),
            sides: piece.symbols.map(of),
            totals: Vec::new(),
        }
    }

    fn is_symmetric(&self) -> bool {
        self.symbols[0] == self.symbols[1]
    }

    /// Adds an architecture. What is undefined there in every part has no score, and
    /// costs no more from there on.
    fn extend(&mut self, branches: &Branches, scorer: &dyn Score, architecture: usize) {
        // Where a symbol is found does not depend on what is done with it.
        let sites = self.sides.each_ref().map(|side| {
            let mut evaluated = side.iter().filter_map(|&index| {
                let node = &branches.tensors[index].node;
                scorer.site_columns(node, architecture)
            });
            evaluated.next().unwrap_or_default()
        });
        let roles = scorer.site_roles(architecture);
        let shapes = self
            .parts
            .iter()
            .map(|part| Shape::of(&sites[0], &sites[1], &|site| is_at(*part, &roles, site)));
        let shapes: Vec<Shape> = shapes.collect();
        let evaluate = |side: usize| {
            let node = |&index: &usize| &branches.tensors[index].node;
            let nodes: Vec<&Node> = self.sides[side].iter().map(node).collect();
            Vectors::of(&nodes, scorer, architecture, &shapes)
        };
        let mut left = evaluate(0);
        let right = match self.is_symmetric() {
            true => left.clone(),
            false => evaluate(1),
        };
        for (vectors, shape) in left.iter_mut().zip(&shapes) {
            vectors.weigh(shape);
        }
        let vectors: Vec<[Vectors; 2]> = left.into_iter().zip(right).map(Into::into).collect();
        let kept = [0, 1].map(|side| {
            let sound = |place: &usize| {
                let mut parts = vectors.iter();
                parts.any(|sides| sides[side].exponents[*place].is_some())
            };
            let places = 0..self.sides[side].len();
            places.filter(sound).collect::<Vec<usize>>()
        });
        let totals = vectors.iter().zip(&shapes).map(|(sides, shape)| Total {
            sites: shape.sites.len(),
            sums: multiply(sides, self.is_symmetric()),
        });
        self.totals.push(totals.collect());
        let width = self.sides[1].len();
        if kept[0].len() < self.sides[0].len() || kept[1].len() < width {
            for total in self.totals.iter_mut().flatten() {
                let cells = kept[0]
                    .iter()
                    .flat_map(|row| kept[1].iter().map(move |place| row * width + place));
                total.sums = cells.map(|cell| total.sums[cell]).collect();
            }
            for (side, kept) in self.sides.iter_mut().zip(&kept) {
                *side = kept.iter().map(|&place| side[place]).collect();
            }
        }
    }

    /// Which parts an aggregate takes.
    fn taken(&self, aggregate: Aggregate) -> Vec<usize> {
        let parts = self.parts.iter().enumerate();
        let taken = parts.filter(|(_, part)| aggregate.roles().is_superset(**part));
        taken.map(|(index, _)| index).collect()
    }

    /// Writes the scores of a pair of tensors under an aggregate, which takes these parts;
    /// false where one of them is undefined.
    fn fill(
        &self,
        column: &mut Vec<f64>,
        aggregate: Aggregate,
        taken: &[usize],
        cell: usize,
    ) -> bool {
        column.clear();
        for parts in &self.totals {
            let (mut sites, mut sum) = (0, 0.0);
            for total in taken.iter().map(|part| &parts[*part]) {
                sites += total.sites;
                sum += total.sums[cell];
            }
            match aggregate.divisor(sites) {
                Some(divisor) if !sum.is_nan() => column.push(sum / divisor),
                _ => return false,
            }
        }
        true
    }

    /// Ranks every pair of these rows, row by row.
    fn rank(&self, rows: Range<usize>, branches: &Branches, ranker: &Ranker<'_>) -> Vec<Tally> {
        let [left, right] = &self.sides;
        let taken = |numbered: &Numbered| (*numbered, self.taken(numbered.aggregate));
        let aggregates: Vec<_> = self.aggregates.iter().map(taken).collect();
        let row = |(buffers, column): &mut (Buffers, Vec<f64>), row: usize| {
            let i = left[row];
            let mut tally = Tally::default();
            for (place, &j) in right.iter().enumerate() {
                if self.is_symmetric() && j < i {
                    continue;
                }
                let cell = row * right.len() + place;
                let [a, b] = [&branches.tensors[i], &branches.tensors[j]];
                // The aggregate over sites, the mean of the product, the product.
                let complexity = 3 + a.complexity + b.complexity;
                for (numbered, taken) in &aggregates {
                    if !self.fill(column, numbered.aggregate, taken, cell) {
                        continue;
                    }
                    let member = Member {
                        aggregate: numbered.number,
                        operation: Operation::Matmul,
                        left: i,
                        right: j,
                    };
                    tally.count(member, complexity, ranker.rank(column, buffers));
                }
            }
            tally
        };
        let rows = rows.into_par_iter();
        rows.map_init(Default::default, row).collect()
    }
}

/// The sites of a part that two symbols have in common, in one architecture.
struct Shape {
    sites: Vec<Common>,
    /// Whether the symbols fit at every site: else no product of theirs is defined.
    fits: bool,
    /// Elements of a vector.
    length: usize,
}

/// A tensor of either symbol at a site.
struct Common {
    site: usize,
    columns: usize,
    elements: usize,
    /// Weights of row sums and of elements in the mean of a product.
    weights: [f64; 2],
}

impl Common {
    fn rows(&self) -> usize {
        self.elements / self.columns
    }

    /// Without weight, elements do not count.
    fn counted(&self) -> usize {
        match self.weights[1] {
            0.0 => 0,
            _ => self.elements,
        }
    }
}

impl Shape {
    fn of(sites: &[SiteColumns], others: &[SiteColumns], takes: &dyn Fn(usize) -> bool) -> Self {
        let mut common = Vec::new();
        let mut fits = true;
        for own in sites.iter().filter(|own| takes(own.site)) {
            let Some(other) = others.iter().find(|other| other.site == own.site) else {
                continue;
            };
            let shapes = [own, other].map(|tensor| [tensor.columns, tensor.values.len()]);
            if shapes[0] != shapes[1] || own.columns == 0 {
                fits = false;
                continue;
            }
            common.push(Common {
                site: own.site,
                columns: own.columns,
                elements: own.values.len(),
                weights: own.mean_product_weights(),
            });
        }
        let lengths = common.iter().map(|site| site.rows() + site.counted());
        Self {
            length: lengths.sum(),
            sites: common,
            fits,
        }
    }

    /// Appends row sums and elements of a tensor, one after the other; false
    /// where it is not found at the sites.
    fn fill(&self, buffer: &mut Vec<f64>, evaluated: &[SiteColumns]) -> bool {
        for site in &self.sites {
            let own = evaluated.iter().find(|own| own.site == site.site);
            let fits = |own: &&SiteColumns| {
                own.columns == site.columns && own.values.len() == site.elements
            };
            let Some(own) = own.filter(fits) else {
                return false;
            };
            let rows = own.values.chunks_exact(site.columns);
            buffer.extend(rows.map(|row| row.iter().map(|x| f64::from(*x)).sum::<f64>()));
            buffer.extend(own.values[..site.counted()].iter().map(|x| f64::from(*x)));
        }
        true
    }
}

/// The vectors of one symbol in one part of one architecture.
#[derive(Clone)]
struct Vectors {
    /// Vector after vector, each divided by a power of two so that its largest
    /// element is about 1.
    elements: Vec<f32>,
    length: usize,
    /// Exponents of those powers; `None` where a product with this vector is undefined.
    exponents: Vec<Option<i32>>,
}

impl Vectors {
    /// Evaluates tensors at the common sites of every part.
    fn of(nodes: &[&Node], scorer: &dyn Score, architecture: usize, shapes: &[Shape]) -> Vec<Self> {
        let mut elements: Vec<Vec<f32>> = shapes
            .iter()
            .map(|shape| vec![0.0; nodes.len() * shape.length])
            .collect();
        // Node by node, a row of every part.
        let mut rows: Vec<Vec<&mut [f32]>> = nodes.iter().map(|_| Vec::new()).collect();
        for (elements, shape) in elements.iter_mut().zip(shapes) {
            let mut rest = &mut elements[..];
            for rows in &mut rows {
                let (row, others) = rest.split_at_mut(shape.length);
                rows.push(row);
                rest = others;
            }
        }
        let evaluate = |buffer: &mut Vec<f64>, (rows, node): (Vec<&mut [f32]>, &&Node)| {
            let evaluated = scorer.site_columns(node, architecture);
            let parts = rows.into_iter().zip(shapes);
            let exponents = parts.map(|(row, shape)| {
                buffer.clear();
                let known = evaluated.as_ref().filter(|_| shape.fits);
                let known = known.is_some_and(|evaluated| shape.fill(buffer, evaluated));
                known.then(|| scaled(buffer, row)).flatten()
            });
            exponents.collect::<Vec<Option<i32>>>()
        };
        let rows = rows.into_par_iter().zip(nodes);
        let exponents: Vec<_> = rows.map_init(Vec::new, evaluate).collect();
        let parts = elements.into_iter().zip(shapes).enumerate();
        let parts = parts.map(|(part, (elements, shape))| Self {
            elements,
            length: shape.length,
            exponents: exponents.iter().map(|parts| parts[part]).collect(),
        });
        parts.collect()
    }

    /// Gives every element its weight in the mean of a product.
    fn weigh(&mut self, shape: &Shape) {
        let weights = shape.sites.iter().flat_map(|site| {
            let [total, diagonal] = site.weights;
            let rows = std::iter::repeat_n(total, site.rows());
            rows.chain(std::iter::repeat_n(diagonal, site.counted()))
        });
        let weights: Vec<f32> = weights.map(|weight| weight as f32).collect();
        if self.length > 0 {
            let rows = self.elements.par_chunks_exact_mut(self.length);
            rows.for_each(|row| row.iter_mut().zip(&weights).for_each(|(x, w)| *x *= w));
        }
    }

    #[cfg(test)]
    fn row(&self, place: usize) -> &[f32] {
        &self.elements[place * self.length..][..self.length]
    }
}

/// Writes a vector divided by a power of two, which is returned; `None` where
/// it is not finite.
fn scaled(vector: &[f64], row: &mut [f32]) -> Option<i32> {
    let finite = vector.iter().all(|x| x.is_finite());
    let largest = vector
        .iter()
        .fold(0.0f64, |largest, x| largest.max(x.abs()));
    if !finite || largest == 0.0 {
        return finite.then_some(0);
    }
    let exponent = largest.log2().floor().clamp(-1000.0, 1000.0) as i32;
    let scale = (-f64::from(exponent)).exp2();
    for (scaled, x) in row.iter_mut().zip(vector) {
        let x = x * scale;
        *scaled = if x.abs() < NEGLIGIBLE { 0.0 } else { x as f32 };
    }
    Some(exponent)
}

/// Inner products of all pairs, row by row, NaN where one of both is undefined; of one
/// symbol, those whose left one is not behind the right one.
fn multiply([left, right]: &[Vectors; 2], symmetric: bool) -> Vec<f64> {
    let width = right.exponents.len();
    let length = left.length;
    let mut table = vec![0.0; left.exponents.len() * width];
    if width == 0 || length != right.length {
        return table;
    }
    let bands = table.par_chunks_mut(ROWS * width).enumerate();
    bands.for_each_init(Vec::new, |sums: &mut Vec<f32>, (band, cells)| {
        let first = band * ROWS;
        let rows = cells.len() / width;
        let from = if symmetric { first } else { 0 };
        let a = &left.elements[first * length..][..rows * length];
        let b = &right.elements[from * length..];
        for start in (0..length).step_by(STRETCH) {
            let columns = start..(start + STRETCH).min(length);
            sums.clear();
            sums.resize(rows * (width - from), 0.0);
            add_inner_products(sums, a, b, length, columns);
            let sums = sums.chunks_exact(width - from);
            for (cells, sums) in cells.chunks_exact_mut(width).zip(sums) {
                for (cell, sum) in cells[from..].iter_mut().zip(sums) {
                    *cell += f64::from(*sum);
                }
            }
        }
        for (cells, exponent) in cells.chunks_exact_mut(width).zip(&left.exponents[first..]) {
            for (cell, other) in cells.iter_mut().zip(&right.exponents) {
                *cell = match (exponent, other) {
                    (Some(one), Some(other)) => *cell * f64::from(one + other).exp2(),
                    _ => f64::NAN,
                };
            }
        }
    });
    table
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn vectors_are_scaled_exactly_and_without_subnormal_numbers() {
        let vector = [3e-30, -6e-30, 1e-60, 0.0];
        let mut row = [0.0f32; 4];
        let exponent = scaled(&vector, &mut row).unwrap();
        assert!((1.0..2.0).contains(&row[1].abs()));
        assert_eq!(row[2], 0.0);
        let restored = f64::from(row[0]) * f64::from(exponent).exp2();
        assert!((restored / 3e-30 - 1.0).abs() < 1e-7);
        assert_eq!(scaled(&[0.0, f64::NAN], &mut row), None);
        assert_eq!(scaled(&[0.0; 4], &mut row), Some(0));
    }

    #[test]
    fn products_of_vectors_of_any_size_are_sums_over_their_elements() {
        let side = |count: usize, seed: usize| {
            let length = STRETCH + 37;
            let element = |k: usize| ((k * 7919 + seed) % 31) as f64 * 1e-25 - 1.5e-24;
            let mut elements = vec![0.0; count * length];
            let mut exponents = Vec::new();
            for (place, row) in elements.chunks_exact_mut(length).enumerate() {
                let vector: Vec<f64> = (0..length).map(|k| element(k + place)).collect();
                exponents.push(scaled(&vector, row));
            }
            Vectors {
                elements,
                length,
                exponents,
            }
        };
        let sides = [side(ROWS + 5, 1), side(ROWS + 9, 2)];
        let table = multiply(&sides, false);
        for (cell, found) in table.iter().enumerate() {
            let places = [cell / (ROWS + 9), cell % (ROWS + 9)];
            let [a, b] = [0, 1].map(|side| sides[side].row(places[side]));
            let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
            let exponent = [0, 1].map(|side| sides[side].exponents[places[side]].unwrap());
            let scale = f64::from(exponent[0] + exponent[1]).exp2();
            let (sum, size) = products.fold((0.0, 0.0), |(s, t), x| (s + x, t + f64::abs(x)));
            assert!((found - sum * scale).abs() <= 2e-6 * size * scale);
        }
    }
}
