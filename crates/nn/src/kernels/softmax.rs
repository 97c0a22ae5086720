//! Softmax over rows, for attention and for cross-entropy.

use super::dispatch::vectorised;
use super::elementwise::{fold, inner_product};
use super::threads::{Read, Threads, Write};
use crate::Real;

/// Softmax of one row in place.
#[inline(always)]
fn softmax_row<F: Real>(row: &mut [F]) {
    let largest = fold(row, F::of(f64::NEG_INFINITY), F::larger, F::larger);
    for x in row.iter_mut() {
        *x = (*x - largest).exp();
    }
    let scale = F::one() / fold(row, F::zero(), |s, x| s + x, |a, b| a + b);
    for x in row.iter_mut() {
        *x *= scale;
    }
}

/// Cost of a softmax per element, in additions.
const COST: usize = 12;

/// Softmax of every row of `width` elements, in place.
pub(crate) fn softmax_rows<F: Real>(threads: Threads, x: &mut [F], width: usize) {
    let rows = x.len() / width;
    threads.for_rows(rows, COST * width, Write(x, width), |x| {
        softmax_rows_here(x.0, width);
    });
}

/// From probabilities and the gradient with respect to them to `scale` times
/// the gradient with respect to the scores, in place:
/// `d = scale * p * (d - <p, d>)` per row.
pub(crate) fn softmax_rows_backward<F: Real>(
    threads: Threads,
    p: &[F],
    d: &mut [F],
    width: usize,
    scale: F,
) {
    let tensors = (Read(p, width), Write(d, width));
    threads.for_rows(p.len() / width, 3 * width, tensors, |(p, d)| {
        softmax_rows_backward_here(p.0, d.0, width, scale);
    });
}

/// Cross-entropy in nats of every row of logits against its target class,
/// a loss a row; returns their sum. Logits become the gradient of `weight` times
/// that sum.
pub(crate) fn cross_entropy_rows<F: Real>(
    threads: Threads,
    logits: &mut [F],
    width: usize,
    (targets, losses): (&[u32], &mut [f64]),
    weight: F,
) -> f64 {
    let tensors = (
        Write(logits, width),
        Read(targets, 1),
        Write(&mut *losses, 1),
    );
    let cost = COST * width;
    threads.for_rows(targets.len(), cost, tensors, |(logits, targets, losses)| {
        cross_entropy_rows_here(logits.0, width, targets.0, weight, losses.0);
    });
    losses.iter().sum()
}

vectorised! {
    /// [`softmax_rows`] on the calling thread.
    fn softmax_rows_here<F>(x: &mut [F], width: usize) {
        for row in x.chunks_exact_mut(width) {
            softmax_row(row);
        }
    }

    /// Softmax of the rows of causal scores: the first row sees the columns up
    /// to `first`, each further one sees one more; the others become 0.
    fn causal_softmax_rows<F>(x: &mut [F], width: usize, first: usize) {
        for (t, row) in x.chunks_exact_mut(width).enumerate() {
            let (seen, hidden) = row.split_at_mut(first + t + 1);
            softmax_row(seen);
            hidden.fill(F::zero());
        }
    }

    /// [`softmax_rows_backward`] on the calling thread.
    fn softmax_rows_backward_here<F>(p: &[F], d: &mut [F], width: usize, scale: F) {
        for (p, d) in p.chunks_exact(width).zip(d.chunks_exact_mut(width)) {
            let mean = inner_product(p, d);
            for (d, &p) in d.iter_mut().zip(p) {
                *d = scale * p * (*d - mean);
            }
        }
    }

    /// [`cross_entropy_rows`] on the calling thread, a loss a row.
    fn cross_entropy_rows_here<F>(
        logits: &mut [F],
        width: usize,
        targets: &[u32],
        weight: F,
        losses: &mut [f64],
    ) {
        let rows = logits.chunks_exact_mut(width).zip(targets);
        for ((row, &target), loss) in rows.zip(losses) {
            let target = target as usize;
            let largest = fold(row, F::of(f64::NEG_INFINITY), F::larger, F::larger);
            let shifted = row[target] - largest;
            for x in row.iter_mut() {
                *x = (*x - largest).exp();
            }
            let sum = fold(row, F::zero(), |s, x| s + x, |a, b| a + b);
            *loss = sum.to_f64().ln() - shifted.to_f64();
            let scale = weight / sum;
            for x in row.iter_mut() {
                *x *= scale;
            }
            row[target] -= weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_even_for_huge_scores() {
        let mut x = vec![1e4, 1e4, -1e4, 3.0, 3.0, 3.0];
        softmax_rows(Threads::ONE, &mut x, 3);
        assert_eq!(x[..3], [0.5, 0.5, 0.0]);
        assert!(x[3..].iter().all(|p: &f64| (p - 1.0 / 3.0).abs() < 1e-15));
    }

    #[test]
    fn causal_softmax_does_not_see_the_future() {
        let mut x = vec![0.0f32, 9.0, 0.0, 0.0];
        causal_softmax_rows(&mut x, 2, 0);
        assert_eq!(x, [1.0, 0.0, 0.5, 0.5]);
        let mut second = vec![0.0f32, 0.0];
        causal_softmax_rows(&mut second, 2, 1);
        assert_eq!(second, [0.5, 0.5]);
    }

    #[test]
    fn uniform_logits_cost_the_logarithm_of_the_number_of_classes() {
        let mut logits = vec![7.0f64; 20];
        let mut losses = [0.0; 2];
        let targets = (&[3, 9][..], &mut losses[..]);
        let loss = cross_entropy_rows(Threads::ONE, &mut logits, 10, targets, 0.5);
        assert!((loss - 2.0 * 10f64.ln()).abs() < 1e-12);
        assert!((losses[0] - 10f64.ln()).abs() < 1e-12 && losses[0] == losses[1]);
        assert!((logits[0] - 0.05).abs() < 1e-15);
        assert!((logits[3] + 0.45).abs() < 1e-15);
    }
}
