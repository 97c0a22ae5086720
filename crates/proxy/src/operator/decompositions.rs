//! Reductions that take a whole tensor as a matrix.
//!
//! Rows are all dimensions but the last, flattened: (tokens, units) of an
//! activation, (out, in) of a weight. All arithmetic is in double precision.

use std::collections::HashSet;

use faer::{Mat, MatRef, Side};

use super::row::Whole;

impl Whole<'_> {
    fn rows(&self) -> usize {
        self.values.len() / self.last.max(1)
    }

    /// The matrix in f64, each element after `map`.
    fn matrix(&self, map: impl Fn(f64) -> f64) -> Mat<f64> {
        let at = |i, j| map(f64::from(self.values[i * self.last + j]));
        Mat::from_fn(self.rows(), self.last, at)
    }

    /// The rows that are not all zero.
    fn rows_in_use(&self) -> Mat<f64> {
        let rows: Vec<&[f32]> = self
            .values
            .chunks_exact(self.last.max(1))
            .filter(|row| row.iter().any(|x| *x != 0.0))
            .collect();
        Mat::from_fn(rows.len(), self.last, |i, j| f64::from(rows[i][j]))
    }
}

/// M Mᵀ.
fn gram(matrix: MatRef<'_, f64>) -> Mat<f64> {
    matrix * matrix.transpose()
}

/// M Mᵀ or Mᵀ M, whichever is smaller; their eigenvalues differ by zeros only.
fn smaller_gram(matrix: &Mat<f64>) -> Mat<f64> {
    match matrix.nrows() <= matrix.ncols() {
        true => gram(matrix.as_ref()),
        false => gram(matrix.transpose()),
    }
}

/// Eigenvalues of a symmetric matrix, ascending; none where they do not exist.
fn eigenvalues(matrix: &Mat<f64>) -> Vec<f64> {
    let finite = (0..matrix.ncols()).all(|j| matrix.col(j).iter().all(|x| x.is_finite()));
    match finite {
        true => (matrix.as_ref())
            .self_adjoint_eigenvalues(Side::Lower)
            .unwrap_or_default(),
        false => Vec::new(),
    }
}

/// Subtracts from every column its mean.
fn centre_columns(matrix: &mut Mat<f64>) {
    let rows = matrix.nrows() as f64;
    for j in 0..matrix.ncols() {
        let mean = matrix.col(j).iter().sum::<f64>() / rows;
        matrix.col_mut(j).iter_mut().for_each(|x| *x -= mean);
    }
}

/// Scales every column to norm 1.
fn normalise_columns(matrix: &mut Mat<f64>) {
    for j in 0..matrix.ncols() {
        let norm = matrix.col(j).iter().map(|x| x * x).sum::<f64>().sqrt();
        matrix.col_mut(j).iter_mut().for_each(|x| *x /= norm);
    }
}

/// Pearson's correlations between the columns.
fn column_correlations(mut matrix: Mat<f64>) -> Mat<f64> {
    centre_columns(&mut matrix);
    normalise_columns(&mut matrix);
    gram(matrix.transpose())
}

pub(super) fn nuclear(tensor: Whole<'_>) -> f64 {
    let squares = eigenvalues(&smaller_gram(&tensor.matrix(|x| x)));
    match squares.is_empty() {
        true => f64::NAN,
        false => squares.iter().map(|x| x.max(0.0).sqrt()).sum(),
    }
}

pub(super) fn spectral_norm(tensor: Whole<'_>) -> f64 {
    let squares = eigenvalues(&smaller_gram(&tensor.matrix(|x| x)));
    squares.last().map_or(f64::NAN, |x| x.max(0.0).sqrt())
}

pub(super) fn logdet_agreement(tensor: Whole<'_>) -> f64 {
    // Equal signs less unequal ones is the product of codes of 1 and -1.
    let codes = tensor.matrix(|x| if x > 0.0 { 1.0 } else { -1.0 });
    let difference = gram(codes.as_ref());
    let units = tensor.last as f64;
    let size = difference.nrows();
    let kernel = Mat::from_fn(size, size, |i, j| {
        let own = f64::from(u8::from(i == j));
        0.5 * (units + difference[(i, j)]) + own
    });
    match kernel.as_ref().llt(Side::Lower) {
        // A kernel of counts has no negative eigenvalue, so the sum has none below 1.
        Ok(factor) => (factor.L().diagonal().column_vector().iter())
            .map(|x| 2.0 * x.ln())
            .sum(),
        Err(_) => f64::NAN,
    }
}

pub(super) fn distinct_codes(tensor: Whole<'_>) -> f64 {
    let rows = tensor.rows();
    let code = |j: usize| -> Vec<bool> {
        let at = |i: usize| tensor.values[i * tensor.last + j] > 0.0;
        (0..rows).map(at).collect()
    };
    (0..tensor.last).map(code).collect::<HashSet<_>>().len() as f64
}

pub(super) fn least_correlation(tensor: Whole<'_>) -> f64 {
    let matrix = tensor.matrix(|x| x);
    let matrix = match matrix.ncols() <= matrix.nrows() {
        true => matrix,
        false => matrix.transpose().to_owned(),
    };
    let values = eigenvalues(&column_correlations(matrix));
    values.first().copied().unwrap_or(f64::NAN)
}

/// Variances of the principal components up to a common factor, ascending, and
/// their sum.
fn variances(tensor: Whole<'_>) -> (Vec<f64>, f64) {
    let mut matrix = tensor.matrix(|x| x);
    centre_columns(&mut matrix);
    let mut values = eigenvalues(&smaller_gram(&matrix));
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
    let mut columns = tensor.rows_in_use().transpose().to_owned();
    normalise_columns(&mut columns);
    let cosines = gram(columns.transpose());
    let count = cosines.nrows();
    let pairs = (0..count).flat_map(|j| (0..j).map(move |i| (i, j)));
    let sum: f64 = pairs.map(|at| cosines[at].abs().powf(1.0 / 20.0)).sum();
    1.0 - sum / (count * count.saturating_sub(1) / 2) as f64
}

pub(super) fn row_covariance(tensor: Whole<'_>) -> f64 {
    const K: f64 = 1e-5;
    let rows = tensor.rows_in_use();
    let values = eigenvalues(&column_correlations(rows.transpose().to_owned()));
    if values.is_empty() {
        return f64::NAN;
    }
    -values
        .iter()
        .map(|v| (v + K).ln() + 1.0 / (v + K))
        .sum::<f64>()
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
        let (sine, cosine) =
            (std::f64::consts::PI * (f64::from(point) + 0.5) / f64::from(POINTS)).sin_cos();
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
    match gram(tensor.matrix(sign).as_ref()).as_ref().llt(Side::Lower) {
        Ok(factor) => (factor.L().diagonal().column_vector().iter())
            .map(|x| 2.0 * x.ln())
            .sum(),
        Err(_) => f64::NEG_INFINITY,
    }
}
