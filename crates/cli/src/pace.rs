//! How long work will still take.

use std::time::{Duration, Instant};

/// What is done within the first moment was done before: read from a journal or a cache. It
/// says nothing of how fast the work goes.
const MOMENT: Duration = Duration::from_secs(1);

/// The pace of one task.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    began: Instant,
    /// When the work of this run began, and the share that was done before.
    since: (Instant, f64),
    done: f64,
}

impl Pace {
    /// A task that begins now.
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            since: (now, 0.0),
            done: 0.0,
        }
    }

    /// A share of the task, from 0 to 1, is done.
    pub fn at(&mut self, now: Instant, done: f64) {
        if now.duration_since(self.began) < MOMENT {
            self.since = (now, done);
        }
        self.done = done;
    }

    /// Time that the rest takes if it goes on as it went; `None` before anything is known.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let (since, before) = self.since;
        let here = self.done - before;
        let seconds = now.duration_since(since).as_secs_f64();
        let left = seconds * (1.0 - self.done).max(0.0) / here;
        (here > 0.0)
            .then(|| Duration::try_from_secs_f64(left).ok())
            .flatten()
    }
}

/// A time for people, in its two largest units.
pub fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 86_400, seconds / 3600, seconds / 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {:02} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {:02} min", minutes % 60),
        (days, hours, _) => format!("{days} d {:02} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_before_does_not_make_the_rest_look_fast() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut pace = Pace::new(began);
        assert_eq!(pace.left(at(5)), None);
        // Nine tenths were in the journal; the last takes as long as it takes.
        pace.at(began, 0.9);
        assert_eq!(pace.left(at(30)), None);
        pace.at(at(30), 0.95);
        assert_eq!(pace.left(at(30)).map(|left| left.as_secs()), Some(30));
        pace.at(at(60), 1.0);
        assert_eq!(pace.left(at(60)), Some(Duration::ZERO));
    }

    #[test]
    fn a_time_has_its_two_largest_units() {
        let said = [9, 61, 3 * 3600 + 125, 50 * 3600].map(|s| rough(Duration::from_secs(s)));
        assert_eq!(said, ["9 s", "1 min 01 s", "3 h 02 min", "2 d 02 h"]);
    }
}
