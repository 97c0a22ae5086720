//! The two convolutions over positions of a span-based dynamic convolution
//! (ConvBERT, Jiang et al. 2020): a depthwise one with learned filters and a
//! dynamic one whose kernels the network predicts for every token and head.
//!
//! Both are cross-correlations with zero padding, as PyTorch computes them:
//! tap `i` of a kernel of length K reads position `t + i - K / 2`. Gradients
//! with respect to inputs are *added* to what the caller passes, because the
//! inputs feed several branches; gradients with respect to filters and kernels
//! are overwritten.

use super::elementwise::{add_product, inner_product};
use crate::Real;

/// Sizes of a depthwise convolution over (batch, positions, channels).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Depthwise {
    /// B.
    pub(crate) batch: usize,
    /// T.
    pub(crate) positions: usize,
    /// C, one filter each.
    pub(crate) channels: usize,
    /// K, odd.
    pub(crate) kernel: usize,
}

impl Depthwise {
    /// `output[b, t, c] = sum_i filter[c, i] * input[b, t + i - K/2, c]`.
    ///
    /// `input` and `output` are (B, T, C), `filter` is (C, K) as PyTorch's
    /// (C, 1, K).
    pub(crate) fn forward<F: Real>(self, input: &[F], filter: &[F], output: &mut [F]) {
        let taps = self.taps(filter);
        output.fill(F::zero());
        self.for_each_tap(|i, read, write| {
            add_product(
                &mut output[self.row(write)],
                &taps[self.row(i)],
                &input[self.row(read)],
            );
        });
    }

    /// The adjoint of [`forward`](Self::forward): adds to `input_gradient`
    /// (B, T, C), overwrites `filter_gradient` (C, K).
    pub(crate) fn backward<F: Real>(
        self,
        input: &[F],
        filter: &[F],
        output_gradient: &[F],
        input_gradient: &mut [F],
        filter_gradient: &mut [F],
    ) {
        let taps = self.taps(filter);
        let mut tap_gradient = vec![F::zero(); taps.len()];
        self.for_each_tap(|i, read, write| {
            let gradient = &output_gradient[self.row(write)];
            add_product(
                &mut input_gradient[self.row(read)],
                &taps[self.row(i)],
                gradient,
            );
            add_product(
                &mut tap_gradient[self.row(i)],
                &input[self.row(read)],
                gradient,
            );
        });
        for (c, filter_gradient) in filter_gradient.chunks_exact_mut(self.kernel).enumerate() {
            for (i, value) in filter_gradient.iter_mut().enumerate() {
                *value = tap_gradient[i * self.channels + c];
            }
        }
    }

    /// The filters as (K, C), so that inner loops run over channels.
    fn taps<F: Real>(self, filter: &[F]) -> Vec<F> {
        let mut taps = vec![F::zero(); filter.len()];
        for (c, filter) in filter.chunks_exact(self.kernel).enumerate() {
            for (i, &value) in filter.iter().enumerate() {
                taps[i * self.channels + c] = value;
            }
        }
        taps
    }

    /// The elements of row `row` of a (rows, C) matrix.
    fn row(self, row: usize) -> std::ops::Range<usize> {
        row * self.channels..(row + 1) * self.channels
    }

    /// Calls `visit(tap, row read, row written)` for every tap that falls
    /// inside the sequence; rows count through (B, T).
    fn for_each_tap(self, mut visit: impl FnMut(usize, usize, usize)) {
        for b in 0..self.batch {
            for t in 0..self.positions {
                for (i, s) in window(t, self.kernel, self.positions) {
                    visit(i, b * self.positions + s, b * self.positions + t);
                }
            }
        }
    }
}

/// Sizes of a dynamic convolution over (batch, positions, heads * head width).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dynamic {
    /// B.
    pub(crate) batch: usize,
    /// T.
    pub(crate) positions: usize,
    /// n, each with a kernel of its own at every position.
    pub(crate) heads: usize,
    /// dh.
    pub(crate) head_width: usize,
    /// K, odd.
    pub(crate) kernel: usize,
}

