//! The moments that look at the shape of a tensor: what rows and units have in common.

use lpzero_nn::{PIECE, count_positives, largest, raise_maxima};
use rayon::prelude::*;

use crate::moments::is_shared;
use crate::trace::Moments;

/// A moment that looks at the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShapedMoment {
    /// See [`Moments::confidence`].
    Confidence,
    /// See [`Moments::code_agreement`].
    CodeAgreement,
}

impl ShapedMoment {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Confidence, Self::CodeAgreement];

    /// It, among all moments of a tensor.
    pub fn of(self, moments: &Moments) -> f64 {
        match self {
            Self::Confidence => moments.confidence,
            Self::CodeAgreement => moments.code_agreement,
        }
    }
}

/// A moment that looks at the shape, of a tensor that comes in pieces.
#[derive(Clone, Debug)]
pub struct ShapedSweep(Sweep);

#[derive(Clone, Debug)]
enum Sweep {
    Confidence(Confidence),
    Codes(Codes),
}

impl ShapedSweep {
    /// Sweep of nothing yet, over a row-major tensor of this shape.
    pub fn new(moment: ShapedMoment, shape: &[usize]) -> Self {
        Self(match moment {
            ShapedMoment::Confidence => Sweep::Confidence(Confidence::new(shape)),
            ShapedMoment::CodeAgreement => Sweep::Codes(Codes::new(shape)),
        })
    }

    /// Adds the next elements. Many are divided among the threads of the pool that this is called
    /// in.
    pub fn push(&mut self, data: &[f32]) {
        let shared = is_shared(data.len());
        match (&mut self.0, shared) {
            (Sweep::Confidence(confidence), _) => confidence.push_in_pieces(data, shared),
            (Sweep::Codes(codes), false) => codes.push(data),
            (Sweep::Codes(codes), true) => codes.push_shared(data),
        }
    }

    /// The moment of everything pushed; 0 of nothing.
    pub fn finish(self) -> f64 {
        match self.0 {
            Sweep::Confidence(confidence) => confidence.finish(),
            Sweep::Codes(codes) => codes.finish(),
        }
    }
}

/// Mean over all other dimensions of the maximum along dimension 1.
#[derive(Clone, Debug)]
pub(crate) struct Confidence {
    /// Running maxima along dimension 1, one per position of the dimensions
    /// after it (a single one for matrices and vectors).
    maxima: Vec<f32>,
    /// Elements between two resets: dimension 1 times the ones after it.
    plane: usize,
    /// Elements seen since the last reset.
    seen: usize,
    sum: f64,
    count: u64,
}

impl Confidence {
    pub(crate) fn new(shape: &[usize]) -> Self {
        let inner: usize = shape.iter().skip(2).product();
        let plane = match shape {
            [] => 1,
            [length] => *length,
            [_, rest @ ..] => rest.iter().product(),
        };
        Confidence {
            maxima: vec![f32::NEG_INFINITY; inner.max(1)],
            plane: plane.max(1),
            seen: 0,
            sum: 0.0,
            count: 0,
        }
    }

    pub(crate) fn push(&mut self, mut block: &[f32]) {
        let inner = self.maxima.len();
        while !block.is_empty() {
            let left_in_plane = self.plane - self.seen;
            let length = if inner == 1 {
                let length = block.len().min(left_in_plane);
                self.maxima[0] = largest_of(&block[..length], self.maxima[0]);
                length
            } else {
                let column = self.seen % inner;
                let length = block.len().min(inner - column);
                raise_maxima(&mut self.maxima[column..], &block[..length]);
                length
            };
            block = &block[length..];
            self.seen += length;
            if self.seen == self.plane {
                for max in &mut self.maxima {
                    self.sum += f64::from(*max);
                    *max = f32::NEG_INFINITY;
                }
                self.count += inner as u64;
                self.seen = 0;
            }
        }
    }

    /// Pushes elements, whole planes piece by piece. Threads share the pieces if `shared`; no bit
    /// of the result depends on that.
    fn push_in_pieces(&mut self, data: &[f32], shared: bool) {
        let begun = (self.plane - self.seen) % self.plane;
        let (first, rest) = data.split_at(begun.min(data.len()));
        self.push(first);
        let whole = rest.len() - rest.len() % self.plane;
        let (planes, last) = rest.split_at(whole);
        let empty = Confidence {
            maxima: vec![f32::NEG_INFINITY; self.maxima.len()],
            plane: self.plane,
            seen: 0,
            sum: 0.0,
            count: 0,
        };
        let sum = |piece: &[f32]| {
            let mut part = empty.clone();
            part.push(piece);
            (part.sum, part.count)
        };
        let length = whole_pieces(self.plane);
        let sums: Vec<(f64, u64)> = match shared {
            true => planes.par_chunks(length).map(sum).collect(),
            false => planes.chunks(length).map(sum).collect(),
        };
        // In their order, whichever thread was first.
        for (sum, count) in sums {
            self.sum += sum;
            self.count += count;
        }
        self.push(last);
    }

