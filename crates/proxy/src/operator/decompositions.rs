//! Reductions that take a whole tensor as a matrix.
//!
//! Rows are all dimensions but the last, flattened: (tokens, units) of an
//! activation, (out, in) of a weight. All arithmetic is in double precision. What is
//! square has the side of the smaller dimension, where that tells the same.

use std::collections::HashSet;
use std::f64::consts::PI;

use faer::{Mat, Side};

use super::gram::{gram, log_determinant, sum_over_pairs};
use super::row::Whole;

impl Whole<'_> {
    fn rows(&self) -> usize {
        self.values.len() / self.last.max(1)
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        f64::from(self.values[row * self.last + column])
    }

    /// The rows that are not all zero.
    fn rows_in_use(&self) -> Vec<&[f32]> {
        let rows = self.values.chunks_exact(self.last.max(1));
        rows.filter(|row| row.iter().any(|x| *x != 0.0)).collect()
    }
}

/// Lower triangle of M Mᵀ or Mᵀ M, whichever is smaller; their eigenvalues differ by
/// zeros only.
fn smaller_gram(rows: usize, columns: usize, element: impl Fn(usize, usize) -> f64) -> Mat<f64> {
    match rows <= columns {
        true => gram(rows, columns, element),
        false => gram(columns, rows, |i, j| element(j, i)),
    }
}

/// Eigenvalues of a symmetric matrix, given its lower triangle, ascending; none where
/// they do not exist.
fn eigenvalues(matrix: &Mat<f64>) -> Vec<f64> {
    let finite = (0..matrix.ncols()).all(|j| matrix.col(j).iter().all(|x| x.is_finite()));
    match finite {
        true => (matrix.as_ref())
            .self_adjoint_eigenvalues(Side::Lower)
            .unwrap_or_default(),
        false => Vec::new(),
    }
}

/// Vectors, less their means and of norm 1.
struct Standardised<F> {
    element: F,
    means: Vec<f64>,
    norms: Vec<f64>,
}

