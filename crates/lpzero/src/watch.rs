//! Work under way: who follows it, and who may stop it.

use std::fmt;
use std::sync::Arc;

use lpzero_run::Cancel;
use lpzero_trace::Progress;

/// Event of a library call at work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// A task goes on.
    Progress {
        /// The task, such as `tracing`.
        task: &'static str,
        /// Share of the task that is done, from 0 to 1.
        done: f64,
        /// Detail for people; may be empty.
        detail: &'a str,
    },
    /// A task has ended, well or not.
    Ended {
        /// The task.
        task: &'static str,
    },
    /// Something that the user should know although the work goes on.
    Warning(&'a str),
}

/// Whoever follows work under way.
type Follower = Arc<dyn Fn(Event<'_>) + Send + Sync>;

/// Follows work under way and may stop it. Clones share both.
#[derive(Clone, Default)]
pub struct Watch {
    cancel: Cancel,
    follower: Option<Follower>,
}

impl Watch {
    /// A watch that shows every event to `follower`, from whatever thread.
    pub fn new(follower: impl Fn(Event<'_>) + Send + Sync + 'static) -> Self {
        Self {
            cancel: Cancel::new(),
            follower: Some(Arc::new(follower)),
        }
    }

    /// A watch that stops the same work and shows nothing.
    pub fn silent(&self) -> Self {
        Self {
            cancel: self.cancel.clone(),
            follower: None,
        }
    }

    /// Stops the work soon: what was finished is kept, and the call returns an error
    /// for which [`Error::is_cancelled`](crate::Error::is_cancelled) holds.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Whether the work is to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// The flag that [`cancel`](Self::cancel) sets.
    pub fn flag(&self) -> &Cancel {
        &self.cancel
    }

    /// Begins a task, which ends when what is returned goes.
    pub fn task(&self, name: &'static str) -> Task<'_> {
        let task = Task { watch: self, name };
        task.at(0.0, "");
        task
    }

    /// Says something that the user should know.
    pub fn warn(&self, message: impl fmt::Display) {
        if self.follower.is_some() {
            self.tell(Event::Warning(&message.to_string()));
        }
    }

    fn tell(&self, event: Event<'_>) {
        if let Some(follower) = &self.follower {
            follower(event);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

/// A task under way.
pub struct Task<'a> {
    watch: &'a Watch,
    name: &'static str,
}

impl Task<'_> {
    /// A share of the task is done, from 0 to 1.
    pub fn at(&self, done: f64, detail: &str) {
        self.watch.tell(Event::Progress {
            task: self.name,
            done,
            detail,
        });
    }

    /// Whether the task is to stop.
    pub fn is_cancelled(&self) -> bool {
        self.watch.is_cancelled()
    }

    /// `done` of `total` steps are done.
    pub fn step(&self, done: usize, total: usize) {
        self.at(done as f64 / total.max(1) as f64, "");
    }

    /// Passes go on. Large networks come first, so the share is of the work: the
    /// number of finished networks does not tell the time left.
    pub fn passes(&self, progress: Progress) {
        if self.watch.follower.is_some() {
            let Progress {
                work,
                finished,
                total,
                ..
            } = progress;
            self.at(work, &format!("{finished} of {total} networks"));
        }
    }
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        self.watch.tell(Event::Ended { task: self.name });
    }
}
