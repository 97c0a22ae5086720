//! The fixed two-dimensional transforms of FlexiBERT's linear-transform
//! mixer, per batch entry and head, over (positions, head width).
//!
//! Both are sums of separable terms, `Y = sum_k P_k X W_k` with (T, T)
//! matrices P and (dh, dh) matrices W:
//!
//! * Fourier: `Re(FFT2(X)) = C_T X C_d - S_T X S_d`, where C and S hold the
//!   cosines and sines of `2 pi jk / N`;
//! * cosine: the DCT-II along both axes, `M_T X M_d^T` with
//!   `M[k, n] = 2 cos(pi k (2n + 1) / (2N))`.
//!
//! At the sizes of such networks (dh up to 256, T up to 512) matrix products
//! against precomputed tables cost less than the linear maps around them, and
//! they treat all heads of a (B, T, n * dh) activation where they lie, without
//! the transpositions that a fast transform would need.

use std::f64::consts::PI;

use lpzero_arch::Transform;

use super::matrix::{Into, Matrix, MatrixMut, product};
use super::threads::Threads;
use crate::Real;

/// The tables of one transform of (T, dh) blocks.
#[derive(Clone, Debug)]
pub(crate) struct Spectrum<F> {
    positions: usize,
    head_width: usize,
    terms: Vec<Term<F>>,
}

/// `X -> P X W`.
#[derive(Clone, Debug)]
struct Term<F> {
    /// P, (T, T).
    positions: Vec<F>,
    /// W, (dh, dh).
    width: Vec<F>,
}

impl<F: Real> Spectrum<F> {
    /// Tables for sequences of `positions` tokens and heads of `head_width`.
    pub(crate) fn new(transform: Transform, positions: usize, head_width: usize) -> Self {
        let terms = match transform {
            Transform::Fourier => vec![
                Term {
                    positions: fourier_table(positions, f64::cos),
                    width: fourier_table(head_width, f64::cos),
                },
                Term {
                    positions: fourier_table(positions, f64::sin),
                    width: fourier_table(head_width, |angle| -angle.sin()),
                },
            ],
            Transform::Cosine => vec![Term {
                positions: table(positions, |k, n| cosine(k, n, positions)),
                width: table(head_width, |n, k| cosine(k, n, head_width)),
            }],
        };
        Self {
            positions,
            head_width,
            terms,
        }
    }

    /// Transforms every block of `input` into `output`, both (B, T, n * dh);
    /// n follows from the length. Unnormalised, as `torch.fft.fft2(x).real`
    /// and `scipy.fft.dctn(x)` are.
    pub(crate) fn forward(&self, threads: Threads, batch: usize, input: &[F], output: &mut [F]) {
        self.apply(threads, batch, input, output, false);
    }

    /// The transpose of [`forward`](Self::forward): from the gradient with
    /// respect to its output to the gradient with respect to its input.
    pub(crate) fn backward(
        &self,
        threads: Threads,
        batch: usize,
        output_gradient: &[F],
        input_gradient: &mut [F],
    ) {
        self.apply(threads, batch, output_gradient, input_gradient, true);
    }

    fn apply(
        &self,
        threads: Threads,
        batch: usize,
        input: &[F],
        output: &mut [F],
        transposed: bool,
    ) {
        let (t, dh) = (self.positions, self.head_width);
        // All heads of one sequence, side by side.
        let width = input.len() / (batch * t);
        let oriented = |table, size| {
            let matrix = Matrix::new(table, size);
            if transposed {
                matrix.transposed()
            } else {
                matrix
            }
        };
        let mut narrow = vec![F::zero(); input.len()];
        for (k, term) in self.terms.iter().enumerate() {
            product(
                threads,
                MatrixMut::new(&mut narrow, dh),
                Into::Fresh,
                F::one(),
                Matrix::new(input, dh),
                oriented(&term.width, dh),
            );
            let into = if k == 0 { Into::Fresh } else { Into::Sum };
            let sequences = narrow.chunks_exact(t * width);
            for (sequence, output) in sequences.zip(output.chunks_exact_mut(t * width)) {
                product(
                    threads,
                    MatrixMut::new(output, width),
                    into,
                    F::one(),
                    oriented(&term.positions, t),
                    Matrix::new(sequence, width),
                );
            }
        }
    }
}

/// An (N, N) table of a function of row and column.
fn table<F: Real>(size: usize, element: impl Fn(usize, usize) -> f64) -> Vec<F> {
    (0..size * size)
        .map(|i| F::of(element(i / size, i % size)))
        .collect()
}

