//! Sums over all elements of a tensor, several in one sweep.
//!
//! Elements go by in blocks that stay in the first-level cache. Sums run in lanes
//! inside a block and in double precision between blocks, which is as fast as memory
//! and good to about seven digits; one text for every instruction set, so that all
//! give the same bits.

use super::dispatch::vectorised;
use crate::Real;

/// Elements per block: few enough additions per lane that rounding stays near one part
/// in 10^7.
const BLOCK: usize = 512;

/// Independent partial sums.
const LANES: usize = 8;

/// Block sums of squares outside this range may have lost elements to underflow or
/// overflow; such blocks are summed again in double precision.
const SAFE_SQUARES: std::ops::Range<f64> = 1e-24..1e36;

/// Reductions of elements x that do not look at a shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sums {
    /// Number of elements.
    pub count: u64,
    /// Sum of x.
    pub sum: f64,
    /// Sum of |x|.
    pub sum_abs: f64,
    /// Sum of x^2.
    pub sum_square: f64,
    /// Sum of the square roots of |x|.
    pub sum_sqrt_abs: f64,
    /// The smallest; infinite where there are none.
    pub min: f64,
    /// The largest; minus infinity where there are none.
    pub max: f64,
}

/// Which of the sums that take longest are wanted; the others always come along. What is
/// not wanted is NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The sum of square roots.
    pub roots: bool,
    /// The smallest and the largest.
    pub extremes: bool,
}

impl Wanted {
    /// All of them.
    pub const ALL: Wanted = Wanted {
        roots: true,
        extremes: true,
    };

    /// None of them.
    pub const CHEAP: Wanted = Wanted {
        roots: false,
        extremes: false,
    };

    /// Union: each sum that one of the two wants.
    #[must_use]
    pub fn or(self, other: Wanted) -> Wanted {
        Wanted {
            roots: self.roots || other.roots,
            extremes: self.extremes || other.extremes,
        }
    }
}

impl Sums {
    /// Sums of no elements: zeros, with the extremes at infinity.
    pub const EMPTY: Sums = Sums {
        count: 0,
        sum: 0.0,
        sum_abs: 0.0,
        sum_square: 0.0,
        sum_sqrt_abs: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
    };

    /// Adds elements. A NaN makes every sum NaN and is ignored by minimum and maximum.
    pub fn push(&mut self, data: &[f32], wanted: Wanted) {
        push_here(data, wanted, self);
    }

    /// Adds the products of elements.
    pub fn push_products(&mut self, left: &[f32], right: &[f32], wanted: Wanted) {
        push_products_here(left, right, wanted, self);
    }

    /// Adds what another one has seen.
    pub fn merge(&mut self, other: &Sums) {
        self.count += other.count;
        self.sum += other.sum;
        self.sum_abs += other.sum_abs;
        self.sum_square += other.sum_square;
        self.sum_sqrt_abs += other.sum_sqrt_abs;
        // NaN, where they are not wanted, stays.
        if other.min < self.min || other.min.is_nan() {
            self.min = other.min;
        }
        if other.max > self.max || other.max.is_nan() {
            self.max = other.max;
        }
    }
}

vectorised! {
    fn push_here<F>(data: &[F], wanted: Wanted, sums: &mut Sums) {
        for block in data.chunks(BLOCK) {
            push_block(block, wanted, sums);
        }
    }

    fn push_products_here<F>(left: &[F], right: &[F], wanted: Wanted, sums: &mut Sums) {
        let mut product = [F::zero(); BLOCK];
        for (left, right) in left.chunks(BLOCK).zip(right.chunks(BLOCK)) {
            let length = left.len().min(right.len());
            for ((product, &x), &y) in product.iter_mut().zip(left).zip(right) {
                *product = x * y;
            }
            push_block(&product[..length], wanted, sums);
        }
    }
}

/// A block in lanes.
type Lanes<F> = [[F; LANES]; BLOCK / LANES];

/// One block, which may be the last one and short.
#[inline(always)]
fn push_block<F: Real>(block: &[F], wanted: Wanted, sums: &mut Sums) {
    let (groups, _) = block.as_chunks();
    match <&Lanes<F>>::try_from(groups) {
        Ok(lanes) => push_lanes(block, lanes, wanted, sums),
        Err(_) => {
            // Zeros change no sum.
            let mut lanes: Lanes<F> = [[F::zero(); LANES]; BLOCK / LANES];
            lanes.as_flattened_mut()[..block.len()].copy_from_slice(block);
            push_lanes(block, &lanes, wanted, sums);
        }
    }
}

/// A block, and its lanes with zeros behind it.
#[inline(always)]
fn push_lanes<F: Real>(block: &[F], lanes: &Lanes<F>, wanted: Wanted, sums: &mut Sums) {
    sums.count += block.len() as u64;
    if wanted.extremes {
        // Of as many as are in the block: of whole lanes, and of what is left.
        let (min, max) = (F::of(f64::INFINITY), F::of(f64::NEG_INFINITY));
        let (whole, rest) = lanes.split_at(block.len() / LANES);
        let rest = rest.as_flattened()[..block.len() % LANES].iter();
        let mins = fold(whole, min, smaller).into_iter();
        let maxs = fold(whole, max, F::larger).into_iter();
        let min = rest.clone().copied().chain(mins).fold(min, smaller);
        let max = rest.copied().chain(maxs).fold(max, F::larger);
        sums.min = sums.min.min(min.to_f64());
        sums.max = sums.max.max(max.to_f64());
    } else {
        (sums.min, sums.max) = (f64::NAN, f64::NAN);
    }
    let zero = F::zero();
    let sum = fold(lanes, zero, |sum, x| sum + x);
    let sum_abs = fold(lanes, zero, |sum, x| sum + x.abs());
    let sum_square = fold(lanes, zero, |sum, x| sum + x * x);
    let squares = total(sum_square);
    let safe = SAFE_SQUARES.contains(&squares);
    if safe {
        sums.sum += total(sum);
        sums.sum_abs += total(sum_abs);
        sums.sum_square += squares;
    } else {
        for x in block.iter().map(|x| x.to_f64()) {
            sums.sum += x;
            sums.sum_abs += x.abs();
            sums.sum_square += x * x;
        }
    }
    sums.sum_sqrt_abs += match (wanted.roots, safe) {
        (false, _) => f64::NAN,
        (true, true) => total(fold(lanes, zero, |sum, x| sum + x.abs().sqrt())),
        (true, false) => block.iter().map(|x| x.to_f64().abs().sqrt()).sum(),
    };
}

/// Folds every `LANES`-th element into one lane. One statistic at a time: a block stays
/// in the first-level cache, and each such loop
/// compiles to a few vector instructions, which one loop over all statistics does not.
#[inline(always)]
fn fold<F: Real>(block: &[[F; LANES]], start: F, step: impl Fn(F, F) -> F) -> [F; LANES] {
    let mut lanes = [start; LANES];
    for group in block {
        for (lane, &x) in lanes.iter_mut().zip(group) {
            *lane = step(*lane, x);
        }
    }
    // Or the compiler would take the lanes apart for what is done with them next, and
    // compute in smaller registers.
    std::hint::black_box(lanes)
}

/// The smaller of two values; `min` where `x` is NaN.
#[inline(always)]
fn smaller<F: Real>(min: F, x: F) -> F {
    if x < min { x } else { min }
}

#[inline(always)]
fn total<F: Real>(lanes: [F; LANES]) -> f64 {
    lanes.into_iter().map(Real::to_f64).sum()
}
