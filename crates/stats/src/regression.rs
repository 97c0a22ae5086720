//! Linear regression for audits: nested models by F tests and permutations.
//!
//! A model is a set of columns, held as an orthonormal basis of their span that
//! grows column by column (Gram-Schmidt, done twice, which is as accurate as
//! Householder's). What adds nothing to the span is dropped, so that designs
//! with redundant columns need no care, and degrees of freedom are right.
//! Libraries factor whole matrices; none grows a basis and drops columns in order.

use lpzero_run::{Cancel, seed};
use rand::seq::SliceRandom;
use statrs::distribution::{ContinuousCDF, FisherSnedecor};
use statrs::function::beta::beta_reg;
use statrs::function::gamma::ln_gamma;

use crate::vector::{dot, norm};

/// Share of a column's length that must be left beyond the others to count as new.
const NEW: f64 = 1e-7;

/// An orthonormal basis of the columns of a design.
#[derive(Clone, Debug, Default)]
pub struct Basis {
    columns: Vec<Vec<f64>>,
}

impl Basis {
    /// The span of `columns`, all of one length.
    pub fn new<'a>(columns: impl IntoIterator<Item = &'a [f64]>) -> Self {
        let mut basis = Self::default();
        basis.extend(columns);
        basis
    }

    /// Adds columns to the span.
    pub fn extend<'a>(&mut self, columns: impl IntoIterator<Item = &'a [f64]>) {
        for column in columns {
            let whole = norm(column);
            let mut rest = column.to_vec();
            self.project_out(&mut rest);
            self.project_out(&mut rest);
            let left = norm(&rest);
            if left > NEW * whole && left.is_finite() {
                rest.iter_mut().for_each(|x| *x /= left);
                self.columns.push(rest);
            }
        }
    }

    /// Dimension of the span: the parameters of the model.
    pub fn rank(&self) -> usize {
        self.columns.len()
    }

    /// Residuals: `y` less its projection on the model.
    pub fn residuals(&self, y: &[f64]) -> Vec<f64> {
        let mut residuals = y.to_vec();
        self.project_out(&mut residuals);
        residuals
    }

    /// Leverages of the `n` observations: the diagonal of the hat matrix.
    pub fn leverages(&self, n: usize) -> Vec<f64> {
        let mut leverages = vec![0.0; n];
        for column in &self.columns {
            for (leverage, x) in leverages.iter_mut().zip(column) {
                *leverage += x * x;
            }
        }
        leverages
    }

    /// Squared length of the projection of `y` on the model.
    pub fn explained(&self, y: &[f64]) -> f64 {
        let along = self.columns.iter().map(|column| dot(column, y));
        along.map(|along| along * along).sum()
    }

    fn project_out(&self, y: &mut [f64]) {
        for column in &self.columns {
            let along = dot(column, y);
            for (y, x) in y.iter_mut().zip(column) {
                *y -= along * x;
            }
        }
    }
}

/// Test of whether columns explain more than a model without them.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct NestedTest {
    /// The statistic F.
    pub f: f64,
    /// Parameters that the columns add.
    pub freedom: usize,
    /// Observations less parameters of the larger model.
    pub residual_freedom: usize,
    /// Probability of such an F where the columns do nothing and errors are normal.
    pub p: f64,
    /// Probability without normal errors, by permuting the residuals of the smaller
    /// model (Freedman & Lane 1983). At least 1 / (permutations + 1).
    pub p_permutation: f64,
    /// Share of the variance of y that the columns explain beyond the smaller
    /// model.
    pub share: f64,
    /// The largest share that the data leave plausible (one-sided 95 % bound
    /// by the noncentral F distribution).
    pub share_bound: f64,
}