impl Dynamic {
    /// `output[b, t, j, c] = sum_i kernels[b, t, j, i] * values[b, t + i - K/2, j, c]`.
    ///
    /// `values` and `output` are (B, T, n * dh), `kernels` is (B, T, n, K).
    pub(crate) fn forward<F: Real>(self, values: &[F], kernels: &[F], output: &mut [F]) {
        output.fill(F::zero());
        self.for_each_tap(|tap, read, write| {
            let weight = kernels[tap];
            let values = &values[self.head(read)];
            for (output, &value) in output[self.head(write)].iter_mut().zip(values) {
                *output += weight * value;
            }
        });
    }

    /// The adjoint of [`forward`](Self::forward): adds to `value_gradient`
    /// (B, T, n * dh), overwrites `kernel_gradient` (B, T, n, K). Taps outside
    /// the sequence have gradient 0.
    pub(crate) fn backward<F: Real>(
        self,
        values: &[F],
        kernels: &[F],
        output_gradient: &[F],
        value_gradient: &mut [F],
        kernel_gradient: &mut [F],
    ) {
        kernel_gradient.fill(F::zero());
        self.for_each_tap(|tap, read, write| {
            let weight = kernels[tap];
            let gradient = &output_gradient[self.head(write)];
            kernel_gradient[tap] = inner_product(&values[self.head(read)], gradient);
            for (value, &gradient) in value_gradient[self.head(read)].iter_mut().zip(gradient) {
                *value += weight * gradient;
            }
        });
    }

    /// The elements of head `head`, counted through (B, T, n).
    fn head(self, head: usize) -> std::ops::Range<usize> {
        head * self.head_width..(head + 1) * self.head_width
    }

    /// Calls `visit(kernel element, head read, head written)` for every tap
    /// that falls inside the sequence; heads count through (B, T, n).
    fn for_each_tap(self, mut visit: impl FnMut(usize, usize, usize)) {
        for b in 0..self.batch {
            for t in 0..self.positions {
                for j in 0..self.heads {
                    let write = (b * self.positions + t) * self.heads + j;
                    for (i, s) in window(t, self.kernel, self.positions) {
                        let read = (b * self.positions + s) * self.heads + j;
                        visit(write * self.kernel + i, read, write);
                    }
                }
            }
        }
    }
}

