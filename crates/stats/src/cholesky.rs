//! Cholesky's factor of a symmetric positive definite matrix, and what it solves.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::{Mat, Par};

/// The lower triangle L of a matrix L Lᵀ.
#[derive(Clone, Debug)]
pub struct Cholesky {
    lower: Mat<f64>,
}

/// One thread: no result depends on how many there are.
const ALONE: Par = Par::Seq;

impl Cholesky {
    /// Factors the n x n matrix with these elements, asked for where row >= column.
    ///
    /// `None` where it is not positive definite to rounding, or not finite.
    pub fn new(n: usize, element: impl Fn(usize, usize) -> f64) -> Option<Self> {
        let mut lower = Mat::zeros(n, n);
        for j in 0..n {
            for i in j..n {
                lower[(i, j)] = element(i, j);
            }
        }
        let scratch = cholesky_in_place_scratch::<f64>(n, ALONE, Default::default());
        let mut memory = MemBuffer::new(scratch);
        cholesky_in_place(
            lower.as_mut(),
            Default::default(),
            ALONE,
            MemStack::new(&mut memory),
            Default::default(),
        )
        .ok()?;
        Some(Self { lower })
    }

    /// The solution x of L Lᵀ x = y.
    ///
    /// # Panics
    /// Where `y` has not n elements.
    pub fn solve(&self, y: &[f64]) -> Vec<f64> {
        let mut x = column(y);
        solve_lower_triangular_in_place(self.lower.as_ref(), x.as_mut(), ALONE);
        solve_upper_triangular_in_place(self.lower.transpose(), x.as_mut(), ALONE);
        x.col(0).iter().copied().collect()
    }

    /// The solution x of L x = y. Its elements are independent where `y` has this
    /// matrix as covariance.
    ///
    /// # Panics
    /// Where `y` has not n elements.
    pub fn whiten(&self, y: &[f64]) -> Vec<f64> {
        let mut x = column(y);
        solve_lower_triangular_in_place(self.lower.as_ref(), x.as_mut(), ALONE);
        x.col(0).iter().copied().collect()
    }

    /// Half the logarithm of the determinant of the matrix.
    pub fn half_log_determinant(&self) -> f64 {
        let diagonal = (0..self.lower.nrows()).map(|i| self.lower[(i, i)]);
        diagonal.map(f64::ln).sum()
    }
}

fn column(y: &[f64]) -> Mat<f64> {
    Mat::from_fn(y.len(), 1, |i, _| y[i])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// exp(-|i - j| / 3), a covariance, with `on_diagonal` there.
    fn covariance(on_diagonal: f64) -> impl Fn(usize, usize) -> f64 {
        move |i, j| match i == j {
            true => on_diagonal,
            false => (-(i.abs_diff(j) as f64) / 3.0).exp(),
        }
    }

    fn values(n: usize) -> Vec<f64> {
        (0..n).map(|i| (i as f64 * 1.3).sin()).collect()
    }

    #[test]
    fn the_matrix_times_the_solution_is_the_right_hand_side() {
        for n in [1, 2, 7, 40, 150, 300] {
            let matrix = covariance(1.1);
            let factor = Cholesky::new(n, &matrix).unwrap();
            let y = values(n);
            let x = factor.solve(&y);
            for (i, y) in y.iter().enumerate() {
                let product: f64 = (0..n).map(|j| matrix(i, j) * x[j]).sum();
                assert!((product - y).abs() < 1e-12, "{n} {i}: {product} {y}");
            }
            // xᵀ y = |L⁻¹ y|².
            let square: f64 = factor.whiten(&y).iter().map(|x| x * x).sum();
            let product: f64 = x.iter().zip(&y).map(|(x, y)| x * y).sum();
            assert!((square - product).abs() < 1e-10, "{n}");
        }
    }

    #[test]
    fn the_determinant_of_a_diagonal_is_its_product() {
        let diagonal = |i: usize, j: usize| if i == j { (i + 1) as f64 } else { 0.0 };
        let factor = Cholesky::new(5, diagonal).unwrap();
        assert!((2.0 * factor.half_log_determinant() - 120.0f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        for n in [2, 40, 150] {
            for refused in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
                assert!(
                    Cholesky::new(n, covariance(refused)).is_none(),
                    "{n} {refused}"
                );
            }
        }
    }

    #[test]
    fn no_bit_depends_on_the_thread_or_on_where_numbers_lie() {
        let solve = |shift: usize| {
            let y = [vec![0.0; shift], values(150)].concat();
            Cholesky::new(150, covariance(1.1))
                .unwrap()
                .solve(&y[shift..])
        };
        let first = solve(0);
        std::thread::scope(|scope| {
            let others = [1, 2, 3, 5].map(|shift| scope.spawn(move || solve(shift)));
            for other in others {
                assert_eq!(other.join().unwrap(), first);
            }
        });
    }
}
