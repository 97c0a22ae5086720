//! Scores of formulas on architectures, as a search asks for them.

use lpzero_proxy::{Evaluator, Node, SiteColumns};
use lpzero_trace::Role;

/// Gives a formula's score on architectures. Implementations must be pure:
/// one formula and architecture, one score, whoever asks when.
pub trait Score: Sync {
    /// One score per index (NaN or infinite where the formula is undefined
    /// there), or `None` where the formula cannot be evaluated at all.
    fn scores(&self, formula: &Node, indices: &[usize]) -> Option<Vec<f64>>;

    /// The numbers of an expression at every site of these architectures, see
    /// [`Evaluator::site_values`]. Only enumeration asks for them; `None`
    /// where there are none to be had.
    fn site_values(&self, expression: &Node, indices: &[usize]) -> Option<Vec<Vec<(usize, f64)>>> {
        let _ = (expression, indices);
        None
    }

    /// The role of every site of an architecture, by the index that
    /// [`site_values`](Self::site_values) and [`site_columns`](Self::site_columns) give:
    /// what has those has to have this. Only enumeration asks for it.
    fn site_roles(&self, index: usize) -> Vec<Role> {
        let _ = index;
        Vec::new()
    }

    /// A tensor expression at every site of an architecture, see
    /// [`Evaluator::site_columns`]. Only enumeration asks for them.
    fn site_columns(&self, expression: &Node, index: usize) -> Option<Vec<SiteColumns>> {
        let _ = (expression, index);
        None
    }
}

impl Score for Evaluator<'_> {
    fn scores(&self, formula: &Node, indices: &[usize]) -> Option<Vec<f64>> {
        Evaluator::scores(self, formula, indices).ok()
    }

    fn site_values(&self, expression: &Node, indices: &[usize]) -> Option<Vec<Vec<(usize, f64)>>> {
        Evaluator::site_values(self, expression, indices).ok()
    }

    fn site_roles(&self, index: usize) -> Vec<Role> {
        Evaluator::site_roles(self, index)
    }

    fn site_columns(&self, expression: &Node, index: usize) -> Option<Vec<SiteColumns>> {
        Evaluator::site_columns(self, expression, index).ok()
    }
}
