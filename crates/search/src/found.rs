//! What a search leaves behind.

use lpzero_proxy::Node;

use crate::archive::Archive;
use crate::exhaustive::space::Space;
use crate::pruning::Counts;

/// What a search leaves behind.
#[derive(Clone, Debug)]
pub struct Found {
    /// The best formulas of every complexity.
    pub archive: Archive,
    /// What was generated, pruned and evaluated.
    pub counts: Counts,
    /// Whether it was cancelled before its budget was spent.
    pub interrupted: bool,
    /// What the whole space is like, if all of it was searched.
    pub space: Option<Space>,
    /// By ground truth, the correlation that the search took for attainable there;
    /// 1 where there is nothing to weigh it against.
    pub(crate) attainable: Vec<f64>,
    /// The formula to keep, where the method knows; else correlations decide.
    pub(crate) preferred: Option<Node>,
}
