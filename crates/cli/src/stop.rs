//! Work that was asked to stop, and does not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use lpzero::run::Cancel;

use super::failure::{Failure, INTERRUPTED};
use super::output;

/// Time that work has to stop by itself. Some cannot: nothing looks at a flag inside
/// the decomposition of a matrix.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Time between two looks at the flag.
const LOOKS: Duration = Duration::from_millis(100);

/// Ends the process some time after its flag was raised. Clones are one.
///
/// Nothing is lost that work which stops by itself would have kept: journals and caches
/// hold whole records, and files are there whole or not at all.
#[derive(Clone, Debug)]
pub struct Stop(Arc<Mutex<How>>);

#[derive(Debug)]
struct How {
    patience: Duration,
    /// How to go on.
    next: String,
    /// Whether all results are written: there is nothing left to interrupt.
    finished: bool,
}

impl Stop {
    /// Watches a flag from now on.
    pub fn after(flag: &Cancel) -> Self {
        let stop = Self(Arc::new(Mutex::new(How {
            patience: PATIENCE,
            next: "run the same command again".to_owned(),
            finished: false,
        })));
        let (how, flag) = (stop.clone(), flag.clone());
        let watch = move || {
            while !flag.is_cancelled() {
                thread::sleep(LOOKS);
            }
            thread::sleep(how.how().patience);
            how.end();
        };
        // Where there is no thread for it, a second signal ends the process.
        let _ = thread::Builder::new().spawn(watch);
        stop
    }

    /// Says how a run that was stopped is continued.
    pub fn resumable(&self, next: &str) {
        next.clone_into(&mut self.how().next);
    }

    /// Gives work this time to stop by itself: it has something to save.
    pub fn wait(&self, patience: Duration) {
        self.how().patience = patience;
    }

    /// Says that all results are written: who stops the command now, stops nothing.
    pub fn finished(&self) {
        self.how().finished = true;
    }

    /// Whether all results are written.
    pub fn is_finished(&self) -> bool {
        self.how().finished
    }

    fn end(&self) {
        if self.is_finished() {
            return;
        }
        let failure = Failure::Interrupted {
            message: "interrupted".to_owned(),
            next: self.how().next.clone(),
        };
        output::remark(format_args!("lpzero: {failure}"));
        std::process::exit(INTERRUPTED.into());
    }

    fn how(&self) -> MutexGuard<'_, How> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
