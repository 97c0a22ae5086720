//! What can go wrong between a ground truth and a report.

use crate::text::TextError;

/// Errors of the whole pipeline, each with what the crate below says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An architecture file cannot be used.
    #[error(transparent)]
    Architecture(#[from] lpzero_arch::Error),
    /// A ground truth cannot be used.
    #[error(transparent)]
    Truth(#[from] lpzero_truth::Error),
    /// A text cannot be used.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A formula cannot be read; the text shows the place.
    #[error("{0}")]
    Formula(String),
    /// The engine refuses an architecture or the minibatch.
    #[error("architecture {id}: {source}")]
    Engine {
        /// As the ground truth or the command line names it.
        id: String,
        /// What the engine says.
        source: lpzero_nn::Error,
    },
    /// One network alone would not fit into memory.
    #[error(
        "architecture {id} has {parameters} parameters: one pass takes about {} MB, above the limit of {} MB",
        bytes / 1_000_000, limit / 1_000_000
    )]
    TooLarge {
        /// As the ground truth or the command line names it.
        id: String,
        /// Its parameters.
        parameters: u128,
        /// Estimated bytes of one pass.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Traces cannot be made or kept.
    #[error(transparent)]
    Trace(lpzero_trace::Error),
    /// A statistic or a split is not possible on these data.
    #[error(transparent)]
    Statistics(#[from] lpzero_stats::Error),
    /// A search is not possible on these data.
    #[error(transparent)]
    Search(#[from] lpzero_search::Error),
    /// A training failed.
    #[error(transparent)]
    Train(#[from] lpzero_train::Error),
    /// An architecture search is not possible as asked for.
    #[error(transparent)]
    ArchitectureSearch(#[from] lpzero_nas::Error),
    /// Two counts of one architecture differ, which must not happen.
    #[error(
        "architecture {id}: {cost} counted as {first}, but its network has {second}; please \
         report this"
    )]
    Recount {
        /// As files name it.
        id: String,
        /// What was counted.
        cost: &'static str,
        /// From the description.
        first: f64,
        /// From a network and a pass.
        second: u128,
    },
    /// Sub-networks cannot be scored from one pass of their super-network.
    #[error("{formula} has no restricted score: {reason}; score sub-networks directly")]
    Restricted {
        /// The proxy.
        formula: String,
        /// Why.
        reason: String,
    },
    /// The ground truth cannot be audited; the sentence says why.
    #[error("{0}")]
    Audit(String),
    /// A token with nothing before it that it could be predicted from.
    #[error(
        "sequence {index}: {scored} of its {tokens} tokens are to be scored, and none is left before them"
    )]
    NothingBefore {
        /// Which sequence.
        index: usize,
        /// How many tokens were asked for.
        scored: usize,
        /// How many there are.
        tokens: usize,
    },
    /// An evaluation was cancelled.
    #[error("interrupted after {finished} of {total} sequences")]
    Interrupted {
        /// Sequences that were done.
        finished: usize,
        /// All.
        total: usize,
    },
    /// The system gives no threads.
    #[error("cannot start the threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

impl Error {
    /// Whether what the user gave is wrong, as opposed to the machine.
    pub fn is_input(&self) -> bool {
        match self {
            // A full or vanished disk is not what the user typed.
            Self::Trace(lpzero_trace::Error::Cache { action, .. }) => {
                matches!(*action, "create" | "open")
            }
            Self::Search(lpzero_search::Error::Journal(error)) => error.is_input(),
            Self::Train(error) => error.is_input(),
            Self::ArchitectureSearch(error) => error.is_input(),
            Self::Trace(_) | Self::Threads(_) | Self::Recount { .. } | Self::Interrupted { .. } => {
                false
            }
            _ => true,
        }
    }

    /// Whether the work was cancelled; what was finished is kept.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Trace(lpzero_trace::Error::Cancelled { .. })
                | Self::Train(lpzero_train::Error::Cancelled)
                | Self::Interrupted { .. }
        )
    }

    /// Gives an error of the trace crate the id of the architecture it is about.
    pub(crate) fn traced(error: lpzero_trace::Error, ids: &[String]) -> Self {
        let id = |index: usize| ids.get(index).cloned().unwrap_or_else(|| index.to_string());
        match error {
            lpzero_trace::Error::Engine { index, source } => Self::Engine {
                id: id(index),
                source,
            },
            lpzero_trace::Error::TooLarge {
                index,
                parameters,
                bytes,
                limit,
            } => Self::TooLarge {
                id: id(index),
                parameters,
                bytes,
                limit,
            },
            other => Self::Trace(other),
        }
    }
}
