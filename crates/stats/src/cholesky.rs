//! Cholesky's factor of a symmetric positive definite matrix, and what it solves.

use crate::vector::dot;

/// The lower triangle L of a matrix L Lᵀ.
#[derive(Clone, Debug)]
pub struct Cholesky {
    n: usize,
    /// Row-major; nothing stands above the diagonal.
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors the n x n matrix with these elements, asked for where row >= column.
    ///
    /// `None` where it is not positive definite to rounding, or not finite.
    pub fn new(n: usize, mut element: impl FnMut(usize, usize) -> f64) -> Option<Self> {
        let mut lower = vec![0.0; n * n];
        for i in 0..n {
            let (above, row) = lower.split_at_mut(i * n);
            for j in 0..i {
                let other = &above[j * n..j * n + j + 1];
                row[j] = (element(i, j) - dot(&row[..j], &other[..j])) / other[j];
            }
            let left = element(i, i) - dot(&row[..i], &row[..i]);
            if left <= 0.0 || !left.is_finite() {
                return None;
            }
            row[i] = left.sqrt();
        }
        Some(Self { n, lower })
    }

    /// The solution x of L Lᵀ x = y, where y has n elements.
    pub fn solve(&self, y: Vec<f64>) -> Vec<f64> {
        let (n, mut x) = (self.n, self.whiten(y));
        for i in (0..n).rev() {
            x[i] /= self.lower[i * n + i];
            for j in 0..i {
                x[j] -= self.lower[i * n + j] * x[i];
            }
        }
        x
    }

    /// The solution x of L x = y: independent, where y has this matrix as covariance.
    pub fn whiten(&self, mut y: Vec<f64>) -> Vec<f64> {
        let n = self.n;
        for i in 0..n {
            let row = &self.lower[i * n..i * n + i];
            y[i] = (y[i] - dot(row, &y[..i])) / self.lower[i * n + i];
        }
        y
    }

    /// Half the logarithm of the determinant of the matrix.
    pub fn half_log_determinant(&self) -> f64 {
        let diagonal = (0..self.n).map(|i| self.lower[i * self.n + i]);
        diagonal.map(f64::ln).sum()
    }
}
