//! When a search stops, and what it tells while it runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lpzero_proxy::Node;

use crate::Journal;
use crate::archive::Archive;

/// How long to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// So many iterations, each a batch of offspring (or of random formulas).
    Iterations(u64),
    /// So many distinct formulas sent to the evaluator, whether it was stopped
    /// early or not; the batch that reaches the number is completed.
    Evaluations(u64),
    /// Wall-clock time. Not reproducible: how far a search gets depends on the
    /// machine.
    Time(Duration),
}

impl Default for Budget {
    /// 1000 iterations, as the paper has it.
    fn default() -> Self {
        Budget::Iterations(1000)
    }
}

/// How far a search is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What is being evaluated, where a search does one kind of formula after
    /// the other; empty where it does not.
    pub part: &'a str,
    /// Formulas evaluated on the whole search split so far.
    pub evaluated: u64,
    /// Share of the budget that is spent, 0 to 1.
    pub spent: f64,
    /// The best correlation on the search split so far; 0 before there is one.
    pub best: f64,
    /// The formula that has it.
    pub formula: Option<&'a Node>,
    /// What it keeps so far.
    pub archive: &'a Archive,
}

/// What a search asks of its caller: threads, a way to stop it, an ear.
pub struct Control<'a> {
    /// Evaluations run here; the result does not depend on how many threads it has.
    pub pool: &'a rayon::ThreadPool,
    /// Set from elsewhere to stop; the search returns what it has.
    pub cancel: &'a AtomicBool,
    /// Called after every iteration.
    pub progress: &'a mut dyn FnMut(Progress<'_>),
    /// Where outcomes are recorded and taken from, if the search is to survive
    /// its process.
    pub journal: Option<&'a mut Journal>,
}

impl Control<'_> {
    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

/// A budget being spent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    budget: Budget,
    /// Time spent before `start`.
    before: Duration,
    /// Since when the clock runs; it stands still while a journal is replayed.
    start: Option<Instant>,
    iterations: u64,
}

impl Meter {
    pub(crate) fn start(budget: Budget) -> Self {
        Self {
            budget,
            before: Duration::ZERO,
            start: Some(Instant::now()),
            iterations: 0,
        }
    }

    pub(crate) fn tick(&mut self) {
        self.iterations += 1;
    }

    /// Sets the clock to what a journal says; it stands still while there is
    /// more to replay.
    pub(crate) fn replayed(&mut self, elapsed: Duration, more: bool) {
        self.before = elapsed;
        self.start = (!more).then(Instant::now);
    }

    /// Time spent, by all processes that searched.
    pub(crate) fn elapsed(&self) -> Duration {
        let running = self.start.map_or(Duration::ZERO, |start| start.elapsed());
        self.before.saturating_add(running)
    }

    /// Share of the budget that is spent.
    pub(crate) fn spent(&self, tried: u64) -> f64 {
        let share = |done: f64, all: f64| {
            if all > 0.0 {
                (done / all).min(1.0)
            } else {
                1.0
            }
        };
        match self.budget {
            Budget::Iterations(all) => share(self.iterations as f64, all as f64),
            Budget::Evaluations(all) => share(tried as f64, all as f64),
            Budget::Time(all) => share(self.elapsed().as_secs_f64(), all.as_secs_f64()),
        }
    }
}
