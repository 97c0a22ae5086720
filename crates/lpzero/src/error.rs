//! Errors between a ground truth and a report.

use lpzero_search::Report;

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
        /// Name of the architecture in the ground truth or on the command line.
        id: String,
        /// Error of the engine.
        source: lpzero_nn::Error,
    },
    /// A loss is asked for, and the weights of a network have no head to compute one.
    #[error(
        "architecture {id}: its weights have no head (`{tensor}` is missing), and {proxy} reads \
         a loss; --objective random-projection gives it one"
    )]
    NoHead {
        /// Name of the architecture on the command line.
        id: String,
        /// The first tensor that is missing.
        tensor: String,
        /// The proxy.
        proxy: String,
    },
    /// What formulas on whole tensors take beside a pass would not fit into memory.
    #[error(
        "architecture {id}: decompositions of whole tensors and further passes take about {} MB \
         beside a pass of {} MB, above the limit of {} MB; --memory raises it, fewer tokens \
         (--batch, --positions) or other proxies take less",
        bytes / 1_000_000, pass / 1_000_000, limit / 1_000_000
    )]
    Beside {
        /// Id of the architecture.
        id: String,
        /// Estimated bytes of what formulas take.
        bytes: u64,
        /// Estimated bytes of the pass.
        pass: u64,
        /// The limit.
        limit: u64,
    },
    /// Decompositions of whole tensors would take longer than anybody said to wait.
    #[error(
        "decompositions of matrices up to {side} x {side} take about {:.0} minutes, above the \
         limit of {:.1}; --patience raises it, fewer tokens (--batch, --positions) or other \
         proxies take less",
        (seconds / 60.0).ceil(), patience / 60.0
    )]
    Patience {
        /// Side of the largest matrix.
        side: usize,
        /// Estimated seconds on all threads.
        seconds: f64,
        /// The limit in seconds.
        patience: f64,
    },
    /// One network alone would not fit into memory.
    #[error(
        "architecture {id} has {parameters} parameters: one pass takes about {} MB, above the limit of {} MB; --memory raises it",
        bytes / 1_000_000, limit / 1_000_000
    )]
    TooLarge {
        /// Name of the architecture in the ground truth or on the command line.
        id: String,
        /// Parameters of the architecture.
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
    /// A search was stopped before its end.
    #[error("{}", interrupted(report.as_deref()))]
    SearchInterrupted {
        /// Report of what is known so far, from the search and validation splits alone;
        /// `None` where nothing is.
        report: Option<Box<Report>>,
    },
    /// An architecture search was stopped before its end.
    #[error("interrupted after {evaluated} architectures")]
    NasInterrupted {
        /// Architectures that were scored.
        evaluated: u64,
    },
    /// The best choice of every block cannot be solved for.
    #[error(
        "{proxy} does not add over sites; expected a sum or mean over sites (`lpzero proxies \
         NAME` tells)"
    )]
    DoesNotAdd {
        /// The proxy.
        proxy: String,
    },
    /// A file of the front cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Unwritable {
        /// The file.
        path: std::path::PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// An architecture of the front is not what was written or looked up.
    #[error("architecture {id}: {reason}")]
    NotKept {
        /// As files name it.
        id: String,
        /// The file that cannot be used, or the values that differ.
        reason: String,
    },
    /// An ablation was stopped before its end.
    #[error("interrupted after {finished} of {total} searches")]
    AblationInterrupted {
        /// Searches that were done.
        finished: usize,
        /// All.
        total: usize,
    },
    /// An ablation is of one ground truth.
    #[error("{given} ground truths; expected one")]
    OneTruth {
        /// How many were given.
        given: usize,
    },
    /// Splits are given for another number of ground truths.
    #[error("given {given} times; expected once, or once for each of {expected} ground truths")]
    Splits {
        /// How many were given.
        given: usize,
        /// How many ground truths there are.
        expected: usize,
    },
    /// A file or folder does not hold the formulas that it should.
    #[error("{text}: {message}; expected {expected}")]
    NoFormulas {
        /// How it was asked for.
        text: String,
        /// Reason in words.
        message: String,
        /// Text or file that would do.
        expected: &'static str,
    },
    /// Two proxies have one name.
    #[error("{name}: given twice")]
    GivenTwice {
        /// The name.
        name: String,
    },
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
        /// Id of the architecture in files.
        id: String,
        /// Name of the cost.
        cost: &'static str,
        /// Count from the description.
        first: f64,
        /// Count from a network and a pass.
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
    /// The channels and heads of a network cannot be sorted by a proxy.
    #[error("{formula} sorts no channels and heads: {reason}")]
    Unsorted {
        /// The proxy.
        formula: String,
        /// Why.
        reason: String,
    },
    /// Networks that somebody else ran cannot be searched or ranked on.
    #[error("{name}: {reason}")]
    Traces {
        /// Name of the ground truth.
        name: String,
        /// Reason, as the end of a sentence.
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
    /// Work that keeps nothing was cancelled.
    #[error("interrupted")]
    Cancelled,
    /// An evaluation was cancelled.
    #[error("interrupted after {finished} of {total} sequences")]
    Interrupted {
        /// Sequences that were done.
        finished: usize,
        /// All.
        total: usize,
    },
    /// The journal of a run cannot be used.
    #[error(transparent)]
    Journal(#[from] lpzero_run::JournalError),
    /// The system gives no threads.
    #[error("cannot start the threads: {0}")]
    Threads(String),
}

impl From<rayon::ThreadPoolBuildError> for Error {
    fn from(error: rayon::ThreadPoolBuildError) -> Self {
        Self::Threads(error.to_string())
    }
}

impl Error {
    /// Whether what the user gave is wrong, as opposed to the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Architecture(error) => error.is_input(),
            Self::Truth(error) => error.is_input(),
            Self::Text(error) => error.is_input(),
            Self::Engine { source, .. } => source.is_input(),
            // A full or vanished disk is not what the user typed.
            Self::Trace(lpzero_trace::Error::Cache { action, source, .. }) => {
                matches!(*action, "create" | "open" | "list")
                    && !lpzero_run::is_machines_fault(source)
            }
            Self::Journal(error) | Self::Search(lpzero_search::Error::Journal(error)) => {
                error.is_input()
            }
            Self::Train(error) => error.is_input(),
            Self::ArchitectureSearch(error) => error.is_input(),
            Self::Trace(_)
            | Self::Threads(_)
            | Self::Recount { .. }
            | Self::Cancelled
            | Self::Interrupted { .. }
            | Self::SearchInterrupted { .. }
            | Self::AblationInterrupted { .. }
            | Self::NasInterrupted { .. }
            | Self::Unwritable { .. }
            | Self::NotKept { .. } => false,
            Self::Formula(_)
            | Self::TooLarge { .. }
            | Self::Statistics(_)
            | Self::Search(_)
            | Self::DoesNotAdd { .. }
            | Self::OneTruth { .. }
            | Self::Splits { .. }
            | Self::NoFormulas { .. }
            | Self::GivenTwice { .. }
            | Self::Restricted { .. }
            | Self::Unsorted { .. }
            | Self::Audit(_)
            | Self::Traces { .. }
            | Self::NoHead { .. }
            | Self::Beside { .. }
            | Self::Patience { .. }
            | Self::NothingBefore { .. } => true,
        }
    }

    /// Whether the journal of a search cannot be used.
    pub(crate) fn is_journal(&self) -> bool {
        matches!(self, Self::Search(lpzero_search::Error::Journal(_)))
    }

    /// Whether the work was cancelled; what was finished is kept.
    pub fn is_cancelled(&self) -> bool {
        if let Self::Train(error) = self {
            return error.is_cancelled();
        }
        matches!(
            self,
            Self::Trace(lpzero_trace::Error::Cancelled { .. })
                | Self::Engine {
                    source: lpzero_nn::Error::Cancelled,
                    ..
                }
                | Self::Cancelled
                | Self::Interrupted { .. }
                | Self::SearchInterrupted { .. }
                | Self::AblationInterrupted { .. }
                | Self::NasInterrupted { .. }
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
            lpzero_trace::Error::Beside {
                index,
                bytes,
                pass,
                limit,
            } => Self::Beside {
                id: id(index),
                bytes,
                pass,
                limit,
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

/// How far a search was when it was stopped.
fn interrupted(report: Option<&Report>) -> String {
    let Some(report) = report else {
        return "interrupted".to_owned();
    };
    let space = report.space.as_ref();
    let share = space.map(|space| format!(" ({:.1} % of the space)", 100.0 * space.done));
    format!(
        "interrupted after {} formulas{}, the best so far is {}",
        report.counts.evaluated,
        share.unwrap_or_default(),
        report.best.formula
    )
}
