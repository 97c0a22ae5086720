//! Exact reductions of a tensor in one sweep.
//!
//! This runs over every weight, gradient and activation of a pass, so it reads
//! memory once: a tensor goes by in blocks that stay in the first-level cache
//! while three accumulators look at them. Sums run in f32 lanes inside a block
//! and in f64 between blocks, which is as fast as memory and good to about
//! seven digits.

use std::ops::Range;

use lpzero_nn::{PIECE, Sums, Wanted, multiply};
use rayon::prelude::*;

use crate::shaped::{Codes, Confidence, whole_pieces};
use crate::trace::Moments;

/// Elements per block: three of them stay in the first-level cache.
const BLOCK: usize = 2048;

/// Elements of a part of a piece, of which several statistics are taken in turn: two
/// tensors of them stay in the second-level cache.
const CACHED: usize = 1 << 14;

impl Moments {
    /// Reduces a row-major tensor of this shape. Threads of the pool that this is called in share
    /// a large one.
    ///
    /// A NaN element makes every sum NaN and is ignored by `min` and `max`.
    /// The moments of an empty tensor are all zero.
    pub fn of(data: &[f32], shape: &[usize]) -> Moments {
        let [all] = in_whole_pieces(data.len(), shape, |[all], piece| all.push(&data[piece]));
        all.finish()
    }

    /// Reduces two tensors of one shape and their elementwise product, reading
    /// each once: a weight, its gradient, and the saliency between them.
    pub fn of_pair(left: &[f32], right: &[f32], shape: &[usize]) -> [Moments; 3] {
        let mut pair = Pair::new(shape);
        pair.push(left, right);
        pair.finish()
    }

    /// The moments that do not look at the shape, of any tensor; those that do, or are
    /// not wanted, are NaN. Large ones are divided among the threads of the pool that this
    /// is called in.
    pub fn sums_of(data: &[f32], wanted: Wanted) -> Moments {
        let [sums] = in_pieces(data.len(), |[sums], piece| sums.push(&data[piece], wanted));
        Self::of_sums(sums)
    }

    fn of_sums(sums: Sums) -> Moments {
        let empty = sums.count == 0;
        Moments {
            count: sums.count,
            sum: sums.sum,
            sum_abs: sums.sum_abs,
            sum_square: sums.sum_square,
            sum_sqrt_abs: sums.sum_sqrt_abs,
            min: if empty { 0.0 } else { sums.min },
            max: if empty { 0.0 } else { sums.max },
            confidence: f64::NAN,
            code_agreement: f64::NAN,
        }
    }

    /// Mean of the elements.
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// Mean of the absolute elements.
    pub fn mean_abs(&self) -> f64 {
        self.sum_abs / self.count as f64
    }

    /// Population variance; never negative.
    pub fn variance(&self) -> f64 {
        (self.sum_square / self.count as f64 - self.mean().powi(2)).max(0.0)
    }

    /// The moments of nothing.
    const EMPTY: Moments = Moments {
        count: 0,
        sum: 0.0,
        sum_abs: 0.0,
        sum_square: 0.0,
        sum_sqrt_abs: 0.0,
        min: 0.0,
        max: 0.0,
        confidence: 0.0,
        code_agreement: 0.0,
    };
}

/// The moments that do not look at the shape, of a weight, its gradient, and the saliency
/// between them, as far as they are wanted: each is read once.
#[derive(Clone, Debug)]
pub struct PairSums {
    tensors: [bool; 3],
    wanted: Wanted,
    sums: [Sums; 3],
}

impl PairSums {
    /// Sums of nothing yet. `tensors` says whether weight, gradient and saliency are summed,
    /// `wanted` which sums.
    pub fn new(tensors: [bool; 3], wanted: Wanted) -> Self {
        PairSums {
            tensors,
            wanted,
            sums: [Sums::EMPTY; 3],
        }
    }

    /// Adds the next elements. Many are divided among the threads of the pool that this is called
    /// in.
    pub fn push(&mut self, weight: &[f32], gradient: &[f32]) {
        let ([of_weight, of_gradient, of_saliency], wanted) = (self.tensors, self.wanted);
        let length = weight.len().min(gradient.len());
        let more = in_pieces(length, |[left, right, product], piece| {
            let (weight, gradient) = (&weight[piece.clone()], &gradient[piece]);
            if of_weight && of_gradient && of_saliency {
                let mut sums = [*left, *right, *product];
                Sums::push_pair(&mut sums, weight, gradient, wanted);
                [*left, *right, *product] = sums;
                return;
            }
            if of_weight {
                left.push(weight, wanted);
            }
            if of_gradient {
                right.push(gradient, wanted);
            }
            if of_saliency {
                product.push_products(weight, gradient, wanted);
            }
        });
        for (sums, more) in self.sums.iter_mut().zip(&more) {
            sums.merge(more);
        }
    }

    /// The moments of everything pushed; what looks at the shape or is not wanted is NaN.
    pub fn finish(self) -> [Option<Moments>; 3] {
        let mut sums = self.sums.into_iter();
        let next = |wanted| sums.next().filter(|_| wanted).map(Moments::of_sums);
        self.tensors.map(next)
    }
}

/// Whether threads share a tensor of so many elements: outside of a pool, the global one
/// would be made.
pub(crate) fn is_shared(length: usize) -> bool {
    length > PIECE && rayon::current_thread_index().is_some()
}

