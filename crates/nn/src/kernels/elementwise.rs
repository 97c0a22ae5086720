//! Sums, products and row broadcasts.

use super::dispatch::vectorised;
use crate::Real;

/// Number of independent partial results in a reduction. It fixes the order of
/// summation, whatever the instruction set.
const LANES: usize = 16;

/// Folds `x` into lanes with `step`, then the lanes and the rest into one.
#[inline(always)]
pub(super) fn fold<F: Real>(
    x: &[F],
    start: F,
    step: impl Fn(F, F) -> F,
    join: impl Fn(F, F) -> F,
) -> F {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [start; LANES];
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = step(*lane, x);
        }
    }
    let folded = lanes.into_iter().fold(start, &join);
    let rest = rest.iter().fold(start, |sum, &x| step(sum, x));
    join(folded, rest)
}

/// Sum of the products of two slices, in lanes.
#[inline(always)]
pub(super) fn inner_product<F: Real>(a: &[F], b: &[F]) -> F {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut lanes = [F::zero(); LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for ((lane, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let folded: F = lanes.into_iter().sum();
    let rest: F = a_rest.iter().zip(b_rest).map(|(&a, &b)| a * b).sum();
    folded + rest
}

vectorised! {
    /// `sum += x`.
    fn add<F>(sum: &mut [F], x: &[F]) {
        for (sum, &x) in sum.iter_mut().zip(x) {
            *sum += x;
        }
    }

    /// `sum += a * b`.
    fn add_product<F>(sum: &mut [F], a: &[F], b: &[F]) {
        for ((sum, &a), &b) in sum.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }

    /// `out = a * b`.
    fn multiply<F>(out: &mut [F], a: &[F], b: &[F]) {
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *out = a * b;
        }
    }

    /// `x *= factor`.
    fn scale<F>(x: &mut [F], factor: F) {
        for x in x {
            *x *= factor;
        }
    }

    /// `out += sum of the rows of x`, rows as long as `out`.
    fn add_column_sums<F>(out: &mut [F], x: &[F]) {
        for row in x.chunks_exact(out.len()) {
            for (out, &x) in out.iter_mut().zip(row) {
                *out += x;
            }
        }
    }
}

/// Every row of `out` becomes `row`.
pub(crate) fn fill_rows<F: Real>(out: &mut [F], row: &[F]) {
    for out in out.chunks_exact_mut(row.len()) {
        out.copy_from_slice(row);
    }
}

/// Inner product of two long tensors, summed in `f64`.
pub(crate) fn long_inner_product<F: Real>(a: &[F], b: &[F]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reductions_cover_the_tail_after_the_last_full_chunk() {
        for n in 0..40 {
            let x: Vec<f64> = (1..=n).map(f64::from).collect();
            let sum = fold(&x, 0.0, |s, x| s + x, |a, b| a + b);
            assert_eq!(sum, f64::from(n * (n + 1) / 2));
            let squares: f64 = x.iter().map(|x| x * x).sum();
            assert_eq!(inner_product(&x, &x), squares);
        }
    }

    #[test]
    fn column_sums_add_to_what_is_there() {
        let mut out = [10.0, 20.0];
        add_column_sums(&mut out, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(out, [14.0, 26.0]);
    }
}
