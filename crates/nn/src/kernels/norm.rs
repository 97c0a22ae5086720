//! LayerNorm and RMSNorm over rows.

use super::dispatch::vectorised;
use super::elementwise::fold;
use super::threads::{Read, Threads, Write};
use crate::Real;

/// `out = (x - mean) / sqrt(variance + epsilon) * gain + bias` per row of
/// `gain.len()` elements, with the biased variance. `statistics` receives mean
/// and reciprocal standard deviation of each row.
pub(crate) fn layer_norm<F: Real>(
    threads: Threads,
    x: &[F],
    (gain, bias, epsilon): (&[F], &[F], F),
    out: &mut [F],
    statistics: &mut [F],
) {
    let width = gain.len();
    let tensors = (Read(x, width), Write(out, width), Write(statistics, 2));
    threads.for_rows(
        x.len() / width,
        3 * width,
        tensors,
        |(x, out, statistics)| {
            layer_norm_rows(x.0, gain, bias, epsilon, out.0, statistics.0);
        },
    );
}

/// The adjoint of [`layer_norm`]. Overwrites `dx`; adds to the gradients of
/// gain and bias.
pub(crate) fn layer_norm_backward<F: Real>(
    threads: Threads,
    x: &[F],
    statistics: &[F],
    gain: &[F],
    dy: &[F],
    dx: &mut [F],
    (dgain, dbias): (&mut [F], &mut [F]),
) {
    let width = gain.len();
    let rows = x.len() / width;
    let tensors = (
        Read(x, width),
        Read(statistics, 2),
        Read(dy, width),
        Write(&mut *dx, width),
    );
    threads.for_rows(rows, 4 * width, tensors, |(x, statistics, dy, dx)| {
        layer_norm_backward_rows(x.0, statistics.0, gain, dy.0, dx.0);
    });
    let tensors = (0..width, Write(dgain, 1), Write(dbias, 1));
    threads.for_rows(width, 3 * rows, tensors, |(columns, dgain, dbias)| {
        layer_norm_gradients(x, statistics, dy, width, columns.start, dgain.0, dbias.0);
    });
}

/// `out = x / sqrt(mean square + epsilon) * gain` per row of `gain.len()`
/// elements. `roots` receives the reciprocal root of each row.
pub(crate) fn rms_norm<F: Real>(
    threads: Threads,
    x: &[F],
    (gain, epsilon): (&[F], F),
    out: &mut [F],
    roots: &mut [F],
) {
    let width = gain.len();
    let tensors = (Read(x, width), Write(out, width), Write(roots, 1));
    threads.for_rows(x.len() / width, 2 * width, tensors, |(x, out, roots)| {
        rms_norm_rows(x.0, gain, epsilon, out.0, roots.0);
    });
}

/// The adjoint of [`rms_norm`]. Overwrites `dx`; adds to the gradient of gain.
pub(crate) fn rms_norm_backward<F: Real>(
    threads: Threads,
    x: &[F],
    roots: &[F],
    gain: &[F],
    dy: &[F],
    dx: &mut [F],
    dgain: &mut [F],
) {
    let width = gain.len();
    let rows = x.len() / width;
    let tensors = (
        Read(x, width),
        Read(roots, 1),
        Read(dy, width),
        Write(&mut *dx, width),
    );
    threads.for_rows(rows, 4 * width, tensors, |(x, roots, dy, dx)| {
        rms_norm_backward_rows(x.0, roots.0, gain, dy.0, dx.0);
    });
    let tensors = (0..width, Write(dgain, 1));
    threads.for_rows(width, 2 * rows, tensors, |(columns, dgain)| {
        rms_norm_gradients(x, roots, dy, width, columns.start, dgain.0);
    });
}

