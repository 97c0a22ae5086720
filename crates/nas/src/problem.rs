//! The search problem, its candidates and the scorer that says how good they are.

use lpzero_arch::{Architecture, Genotype, Space};

use crate::{Bound, Cost, Costs, Load, Table};

/// A search problem: a space, a score to maximise, a cost to minimise, and bounds.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// Space that architectures are from.
    pub space: &'a Space,
    /// Cost that the front trades against the score.
    pub cost: Cost,
    /// Bounds that every architecture must keep.
    pub bounds: &'a [Bound],
    /// What networks are given, which costs hang on.
    pub load: Load,
    /// Costs of choices; needed where cost or a bound is [`Cost::Table`].
    pub table: Option<&'a Table>,
}

impl Problem<'_> {
    /// How far the bounds are missed, all together; 0 where they hold.
    pub(crate) fn violation(&self, costs: &Costs) -> f64 {
        self.bounds.iter().map(|bound| bound.violation(costs)).sum()
    }

    /// The bound that is missed most.
    pub(crate) fn worst(&self, costs: &Costs) -> Option<&Bound> {
        let worst = self.bounds.iter();
        worst.max_by(|a, b| a.violation(costs).total_cmp(&b.violation(costs)))
    }

    /// Whether architectures have to be run to know their cost.
    pub(crate) fn is_measured(&self) -> bool {
        let mut bounds = self.bounds.iter();
        self.cost == Cost::Latency || bounds.any(|bound| bound.cost == Cost::Latency)
    }
}

/// Something that was scored, or measured and found too slow.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Hash of the architecture.
    pub id: String,
    /// Choices in the space.
    pub genotype: Genotype,
    /// Architecture that the choices make.
    pub architecture: Architecture,
    /// Costs of the architecture.
    pub costs: Costs,
    /// How far the constraints are missed; 0 where they hold.
    pub violation: f64,
    /// Larger is better; `NAN` where it was not scored or has no score.
    pub score: f64,
}

impl Candidate {
    /// The score for comparisons: without one, below all.
    pub(crate) fn fitness(&self) -> f64 {
        if self.score.is_finite() {
            self.score
        } else {
            f64::NEG_INFINITY
        }
    }
}

/// Source of the scores of architectures.
pub trait Scorer {
    /// Error of scoring.
    type Error: From<crate::Error>;

    /// Scores, larger being better, of architectures with these ids. Must be a
    /// function of the architecture alone.
    ///
    /// # Errors
    /// Whatever stops the search; nothing that was scored before is lost where
    /// there is a journal.
    fn scores(
        &mut self,
        ids: &[String],
        architectures: &[Architecture],
    ) -> Result<Vec<f64>, Self::Error>;

    /// Seconds of one forward pass of an architecture over the minibatch.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    fn latency(&mut self, id: &str, architecture: &Architecture) -> Result<f64, Self::Error>;
}
