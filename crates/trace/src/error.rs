//! Errors of making and keeping traces.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Why a set of traces could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine refused an architecture or a pass.
    #[error("architecture {index}: {source}")]
    Engine {
        /// Position in the list of architectures.
        index: usize,
        /// Error of the engine.
        source: lpzero_nn::Error,
    },
    /// One network alone would not fit.
    #[error(
        "architecture {index} has {parameters} parameters: tracing it takes about {} MB, above the limit of {} MB",
        bytes / 1_000_000, limit / 1_000_000
    )]
    TooLarge {
        /// Position in the list of architectures.
        index: usize,
        /// Number of its parameters.
        parameters: u128,
        /// Estimated bytes of weights, gradients and activations.
        bytes: u64,
        /// The limit that was given.
        limit: u64,
    },
    /// What a visitor takes beside a pass would not fit.
    #[error(
        "architecture {index}: formulas take about {} MB beside a pass of {} MB, above the limit of {} MB",
        bytes / 1_000_000, pass / 1_000_000, limit / 1_000_000
    )]
    Beside {
        /// Position in the list of architectures.
        index: usize,
        /// Estimated bytes of what visitors take.
        bytes: u64,
        /// Estimated bytes of the pass.
        pass: u64,
        /// The limit that was given.
        limit: u64,
    },
    /// The cancel flag was raised.
    #[error("cancelled after {finished} of {total} architectures")]
    Cancelled {
        /// Traces that were finished (and cached).
        finished: usize,
        /// Traces that were asked for.
        total: usize,
    },
    /// The cache folder or file cannot be used.
    #[error("{}: cannot {action} the trace cache: {source}", path.display())]
    Cache {
        /// Action that was tried, a verb.
        action: &'static str,
        /// Folder or file.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
}

impl Error {
    /// Whether a pass was stopped.
    pub(crate) fn is_of_engine_cancelled(&self) -> bool {
        let Error::Engine { source, .. } = self else {
            return false;
        };
        matches!(source, lpzero_nn::Error::Cancelled)
    }

    /// For `map_err` on an operation on the cache.
    pub(crate) fn cache(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Cache {
            action,
            path,
            source,
        }
    }
}

/// Something about the cache that the user should know, none of which stops
/// the work: what is missing is made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheWarning {
    /// The file ended in a damaged or half-written record.
    CutOff {
        /// The cache file.
        path: PathBuf,
        /// Intact records before the damage.
        kept: usize,
        /// Bytes cut off.
        bytes: u64,
    },
    /// The file was not a trace cache of this version and these settings.
    Rebuilt {
        /// The cache file.
        path: PathBuf,
    },
    /// There is something else in the place of the file, which is not touched.
    Foreign {
        /// The cache file.
        path: PathBuf,
        /// How one can tell.
        what: String,
    },
    /// Traces are not kept.
    NotKept {
        /// The cache file.
        path: PathBuf,
        /// How many; `None` where it is all.
        traces: Option<usize>,
        /// Reason in words.
        what: String,
    },
    /// Another process writes to the file: it is read, but not added to.
    InUse {
        /// The cache file.
        path: PathBuf,
    },
}

impl fmt::Display for CacheWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CacheWarning::CutOff { path, kept, bytes } => write!(
                f,
                "{}: the trace cache is damaged after {kept} traces; the last {bytes} bytes were cut off and are made again",
                path.display()
            ),
            CacheWarning::Rebuilt { path } => write!(
                f,
                "{}: not a trace cache of this version and these settings; it is made again",
                path.display()
            ),
            CacheWarning::Foreign { path, what } => write!(
                f,
                "{}: not a trace cache, {what}; it is left as it is, and traces are not kept",
                path.display()
            ),
            CacheWarning::NotKept { path, traces, what } => {
                write!(f, "{}: ", path.display())?;
                match traces {
                    Some(1) => write!(f, "a trace is not kept: {what}"),
                    Some(traces) => write!(f, "{traces} traces are not kept: {what}"),
                    None => write!(f, "traces are not kept: {what}"),
                }
            }
            CacheWarning::InUse { path } => write!(
                f,
                "{}: the trace cache is in use by another process; new traces are not kept",
                path.display()
            ),
        }
    }
}