    /// Adds what another one has seen, both of them whole planes.
    pub(crate) fn add(&mut self, other: &Confidence) {
        self.sum += other.sum;
        self.count += other.count;
    }

    pub(crate) fn finish(self) -> f64 {
        self.sum / self.count.max(1) as f64
    }
}

/// The largest of a few elements; a call to the kernel takes longer than a short row.
fn largest_of(row: &[f32], start: f32) -> f32 {
    match row.len() < 32 {
        true => row
            .iter()
            .fold(start, |max, &x| if x > max { x } else { max }),
        false => largest(row, start),
    }
}

/// Positive elements per unit (column of the last dimension).
#[derive(Clone, Debug)]
pub(crate) struct Codes {
    /// Counts of the units of several rows, one after the other: short rows are counted together.
    positives: Vec<u32>,
    units: usize,
    /// Count of the next element.
    column: usize,
    elements: usize,
}

/// Units that are counted together at least.
const TOGETHER: usize = 256;

impl Codes {
    pub(crate) fn new(shape: &[usize]) -> Self {
        Codes::of_units(shape.last().copied().unwrap_or(1).max(1))
    }

    fn of_units(units: usize) -> Self {
        Codes {
            positives: vec![0; units * TOGETHER.div_ceil(units)],
            units,
            column: 0,
            elements: 0,
        }
    }

    pub(crate) fn push(&mut self, mut block: &[f32]) {
        self.elements += block.len();
        while !block.is_empty() {
            let length = block.len().min(self.positives.len() - self.column);
            count_positives(&mut self.positives[self.column..], &block[..length]);
            block = &block[length..];
            self.column = (self.column + length) % self.positives.len();
        }
    }

    /// Pushes elements, whole rows divided among threads.
    fn push_shared(&mut self, data: &[f32]) {
        let units = self.units;
        let begun = (units - self.column % units) % units;
        let (first, rest) = data.split_at(begun.min(data.len()));
        self.push(first);
        let (rows, last) = rest.split_at(rest.len() - rest.len() % units);
        let empty = || Codes::of_units(units);
        let pieces = rows.par_chunks(whole_pieces(units));
        let part = pieces.fold(empty, |mut part, piece| {
            part.push(piece);
            part
        });
        // Whole numbers: their order does not matter.
        let part = part.reduce(empty, |mut part, other| {
            part.add(&other);
            part
        });
        self.add(&part);
        self.push(last);
    }

    pub(crate) fn add(&mut self, other: &Codes) {
        let counts = self.positives.iter_mut().zip(&other.positives);
        counts.for_each(|(count, more)| *count += more);
        self.elements += other.elements;
    }

    /// Two rows agree on a unit where both are positive or both are not.
    pub(crate) fn finish(self) -> f64 {
        let rows = (self.elements / self.units) as f64;
        let agreement = |unit: usize| {
            let counts = self.positives[unit..].iter().step_by(self.units);
            let positive: f64 = counts.map(|&count| f64::from(count)).sum();
            positive.powi(2) + (rows - positive).powi(2)
        };
        (0..self.units).map(agreement).sum()
    }
}

/// Number of elements in a piece that consists of whole ones of this length, about `PIECE`.
pub(crate) fn whole_pieces(length: usize) -> usize {
    length * (PIECE / length).max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Sweeps agree with all moments, in whichever bands and on however many threads.
    #[test]
    fn sweeps_in_bands_on_threads_are_those_of_the_whole() {
        for shape in [&[1500, 700][..], &[3, 400, 500], &[600_000], &[40, 16_384]] {
            let count = shape.iter().product::<usize>();
            let data: Vec<f32> = (0..count).map(|i| (i as f32 * 0.7).sin()).collect();
            let all = Moments::of(&data, shape);
            for moment in ShapedMoment::ALL {
                let expected = moment.of(&all);
                for (threads, band) in [(1, count), (2, count), (3, 300_001), (2, 262_145)] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                    let mut sweep = ShapedSweep::new(moment, shape);
                    let push = || data.chunks(band).for_each(|band| sweep.push(band));
                    pool.build().unwrap().install(push);
                    let found = sweep.finish();
                    assert!(
                        (found - expected).abs() <= 1e-12 * expected.abs(),
                        "{found} {expected}"
                    );
                }
            }
        }
        assert_eq!(
            ShapedSweep::new(ShapedMoment::CodeAgreement, &[0, 3]).finish(),
            0.0
        );
    }
}
