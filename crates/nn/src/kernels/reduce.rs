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

impl Sums {
    /// Of no elements.
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
    pub fn push(&mut self, data: &[f32]) {
        push_here(data, self);
    }

    /// Adds the products of elements.
    pub fn push_products(&mut self, left: &[f32], right: &[f32]) {
        push_products_here(left, right, self);
    }

    /// Adds what another one has seen.
    pub fn merge(&mut self, other: &Sums) {
        self.count += other.count;
        self.sum += other.sum;
        self.sum_abs += other.sum_abs;
        self.sum_square += other.sum_square;
        self.sum_sqrt_abs += other.sum_sqrt_abs;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

vectorised! {
    fn push_here<F>(data: &[F], sums: &mut Sums) {
        for block in data.chunks(BLOCK) {
            push_block(block, sums);
        }
    }

    fn push_products_here<F>(left: &[F], right: &[F], sums: &mut Sums) {
        let mut product = [F::zero(); BLOCK];
        for (left, right) in left.chunks(BLOCK).zip(right.chunks(BLOCK)) {
            let length = left.len().min(right.len());
            for ((product, &x), &y) in product.iter_mut().zip(left).zip(right) {
                *product = x * y;
            }
            push_block(&product[..length], sums);
        }
    }
}

/// One block. Five sums of lanes at once hide the latency of each.
#[inline(always)]
fn push_block<F: Real>(block: &[F], sums: &mut Sums) {
    let mut sum = [F::zero(); LANES];
    let mut sum_abs = [F::zero(); LANES];
    let mut sum_square = [F::zero(); LANES];
    let mut sum_sqrt_abs = [F::zero(); LANES];
    let mut min = [F::of(f64::INFINITY); LANES];
    let mut max = [F::of(f64::NEG_INFINITY); LANES];
    let (groups, rest) = block.as_chunks::<LANES>();
    for group in groups {
        for lane in 0..LANES {
            let x = group[lane];
            let size = x.abs();
            sum[lane] += x;
            sum_abs[lane] += size;
            sum_square[lane] += x * x;
            sum_sqrt_abs[lane] += size.sqrt();
            min[lane] = if x < min[lane] { x } else { min[lane] };
            max[lane] = if x > max[lane] { x } else { max[lane] };
        }
    }
    for (lane, &x) in rest.iter().enumerate() {
        let size = x.abs();
        sum[lane] += x;
        sum_abs[lane] += size;
        sum_square[lane] += x * x;
        sum_sqrt_abs[lane] += size.sqrt();
        min[lane] = if x < min[lane] { x } else { min[lane] };
        max[lane] = if x > max[lane] { x } else { max[lane] };
    }
    sums.count += block.len() as u64;
    for lane in 0..LANES {
        sums.min = sums.min.min(min[lane].to_f64());
        sums.max = sums.max.max(max[lane].to_f64());
    }
    let squares = total(sum_square);
    if SAFE_SQUARES.contains(&squares) {
        sums.sum += total(sum);
        sums.sum_abs += total(sum_abs);
        sums.sum_square += squares;
        sums.sum_sqrt_abs += total(sum_sqrt_abs);
        return;
    }
    for x in block.iter().map(|x| x.to_f64()) {
        sums.sum += x;
        sums.sum_abs += x.abs();
        sums.sum_square += x * x;
        sums.sum_sqrt_abs += x.abs().sqrt();
    }
}

#[inline(always)]
fn total<F: Real>(lanes: [F; LANES]) -> f64 {
    lanes.into_iter().map(Real::to_f64).sum()
}
