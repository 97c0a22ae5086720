//! What a search maximises: the strength of a rank correlation with the truth
//! on the search split.

use crate::Error;
use crate::statistics::{Correlation, Workspace, rank};

/// A correlation with a fixed truth. Its sign is learned: a formula that ranks
/// upside down is as good as its negation.
#[derive(Clone, Debug)]
pub struct Fitness {
    correlation: Correlation,
    truth: Vec<f64>,
    ranks: Vec<f64>,
}

/// How well one formula does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Absolute correlation, 0 to 1.
    pub strength: f64,
    /// Whether larger scores go with smaller truths.
    pub reversed: bool,
}

impl Fitness {
    /// A fitness for the truths of the search split, in its order.
    ///
    /// # Errors
    /// NaN, fewer than two truths, or all of them equal.
    pub fn new(correlation: Correlation, truth: Vec<f64>) -> Result<Self, Error> {
        let ranks = rank(&truth)?;
        if crate::statistics::rho(&truth, &truth)?.is_none() {
            return Err(Error::ConstantTruth {
                part: "search",
                n: truth.len(),
            });
        }
        Ok(Self {
            correlation,
            truth,
            ranks,
        })
    }

    /// Number of architectures.
    pub fn len(&self) -> usize {
        self.truth.len()
    }

    /// Whether there are no architectures; never so for a fitness that exists.
    pub fn is_empty(&self) -> bool {
        self.truth.is_empty()
    }

    /// Measures scores of the first `scores.len()` architectures. `None` where
    /// the correlation is undefined.
    pub fn measure(&self, scores: &[f64], workspace: &mut Workspace) -> Option<Measured> {
        let truth = self.truth.get(..scores.len())?;
        let correlation = match self.correlation {
            Correlation::Spearman if scores.len() == self.len() => {
                workspace.rho_with_ranks(scores, &self.ranks)
            }
            correlation => workspace.correlate(correlation, scores, truth),
        };
        let correlation = correlation.ok().flatten()?;
        Some(Measured {
            strength: correlation.abs(),
            reversed: correlation < 0.0,
        })
    }
}
