//! Results of a search.

use lpzero_proxy::Node;

use crate::archive::Archive;
use crate::criterion::Criterion;
use crate::exhaustive::space::Census;
use crate::pruning::Counts;
use crate::transfer::Carried;

/// Results of a search, before anything is selected.
#[derive(Clone, Debug)]
pub struct Found {
    /// The best formulas of every complexity.
    pub archive: Archive,
    /// Counts of formulas generated, pruned and evaluated.
    pub counts: Counts,
    /// Whether it was cancelled before its budget was spent.
    pub interrupted: bool,
    /// Report on the whole space, if all of it was searched.
    pub space: Option<Census>,
    /// What was maximised.
    pub(crate) fitness: Criterion,
    /// What carries over, where that was asked for.
    pub(crate) carried: Option<Carried>,
    /// By ground truth, the correlation that the search took for attainable there;
    /// 1 where there is nothing to weigh it against.
    pub(crate) attainable: Vec<f64>,
    /// The formula to keep, where the method knows; else correlations decide.
    pub(crate) preferred: Option<Node>,
}
