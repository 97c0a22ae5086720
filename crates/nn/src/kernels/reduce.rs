//! Sums over all elements of a tensor, several in one sweep.
//!
//! Elements go by in blocks that stay in the first-level cache. Sums run in lanes
//! inside a block and in double precision between blocks, which is as fast as memory
//! and good to about seven digits; one text for every instruction set, so that all
//! give the same bits.

use super::dispatch::vectorised;
use crate::Real;

/// Elements per block: few enough additions per lane that rounding stays near one part
/// in 10^7, and enough that adding the lanes up costs little.
const BLOCK: usize = 2048;

/// Independent partial sums: one register of AVX-512.
const LANES: usize = 16;

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

    /// Adds elements, those of another tensor, and their products, each to its own sums:
    /// cheaper than one by one.
    pub fn push_pair(sums: &mut [Sums; 3], left: &[f32], right: &[f32], wanted: Wanted) {
        push_pair_here(left, right, wanted, sums);
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

    fn push_pair_here<F>(left: &[F], right: &[F], wanted: Wanted, sums: &mut [Sums; 3]) {
        for (left, right) in left.chunks(BLOCK).zip(right.chunks(BLOCK)) {
            match wanted.roots {
                true => push_pair_block::<F, true>(left, right, wanted, sums),
                false => push_pair_block::<F, false>(left, right, wanted, sums),
            }
        }
    }

    /// The largest element, or `start` where that is larger; NaN is not.
    fn largest_here<F>(data: &[F], start: F) -> F {
        // Several registers, since each comparison waits for the last of its lane.
        let (groups, rest) = data.as_chunks::<{ 4 * LANES }>();
        let mut lanes = [start; 4 * LANES];
        for group in groups {
            raise(&mut lanes, group);
        }
        raise(&mut lanes, rest);
        let mut length = 2 * LANES;
        while length > 0 {
            let (left, right) = lanes.split_at_mut(length);
            raise(left, &right[..length]);
            length /= 2;
        }
        lanes[0]
    }

    /// Raises each maximum to the element in its place.
    fn raise_here<F>(maxima: &mut [F], data: &[F]) {
        raise(maxima, data);
    }

    fn multiply_here<F>(products: &mut [F], left: &[F], right: &[F]) {
        for ((product, &x), &y) in products.iter_mut().zip(left).zip(right) {
            *product = x * y;
        }
    }

    /// Counts the positive elements of each place.
    fn count_positives_here<F>(counts: &mut [u32], data: &[F]) {
        for (count, &x) in counts.iter_mut().zip(data) {
            *count += u32::from(x > F::zero());
        }
    }
}

/// The largest element, or `start` where that is larger; NaN is ignored.
pub fn largest(data: &[f32], start: f32) -> f32 {
    largest_here(data, start)
}

/// Raises each maximum to the element in its place; NaN is ignored.
pub fn raise_maxima(maxima: &mut [f32], data: &[f32]) {
    raise_here(maxima, data);
}

/// Writes the products of elements.
pub fn multiply(products: &mut [f32], left: &[f32], right: &[f32]) {
    multiply_here(products, left, right);
}

/// Counts the positive elements of each place.
pub fn count_positives(counts: &mut [u32], data: &[f32]) {
    count_positives_here(counts, data);
}

#[inline(always)]
fn raise<F: Real>(maxima: &mut [F], data: &[F]) {
    for (max, &x) in maxima.iter_mut().zip(data) {
        *max = max.larger(x);
    }
}

/// One block, which may be the last one and short.
#[inline(always)]
fn push_block<F: Real>(block: &[F], wanted: Wanted, sums: &mut Sums) {
    let (groups, rest) = block.as_chunks::<LANES>();
    let mut lanes = Lanes::empty();
    // The choice stands outside of the loop, so that each loop has no branch.
    match (wanted.roots, wanted.extremes) {
        (false, false) => {
            for group in groups {
                lanes.add(group);
            }
        }
        (false, true) => {
            for group in groups {
                lanes.add(group);
                lanes.compare(group);
            }
        }
        (true, false) => {
            for group in groups {
                lanes.add(group);
                lanes.add_roots(&roots(group));
            }
        }
        (true, true) => {
            for group in groups {
                lanes.add(group);
                lanes.add_roots(&roots(group));
                lanes.compare(group);
            }
        }
    }
    if let Some(last) = padded(rest) {
        lanes.add_last(&last, &roots(&last), rest.len());
    }
    lanes.push_to(sums, wanted, block.iter().map(|x| x.to_f64()));
}

/// A block of two tensors and of their products. The root of a product is the product of the
/// roots: roots take most of the time.
#[inline(always)]
fn push_pair_block<F: Real, const ROOTS: bool>(
    left: &[F],
    right: &[F],
    wanted: Wanted,
    sums: &mut [Sums; 3],
) {
    let ((lefts, left_rest), (rights, right_rest)) = (left.as_chunks(), right.as_chunks());
    let [mut of_left, mut of_right, mut of_product] = [Lanes::<F>::empty(); 3];
    for (x, y) in lefts.iter().zip(rights) {
        if ROOTS {
            let (left, right) = (roots(x), roots(y));
            of_left.add_roots(&left);
            of_right.add_roots(&right);
            of_product.add_roots(&products(&left, &right));
        }
        let product = products(x, y);
        for (lanes, group) in [(&mut of_left, x), (&mut of_right, y)] {
            lanes.add(group);
            lanes.compare(group);
        }
        of_product.add(&product);
        of_product.compare(&product);
    }
    if let (Some(x), Some(y)) = (padded(left_rest), padded(right_rest)) {
        let (left, right, length) = (roots(&x), roots(&y), left_rest.len());
        of_left.add_last(&x, &left, length);
        of_right.add_last(&y, &right, length);
        of_product.add_last(&products(&x, &y), &products(&left, &right), length);
    }
    let [left_sums, right_sums, product_sums] = sums;
    let pairs = left.iter().zip(right);
    of_left.push_to(left_sums, wanted, left.iter().map(|x| x.to_f64()));
    of_right.push_to(right_sums, wanted, right.iter().map(|x| x.to_f64()));
    let exact = pairs.map(|(x, y)| x.to_f64() * y.to_f64());
    of_product.push_to(product_sums, wanted, exact);
}

