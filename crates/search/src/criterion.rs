//! Criteria: what a formula is judged by on one ground truth.

use lpzero_stats::{Bootstrap, Correlation, SameSize, Workspace};
use serde::{Deserialize, Serialize};

use crate::Error;

/// What a formula is judged by on one ground truth, from -1 to 1, 0 being chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// Spearman's rho.
    #[default]
    Spearman,
    /// Kendall's tau-b.
    Kendall,
    /// Somers' d given the truth.
    SomersD,
    /// Among pairs of networks of like size, the share that is ordered right less the
    /// share that is ordered wrong: twice equal-size accuracy, less 1.
    SameSize,
}

/// What is known of some networks, one value each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    /// Trained scores.
    pub(crate) truth: &'a [f64],
    /// Sizes, for pairs of like size.
    pub(crate) sizes: &'a [f64],
    /// Share by which sizes may differ.
    pub(crate) tolerance: f64,
}

impl Criterion {
    /// The correlation over all pairs; `None` where pairs of like size decide.
    pub fn correlation(self) -> Option<Correlation> {
        match self {
            Self::Spearman => Some(Correlation::Spearman),
            Self::Kendall => Some(Correlation::Kendall),
            Self::SomersD => Some(Correlation::SomersD),
            Self::SameSize => None,
        }
    }

    /// Judges scores; `None` where the criterion is undefined.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub(crate) fn judge(
        self,
        scores: &[f64],
        known: Known<'_>,
        workspace: &mut Workspace,
    ) -> Result<Option<f64>, Error> {
        Ok(match self.correlation() {
            Some(correlation) => workspace.correlate(correlation, scores, known.truth)?,
            None => {
                let accuracy = known.pairs()?.accuracy(scores)?;
                accuracy.map(|accuracy| 2.0 * accuracy - 1.0)
            }
        })
    }

    /// Standard error of [`judge`](Self::judge) over resamples of the networks.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn standard_error(
        self,
        bootstrap: &Bootstrap,
        scores: &[f64],
        known: Known<'_>,
    ) -> Result<Option<f64>, Error> {
        let (interval, scale) = match self.correlation() {
            Some(correlation) => (bootstrap.interval(correlation, scores, known.truth)?, 1.0),
            None => (known.pairs()?.interval(bootstrap, scores)?, 2.0),
        };
        Ok(interval.map(|interval| scale * interval.standard_error))
    }
}

impl Known<'_> {
    /// Pairs of like size.
    pub(crate) fn pairs(&self) -> Result<SameSize, Error> {
        Ok(SameSize::new(self.sizes, self.truth, self.tolerance)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn same_size_asks_about_pairs_of_like_size_only() {
        // Right inside each size, wrong across sizes.
        let known = Known {
            truth: &[1.0, 2.0, 3.0, 4.0],
            sizes: &[10.0, 10.0, 20.0, 20.0],
            tolerance: 0.05,
        };
        let scores = [3.0, 4.0, 1.0, 2.0];
        let judge = |criterion: Criterion| {
            let judged = criterion.judge(&scores, known, &mut Workspace::new());
            judged.unwrap().unwrap()
        };
        assert_eq!(judge(Criterion::SameSize), 1.0);
        assert!(judge(Criterion::Spearman) < 0.0);
        let upside_down = [4.0, 3.0, 2.0, 1.0];
        let reversed = Criterion::SameSize.judge(&upside_down, known, &mut Workspace::new());
        assert_eq!(reversed.unwrap(), Some(-1.0));
    }
}