impl<F: Fn(usize, usize) -> f64> Standardised<F> {
    /// `count` vectors of `length` elements, given by vector and place.
    fn new(count: usize, length: usize, element: F) -> Self {
        let means = means(count, length, &element);
        let norm = |i: usize| {
            let squares = (0..length).map(|j| (element(i, j) - means[i]).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let norms = (0..count).map(norm).collect();
        Self {
            element,
            means,
            norms,
        }
    }

    fn at(&self, vector: usize, place: usize) -> f64 {
        ((self.element)(vector, place) - self.means[vector]) / self.norms[vector]
    }
}

/// Means of `count` vectors of `length` elements.
fn means(count: usize, length: usize, element: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mean = |i: usize| (0..length).map(|j| element(i, j)).sum::<f64>() / length as f64;
    (0..count).map(mean).collect()
}

pub(super) fn nuclear(tensor: Whole<'_>) -> f64 {
    let element = |i, j| tensor.at(i, j);
    let squares = eigenvalues(&smaller_gram(tensor.rows(), tensor.last, element));
    match squares.is_empty() {
        true => f64::NAN,
        false => squares.iter().map(|x| x.max(0.0).sqrt()).sum(),
    }
}

pub(super) fn spectral_norm(tensor: Whole<'_>) -> f64 {
    let element = |i, j| tensor.at(i, j);
    let squares = eigenvalues(&smaller_gram(tensor.rows(), tensor.last, element));
    squares.last().map_or(f64::NAN, |x| x.max(0.0).sqrt())
}

/// With u units, codes C of 1 and -1 and the vector 1 of ones, the kernel is
/// K = (u 1 1ᵀ + C Cᵀ) / 2, since equal signs less unequal ones are products of codes. So
/// K is B Bᵀ for B = [√u 1, C] / √2, and det(1 + B Bᵀ) = det(1 + Bᵀ B), which is the
/// smaller one where tokens outnumber units (Sylvester).
pub(super) fn logdet_agreement(tensor: Whole<'_>) -> f64 {
    let (rows, units) = (tensor.rows(), tensor.last);
    let root = (units as f64).sqrt();
    let element = |row: usize, column: usize| match column {
        0 => root,
        _ if tensor.at(row, column - 1) > 0.0 => 1.0,
        _ => -1.0,
    };
    let mut kernel = smaller_gram(rows, units + 1, element);
    for j in 0..kernel.ncols() {
        kernel.col_mut(j).iter_mut().for_each(|x| *x *= 0.5);
        kernel[(j, j)] += 1.0;
    }
    log_determinant(kernel).unwrap_or(f64::NAN)
}

pub(super) fn distinct_codes(tensor: Whole<'_>) -> f64 {
    const BITS: usize = u64::BITS as usize;
    let rows = tensor.rows();
    let code = |column: usize| -> Vec<u64> {
        let word = |first: usize| {
            let rows = first..rows.min(first + BITS);
            let bits = rows.map(|row| u64::from(tensor.at(row, column) > 0.0) << (row - first));
            bits.fold(0, |word, bit| word | bit)
        };
        (0..rows).step_by(BITS).map(word).collect()
    };
    (0..tensor.last).map(code).collect::<HashSet<_>>().len() as f64
}

pub(super) fn least_correlation(tensor: Whole<'_>) -> f64 {
    let (rows, columns) = (tensor.rows(), tensor.last);
    let values = match columns <= rows {
        true => {
            let vectors = Standardised::new(columns, rows, |j, i| tensor.at(i, j));
            eigenvalues(&gram(columns, rows, |j, i| vectors.at(j, i)))
        }
        false => {
            let vectors = Standardised::new(rows, columns, |i, j| tensor.at(i, j));
            eigenvalues(&gram(rows, columns, |i, j| vectors.at(i, j)))
        }
    };
    values.first().copied().unwrap_or(f64::NAN)
}

/// Variances of the principal components up to a common factor, ascending, and
/// their sum.
fn variances(tensor: Whole<'_>) -> (Vec<f64>, f64) {
    let (rows, columns) = (tensor.rows(), tensor.last);
    let means = means(columns, rows, |j, i| tensor.at(i, j));
    let element = |i: usize, j: usize| tensor.at(i, j) - means[j];
    let mut values = eigenvalues(&smaller_gram(rows, columns, element));
    values.iter_mut().for_each(|x| *x = x.max(0.0));
    let total = values.iter().sum();
    (values, total)
}

pub(super) fn pca_dimension(tensor: Whole<'_>) -> f64 {
    const SHARE: f64 = 0.99;
    let (values, total) = variances(tensor);
    let mut sum = 0.0;
    for (rank, value) in values.iter().rev().enumerate() {
        sum += value;
        if sum >= SHARE * total {
            return (rank + 1) as f64;
        }
    }
    f64::NAN
}

pub(super) fn pca_entropy(tensor: Whole<'_>) -> f64 {
    let (values, total) = variances(tensor);
    if values.is_empty() {
        return f64::NAN;
    }
    let shares = values.iter().map(|x| x / total);
    -shares.filter(|p| *p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}

pub(super) fn row_cosine(tensor: Whole<'_>) -> f64 {
    let rows = tensor.rows_in_use();
    let square = |x: &f32| f64::from(*x) * f64::from(*x);
    let norms = rows
        .iter()
        .map(|row| row.iter().map(square).sum::<f64>().sqrt());
    let norms: Vec<f64> = norms.collect();
    let element = |i: usize, j: usize| f64::from(rows[i][j]) / norms[i];
    let unit = Mat::from_fn(rows.len(), tensor.last, element);
    let sum = sum_over_pairs(unit.as_ref(), |cosine| cosine.abs().powf(1.0 / 20.0));
    1.0 - sum / (rows.len() * rows.len().saturating_sub(1) / 2) as f64
}

pub(super) fn row_covariance(tensor: Whole<'_>) -> f64 {
    const K: f64 = 1e-5;
    let rows = tensor.rows_in_use();
    let (count, length) = (rows.len(), tensor.last);
    let vectors = Standardised::new(count, length, |i, j| f64::from(rows[i][j]));
    let values = eigenvalues(&smaller_gram(count, length, |i, j| vectors.at(i, j)));
    if values.is_empty() {
        return f64::NAN;
    }
    let term = |v: f64| (v + K).ln() + 1.0 / (v + K);
    let vanishing = (count - values.len()) as f64;
    -(values.iter().copied().map(term).sum::<f64>() + vanishing * term(0.0))
}

pub(super) fn channel_square(tensor: Whole<'_>) -> f64 {
    let (batch, channels) = (tensor.first.max(1), tensor.last.max(1));
    let mut total = 0.0;
    for sequence in tensor.values.chunks_exact(tensor.values.len() / batch) {
        let mut sums = vec![0.0; channels];
        for token in sequence.chunks_exact(channels) {
            for (sum, x) in sums.iter_mut().zip(token) {
                *sum += f64::from(*x);
            }
        }
        total += sums.iter().map(|x| x * x).sum::<f64>();
    }
    total / batch as f64
}

/// log det(1 + Wᵀ W) expected of a random W with variance 2 / (rows + columns),
/// by the distribution of Marchenko and Pastur; the elements are not looked at.
///
/// With the larger side M, the smaller N and g = N / M, squared singular values
/// are M variance x, x between (1 - sqrt g)² and (1 + sqrt g)². Substituting
/// x = 1 + g + 2 sqrt(g) cos(t) leaves N 2/π times the integral over half a period
/// of log(1 + M variance x) sin(t)² / x, where the midpoint rule converges
/// exponentially.
pub(super) fn spectral_capacity(tensor: Whole<'_>) -> f64 {
    const POINTS: u32 = 512;
    let (rows, columns) = (tensor.rows() as f64, tensor.last as f64);
    let (large, small) = (rows.max(columns), rows.min(columns));
    if small == 0.0 {
        return 0.0;
    }
    let (ratio, scale) = (small / large, large * 2.0 / (rows + columns));
    let at = |point: u32| {
        let (sine, cosine) = (PI * (f64::from(point) + 0.5) / f64::from(POINTS)).sin_cos();
        let x = 1.0 + ratio + 2.0 * ratio.sqrt() * cosine;
        (scale * x).ln_1p() * sine * sine / x
    };
    small * 2.0 * (0..POINTS).map(at).sum::<f64>() / f64::from(POINTS)
}

pub(super) fn spectral_mean(tensor: Whole<'_>) -> f64 {
    let squares = (tensor.values.iter()).map(|x| f64::from(*x) * f64::from(*x));
    squares.sum::<f64>() / tensor.rows().min(tensor.last) as f64
}

pub(super) fn sign_logdet(tensor: Whole<'_>) -> f64 {
    // More rows than columns have no inverse; rounding must not make one up.
    if tensor.rows() > tensor.last {
        return f64::NEG_INFINITY;
    }
    let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
    let signs = gram(tensor.rows(), tensor.last, |i, j| sign(tensor.at(i, j)));
    log_determinant(signs).unwrap_or(f64::NEG_INFINITY)
}
