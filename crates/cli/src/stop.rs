//! Ctrl-C and SIGTERM: work is asked to stop, and where it does not, it is stopped.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use lpzero::run::Cancel;

use super::failure::{Failure, INTERRUPTED};

/// Time that work has to stop by itself. Some cannot: nothing looks at a flag inside
/// the decomposition of a matrix.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How work is stopped that does not stop by itself. Clones are one.
#[derive(Clone, Debug)]
pub struct Stop(Arc<Mutex<How>>);

#[derive(Debug)]
struct How {
    patience: Duration,
    /// How to go on.
    next: String,
}

impl Stop {
    /// Raises the flag at the first signal, ends the process at the second, or when
    /// the work has not stopped by itself.
    ///
    /// Nothing is lost so that stopping by itself would have kept: journals and caches
    /// hold whole records, and files are there whole or not at all.
    pub fn listen(cancel: Cancel) -> Result<Self> {
        let stop = Self(Arc::new(Mutex::new(How {
            patience: PATIENCE,
            next: "run the same command again".to_owned(),
        })));
        let how = stop.clone();
        ctrlc::set_handler(move || {
            // The second signal does not wait.
            if cancel.is_cancelled() {
                std::process::exit(INTERRUPTED.into());
            }
            cancel.cancel();
            let how = how.clone();
            // Without a thread for it, a second signal is what ends the process.
            let _ = std::thread::Builder::new().spawn(move || how.end_later());
        })
        .context("cannot listen for Ctrl-C")?;
        Ok(stop)
    }

    /// Says how a run that was stopped is continued.
    pub fn resumable(&self, next: &str) {
        next.clone_into(&mut self.how().next);
    }

    /// Gives work this time to stop by itself: it has something to save.
    pub fn wait(&self, patience: Duration) {
        self.how().patience = patience;
    }

    fn end_later(&self) {
        let patience = self.how().patience;
        std::thread::sleep(patience);
        let failure = Failure::Interrupted {
            message: "interrupted".to_owned(),
            next: self.how().next.clone(),
        };
        // A terminal that is gone need not be told.
        let _ = writeln!(std::io::stderr(), "lpzero: {failure}");
        std::process::exit(INTERRUPTED.into());
    }

    fn how(&self) -> MutexGuard<'_, How> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
