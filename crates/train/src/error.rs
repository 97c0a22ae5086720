//! Errors of training, validation and building.

use std::path::{Path, PathBuf};

/// Every error of this crate, one sentence each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine refuses the architecture, the batch or a file.
    #[error(transparent)]
    Engine(#[from] lpzero_nn::Error),
    /// A ground truth or a file of architectures is wrong.
    #[error(transparent)]
    Truth(#[from] lpzero_truth::Error),
    /// The journal of a build cannot be used.
    #[error(transparent)]
    Journal(#[from] lpzero_run::JournalError),
    /// A number of the recipe is wrong.
    #[error("{key}: found {found}, expected {expected}")]
    Recipe {
        /// Key of the number.
        key: &'static str,
        /// Range that is allowed.
        expected: &'static str,
        /// Number that was given.
        found: String,
    },
    /// The loss is no number any more.
    #[error(
        "training diverged: the loss of update {step} is {loss}; lower the learning rate, or clip \
         the gradient"
    )]
    Diverged {
        /// Number of the update, from 1.
        step: u64,
        /// Loss of that update.
        loss: f64,
    },
    /// The tokens do not suit the architecture.
    #[error("{0}")]
    Tokens(String),
    /// A checkpoint is damaged or of another training.
    #[error("{}: {what}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// Fault, and what was expected.
        what: String,
    },
    /// A file cannot be read or written.
    #[error("{}: cannot be {action}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// Error of the system.
        source: std::io::Error,
    },
    /// The architecture cannot be said in the other library's words.
    #[error(transparent)]
    NotWritable(#[from] lpzero_arch::hugging_face::NotWritable),
    /// A number of a plan is wrong.
    #[error("{}: {key}: {what}", file.display())]
    Plan {
        /// The file.
        file: PathBuf,
        /// The key in it.
        key: String,
        /// Values that were expected.
        what: String,
    },
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// Whether the caller cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Cancelled | Self::Engine(lpzero_nn::Error::Cancelled)
        )
    }

    /// Whether what the user gave is wrong, as opposed to the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Journal(error) => error.is_input(),
            Self::Engine(error) => error.is_input(),
            Self::Truth(error) => error.is_input(),
            Self::Cancelled => false,
            Self::File { action, source, .. } => {
                *action != "written" && !lpzero_run::is_machines_fault(source)
            }
            Self::Recipe { .. }
            | Self::Diverged { .. }
            | Self::Tokens(_)
            | Self::Checkpoint { .. }
            | Self::NotWritable(_)
            | Self::Plan { .. } => true,
        }
    }

    pub(crate) fn written(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        Self::file(path, "written")
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        Self::file(path, "read")
    }

    fn file(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            path,
            action,
            source,
        }
    }
}
