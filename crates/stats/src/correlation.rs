//! Rank correlations: Kendall's tau-b, Spearman's rho, Somers' d.
//!
//! All of them refuse NaN ([`Error::NotANumber`]), columns of different length
//! and fewer than two values. Infinities are ordinary values: they have ranks.
//! A correlation with a constant column is undefined and returned as `None`.
//!
//! The free functions allocate; a [`Workspace`] keeps its buffers, for callers
//! that correlate thousands of columns.

use crate::Error;
use crate::column::{check_numbers, check_pair};
use crate::pairs::Counter;
use crate::ranks::{correlate_ranks, rank_into};

/// A rank correlation.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Correlation {
    /// Kendall's tau-b (Kendall 1945), which corrects for ties on both sides.
    Kendall,
    /// Spearman's rho: Pearson's correlation of average ranks.
    #[default]
    Spearman,
    /// Somers' d given the truth (Somers 1962): Kendall's tau that does not
    /// forgive a pair which the formula leaves tied.
    SomersD,
}

/// Buffers for rank statistics, reused from call to call.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    pairs: Counter,
    order: Vec<u32>,
    ranks_x: Vec<f64>,
    ranks_y: Vec<f64>,
}

impl Workspace {
    /// Empty buffers; they grow to the longest column seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// The named correlation of `x` and `y`.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn correlate(
        &mut self,
        correlation: Correlation,
        x: &[f64],
        y: &[f64],
    ) -> Result<Option<f64>, Error> {
        match correlation {
            Correlation::Kendall => self.tau(x, y),
            Correlation::Spearman => self.rho(x, y),
            Correlation::SomersD => self.somers_d(x, y),
        }
    }

    /// Kendall's tau-b in O(n log n).
    ///
    /// tau-b = (P - Q) / sqrt((n0 - n1)(n0 - n2)) with P concordant and Q
    /// discordant pairs, n0 all pairs, n1 and n2 the pairs tied in x and in y.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn tau(&mut self, x: &[f64], y: &[f64]) -> Result<Option<f64>, Error> {
        check_pair(x, y)?;
        let pairs = self.pairs.count(x, y);
        if pairs.untied_x == 0.0 || pairs.untied_y == 0.0 {
            return Ok(None);
        }
        let tau = pairs.score / (pairs.untied_x * pairs.untied_y).sqrt();
        Ok(Some(tau.clamp(-1.0, 1.0)))
    }

    /// Somers' d of `x` given the truth `y` (Somers 1962).
    ///
    /// Among the pairs that differ in truth, it is the share that `x` puts in
    /// order less the share that it reverses. Unlike tau-b it does not forgive a
    /// pair that `x` leaves tied.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn somers_d(&mut self, x: &[f64], y: &[f64]) -> Result<Option<f64>, Error> {
        check_pair(x, y)?;
        let pairs = self.pairs.count(x, y);
        Ok((pairs.untied_y > 0.0).then(|| pairs.score / pairs.untied_y))
    }

    /// Spearman's rho: Pearson's correlation of average ranks.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn rho(&mut self, x: &[f64], y: &[f64]) -> Result<Option<f64>, Error> {
        check_pair(x, y)?;
        rank_into(x, &mut self.order, &mut self.ranks_x);
        rank_into(y, &mut self.order, &mut self.ranks_y);
        Ok(correlate_ranks(&self.ranks_x, &self.ranks_y))
    }

    /// Spearman's rho of `x` with a column whose average ranks are known, the
    /// fast path of a search, whose truth never changes.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn rho_with_ranks(&mut self, x: &[f64], ranks: &[f64]) -> Result<Option<f64>, Error> {
        check_pair(x, ranks)?;
        rank_into(x, &mut self.order, &mut self.ranks_x);
        Ok(correlate_ranks(&self.ranks_x, ranks))
    }

    /// Average ranks of `x`, 1 for the smallest.
    ///
    /// # Errors
    /// NaN.
    pub fn rank(&mut self, x: &[f64]) -> Result<&[f64], Error> {
        check_numbers(x)?;
        rank_into(x, &mut self.order, &mut self.ranks_x);
        Ok(&self.ranks_x)
    }
}

/// [`Workspace::tau`] with buffers of its own.
///
/// # Errors
/// NaN, different lengths, fewer than two values.
pub fn tau(x: &[f64], y: &[f64]) -> Result<Option<f64>, Error> {
    Workspace::new().tau(x, y)
}

/// [`Workspace::rho`] with buffers of its own.
///
/// # Errors
/// NaN, different lengths, fewer than two values.
pub fn rho(x: &[f64], y: &[f64]) -> Result<Option<f64>, Error> {
    Workspace::new().rho(x, y)
}

/// Kendall's partial tau of `x` and `y` given `covariate` (Kendall 1942):
/// (t_xy - t_xz t_yz) / sqrt((1 - t_xz^2)(1 - t_yz^2)).
///
/// `None` where one of the three taus is undefined or the covariate ranks `x`
/// or `y` perfectly, which leaves nothing to explain.
///
/// # Errors
/// NaN, different lengths, fewer than two values.
pub fn partial_tau(x: &[f64], y: &[f64], covariate: &[f64]) -> Result<Option<f64>, Error> {
    let mut workspace = Workspace::new();
    let xy = workspace.tau(x, y)?;
    let xz = workspace.tau(x, covariate)?;
    let yz = workspace.tau(y, covariate)?;
    let (Some(xy), Some(xz), Some(yz)) = (xy, xz, yz) else {
        return Ok(None);
    };
    let unexplained = (1.0 - xz * xz) * (1.0 - yz * yz);
    // Rounding may leave a perfect tau a few ulps short of 1.
    if unexplained < 1e-12 {
        return Ok(None);
    }
    Ok(Some(((xy - xz * yz) / unexplained.sqrt()).clamp(-1.0, 1.0)))
}