/// The (tap, position) pairs of a kernel centred on `t` that stay inside the
/// sequence.
fn window(t: usize, kernel: usize, positions: usize) -> impl Iterator<Item = (usize, usize)> {
    let half = kernel / 2;
    let first = half.saturating_sub(t);
    let end = kernel.min(positions + half - t);
    (first..end).map(move |i| (i, t + i - half))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deterministic values in (-1, 1) without structure.
    fn noise(count: usize, phase: f64) -> Vec<f64> {
        (0..count)
            .map(|i| ((i as f64 + 1.0) * 12.9898 + phase).sin() * 0.9)
            .collect()
    }

    /// Central differences of `sum(probe * f(x))` with respect to x.
    fn differences(x: &[f64], probe: &[f64], f: impl Fn(&[f64], &mut [f64])) -> Vec<f64> {
        let step = 1e-5;
        let objective = |x: &[f64]| {
            let mut y = vec![0.0; probe.len()];
            f(x, &mut y);
            y.iter().zip(probe).map(|(y, p)| y * p).sum::<f64>()
        };
        let mut x = x.to_vec();
        (0..x.len())
            .map(|i| {
                let centre = x[i];
                x[i] = centre + step;
                let above = objective(&x);
                x[i] = centre - step;
                let below = objective(&x);
                x[i] = centre;
                (above - below) / (2.0 * step)
            })
            .collect()
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (i, (f, e)) in found.iter().zip(expected).enumerate() {
            assert!((f - e).abs() < 1e-8, "element {i}: {f} instead of {e}");
        }
    }

    #[test]
    fn depthwise_convolution_pads_with_zeros_and_does_not_flip_the_filter() {
        let sizes = Depthwise {
            batch: 1,
            positions: 4,
            channels: 1,
            kernel: 3,
        };
        let mut output = [0.0; 4];
        sizes.forward(&[1.0, 2.0, 3.0, 4.0], &[100.0, 10.0, 1.0], &mut output);
        assert_eq!(output, [12.0, 123.0, 234.0, 340.0]);
    }

    #[test]
    fn each_channel_has_its_own_filter_and_batches_do_not_mix() {
        let sizes = Depthwise {
            batch: 2,
            positions: 1,
            channels: 2,
            kernel: 3,
        };
        let mut output = [0.0; 4];
        sizes.forward(
            &[1.0, 2.0, 3.0, 4.0],
            &[7.0, 10.0, 7.0, 7.0, 100.0, 7.0],
            &mut output,
        );
        assert_eq!(output, [10.0, 200.0, 30.0, 400.0]);
    }

    #[test]
    fn depthwise_gradients_equal_finite_differences() {
        for kernel in [1, 3, 5, 9] {
            let sizes = Depthwise {
                batch: 2,
                positions: 4,
                channels: 3,
                kernel,
            };
            let input = noise(2 * 4 * 3, 0.1);
            let filter = noise(3 * kernel, 0.2);
            let probe = noise(2 * 4 * 3, 0.3);
            let mut input_gradient = vec![0.0; input.len()];
            let mut filter_gradient = vec![f64::NAN; filter.len()];
            sizes.backward(
                &input,
                &filter,
                &probe,
                &mut input_gradient,
                &mut filter_gradient,
            );
            assert_close(
                &input_gradient,
                &differences(&input, &probe, |x, y| sizes.forward(x, &filter, y)),
            );
            assert_close(
                &filter_gradient,
                &differences(&filter, &probe, |w, y| sizes.forward(&input, w, y)),
            );
        }
    }

    #[test]
    fn dynamic_convolution_applies_each_tokens_own_kernel() {
        let sizes = Dynamic {
            batch: 1,
            positions: 3,
            heads: 1,
            head_width: 1,
            kernel: 3,
        };
        let kernels = [9.0, 1.0, 0.0, 1.0, 0.0, 0.0, 2.0, 3.0, 9.0];
        let mut output = [0.0; 3];
        sizes.forward(&[10.0, 20.0, 30.0], &kernels, &mut output);
        assert_eq!(output, [10.0, 10.0, 130.0]);
    }

    #[test]
    fn dynamic_gradients_equal_finite_differences() {
        for kernel in [1, 3, 5, 9] {
            let sizes = Dynamic {
                batch: 2,
                positions: 4,
                heads: 2,
                head_width: 3,
                kernel,
            };
            let values = noise(2 * 4 * 6, 0.4);
            let kernels = noise(2 * 4 * 2 * kernel, 0.5);
            let probe = noise(2 * 4 * 6, 0.6);
            let mut value_gradient = vec![0.0; values.len()];
            let mut kernel_gradient = vec![f64::NAN; kernels.len()];
            sizes.backward(
                &values,
                &kernels,
                &probe,
                &mut value_gradient,
                &mut kernel_gradient,
            );
            assert_close(
                &value_gradient,
                &differences(&values, &probe, |x, y| sizes.forward(x, &kernels, y)),
            );
            assert_close(
                &kernel_gradient,
                &differences(&kernels, &probe, |k, y| sizes.forward(&values, k, y)),
            );
        }
    }

    #[test]
    fn input_gradients_are_added_to_what_other_branches_left() {
        let sizes = Depthwise {
            batch: 1,
            positions: 1,
            channels: 1,
            kernel: 1,
        };
        let mut input_gradient = [5.0];
        sizes.backward(&[2.0], &[3.0], &[1.0], &mut input_gradient, &mut [0.0]);
        assert_eq!(input_gradient, [8.0]);
    }
}