/// `wave(2 pi jk / N)`. The product jk is reduced modulo N while it is still an
/// integer, so that large angles lose no accuracy.
fn fourier_table<F: Real>(size: usize, wave: impl Fn(f64) -> f64) -> Vec<F> {
    table(size, |j, k| {
        wave(2.0 * PI * (j * k % size) as f64 / size as f64)
    })
}

/// Element (k, n) of the unnormalised DCT-II of length `size`, whose cosine
/// has period 4N in k (2n + 1).
fn cosine(k: usize, n: usize, size: usize) -> f64 {
    2.0 * (PI * (k * (2 * n + 1) % (4 * size)) as f64 / (2 * size) as f64).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Transform; 2] = [Transform::Fourier, Transform::Cosine];

    fn noise(count: usize) -> Vec<f64> {
        (0..count)
            .map(|i| (i as f64 * 12.9898 + 0.3).sin())
            .collect()
    }

    /// The transform of one (T, dh) block, summed as its definition says.
    fn definition(transform: Transform, x: &[f64], positions: usize, width: usize) -> Vec<f64> {
        let mut y = vec![0.0; x.len()];
        for (i, y) in y.iter_mut().enumerate() {
            let (k, l) = ((i / width) as f64, (i % width) as f64);
            for (j, &x) in x.iter().enumerate() {
                let (t, c) = ((j / width) as f64, (j % width) as f64);
                let (t_size, c_size) = (positions as f64, width as f64);
                *y += x * match transform {
                    Transform::Fourier => (2.0 * PI * (k * t / t_size + l * c / c_size)).cos(),
                    Transform::Cosine => {
                        4.0 * (PI * k * (2.0 * t + 1.0) / (2.0 * t_size)).cos()
                            * (PI * l * (2.0 * c + 1.0) / (2.0 * c_size)).cos()
                    }
                };
            }
        }
        y
    }

    #[test]
    fn every_head_of_every_sequence_is_transformed_on_its_own() {
        let (batch, positions, heads, width) = (2, 5, 3, 4);
        let x = noise(batch * positions * heads * width);
        for kind in KINDS {
            let mut y = vec![f64::NAN; x.len()];
            Spectrum::new(kind, positions, width).forward(Threads::ONE, batch, &x, &mut y);
            for b in 0..batch {
                for h in 0..heads {
                    let index = |t: usize, c: usize| ((b * positions + t) * heads + h) * width + c;
                    let block: Vec<f64> = (0..positions * width)
                        .map(|i| x[index(i / width, i % width)])
                        .collect();
                    for (i, expected) in definition(kind, &block, positions, width)
                        .into_iter()
                        .enumerate()
                    {
                        let found = y[index(i / width, i % width)];
                        assert!(
                            (found - expected).abs() < 1e-11,
                            "{kind:?}: {found} instead of {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn backward_is_the_gradient_of_forward() {
        // The transforms are linear: unit vectors give exact differences.
        let (batch, positions, width) = (2, 3, 4);
        let probe = noise(batch * positions * 2 * width);
        for kind in KINDS {
            let spectrum = Spectrum::new(kind, positions, width);
            let mut gradient = vec![f64::NAN; probe.len()];
            spectrum.backward(Threads::ONE, batch, &probe, &mut gradient);
            for (i, &found) in gradient.iter().enumerate() {
                let mut unit = vec![0.0; probe.len()];
                unit[i] = 1.0;
                let mut y = vec![f64::NAN; probe.len()];
                spectrum.forward(Threads::ONE, batch, &unit, &mut y);
                let expected: f64 = y.iter().zip(&probe).map(|(y, p)| y * p).sum();
                assert!(
                    (found - expected).abs() < 1e-12,
                    "{kind:?}: {found} instead of {expected}"
                );
            }
        }
    }

    #[test]
    fn single_precision_holds_at_full_length() {
        let (positions, width) = (512, 64);
        let x = noise(positions * width);
        let single: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        for kind in KINDS {
            let mut exact = vec![0.0; x.len()];
            Spectrum::new(kind, positions, width).forward(Threads::ONE, 1, &x, &mut exact);
            let mut found = vec![0.0; x.len()];
            Spectrum::new(kind, positions, width).forward(Threads::ONE, 1, &single, &mut found);
            let scale = exact.iter().fold(0.0, |m: f64, y| m.max(y.abs()));
            for (found, exact) in found.iter().zip(&exact) {
                assert!((f64::from(*found) - exact).abs() < 2e-6 * scale);
            }
        }
    }
}
