//! The two convolutions over positions of a span-based dynamic convolution
//! (ConvBERT, Jiang et al. 2020): a depthwise one with learned filters and a
//! dynamic one whose kernels the network predicts for every token and head.
//!
//! Both are cross-correlations with zero padding, as PyTorch computes them:
//! tap `i` of a kernel of length K reads position `t + i - K / 2`. Gradients
//! with respect to inputs are *added* to what the caller passes, because the
//! inputs feed several branches; gradients with respect to filters and kernels
//! are overwritten.

use super::dispatch::vectorised;
use super::elementwise::inner_product;
use super::threads::{Read, Threads, Write};
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
    pub(crate) fn forward<F: Real>(
        self,
        threads: Threads,
        input: &[F],
        filter: &[F],
        output: &mut [F],
    ) {
        let taps = transposed(filter, self.channels);
        let sequence = self.positions * self.channels;
        let tensors = (Read(input, sequence), Write(output, sequence));
        threads.for_rows(self.batch, self.kernel * sequence, tensors, |(x, y)| {
            let sequences =
                x.0.chunks_exact(sequence)
                    .zip(y.0.chunks_exact_mut(sequence));
            for (input, output) in sequences {
                depthwise_forward(input, &taps, self.kernel, output);
            }
        });
    }

    /// The adjoint of [`forward`](Self::forward): adds to `input_gradient`
    /// (B, T, C), overwrites `filter_gradient` (C, K).
    pub(crate) fn backward<F: Real>(
        self,
        threads: Threads,
        input: &[F],
        filter: &[F],
        output_gradient: &[F],
        input_gradient: &mut [F],
        filter_gradient: &mut [F],
    ) {
        let taps = transposed(filter, self.channels);
        // One partial sum per sequence, so that the order of summation does
        // not depend on threads.
        let mut partial = vec![F::zero(); self.batch * taps.len()];
        let sequence = self.positions * self.channels;
        let tensors = (
            Read(input, sequence),
            Read(output_gradient, sequence),
            Write(input_gradient, sequence),
            Write(&mut partial, taps.len()),
        );
        let cost = 2 * self.kernel * sequence;
        threads.for_rows(self.batch, cost, tensors, |(x, dy, dx, partial)| {
            let inputs = x.0.chunks_exact(sequence).zip(dy.0.chunks_exact(sequence));
            let outputs =
                (dx.0.chunks_exact_mut(sequence)).zip(partial.0.chunks_exact_mut(taps.len()));
            for ((x, dy), (dx, partial)) in inputs.zip(outputs) {
                depthwise_backward(x, &taps, self.kernel, dy, dx, partial);
            }
        });
        let (sum, others) = partial.split_at_mut(taps.len());
        for other in others.chunks_exact(taps.len()) {
            for (sum, &x) in sum.iter_mut().zip(other) {
                *sum += x;
            }
        }
        filter_gradient.copy_from_slice(&transposed(sum, self.kernel));
    }
}

/// The transpose of a matrix of so many rows: filters (C, K) as (K, C), so that
/// inner loops run over channels, and back.
fn transposed<F: Real>(matrix: &[F], rows: usize) -> Vec<F> {
    let columns = matrix.len() / rows;
    (0..matrix.len())
        .map(|i| matrix[i % rows * columns + i / rows])
        .collect()
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
    pub(crate) fn forward<F: Real>(
        self,
        threads: Threads,
        values: &[F],
        kernels: &[F],
        output: &mut [F],
    ) {
        let (sequence, weights) = self.sequence();
        let tensors = (
            Read(values, sequence),
            Read(kernels, weights),
            Write(output, sequence),
        );
        threads.for_rows(self.batch, self.kernel * sequence, tensors, |(v, k, y)| {
            let inputs = v.0.chunks_exact(sequence).zip(k.0.chunks_exact(weights));
            for ((values, kernels), output) in inputs.zip(y.0.chunks_exact_mut(sequence)) {
                dynamic_forward(values, kernels, self.heads, self.kernel, output);
            }
        });
    }

    /// The adjoint of [`forward`](Self::forward): adds to `value_gradient`
    /// (B, T, n * dh), overwrites `kernel_gradient` (B, T, n, K). Taps outside
    /// the sequence have gradient 0.
    pub(crate) fn backward<F: Real>(
        self,
        threads: Threads,
        values: &[F],
        kernels: &[F],
        output_gradient: &[F],
        value_gradient: &mut [F],
        kernel_gradient: &mut [F],
    ) {
        let (sequence, weights) = self.sequence();
        let tensors = (
            (Read(values, sequence), Read(kernels, weights)),
            Read(output_gradient, sequence),
            Write(value_gradient, sequence),
            Write(kernel_gradient, weights),
        );
        let cost = 2 * self.kernel * sequence;
        threads.for_rows(self.batch, cost, tensors, |((v, k), dy, dv, dk)| {
            let inputs = v.0.chunks_exact(sequence).zip(k.0.chunks_exact(weights));
            let inputs = inputs.zip(dy.0.chunks_exact(sequence));
            let outputs =
                dv.0.chunks_exact_mut(sequence)
                    .zip(dk.0.chunks_exact_mut(weights));
            for (((v, k), dy), (dv, dk)) in inputs.zip(outputs) {
                dynamic_backward(v, k, self.heads, self.kernel, dy, dv, dk);
            }
        });
    }

    /// Elements of one sequence's values and kernels.
    fn sequence(self) -> (usize, usize) {
        let heads = self.positions * self.heads;
        (heads * self.head_width, heads * self.kernel)
    }
}

