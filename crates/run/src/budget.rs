//! When to stop.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How long to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// So many iterations, each a batch of candidates.
    Iterations(u64),
    /// So many different candidates sent to the evaluator.
    Evaluations(u64),
    /// Wall-clock time. Not reproducible: how far a search gets depends on the
    /// machine.
    Time(Duration),
}

impl Budget {
    /// Share of the budget that is spent, 0 to 1.
    pub fn spent(&self, iterations: u64, evaluations: u64, elapsed: Duration) -> f64 {
        let (done, all) = match *self {
            Self::Iterations(all) => (iterations as f64, all as f64),
            Self::Evaluations(all) => (evaluations as f64, all as f64),
            Self::Time(all) => (elapsed.as_secs_f64(), all.as_secs_f64()),
        };
        if all > 0.0 {
            (done / all).min(1.0)
        } else {
            1.0
        }
    }
}

/// The time that a run has taken, over all processes that worked on it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Time before `running`.
    before: Duration,
    /// Since when the clock runs; it stands still while a journal is replayed.
    running: Option<Instant>,
}

impl Clock {
    /// A clock that begins to run now, at zero.
    pub fn start() -> Self {
        Self {
            before: Duration::ZERO,
            running: Some(Instant::now()),
        }
    }

    /// Sets the clock to what a journal says, where that is later. It stands still while
    /// there is more to replay.
    pub fn replayed(&mut self, elapsed: Duration, more: bool) {
        self.before = self.before.max(elapsed);
        self.running = (!more).then(Instant::now);
    }

    /// The time taken.
    pub fn elapsed(&self) -> Duration {
        let running = self.running.map_or(Duration::ZERO, |since| since.elapsed());
        self.before.saturating_add(running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_by_what_it_counts() {
        let second = Duration::from_secs(1);
        let spent = |budget: Budget| budget.spent(3, 5, second);
        assert_eq!(spent(Budget::Iterations(12)), 0.25);
        assert_eq!(spent(Budget::Evaluations(10)), 0.5);
        assert_eq!(spent(Budget::Time(4 * second)), 0.25);
        assert_eq!(spent(Budget::Evaluations(2)), 1.0);
        assert_eq!(spent(Budget::Evaluations(0)), 1.0);
    }

    #[test]
    fn a_clock_stands_still_while_a_journal_is_replayed() {
        let mut clock = Clock::start();
        let hour = Duration::from_secs(3600);
        clock.replayed(hour, true);
        assert_eq!(clock.elapsed(), hour);
        clock.replayed(hour, false);
        assert!(clock.elapsed() >= hour);
    }
}
