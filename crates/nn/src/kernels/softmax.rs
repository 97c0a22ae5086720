//! Softmax over rows, for attention and for cross-entropy.

use super::dispatch::vectorised;
use super::elementwise::{fold, inner_product};
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

vectorised! {
    /// Softmax of every row of `width` elements, in place.
    fn softmax_rows<F>(x: &mut [F], width: usize) {
        for row in x.chunks_exact_mut(width) {
            softmax_row(row);
        }
    }

    /// Softmax of the rows of (width, width) score matrices where row `t` sees
    /// only columns up to `t`; the others become 0.
    fn causal_softmax_rows<F>(x: &mut [F], width: usize) {
        for scores in x.chunks_exact_mut(width * width) {
            for (t, row) in scores.chunks_exact_mut(width).enumerate() {
                let (seen, hidden) = row.split_at_mut(t + 1);
                softmax_row(seen);
                hidden.fill(F::zero());
            }
        }
    }

    /// From probabilities and the gradient with respect to them to
    /// `scale` times the gradient with respect to the scores, in place:
    /// `d = scale * p * (d - <p, d>)` per row.
    fn softmax_rows_backward<F>(p: &[F], d: &mut [F], width: usize, scale: F) {
        for (p, d) in p.chunks_exact(width).zip(d.chunks_exact_mut(width)) {
            let mean = inner_product(p, d);
            for (d, &p) in d.iter_mut().zip(p) {
                *d = scale * p * (*d - mean);
            }
        }
    }

    /// Cross-entropy in nats of every row of logits against its target class,
    /// summed. Logits become the gradient of `weight` times that sum.
    fn cross_entropy_rows<F>(logits: &mut [F], width: usize, targets: &[u32], weight: F) -> f64 {
        let mut loss = 0.0;
        for (row, &target) in logits.chunks_exact_mut(width).zip(targets) {
            let target = target as usize;
            let largest = fold(row, F::of(f64::NEG_INFINITY), F::larger, F::larger);
            let shifted = row[target] - largest;
            for x in row.iter_mut() {
                *x = (*x - largest).exp();
            }
            let sum = fold(row, F::zero(), |s, x| s + x, |a, b| a + b);
            loss += sum.to_f64().ln() - shifted.to_f64();
            let scale = weight / sum;
            for x in row.iter_mut() {
                *x *= scale;
            }
            row[target] -= weight;
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_even_for_huge_scores() {
        let mut x = vec![1e4, 1e4, -1e4, 3.0, 3.0, 3.0];
        softmax_rows(&mut x, 3);
        assert_eq!(x[..3], [0.5, 0.5, 0.0]);
        assert!(x[3..].iter().all(|p: &f64| (p - 1.0 / 3.0).abs() < 1e-15));
    }

    #[test]
    fn causal_softmax_does_not_see_the_future() {
        let mut x = vec![0.0f32, 9.0, 0.0, 0.0];
        causal_softmax_rows(&mut x, 2);
        assert_eq!(x, [1.0, 0.0, 0.5, 0.5]);
    }

    #[test]
    fn uniform_logits_cost_the_logarithm_of_the_number_of_classes() {
        let mut logits = vec![7.0f64; 20];
        let loss = cross_entropy_rows(&mut logits, 10, &[3, 9], 0.5);
        assert!((loss - 2.0 * 10f64.ln()).abs() < 1e-12);
        assert!((logits[0] - 0.05).abs() < 1e-15);
        assert!((logits[3] + 0.45).abs() < 1e-15);
    }
}
