//! LayerNorm over rows.

use super::dispatch::vectorised;
use super::elementwise::fold;
use crate::Real;

vectorised! {
    /// `out = (x - mean) / sqrt(variance + epsilon) * gain + bias` per row of
    /// `gain.len()` elements, with the biased variance. `statistics` receives
    /// mean and reciprocal standard deviation of each row.
    fn layer_norm<F>(
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

    /// The adjoint of [`layer_norm`]. Overwrites `dx`; adds to the gradients
    /// of gain and bias.
    fn layer_norm_backward<F>(
        x: &[F],
        statistics: &[F],
        gain: &[F],
        dy: &[F],
        dx: &mut [F],
        dgain: &mut [F],
        dbias: &mut [F],
    ) {
        let width = gain.len();
        let share = F::one() / F::of(width as f64);
        let (statistics, _) = statistics.as_chunks::<2>();
        let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
        for (((x, dy), dx), &[mean, inverse]) in
            rows.zip(dx.chunks_exact_mut(width)).zip(statistics)
        {
            // dx holds the normalised input until the second loop.
            for ((((dx, &x), &dy), dgain), dbias) in dx
                .iter_mut()
                .zip(x)
                .zip(dy)
                .zip(dgain.iter_mut())
                .zip(dbias.iter_mut())
            {
                let normalised = (x - mean) * inverse;
                *dx = normalised;
                *dgain += dy * normalised;
                *dbias += dy;
            }
            let (along_one, along_x) = projections(dx, dy, gain);
            let (along_one, along_x) = (share * along_one, share * along_x);
            for ((dx, &dy), &gain) in dx.iter_mut().zip(dy).zip(gain) {
                *dx = inverse * (dy * gain - along_one - *dx * along_x);
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
    fn rows_come_out_with_mean_zero_and_variance_one() {
        let width = 21;
        let x: Vec<f64> = (0..2 * width).map(|i| (i * i % 17) as f64 + 3.0).collect();
        let (gain, bias) = (vec![1.0; width], vec![0.0; width]);
        let (mut y, mut statistics) = (vec![0.0; x.len()], vec![0.0; 4]);
        layer_norm(&x, &gain, &bias, 0.0, &mut y, &mut statistics);
        for row in y.chunks(width) {
            let mean = row.iter().sum::<f64>() / width as f64;
            let variance = row.iter().map(|x| x * x).sum::<f64>() / width as f64;
            assert!(mean.abs() < 1e-14 && (variance - 1.0).abs() < 1e-13);
        }
    }
}
