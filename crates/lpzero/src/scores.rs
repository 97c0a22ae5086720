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
    /// Whether the weights of a network are its own, a row each; others are drawn.
    pub weighted: Vec<bool>,
    /// Networks, by row, whose weights have no head: they were scored without a loss.
    pub bodies: Vec<usize>,
    /// Proxies that are not finite somewhere, and why.
    pub undefined: Vec<Undefined>,
}

/// Scores of a proxy that are not finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Undefined {
    /// Name of the proxy.
    pub proxy: String,
    /// Number of networks where it is not finite.
    pub count: usize,
    /// Name of the first of them.
    pub id: String,
    /// Why it is not finite there, as the end of a sentence.
    pub why: String,
}
