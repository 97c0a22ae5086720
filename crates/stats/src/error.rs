//! Errors of statistics and splits, one sentence each.

/// Errors of statistics and splits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A NaN has no rank.
    #[error("value {index} is NaN; a rank statistic needs numbers")]
    NotANumber {
        /// Position of the first NaN.
        index: usize,
    },
    /// A ratio needs positive numbers.
    #[error("value {index} is not positive; a ratio of scores needs positive ones")]
    NotPositive {
        /// Position of the first such value.
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
        /// Architectures left for the test set.
        left: usize,
        /// [`MINIMUM_PART`](crate::MINIMUM_PART).
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
        /// Architectures asked for.
        asked: usize,
        /// [`MINIMUM_PART`](crate::MINIMUM_PART).
        minimum: usize,
    },
}