vectorised! {
    /// One sequence (T, C); `taps` are (K, C).
    fn depthwise_forward<F>(input: &[F], taps: &[F], kernel: usize, output: &mut [F]) {
        let channels = taps.len() / kernel;
        let positions = input.len() / channels;
        for (t, output) in output.chunks_exact_mut(channels).enumerate() {
            output.fill(F::zero());
            for (i, s) in window(t, kernel, positions) {
                let taps = &taps[i * channels..][..channels];
                let input = &input[s * channels..][..channels];
                for ((output, &tap), &input) in output.iter_mut().zip(taps).zip(input) {
                    *output += tap * input;
                }
            }
        }
    }

    /// Adds to the gradients of one sequence's input and of the taps.
    fn depthwise_backward<F>(
        input: &[F],
        taps: &[F],
        kernel: usize,
        output_gradient: &[F],
        input_gradient: &mut [F],
        tap_gradient: &mut [F],
    ) {
        let channels = taps.len() / kernel;
        let positions = input.len() / channels;
        for (t, dy) in output_gradient.chunks_exact(channels).enumerate() {
            for (i, s) in window(t, kernel, positions) {
                let (row, tap) = (s * channels, i * channels);
                let (x, dx) = (&input[row..][..channels], &mut input_gradient[row..][..channels]);
                let (taps, dtaps) = (&taps[tap..][..channels], &mut tap_gradient[tap..][..channels]);
                for ((((dx, dtap), &x), &tap), &dy) in
                    dx.iter_mut().zip(dtaps).zip(x).zip(taps).zip(dy)
                {
                    *dx += tap * dy;
                    *dtap += x * dy;
                }
            }
        }
    }

    /// One sequence, (T, n * dh) with kernels (T, n, K).
    fn dynamic_forward<F>(
        values: &[F],
        kernels: &[F],
        heads: usize,
        kernel: usize,
        output: &mut [F],
    ) {
        let positions = kernels.len() / (heads * kernel);
        let head_width = values.len() / (positions * heads);
        let both = output.chunks_exact_mut(head_width).zip(kernels.chunks_exact(kernel));
        for (write, (output, weights)) in both.enumerate() {
            output.fill(F::zero());
            for (i, s) in window(write / heads, kernel, positions) {
                let read = s * heads + write % heads;
                let values = &values[read * head_width..][..head_width];
                for (output, &value) in output.iter_mut().zip(values) {
                    *output += weights[i] * value;
                }
            }
        }
    }

    /// Adds to the gradient of one sequence's values, overwrites that of its
    /// kernels.
    fn dynamic_backward<F>(
        values: &[F],
        kernels: &[F],
        heads: usize,
        kernel: usize,
        output_gradient: &[F],
        value_gradient: &mut [F],
        kernel_gradient: &mut [F],
    ) {
        kernel_gradient.fill(F::zero());
        let positions = kernels.len() / (heads * kernel);
        let head_width = values.len() / (positions * heads);
        for (write, dy) in output_gradient.chunks_exact(head_width).enumerate() {
            for (i, s) in window(write / heads, kernel, positions) {
                let read = (s * heads + write % heads) * head_width;
                let tap = write * kernel + i;
                kernel_gradient[tap] = inner_product(&values[read..][..head_width], dy);
                let dvalues = &mut value_gradient[read..][..head_width];
                for (dvalue, &dy) in dvalues.iter_mut().zip(dy) {
                    *dvalue += kernels[tap] * dy;
                }
            }
        }
    }
}

/// The (tap, position) pairs of a kernel centred on `t` that stay inside the
/// sequence.
#[inline(always)]
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
        sizes.forward(
            Threads::ONE,
            &[1.0, 2.0, 3.0, 4.0],
            &[100.0, 10.0, 1.0],
            &mut output,
        );
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
            Threads::ONE,
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
                Threads::ONE,
                &input,
                &filter,
                &probe,
                &mut input_gradient,
                &mut filter_gradient,
            );
            assert_close(
                &input_gradient,
                &differences(&input, &probe, |x, y| {
                    sizes.forward(Threads::ONE, x, &filter, y)
                }),
            );
            assert_close(
                &filter_gradient,
                &differences(&filter, &probe, |w, y| {
                    sizes.forward(Threads::ONE, &input, w, y)
                }),
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
        sizes.forward(Threads::ONE, &[10.0, 20.0, 30.0], &kernels, &mut output);
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
                Threads::ONE,
                &values,
                &kernels,
                &probe,
                &mut value_gradient,
                &mut kernel_gradient,
            );
            assert_close(
                &value_gradient,
                &differences(&values, &probe, |x, y| {
                    sizes.forward(Threads::ONE, x, &kernels, y)
                }),
            );
            assert_close(
                &kernel_gradient,
                &differences(&kernels, &probe, |k, y| {
                    sizes.forward(Threads::ONE, &values, k, y)
                }),
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
        sizes.backward(
            Threads::ONE,
            &[2.0],
            &[3.0],
            &[1.0],
            &mut input_gradient,
            &mut [0.0],
        );
        assert_eq!(input_gradient, [8.0]);
    }
}
