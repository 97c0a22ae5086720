//! Progress bars that follow the library's work.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use lpzero::{Event, Watch};

use super::output::Reporter;

/// Steps of a bar: tenths of a percent.
const STEPS: u64 = 1000;

/// A watch that draws the task under way as a bar, one at a time, and prints warnings.
pub fn watch(report: Reporter) -> Watch {
    let current: Mutex<Option<(&'static str, ProgressBar)>> = Mutex::new(None);
    let lines = Mutex::new(Lines::new());
    let terminal = std::io::stderr().is_terminal();
    Watch::new(move |event| {
        if !terminal && let Event::Progress { task, done, detail } = &event {
            let mut lines = lines
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            if let Some(line) = lines.at(Instant::now(), task, *done, detail) {
                report.note(line);
            }
        }
        // A thread that panicked while it drew leaves nothing worth refusing to draw.
        let mut current = current
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        match event {
            Event::Progress { task, done, detail } => {
                if current.as_ref().is_none_or(|(name, _)| *name != task) {
                    clear(&mut current);
                    *current = Some((task, report.bar(task, STEPS)));
                }
                if let Some((_, bar)) = &*current {
                    bar.set_position((done * STEPS as f64) as u64);
                    bar.set_message(detail.to_owned());
                }
            }
            Event::Ended { task } => {
                if current.as_ref().is_some_and(|(name, _)| *name == task) {
                    clear(&mut current);
                }
            }
            Event::Warning(message) => match &*current {
                Some((_, bar)) => bar.suspend(|| report.warn(message)),
                None => report.warn(message),
            },
        }
    })
}

/// How often progress is a line where there is no terminal to draw on.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// Progress as a line now and then, for logs. What is over within a minute has none.
struct Lines {
    began: Instant,
    last: Instant,
}

impl Lines {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            last: now,
        }
    }

    /// The line for now, if it is time for one.
    fn at(&mut self, now: Instant, task: &str, done: f64, detail: &str) -> Option<String> {
        if now.duration_since(self.last) < BETWEEN_LINES {
            return None;
        }
        self.last = now;
        let minutes = now.duration_since(self.began).as_secs() / 60;
        let percent = 100.0 * done;
        Some(
            format!("{minutes} min: {task}, {percent:.0} %  {detail}")
                .trim_end()
                .to_owned(),
        )
    }
}

fn clear(current: &mut Option<(&'static str, ProgressBar)>) {
    if let Some((_, bar)) = current.take() {
        bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_a_line_a_minute() {
        let mut lines = Lines::new();
        let at = |seconds| lines.began + Duration::from_secs(seconds);
        let times = [1, 59, 61, 100, 120, 125].map(at);
        let said = times.map(|now| lines.at(now, "searching", 0.25, "9 formulas"));
        let said: Vec<Option<&str>> = said.iter().map(Option::as_deref).collect();
        let expected = Some("1 min: searching, 25 %  9 formulas");
        assert_eq!(
            said,
            [
                None,
                None,
                expected,
                None,
                None,
                Some("2 min: searching, 25 %  9 formulas")
            ]
        );
    }
}
