//! Progress bars that follow the library's work.

use std::sync::Mutex;

use indicatif::ProgressBar;
use lpzero::{Event, Watch};

use super::output::Reporter;

/// Steps of a bar: tenths of a percent.
const STEPS: u64 = 1000;

/// A watch that draws the task under way as a bar, one at a time, and prints warnings.
pub fn watch(report: Reporter) -> Watch {
    let current: Mutex<Option<(&'static str, ProgressBar)>> = Mutex::new(None);
    Watch::new(move |event| {
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

fn clear(current: &mut Option<(&'static str, ProgressBar)>) {
    if let Some((_, bar)) = current.take() {
        bar.finish_and_clear();
    }
}
