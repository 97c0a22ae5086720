//! Gaussian process regression (Rasmussen & Williams 2006, chapters 2 and 5):
//! how well scores follow from a description, without any network.
//!
//! The kernel is exp(-sum_k (x_k - x'_k)^2 w_k / 2) over standardised features,
//! plus noise; weights and noise maximise the marginal likelihood, by coordinate
//! search over a grid. Where there are many data, they are chosen on a part of them, and
//! predictions are made from a larger part.

use crate::cholesky::Cholesky;
use crate::vector::dot;

/// Data on which weights are chosen, at most: a Cholesky factor costs its cube.
const CHOSEN_ON: usize = 200;
/// Data that predictions are made from, at most.
const KNOWN: usize = 2000;
const WEIGHTS: [f64; 6] = [0.0, 0.01, 0.04, 0.16, 0.64, 2.5];
const NOISES: [f64; 7] = [1e-4, 1e-3, 1e-2, 0.05, 0.15, 0.4, 1.0];
const SWEEPS: usize = 2;

/// Predictions for `asked` from `known` features (one row per observation) and
/// their values `y`. `None` where the values are constant.
pub fn predict(known: &[Vec<f64>], y: &[f64], asked: &[Vec<f64>]) -> Option<Vec<f64>> {
    let features = known.first()?.len();
    let n = y.len() as f64;
    let standard: Vec<(f64, f64)> = (0..features)
        .map(|k| moments(known.iter().map(|row| row[k])))
        .collect();
    let scale = |row: &Vec<f64>| -> Vec<f64> {
        row.iter()
            .zip(&standard)
            .map(|(x, (mean, deviation))| match *deviation > 0.0 {
                true => (x - mean) / deviation,
                false => 0.0,
            })
            .collect()
    };
    let known: Vec<Vec<f64>> = known.iter().map(scale).collect();
    let asked: Vec<Vec<f64>> = asked.iter().map(scale).collect();
    let (mean, deviation) = moments(y.iter().copied());
    if deviation <= 0.0 || n < 2.0 {
        return None;
    }
    let y: Vec<f64> = y.iter().map(|y| (y - mean) / deviation).collect();

    // Every k-th observation, so that no part of an ordered file is left out.
    let part = |most: usize| -> (Vec<&[f64]>, Vec<f64>) {
        let stride = known.len().div_ceil(most);
        let rows = known.iter().step_by(stride).map(Vec::as_slice);
        (rows.collect(), y.iter().step_by(stride).copied().collect())
    };
    let (chosen_on, of_chosen) = part(CHOSEN_ON);
    let (weights, noise) = choose(&chosen_on, &of_chosen);

    let (rows, y) = part(KNOWN);
    let predictions = posterior(&rows, &y, &asked, &weights, noise)?;
    let back = |prediction: &f64| mean + deviation * prediction;
    Some(predictions.iter().map(back).collect())
}

/// The posterior mean for `asked`, under given weights and noise.
fn posterior(
    rows: &[&[f64]],
    y: &[f64],
    asked: &[Vec<f64>],
    weights: &[f64],
    noise: f64,
) -> Option<Vec<f64>> {
    let coefficients = covariance(rows, weights, noise)?.solve(y);
    let mean = |x: &Vec<f64>| {
        let kernel = rows.iter().map(|row| similarity(row, x, weights));
        dot(&kernel.collect::<Vec<f64>>(), &coefficients)
    };
    Some(asked.iter().map(mean).collect())
}

/// Weights per feature and noise that make `y` most likely.
fn choose(rows: &[&[f64]], y: &[f64]) -> (Vec<f64>, f64) {
    let features = rows[0].len();
    let mut weights = vec![0.16; features];
    let mut noise = 0.05;
    let mut best = likelihood(rows, y, &weights, noise);
    for _ in 0..SWEEPS {
        for feature in 0..features {
            // A constant feature changes nothing.
            if rows.iter().all(|row| row[feature] == rows[0][feature]) {
                weights[feature] = 0.0;
                continue;
            }
            for weight in WEIGHTS {
                let kept = std::mem::replace(&mut weights[feature], weight);
                let found = likelihood(rows, y, &weights, noise);
                if found > best {
                    best = found;
                } else {
                    weights[feature] = kept;
                }
            }
        }
        for candidate in NOISES {
            let found = likelihood(rows, y, &weights, candidate);
            if found > best {
                (best, noise) = (found, candidate);
            }
        }
    }
    (weights, noise)
}

/// Logarithm of the marginal likelihood, the signal's variance at its best,
/// without constants.
fn likelihood(rows: &[&[f64]], y: &[f64], weights: &[f64], noise: f64) -> f64 {
    let n = y.len();
    let Some(covariance) = covariance(rows, weights, noise) else {
        return f64::NEG_INFINITY;
    };
    let white = covariance.whiten(y);
    -0.5 * n as f64 * (dot(&white, &white) / n as f64).ln() - covariance.half_log_determinant()
}

fn similarity(a: &[f64], b: &[f64], weights: &[f64]) -> f64 {
    let distance: f64 = (a.iter().zip(b).zip(weights))
        .map(|((a, b), weight)| weight * (a - b) * (a - b))
        .sum();
    (-0.5 * distance).exp()
}

/// The kernel of all pairs of rows, with the noise on its diagonal.
fn covariance(rows: &[&[f64]], weights: &[f64], noise: f64) -> Option<Cholesky> {
    Cholesky::new(rows.len(), |i, j| match i == j {
        true => 1.0 + noise,
        false => similarity(rows[i], rows[j], weights),
    })
}

fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let square = values.map(|x| (x - mean).powi(2)).sum::<f64>();
    (mean, (square / n).sqrt())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(serde::Deserialize)]
    struct Fixture {
        process: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        known: Vec<Vec<f64>>,
        y: Vec<f64>,
        asked: Vec<Vec<f64>>,
        weights: Vec<f64>,
        noise: f64,
        predicted: Vec<f64>,
        likelihood: f64,
    }

    #[test]
    fn likelihood_and_predictions_equal_those_of_numpy() {
        let path = format!(
            "{}/tests/fixtures/regression.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let text = std::fs::read_to_string(path).unwrap();
        let fixture: Fixture = serde_json::from_str(&text).unwrap();
        for case in fixture.process {
            let rows: Vec<&[f64]> = case.known.iter().map(Vec::as_slice).collect();
            let found = likelihood(&rows, &case.y, &case.weights, case.noise);
            assert!((found - case.likelihood).abs() < 1e-9);
            let asked = &case.asked;
            let found = posterior(&rows, &case.y, asked, &case.weights, case.noise).unwrap();
            for (found, expected) in found.iter().zip(&case.predicted) {
                assert!((found - expected).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn a_smooth_function_is_learnt_and_a_feature_without_effect_ignored() {
        let row = |i: usize| vec![(i as f64 * 0.37).sin() * 2.0, (i as f64 * 1.7).cos()];
        let value = |row: &[f64]| row[0] * row[0] - 3.0;
        let known: Vec<Vec<f64>> = (0..80).map(row).collect();
        let asked: Vec<Vec<f64>> = (80..100).map(row).collect();
        let y: Vec<f64> = known.iter().map(|row| value(row)).collect();
        let found = predict(&known, &y, &asked).unwrap();
        for (found, row) in found.iter().zip(&asked) {
            assert!((found - value(row)).abs() < 0.05, "{found} {row:?}");
        }
        assert_eq!(predict(&known, &[1.0; 80], &asked), None);
    }
}