/// Partial sums of a block.
#[derive(Clone, Copy)]
struct Lanes<F> {
    sum: [F; LANES],
    sum_abs: [F; LANES],
    sum_square: [F; LANES],
    sum_sqrt_abs: [F; LANES],
    min: [F; LANES],
    max: [F; LANES],
}

impl<F: Real> Lanes<F> {
    #[inline(always)]
    fn empty() -> Self {
        let zeros = [F::zero(); LANES];
        Lanes {
            sum: zeros,
            sum_abs: zeros,
            sum_square: zeros,
            sum_sqrt_abs: zeros,
            min: [F::of(f64::INFINITY); LANES],
            max: [F::of(f64::NEG_INFINITY); LANES],
        }
    }

    /// Adds a group. Each statistic is a loop of its own, which compiles to one or two vector
    /// instructions.
    #[inline(always)]
    fn add(&mut self, group: &[F; LANES]) {
        for (sum, &x) in self.sum.iter_mut().zip(group) {
            *sum += x;
        }
        for (sum, &x) in self.sum_abs.iter_mut().zip(group) {
            *sum += x.abs();
        }
        for (sum, &x) in self.sum_square.iter_mut().zip(group) {
            *sum += x * x;
        }
    }

    #[inline(always)]
    fn add_roots(&mut self, roots: &[F; LANES]) {
        for (sum, &root) in self.sum_sqrt_abs.iter_mut().zip(roots) {
            *sum += root;
        }
    }

    #[inline(always)]
    fn compare(&mut self, group: &[F]) {
        for (min, &x) in self.min.iter_mut().zip(group) {
            *min = smaller(*min, x);
        }
        raise(&mut self.max, group);
    }

    /// Adds the last group of a block, with zeros behind so many elements.
    #[inline(always)]
    fn add_last(&mut self, group: &[F; LANES], roots: &[F; LANES], length: usize) {
        self.add(group);
        self.add_roots(roots);
        self.compare(&group[..length]);
    }

    /// Adds the lanes up. `exact` are the elements, for a block whose squares leave the range of
    /// the element type.
    #[inline(always)]
    fn push_to(
        self,
        sums: &mut Sums,
        wanted: Wanted,
        exact: impl ExactSizeIterator<Item = f64> + Clone,
    ) {
        // Or the compiler would take the lanes apart, and compute in smaller registers.
        let lanes = std::hint::black_box(self);
        sums.count += exact.len() as u64;
        if wanted.extremes {
            sums.min = sums.min.min(extreme(lanes.min, smaller).to_f64());
            sums.max = sums.max.max(extreme(lanes.max, F::larger).to_f64());
        } else {
            (sums.min, sums.max) = (f64::NAN, f64::NAN);
        }
        let (abs, squares) = (total(lanes.sum_abs), total(lanes.sum_square));
        let mut roots = total(lanes.sum_sqrt_abs);
        if abs == 0.0 || SAFE_SQUARES.contains(&squares) {
            sums.sum += total(lanes.sum);
            sums.sum_abs += abs;
            sums.sum_square += squares;
        } else {
            for x in exact.clone() {
                sums.sum += x;
                sums.sum_abs += x.abs();
                sums.sum_square += x * x;
            }
            if wanted.roots {
                roots = exact.map(|x| x.abs().sqrt()).sum();
            }
        }
        sums.sum_sqrt_abs += match wanted.roots {
            true => roots,
            false => f64::NAN,
        };
    }
}

/// Square roots of the absolute values.
#[inline(always)]
fn roots<F: Real>(group: &[F; LANES]) -> [F; LANES] {
    let mut roots = [F::zero(); LANES];
    for (root, x) in roots.iter_mut().zip(group) {
        *root = x.abs().sqrt();
    }
    roots
}

#[inline(always)]
fn products<F: Real>(left: &[F; LANES], right: &[F; LANES]) -> [F; LANES] {
    let mut products = [F::zero(); LANES];
    for ((product, &x), &y) in products.iter_mut().zip(left).zip(right) {
        *product = x * y;
    }
    products
}

/// What is left of a block, with zeros behind: zeros change no sum.
#[inline(always)]
fn padded<F: Real>(rest: &[F]) -> Option<[F; LANES]> {
    let mut last = [F::zero(); LANES];
    last[..rest.len()].copy_from_slice(rest);
    (!rest.is_empty()).then_some(last)
}

/// The smaller of two values; `min` where `x` is NaN.
#[inline(always)]
fn smaller<F: Real>(min: F, x: F) -> F {
    if x < min { x } else { min }
}

#[inline(always)]
fn extreme<F: Real>(lanes: [F; LANES], choose: impl Fn(F, F) -> F) -> F {
    let [first, rest @ ..] = lanes;
    rest.into_iter().fold(first, choose)
}

/// Halves are added until one is left: fewer steps that wait for each other.
#[inline(always)]
fn total<F: Real>(lanes: [F; LANES]) -> f64 {
    let mut sums = lanes.map(Real::to_f64);
    let mut length = LANES / 2;
    while length > 0 {
        let (left, right) = sums.split_at_mut(length);
        for (left, right) in left.iter_mut().zip(right) {
            *left += *right;
        }
        length /= 2;
    }
    sums[0]
}