vectorised! {
    /// [`rms_norm`] on the calling thread.
    fn rms_norm_rows<F>(x: &[F], gain: &[F], epsilon: F, out: &mut [F], roots: &mut [F]) {
        let width = gain.len();
        let share = F::one() / F::of(width as f64);
        let rows = x.chunks_exact(width).zip(out.chunks_exact_mut(width));
        for ((x, out), root) in rows.zip(roots) {
            let square = share * fold(x, F::zero(), |s, x| s + x * x, |a, b| a + b);
            *root = F::one() / (square + epsilon).sqrt();
            for ((out, &x), &gain) in out.iter_mut().zip(x).zip(gain) {
                *out = x * *root * gain;
            }
        }
    }

    /// The gradient with respect to the input.
    fn rms_norm_backward_rows<F>(x: &[F], roots: &[F], gain: &[F], dy: &[F], dx: &mut [F]) {
        let width = gain.len();
        let share = F::one() / F::of(width as f64);
        let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
        for (((x, dy), dx), &root) in rows.zip(dx.chunks_exact_mut(width)).zip(roots) {
            // dx holds the normalised input until the last loop.
            for (dx, &x) in dx.iter_mut().zip(x) {
                *dx = x * root;
            }
            let (_, along_x) = projections(dx, dy, gain);
            let along_x = share * along_x;
            for ((dx, &dy), &gain) in dx.iter_mut().zip(dy).zip(gain) {
                *dx = root * (dy * gain - *dx * along_x);
            }
        }
    }

    /// Adds to the gradient of gain, for the columns from `first` on.
    fn rms_norm_gradients<F>(
        x: &[F],
        roots: &[F],
        dy: &[F],
        width: usize,
        first: usize,
        dgain: &mut [F],
    ) {
        let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
        for ((x, dy), &root) in rows.zip(roots) {
            for ((dgain, &x), &dy) in dgain.iter_mut().zip(&x[first..]).zip(&dy[first..]) {
                *dgain += dy * (x * root);
            }
        }
    }

    /// [`layer_norm`] on the calling thread.
    fn layer_norm_rows<F>(
        x: &[F],
        gain: &[F],
        bias: &[F],
        epsilon: F,
        out: &mut [F],
        statistics: &mut [F],
    ) {
        let width = gain.len();
        let share = F::one() / F::of(width as f64);
        let rows = x.chunks_exact(width).zip(out.chunks_exact_mut(width));
        let (statistics, _) = statistics.as_chunks_mut::<2>();
        for ((x, out), statistics) in rows.zip(statistics) {
            let mean = share * fold(x, F::zero(), |s, x| s + x, |a, b| a + b);
            let variance = share
                * fold(
                    x,
                    F::zero(),
                    |s, x| s + (x - mean) * (x - mean),
                    |a, b| a + b,
                );
            let inverse = F::one() / (variance + epsilon).sqrt();
            *statistics = [mean, inverse];
            for (((out, &x), &gain), &bias) in out.iter_mut().zip(x).zip(gain).zip(bias) {
                *out = (x - mean) * inverse * gain + bias;
            }
        }
    }

    /// The gradient with respect to the input.
    fn layer_norm_backward_rows<F>(
        x: &[F],
        statistics: &[F],
        gain: &[F],
        dy: &[F],
        dx: &mut [F],
    ) {
        let width = gain.len();
        let share = F::one() / F::of(width as f64);
        let (statistics, _) = statistics.as_chunks::<2>();
        let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
        for (((x, dy), dx), &[mean, inverse]) in
            rows.zip(dx.chunks_exact_mut(width)).zip(statistics)
        {
            // dx holds the normalised input until the last loop.
            for (dx, &x) in dx.iter_mut().zip(x) {
                *dx = (x - mean) * inverse;
            }
            let (along_one, along_x) = projections(dx, dy, gain);
            let (along_one, along_x) = (share * along_one, share * along_x);
            for ((dx, &dy), &gain) in dx.iter_mut().zip(dy).zip(gain) {
                *dx = inverse * (dy * gain - along_one - *dx * along_x);
            }
        }
    }

    /// Adds to the gradients of gain and bias, for the columns from `first` on.
    fn layer_norm_gradients<F>(
        x: &[F],
        statistics: &[F],
        dy: &[F],
        width: usize,
        first: usize,
        dgain: &mut [F],
        dbias: &mut [F],
    ) {
        let (statistics, _) = statistics.as_chunks::<2>();
        let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
        for ((x, dy), &[mean, inverse]) in rows.zip(statistics) {
            let (x, dy) = (&x[first..], &dy[first..]);
            for (((dgain, dbias), &x), &dy) in
                dgain.iter_mut().zip(dbias.iter_mut()).zip(x).zip(dy)
            {
                *dgain += dy * ((x - mean) * inverse);
                *dbias += dy;
            }
        }
    }
}

/// Sums of `dy * gain` and of `x * dy * gain`, in lanes.
#[inline(always)]
fn projections<F: Real>(x: &[F], dy: &[F], gain: &[F]) -> (F, F) {
    const LANES: usize = 16;
    let (x, x_rest) = x.as_chunks::<LANES>();
    let (dy, dy_rest) = dy.as_chunks::<LANES>();
    let (gain, gain_rest) = gain.as_chunks::<LANES>();
    let (mut ones, mut xs) = ([F::zero(); LANES], [F::zero(); LANES]);
    for ((x, dy), gain) in x.iter().zip(dy).zip(gain) {
        for i in 0..LANES {
            let d = dy[i] * gain[i];
            ones[i] += d;
            xs[i] += x[i] * d;
        }
    }
    let (mut one, mut x) = (ones.into_iter().sum::<F>(), xs.into_iter().sum::<F>());
    for ((&x_rest, &dy), &gain) in x_rest.iter().zip(dy_rest).zip(gain_rest) {
        let d = dy * gain;
        one += d;
        x += x_rest * d;
    }
    (one, x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_out_with_mean_square_one() {
        let width = 21;
        let x: Vec<f64> = (0..2 * width).map(|i| (i * i % 17) as f64 + 3.0).collect();
        let (mut y, mut roots) = (vec![0.0; x.len()], vec![0.0; 2]);
        let gain = vec![2.0; width];
        rms_norm(Threads::ONE, &x, (&gain, 0.0), &mut y, &mut roots);
        for (x, y) in x.chunks(width).zip(y.chunks(width)) {
            let square = y.iter().map(|y| y * y).sum::<f64>() / width as f64;
            assert!((square - 4.0).abs() < 1e-13);
            assert!((y[0] / x[0] - y[1] / x[1]).abs() < 1e-15);
        }
    }

    #[test]
    fn rows_come_out_with_mean_zero_and_variance_one() {
        let width = 21;
        let x: Vec<f64> = (0..2 * width).map(|i| (i * i % 17) as f64 + 3.0).collect();
        let (gain, bias) = (vec![1.0; width], vec![0.0; width]);
        let (mut y, mut statistics) = (vec![0.0; x.len()], vec![0.0; 4]);
        layer_norm(
            Threads::ONE,
            &x,
            (&gain, &bias, 0.0),
            &mut y,
            &mut statistics,
        );
        for row in y.chunks(width) {
            let mean = row.iter().sum::<f64>() / width as f64;
            let variance = row.iter().map(|x| x * x).sum::<f64>() / width as f64;
            assert!(mean.abs() < 1e-14 && (variance - 1.0).abs() < 1e-13);
        }
    }
}
