//! Progress bars that follow the library's work.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use lpzero::{Event, Watch};

use super::output::Reporter;
use super::pace::{Pace, rough};

/// Steps of a bar: tenths of a percent.
const STEPS: u64 = 1000;

/// A watch that draws the task under way as a bar, one at a time, and prints warnings. Where
/// standard error is no terminal, progress is a line now and then.
pub fn watch(report: Reporter) -> Watch {
    let follower = Mutex::new(Follower {
        report,
        terminal: std::io::stderr().is_terminal(),
        last_line: Instant::now(),
        current: None,
    });
    Watch::new(move |event| {
        // A thread that panicked while it drew leaves nothing worth refusing to draw.
        let mut follower = follower.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Progress { task, done, detail } => follower.progress(task, done, detail),
            Event::Ended { task } => follower.ended(task),
            Event::Warning(message) => follower.warn(message),
        }
    })
}

/// How often progress is a line where there is no terminal to draw on.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// Shows events.
struct Follower {
    report: Reporter,
    terminal: bool,
    last_line: Instant,
    current: Option<Current>,
}

/// The task under way.
struct Current {
    task: &'static str,
    began: Instant,
    pace: Pace,
    bar: ProgressBar,
}

impl Follower {
    fn progress(&mut self, task: &'static str, done: f64, detail: &str) {
        let now = Instant::now();
        let same = |current: &Current| current.task == task;
        if !self.current.as_ref().is_some_and(same) {
            self.clear();
            self.current = Some(Current {
                task,
                began: now,
                pace: Pace::new(now),
                bar: self.report.bar(task, STEPS),
            });
        }
        let Some(current) = &mut self.current else {
            return;
        };
        current.pace.at(now, done);
        current.bar.set_position((done * STEPS as f64) as u64);
        current.bar.set_message(match current.pace.left(now) {
            Some(left) => format!("{} left  {detail}", rough(left)),
            None => detail.to_owned(),
        });
        if !self.terminal && now.duration_since(self.last_line) >= BETWEEN_LINES {
            self.last_line = now;
            self.report.note(current.line(now, done, detail));
        }
    }

    fn ended(&mut self, task: &str) {
        if self.current.as_ref().is_some_and(|now| now.task == task) {
            self.clear();
        }
    }

    fn warn(&self, message: &str) {
        match &self.current {
            Some(current) => current.bar.suspend(|| self.report.warn(message)),
            None => self.report.warn(message),
        }
    }

    fn clear(&mut self) {
        if let Some(current) = self.current.take() {
            current.bar.finish_and_clear();
        }
    }
}

impl Current {
    /// A line for a log.
    fn line(&self, now: Instant, done: f64, detail: &str) -> String {
        let minutes = now.duration_since(self.began).as_secs() / 60;
        let percent = 100.0 * done;
        let left = self.pace.left(now).map(rough);
        let left = left.map_or_else(String::new, |left| format!(", {left} left"));
        let line = format!(
            "{minutes} min: {}, {percent:.0} %{left}  {detail}",
            self.task
        );
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_log_tells_the_time_left() {
        let began = Instant::now();
        let at = |minutes: u64| began + Duration::from_secs(60 * minutes);
        let mut current = Current {
            task: "searching",
            began,
            pace: Pace::new(began),
            bar: ProgressBar::hidden(),
        };
        assert_eq!(current.line(at(0), 0.0, ""), "0 min: searching, 0 %");
        current.pace.at(at(2), 0.25);
        assert_eq!(
            current.line(at(2), 0.25, "9 formulas"),
            "2 min: searching, 25 %, 6 min 00 s left  9 formulas"
        );
    }
}
