//! What can go wrong, one sentence each.

use crate::journal::JournalError;

/// Errors of statistics, splits and searches.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A NaN has no rank.
    #[error("value {index} is NaN; a rank statistic needs numbers")]
    NotANumber {
        /// Position of the first NaN.
        index: usize,
    },
    /// Two columns that should describe the same architectures do not.
    #[error("the columns have different lengths, {left} and {right}")]
    Lengths {
        /// Length of the first column.
        left: usize,
        /// Length of the second column.
        right: usize,
    },
    /// Too few values for a correlation.
    #[error("{n} value(s) given; a rank correlation needs at least 2")]
    TooFew {
        /// How many there are.
        n: usize,
    },
    /// The ground truth is smaller than the split.
    #[error(
        "the split asks for {search} + {validation} architectures, the ground truth has {available}"
    )]
    SplitTooLarge {
        /// Architectures to search on.
        search: usize,
        /// Architectures to select with.
        validation: usize,
        /// Architectures that the ground truth has.
        available: usize,
    },
    /// The ground truth is used up before the test set.
    #[error(
        "the split asks for {search} + {validation} architectures and leaves {left} of {available} \
         to test on; at least {minimum} are needed"
    )]
    NoTestSet {
        /// Architectures to search on.
        search: usize,
        /// Architectures to select with.
        validation: usize,
        /// Architectures that the ground truth has.
        available: usize,
        /// What is left.
        left: usize,
        /// [`MINIMUM_PART`](crate::split::MINIMUM_PART).
        minimum: usize,
    },
    /// Equal networks would have to stand in two parts.
    #[error(
        "{search} + {validation} architectures cannot be drawn without dividing equal networks \
         between the parts; change the split by one"
    )]
    IndivisibleNetworks {
        /// Architectures to search on.
        search: usize,
        /// Architectures to select with.
        validation: usize,
    },
    /// One part of the split is too small to correlate on.
    #[error("the split asks for {asked} {part} architecture(s); at least {minimum} are needed")]
    PartTooSmall {
        /// `search` or `validation`.
        part: &'static str,
        /// What was asked for.
        asked: usize,
        /// [`MINIMUM_PART`](crate::split::MINIMUM_PART).
        minimum: usize,
    },
    /// All trained scores of a part are equal: nothing can correlate with them.
    #[error("all {n} trained scores of the {part} split are equal, so nothing can be ranked")]
    ConstantTruth {
        /// `search`, `validation` or `test`.
        part: &'static str,
        /// How many scores.
        n: usize,
    },
    /// A setting is outside its range.
    #[error("setting `{name}` is {value}; expected {expected}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Its value, printed.
        value: String,
        /// The range.
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
