//! Ridge regression on far more columns than observations (Hoerl & Kennard 1970).
//!
//! On logarithms its prediction is a product of all factors at once, each with a little
//! exponent: as much of noisy scores as the factors agree on.

use faer::linalg::matmul::matmul;
use faer::{Accum, Col, ColRef, Mat, Par};

use crate::cholesky::Cholesky;

/// The ridge, relative to the mean squared length of the observations: chosen on splits of
/// the published benchmarks, once for all. Leaving one out would choose it anew for each
/// ground truth, but a hundred noisy observations leave that to chance.
const RIDGE: f64 = 0.03;

/// Predictions of `y` for all observations, where it is known for the first ones only.
///
/// `y` has mean 0, and each of `columns` an element per observation. Predictions are 0
/// throughout where no column varies, and none without a column.
///
/// # Panics
/// Where columns differ in length, or one is shorter than `y`.
pub fn predict(columns: &[Vec<f64>], y: &[f64]) -> Vec<f64> {
    if columns.is_empty() {
        return Vec::new();
    }
    let n = y.len();
    let rows = centred_rows(columns, n);
    let mut products = Mat::zeros(rows.nrows(), n);
    let known = rows.subrows(0, n).transpose();
    matmul(&mut products, Accum::Replace, &rows, known, 1.0, Par::Seq);
    let mean = (0..n).map(|i| products[(i, i)]).sum::<f64>() / n as f64;
    let element = |i: usize, j: usize| {
        let ridge = if i == j { RIDGE * mean } else { 0.0 };
        products[(i, j)] + ridge
    };
    let Some(factor) = Cholesky::new(n, element).filter(|_| mean > 0.0) else {
        return vec![0.0; rows.nrows()];
    };
    let weights = factor.solve(y);
    let mut predictions = Col::zeros(rows.nrows());
    let weights = ColRef::from_slice(&weights).as_mat();
    matmul(
        predictions.as_mat_mut(),
        Accum::Replace,
        &products,
        weights,
        1.0,
        Par::Seq,
    );
    predictions.iter().copied().collect()
}

/// Observations x columns, each column less the mean of its first `n` elements.
fn centred_rows(columns: &[Vec<f64>], n: usize) -> Mat<f64> {
    let means = columns
        .iter()
        .map(|column| column[..n].iter().sum::<f64>() / n as f64);
    let means: Vec<f64> = means.collect();
    Mat::from_fn(columns[0].len(), columns.len(), |i, k| {
        columns[k][i] - means[k]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::centred;

    fn noise(n: usize, phase: f64) -> Vec<f64> {
        (0..n).map(|i| (i as f64 * 12.9898 + phase).sin()).collect()
    }

    #[test]
    fn what_columns_share_is_told_from_noise_and_carries_over() {
        let (n, known) = (90, 60);
        let shared: Vec<f64> = (0..n).map(|i| (i as f64 * 0.7).cos()).collect();
        let column = |k: usize| {
            let own = noise(n, k as f64 * 1.7);
            shared.iter().zip(own).map(|(x, e)| x + 0.1 * e).collect()
        };
        let columns: Vec<Vec<f64>> = (0..40).map(column).collect();
        // Noise of another kind than that of the columns.
        let golden = (0..n).map(|i| (f64::from(i as u32) * 0.618_033_988_7).fract() - 0.5);
        let noisy = shared.iter().zip(golden).map(|(x, e)| x + 0.6 * e);
        let y = centred(noisy.take(known).collect());
        let found = predict(&columns, &y);
        let error = |x: &[f64], shared: &[f64]| {
            let (x, shared) = (centred(x.to_vec()), centred(shared.to_vec()));
            x.iter()
                .zip(shared)
                .map(|(x, s)| (x - s).powi(2))
                .sum::<f64>()
                / x.len() as f64
        };
        let noise = error(&y, &shared[..known]);
        let (fitted, foretold) = (
            error(&found[..known], &shared[..known]),
            error(&found[known..], &shared[known..]),
        );
        assert!(
            fitted < 0.3 * noise && foretold < 0.3 * noise,
            "{noise} {fitted} {foretold}"
        );
        assert_eq!(predict(&[vec![0.0; n]], &y), vec![0.0; n]);
    }
}
