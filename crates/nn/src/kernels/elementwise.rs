//! Sums, products and row broadcasts.

use super::dispatch::vectorised;
use super::threads::{Read, Threads, Write};
use crate::{Real, profile};

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
    /// `sum += x` on the calling thread.
    fn add_here<F>(sum: &mut [F], x: &[F]) {
        for (sum, &x) in sum.iter_mut().zip(x) {
            *sum += x;
        }
    }

    /// `sum += factor * x` on the calling thread.
    fn add_multiple_here<F>(sum: &mut [F], x: &[F], factor: F) {
        for (sum, &x) in sum.iter_mut().zip(x) {
            *sum += factor * x;
        }
    }

    /// `sum += a * b` on the calling thread.
    fn add_product_here<F>(sum: &mut [F], a: &[F], b: &[F]) {
        for ((sum, &a), &b) in sum.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }

    /// `out = a * b` on the calling thread.
    fn multiply_here<F>(out: &mut [F], a: &[F], b: &[F]) {
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *out = a * b;
        }
    }

    /// `x *= factors` on the calling thread.
    fn multiply_by_here<F>(x: &mut [F], factors: &[F]) {
        for (x, &factor) in x.iter_mut().zip(factors) {
            *x *= factor;
        }
    }

    /// `x *= factor` on the calling thread.
    fn scale_here<F>(x: &mut [F], factor: F) {
        for x in x {
            *x *= factor;
        }
    }

    /// `out += sum of the rows of x` for the columns from `first` on, rows of
    /// `width` elements.
    fn add_some_column_sums<F>(out: &mut [F], x: &[F], width: usize, first: usize) {
        for row in x.chunks_exact(width) {
            for (out, &x) in out.iter_mut().zip(&row[first..]) {
                *out += x;
            }
        }
    }
}

/// `sum += x`.
pub(crate) fn add<F: Real>(threads: Threads, sum: &mut [F], x: &[F]) {
    assert_eq!(sum.len(), x.len());
    let tensors = (Write(sum, 1), Read(x, 1));
    threads.for_rows(x.len(), 1, tensors, |(sum, x)| add_here(sum.0, x.0));
}

/// `sum += factor * x`.
pub(crate) fn add_multiple<F: Real>(threads: Threads, sum: &mut [F], x: &[F], factor: F) {
    let tensors = (Write(sum, 1), Read(x, 1));
    threads.for_rows(x.len(), 1, tensors, |(sum, x)| {
        add_multiple_here(sum.0, x.0, factor);
    });
}

/// `sum += a * b`.
pub(crate) fn add_product<F: Real>(threads: Threads, sum: &mut [F], a: &[F], b: &[F]) {
    let tensors = (Write(sum, 1), Read(a, 1), Read(b, 1));
    threads.for_rows(a.len(), 1, tensors, |(sum, a, b)| {
        add_product_here(sum.0, a.0, b.0);
    });
}

/// `out = a * b`.
pub(crate) fn multiply<F: Real>(threads: Threads, out: &mut [F], a: &[F], b: &[F]) {
    let tensors = (Write(out, 1), Read(a, 1), Read(b, 1));
    threads.for_rows(a.len(), 1, tensors, |(out, a, b)| {
        multiply_here(out.0, a.0, b.0);
    });
}

/// `x *= factors`.
pub(crate) fn multiply_by<F: Real>(threads: Threads, x: &mut [F], factors: &[F]) {
    let tensors = (Write(x, 1), Read(factors, 1));
    threads.for_rows(factors.len(), 1, tensors, |(x, factors)| {
        multiply_by_here(x.0, factors.0);
    });
}

/// `x *= factor`.
pub(crate) fn scale<F: Real>(threads: Threads, x: &mut [F], factor: F) {
    threads.for_rows(x.len(), 1, Write(x, 1), |x| scale_here(x.0, factor));
}

/// `out += sum of the rows of x`, rows as long as `out`.
pub(crate) fn add_column_sums<F: Real>(threads: Threads, out: &mut [F], x: &[F]) {
    let width = out.len();
    let rows = x.len() / width.max(1);
    let tensors = (0..width, Write(out, 1));
    threads.for_rows(width, rows, tensors, |(columns, out)| {
        add_some_column_sums(out.0, x, width, columns.start);
    });
}

/// Every row of `out` becomes `row`.
pub(crate) fn fill_rows<F: Real>(threads: Threads, out: &mut [F], row: &[F]) {
    let width = row.len();
    let rows = out.len() / width.max(1);
    threads.for_rows(rows, width, Write(out, width), |out| {
        let _span = profile::span("fill_rows");
        for out in out.0.chunks_exact_mut(width) {
            out.copy_from_slice(row);
        }
    });
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
        add_column_sums(Threads::ONE, &mut out, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(out, [14.0, 26.0]);
    }
}
