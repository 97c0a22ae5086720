//! Where the time of a pass goes, by kernel.
//!
//! With the feature `profile` every kernel measures itself; without it nothing
//! here costs anything. Kernels that several threads run at once add up, so
//! times are those of all threads together.

#[cfg(feature = "profile")]
pub(crate) use measured::span;
#[cfg(feature = "profile")]
pub use measured::{Entry, take};

/// Measures nothing.
#[cfg(not(feature = "profile"))]
pub(crate) struct Span;

/// Measures nothing.
#[cfg(not(feature = "profile"))]
#[inline(always)]
pub(crate) fn span(_name: &'static str) -> Span {
    Span
}

#[cfg(feature = "profile")]
mod measured {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, PoisonError};
    use std::time::{Duration, Instant};

    /// Calls and time of one kernel.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct Entry {
        /// Number of calls.
        pub calls: u64,
        /// Time of all calls, of all threads.
        pub time: Duration,
    }

    static ENTRIES: Mutex<BTreeMap<&'static str, Entry>> = Mutex::new(BTreeMap::new());

    /// Takes the measurements since the last call, by kernel, of the whole process.
    pub fn take() -> BTreeMap<&'static str, Entry> {
        std::mem::take(&mut ENTRIES.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Measures until it is dropped.
    pub(crate) struct Span {
        name: &'static str,
        start: Instant,
    }

    /// Starts to measure a kernel.
    pub(crate) fn span(name: &'static str) -> Span {
        Span {
            name,
            start: Instant::now(),
        }
    }

    impl Drop for Span {
        fn drop(&mut self) {
            let time = self.start.elapsed();
            let mut entries = ENTRIES.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = entries.entry(self.name).or_default();
            entry.calls += 1;
            entry.time += time;
        }
    }
}
