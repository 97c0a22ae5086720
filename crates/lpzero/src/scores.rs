//! Scores of networks, a row each.

use crate::Repeats;

/// Scores of networks: ids, names of proxies, and a column per proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Names of the networks, a row each.
    pub ids: Vec<String>,
    /// Names of the proxies, a column each.
    pub proxies: Vec<String>,
    /// Scores by proxy, then network: means where there were several passes.
    pub columns: Vec<Vec<f64>>,
    /// Standard deviations over the passes, in the shape of the columns, where there
    /// were several.
    pub spread: Option<Vec<Vec<f64>>>,
    /// The passes.
    pub repeats: Repeats,
}
