//! Controls of a search, and the reports that it makes while it runs.

use lpzero_proxy::Node;
use lpzero_run::Cancel;

use crate::Journal;
use crate::archive::Archive;

/// How far a search is.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// Kind of formula that is evaluated now, where a search does one after the other; else empty.
    pub part: &'a str,
    /// Formulas evaluated on the whole search split so far.
    pub evaluated: u64,
    /// Share of the budget that is spent, 0 to 1.
    pub spent: f64,
    /// The best correlation on the search split so far; 0 before there is one.
    pub best: f64,
    /// The formula that has it.
    pub formula: Option<&'a Node>,
    /// Formulas kept so far.
    pub archive: &'a Archive,
}

/// Controls that a caller gives a search: threads, a way to stop it, an ear, a journal.
pub struct Control<'a> {
    /// Evaluations run here; the result does not depend on how many threads it has.
    pub pool: &'a rayon::ThreadPool,
    /// Set from elsewhere to stop; the search returns what it has.
    pub cancel: &'a Cancel,
    /// Called after every iteration.
    pub progress: &'a mut dyn FnMut(Snapshot<'_>),
    /// Where outcomes are recorded and taken from, if the search is to survive
    /// its process.
    pub journal: Option<&'a mut Journal>,
}

impl Control<'_> {
    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
