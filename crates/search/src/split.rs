//! Which architectures are searched on, selected with and tested on.

use rand::seq::SliceRandom;

use crate::{Error, seed};

/// The fewest architectures that a part of a split may have: a correlation
/// needs two.
pub const MINIMUM_PART: usize = 2;

/// A partition of the architectures of a ground truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Fitness is measured on these, in the order they were drawn (so that a
    /// prefix is itself a random sample).
    pub search: Vec<usize>,
    /// The winner is chosen with these, in the order they were drawn.
    pub validation: Vec<usize>,
    /// All others, ascending: looked at once, at the end.
    pub test: Vec<usize>,
}

impl Split {
    /// Draws `search` + `validation` of `available` architectures by the seed.
    ///
    /// # Errors
    /// When the ground truth is too small for it, or a part would have fewer
    /// than [`MINIMUM_PART`] architectures.
    pub fn draw(
        available: usize,
        search: usize,
        validation: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        for (part, asked) in [("search", search), ("validation", validation)] {
            if asked < MINIMUM_PART {
                return Err(Error::PartTooSmall {
                    part,
                    asked,
                    minimum: MINIMUM_PART,
                });
            }
        }
        let taken = search.saturating_add(validation);
        if taken > available {
            return Err(Error::SplitTooLarge {
                search,
                validation,
                available,
            });
        }
        if available - taken < MINIMUM_PART {
            return Err(Error::NoTestSet {
                search,
                validation,
                available,
                left: available - taken,
                minimum: MINIMUM_PART,
            });
        }
        let mut drawn: Vec<usize> = (0..available).collect();
        drawn.shuffle(&mut seed::stream(seed, "split"));
        let mut test = drawn.split_off(taken);
        test.sort_unstable();
        let validation = drawn.split_off(search);
        Ok(Self {
            search: drawn,
            validation,
            test,
        })
    }
}
