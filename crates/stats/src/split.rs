//! Which architectures are searched on, selected with and tested on.

use std::collections::BTreeMap;

use lpzero_run::seed;
use rand::seq::SliceRandom;

use crate::Error;

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
    /// Draws `search` + `validation` of the architectures by the seed.
    ///
    /// `kinds` holds one number per architecture, the same for equal networks:
    /// they end up in one part, so that no network is tested on which formulas
    /// were searched. (Of FlexiBERT's 500 records, as trained, 276 share their
    /// network with another.)
    ///
    /// # Errors
    /// When the ground truth is too small for it, a part would have fewer than
    /// [`MINIMUM_PART`] architectures, or the parts cannot be filled without
    /// dividing equal networks.
    pub fn draw(
        kinds: &[usize],
        search: usize,
        validation: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        let available = kinds.len();
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
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, kind) in kinds.iter().enumerate() {
            members.entry(*kind).or_default().push(index);
        }
        let mut members: Vec<Vec<usize>> = members.into_values().collect();
        members.shuffle(&mut seed::stream(seed, "split"));

        let mut split = Self {
            search: Vec::with_capacity(search),
            validation: Vec::with_capacity(validation),
            test: Vec::with_capacity(available - taken),
        };
        for equal in members {
            if split.search.len() + equal.len() <= search {
                split.search.extend(equal);
            } else if split.validation.len() + equal.len() <= validation {
                split.validation.extend(equal);
            } else {
                split.test.extend(equal);
            }
        }
        if split.search.len() < search || split.validation.len() < validation {
            return Err(Error::IndivisibleNetworks { search, validation });
        }
        split.test.sort_unstable();
        Ok(split)
    }
}
