//! Errors of searches, one sentence each.

use lpzero_run::JournalError;

/// Errors of searches.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A statistic or a split is not possible on these data.
    #[error(transparent)]
    Statistics(#[from] lpzero_stats::Error),
    /// A share of an enumeration is done: the result takes the others, too.
    #[error("a share is done: {recorded} of {all} pieces are recorded")]
    Share {
        /// Pieces that are recorded, by this share and those that were there.
        recorded: usize,
        /// Pieces of the whole enumeration.
        all: usize,
    },
    /// All trained scores of a part are equal: nothing can correlate with them.
    #[error("all {n} trained scores of the {part} split are equal, so nothing can be ranked")]
    ConstantTruth {
        /// `search`, `validation` or `test`.
        part: &'static str,
        /// How many scores.
        n: usize,
    },
    /// No two networks of a ground truth are of like size, so none can be told apart by it.
    #[error(
        "no two networks of `{truth}` that are searched on differ by less than {tolerance} in \
         size and have different scores, so equal-size accuracy is undefined"
    )]
    NoPairs {
        /// The ground truth.
        truth: String,
        /// Share by which sizes may differ, printed.
        tolerance: String,
    },
    /// A setting is outside its range.
    #[error("setting `{name}` is {value}; expected {expected}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Value that was given, printed.
        value: String,
        /// Range that is allowed.
        expected: &'static str,
    },
    /// A space is too large to be enumerated.
    #[error(
        "the space has {formulas} formulas, which take {bytes} bytes to enumerate, more than \
         {limit}; choose fewer unary operations or a smaller search split"
    )]
    SpaceTooLarge {
        /// Formulas that differ by more than algebra.
        formulas: u64,
        /// Bytes that they take, on the safe side.
        bytes: u64,
        /// [`MOST_MEMORY`](crate::exhaustive::MOST_MEMORY).
        limit: u64,
    },
    /// There is nothing to write a formula with.
    #[error("the traces hold no symbol and no scalar that differs between architectures")]
    EmptyVocabulary,
    /// Nothing that the search generated could be evaluated.
    #[error(
        "no formula could be evaluated: {generated} were generated and every one was pruned; \
         the ground truth's traces may be empty or constant"
    )]
    NothingFound {
        /// How many formulas were generated.
        generated: u64,
    },
    /// The search cannot be continued from its journal, or not be recorded.
    #[error(transparent)]
    Journal(#[from] JournalError),
}
