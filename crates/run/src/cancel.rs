//! How work is stopped from elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that one thread raises and others look at. Clones are one flag.
#[derive(Clone, Debug)]
pub struct Cancel(Option<Arc<AtomicBool>>);

impl Cancel {
    /// A flag that nobody can raise.
    pub const NEVER: Self = Self(None);

    /// A flag that nobody has raised.
    pub fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Raises the flag: work that looks at it stops soon, and keeps what it has.
    pub fn cancel(&self) {
        if let Some(flag) = &self.0 {
            flag.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the flag is raised.
    pub fn is_cancelled(&self) -> bool {
        let flag = self.0.as_ref();
        flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Cancel;

    #[test]
    fn clones_are_one_flag() {
        let cancel = Cancel::new();
        let elsewhere = cancel.clone();
        assert!(!cancel.is_cancelled());
        elsewhere.cancel();
        assert!(cancel.is_cancelled());
        Cancel::NEVER.cancel();
        assert!(!Cancel::NEVER.is_cancelled());
    }
}
