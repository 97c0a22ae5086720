//! Exact reductions of a tensor in one sweep.
//!
//! This runs over every weight, gradient and activation of a pass, so it reads
//! memory once: a tensor goes by in blocks that stay in the first-level cache
//! while three accumulators look at them. Sums run in f32 lanes inside a block
//! and in f64 between blocks, which is as fast as memory and good to about
//! seven digits.

use std::ops::Range;

use lpzero_nn::{Sums, Wanted};
use rayon::prelude::*;

use crate::shaped::{Codes, Confidence};
use crate::trace::Moments;

/// Elements per block: 2 KiB, and few enough additions per f32 lane that
/// rounding stays near one part in 10^7.
const BLOCK: usize = 512;

/// Independent f32 accumulators: two SSE registers, which compile to the
/// fewest instructions and nearly hide the latency of an addition.
const LANES: usize = 8;

/// Elements of a piece of a large tensor, which threads share. Pieces do not depend
/// on the number of threads, and are added in their order.
pub(crate) const PIECE: usize = 1 << 18;

/// Elements of a part of a piece, of which several statistics are taken in turn: two
/// tensors of them stay in the second-level cache.
const CACHED: usize = 1 << 14;

impl Moments {
    /// Reduces a row-major tensor of this shape.
    ///
    /// A NaN element makes every sum NaN and is ignored by `min` and `max`.
    /// The moments of an empty tensor are all zero.
    pub fn of(data: &[f32], shape: &[usize]) -> Moments {
        let mut accumulator = Accumulator::new(shape);
        accumulator.push(data);
        accumulator.finish()
    }

    /// Reduces two tensors of one shape and their elementwise product, reading
    /// each once: a weight, its gradient, and the saliency between them.
    pub fn of_pair(left: &[f32], right: &[f32], shape: &[usize]) -> [Moments; 3] {
        let mut accumulators = [(); 3].map(|()| Accumulator::new(shape));
        let mut product = [0.0; BLOCK];
        for (a, b) in left.chunks(BLOCK).zip(right.chunks(BLOCK)) {
            let length = a.len().min(b.len());
            for ((p, x), y) in product.iter_mut().zip(a).zip(b) {
                *p = x * y;
            }
            accumulators[0].push_block(a);
            accumulators[1].push_block(b);
            accumulators[2].push_block(&product[..length]);
        }
        accumulators.map(Accumulator::finish)
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
        data.chunks(BLOCK).for_each(|block| self.push_block(block));
    }

    fn push_block(&mut self, block: &[f32]) {
        self.sums.push(block, Wanted::ALL);
        self.confidence.push(block);
        self.codes.push(block);
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

/// Folds every `LANES`-th element into one lane. One statistic at a time: a
/// block stays in the cache, and each such loop compiles to a few vector
/// instructions, which one loop over all statistics does not.
pub(crate) fn fold(block: &[f32], start: f32, step: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    let mut lanes = [start; LANES];
    let (groups, rest) = block.as_chunks::<LANES>();
    for group in groups {
        for (lane, &x) in lanes.iter_mut().zip(group) {
            *lane = step(*lane, x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = step(*lane, x);
    }
    lanes
}

/// Like `f32::max` for numbers, but a single instruction; skips a NaN `x`.
pub(crate) fn larger(max: f32, x: f32) -> f32 {
    if x > max { x } else { max }
}