/// Sums over pieces, on the threads of the pool that this is called in, if any.
fn in_pieces<const N: usize>(
    length: usize,
    push: impl Fn(&mut [Sums; N], Range<usize>) + Sync,
) -> [Sums; N] {
    let piece = |number: usize| {
        let (first, end) = (number * PIECE, length.min((number + 1) * PIECE));
        let mut sums = [Sums::EMPTY; N];
        for start in (first..end).step_by(CACHED) {
            push(&mut sums, start..end.min(start + CACHED));
        }
        sums
    };
    let count = length.div_ceil(PIECE);
    let pieces: Vec<[Sums; N]> = match is_shared(length) {
        true => (0..count).into_par_iter().map(piece).collect(),
        false => (0..count).map(piece).collect(),
    };
    let mut sums = [Sums::EMPTY; N];
    for piece in &pieces {
        for (sums, piece) in sums.iter_mut().zip(piece) {
            sums.merge(piece);
        }
    }
    sums
}

/// Accumulators of tensors of one shape, in pieces of whole planes. Threads share the pieces of
/// a large tensor; no bit of the result depends on that.
fn in_whole_pieces<const N: usize>(
    length: usize,
    shape: &[usize],
    push: impl Fn(&mut [Accumulator; N], Range<usize>) + Sync,
) -> [Accumulator; N] {
    let plane = match shape {
        [_, rest @ ..] if !rest.is_empty() => rest.iter().product(),
        _ => length,
    };
    let each = whole_pieces(plane.max(1));
    let piece = |number: usize| {
        let mut accumulators = std::array::from_fn(|_| Accumulator::new(shape));
        let (first, end) = (number * each, length.min((number + 1) * each));
        push(&mut accumulators, first..end);
        accumulators
    };
    let count = length.div_ceil(each).max(1);
    let merge = |mut all: [Accumulator; N], piece: [Accumulator; N]| {
        for (all, piece) in all.iter_mut().zip(&piece) {
            all.merge(piece);
        }
        all
    };
    if !is_shared(length) {
        return (1..count).map(piece).fold(piece(0), merge);
    }
    let pieces: Vec<[Accumulator; N]> = (0..count).into_par_iter().map(piece).collect();
    let empty = std::array::from_fn(|_| Accumulator::new(shape));
    pieces.into_iter().reduce(merge).unwrap_or(empty)
}

/// Everything one sweep computes.
#[derive(Debug)]
pub(crate) struct Accumulator {
    sums: Sums,
    confidence: Confidence,
    codes: Codes,
}

impl Accumulator {
    /// For a row-major tensor of this shape.
    pub(crate) fn new(shape: &[usize]) -> Self {
        Accumulator {
            sums: Sums::EMPTY,
            confidence: Confidence::new(shape),
            codes: Codes::new(shape),
        }
    }

    /// The next elements.
    pub(crate) fn push(&mut self, data: &[f32]) {
        for block in data.chunks(BLOCK) {
            self.sums.push(block, Wanted::ALL);
            self.push_shaped(block);
        }
    }

    fn push_shaped(&mut self, block: &[f32]) {
        self.confidence.push(block);
        self.codes.push(block);
    }

    /// Adds what another one has seen, both of them whole planes.
    fn merge(&mut self, other: &Accumulator) {
        self.sums.merge(&other.sums);
        self.confidence.add(&other.confidence);
        self.codes.add(&other.codes);
    }

    /// After the last ones.
    pub(crate) fn finish(self) -> Moments {
        let sums = self.sums;
        if sums.count == 0 {
            return Moments::EMPTY;
        }
        Moments {
            count: sums.count,
            sum: sums.sum,
            sum_abs: sums.sum_abs,
            sum_square: sums.sum_square,
            sum_sqrt_abs: sums.sum_sqrt_abs,
            min: sums.min,
            max: sums.max,
            confidence: self.confidence.finish(),
            code_agreement: self.codes.finish(),
        }
    }
}

/// Everything one sweep computes of two tensors of one shape and of their product.
#[derive(Debug)]
pub(crate) struct Pair {
    shape: Vec<usize>,
    accumulators: [Accumulator; 3],
}

impl Pair {
    /// For row-major tensors of this shape.
    pub(crate) fn new(shape: &[usize]) -> Self {
        Pair {
            shape: shape.to_vec(),
            accumulators: std::array::from_fn(|_| Accumulator::new(shape)),
        }
    }

    /// The next elements, those before them having been whole pieces.
    pub(crate) fn push(&mut self, left: &[f32], right: &[f32]) {
        let length = left.len().min(right.len());
        let more = in_whole_pieces(length, &self.shape, |accumulators, piece| {
            let (left, right) = (&left[piece.clone()], &right[piece]);
            let mut product = [0.0; BLOCK];
            for (a, b) in left.chunks(BLOCK).zip(right.chunks(BLOCK)) {
                let mut sums = accumulators.each_ref().map(|each| each.sums);
                Sums::push_pair(&mut sums, a, b, Wanted::ALL);
                multiply(&mut product, a, b);
                let tensors = [a, b, &product[..a.len()]];
                for ((each, sums), block) in accumulators.iter_mut().zip(sums).zip(tensors) {
                    each.sums = sums;
                    each.push_shaped(block);
                }
            }
        });
        for (all, more) in self.accumulators.iter_mut().zip(&more) {
            all.merge(more);
        }
    }

    /// After the last ones.
    pub(crate) fn finish(self) -> [Moments; 3] {
        self.accumulators.map(Accumulator::finish)
    }
}