/// Tests `added` columns beyond the model `smaller`.
///
/// `None` where they add nothing to its span or leave no residual freedom.
/// Permutations are drawn from the stream `name` of `seed`. `None`, too, where the flag
/// is raised meanwhile.
pub fn nested_test<'a>(
    smaller: &Basis,
    added: impl IntoIterator<Item = &'a [f64]>,
    y: &[f64],
    permutations: usize,
    (seed, name): (u64, &str),
    cancel: &Cancel,
) -> Option<NestedTest> {
    let mut larger = smaller.clone();
    larger.extend(added);
    let (from, n) = (smaller.rank(), y.len());
    let freedom = larger.rank() - from;
    let residual_freedom = n.checked_sub(larger.rank()).filter(|&left| left > 0)?;
    if freedom == 0 {
        return None;
    }
    // The columns of the larger basis beyond `from` are orthogonal to the
    // smaller model, so that two sums of squares give F.
    let statistic = |y: &[f64]| {
        let square = |columns: &[Vec<f64>]| -> f64 {
            columns.iter().map(|column| dot(column, y).powi(2)).sum()
        };
        let (model, new) = larger.columns.split_at(from);
        let left = dot(y, y) - square(model);
        let new = square(new);
        (new / freedom as f64) / ((left - new).max(0.0) / residual_freedom as f64)
    };
    let residuals = smaller.residuals(y);
    let f = statistic(&residuals);
    let mean = y.iter().sum::<f64>() / n as f64;
    let total: f64 = y.iter().map(|y| (y - mean).powi(2)).sum();
    let unexplained = dot(&residuals, &residuals) / total;
    let (q, d) = (freedom as f64, residual_freedom as f64);
    let share = unexplained * q * f / (q * f + d);
    if !f.is_finite() {
        return None;
    }

    let mut random = seed::stream(seed, &format!("permutations of {name}"));
    let mut permuted = residuals;
    let mut as_large = 0;
    for _ in 0..permutations {
        if cancel.is_cancelled() {
            return None;
        }
        permuted.shuffle(&mut random);
        as_large += usize::from(statistic(&permuted) >= f);
    }
    let noncentrality = noncentrality_bound(f, q, d, 0.05);
    Some(NestedTest {
        f,
        freedom,
        residual_freedom,
        p: f_survival(f, q, d),
        p_permutation: (as_large + 1) as f64 / (permutations + 1) as f64,
        share,
        share_bound: (unexplained * noncentrality / (noncentrality + n as f64)).max(share),
    })
}

/// P(F > f) with `q` and `d` degrees of freedom.
pub fn f_survival(f: f64, q: f64, d: f64) -> f64 {
    match FisherSnedecor::new(q, d) {
        Ok(distribution) => distribution.sf(f),
        Err(_) => f64::NAN,
    }
}

/// P(F <= f) of the noncentral F distribution: a mixture of beta distributions
/// with Poisson weights.
pub fn noncentral_f(f: f64, q: f64, d: f64, noncentrality: f64) -> f64 {
    let x = q * f / (q * f + d);
    if x <= 0.0 {
        return 0.0;
    }
    let half = noncentrality / 2.0;
    // Weights beyond 12 standard deviations are below rounding.
    let spread = 12.0 * half.sqrt() + 12.0;
    let first = (half - spread).max(0.0).floor() as u64;
    let last = (half + spread).ceil() as u64;
    (first..=last)
        .map(|j| {
            let j = j as f64;
            let log_weight = match half > 0.0 {
                true => j * half.ln() - half - ln_gamma(j + 1.0),
                false if j == 0.0 => 0.0,
                false => f64::NEG_INFINITY,
            };
            log_weight.exp() * beta_reg(q / 2.0 + j, d / 2.0, x.min(1.0))
        })
        .sum::<f64>()
        .min(1.0)
}

/// The largest noncentrality under which an F this small has probability `level`.
fn noncentrality_bound(f: f64, q: f64, d: f64, level: f64) -> f64 {
    if noncentral_f(f, q, d, 0.0) <= level {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    // Beyond this every share is as good as whole.
    const LARGEST: f64 = 1e5;
    while high < LARGEST && noncentral_f(f, q, d, high) > level {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if noncentral_f(f, q, d, middle) > level {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}
