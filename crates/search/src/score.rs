//! Scores of formulas on architectures, as a search asks for them.

use lpzero_proxy::{Evaluator, Node};

/// Gives a formula's score on architectures. Implementations must be pure:
/// one formula and architecture, one score, whoever asks when.
pub trait Score: Sync {
    /// One score per index (NaN or infinite where the formula is undefined
    /// there), or `None` where the formula cannot be evaluated at all.
    fn scores(&self, formula: &Node, indices: &[usize]) -> Option<Vec<f64>>;
}

impl Score for Evaluator<'_> {
    fn scores(&self, formula: &Node, indices: &[usize]) -> Option<Vec<f64>> {
        Evaluator::scores(self, formula, indices).ok()
    }
}
