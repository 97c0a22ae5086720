//! How to search, what is recorded, told and left behind.

use lpzero_run::{Budget, Kind, Piece};
use serde::{Deserialize, Serialize};

use crate::Candidate;

/// How architectures are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// NSGA-II: maximises the score and minimises the cost together.
    Nsga2,
    /// Regularised evolution: maximises the score under the constraints.
    Evolution,
    /// Random architectures that meet the constraints.
    Random,
}

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strategy {
    /// How architectures are found.
    pub method: Method,
    /// Members of the population; random search has none.
    pub population: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// When to stop.
    pub budget: Budget,
}

/// Outcome of one architecture, as a journal keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Hash of the architecture, [`Candidate::id`].
    pub id: String,
    /// `None` where it was not scored, or has no finite score.
    pub score: Option<f64>,
    /// Seconds of a forward pass, where it was measured.
    pub latency: Option<f64>,
    /// Seconds that the search had taken by then.
    pub elapsed: f64,
}

impl Piece for Record {
    const MEASURED: &'static [&'static str] = &["/latency", "/elapsed"];

    fn piece(&self) -> String {
        self.id.clone()
    }
}

/// The journal of an architecture search, one [`Record`] each.
pub const JOURNAL_KIND: Kind = Kind {
    format: "lpzero-nas",
    version: 3,
    each: true,
    work: "search",
    inputs: "other inputs, seed or version",
};

/// How far a search is.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// Architectures scored.
    pub evaluated: u64,
    /// Share of the budget that is spent, 0 to 1.
    pub spent: f64,
    /// The one with the highest score.
    pub best: Option<&'a Candidate>,
}

/// Results of a search.
#[derive(Clone, Debug)]
pub struct History {
    /// Everything scored, in order, and what was measured and found too slow.
    pub candidates: Vec<Candidate>,
    /// Which of them nothing dominates, by increasing cost.
    pub front: Vec<usize>,
    /// Architectures scored.
    pub evaluated: u64,
    /// Architectures that a count showed to miss a bound, and nothing scored.
    pub rejected: u64,
    /// Architectures that were measured, found too slow, and not scored.
    pub too_slow: u64,
    /// Whether nothing new was left before the budget was spent.
    pub exhausted: bool,
    /// Time taken, by all processes that searched.
    pub seconds: f64,
}
