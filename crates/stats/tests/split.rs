//! Splits partition a ground truth, reproducibly.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use lpzero_stats::{Error, MINIMUM_PART, Split};
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_architecture_is_in_exactly_one_part(
        search in 2usize..80, validation in 2usize..40, test in 2usize..200, seed: u64
    ) {
        let n = search + validation + test;
        let split = Split::draw(&different(n), search, validation, seed).unwrap();
        prop_assert_eq!(split.search.len(), search);
        prop_assert_eq!(split.validation.len(), validation);
        let mut all = [split.search, split.validation, split.test].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..n).collect::<Vec<_>>());
    }
}

#[test]
fn a_split_is_a_function_of_its_seed() {
    let draw = |seed| Split::draw(&different(500), 100, 50, seed).unwrap();
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3), draw(4));
}

#[test]
fn more_than_there_is_cannot_be_asked_for() {
    let message = |search, validation| {
        Split::draw(&different(500), search, validation, 0)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        message(400, 200),
        "the split asks for 400 + 200 architectures, the ground truth has 500"
    );
    assert_eq!(
        message(400, 100),
        "the split asks for 400 + 100 architectures and leaves 0 of 500 to test on; \
         at least 2 are needed"
    );
    assert_eq!(
        message(usize::MAX, 2),
        format!(
            "the split asks for {} + 2 architectures, the ground truth has 500",
            usize::MAX
        )
    );
}

#[test]
fn every_part_needs_two_architectures() {
    assert_eq!(
        Split::draw(&different(500), 100, 1, 0),
        Err(Error::PartTooSmall {
            part: "validation",
            asked: 1,
            minimum: MINIMUM_PART
        })
    );
}

/// Kinds of `n` networks of which no two are equal.
fn different(n: usize) -> Vec<usize> {
    (0..n).collect()
}

#[test]
fn equal_networks_stand_in_one_part() {
    let kinds: Vec<usize> = (0..300).map(|index| index / 3).collect();
    for seed in 0..20 {
        let split = Split::draw(&kinds, 99, 51, seed).unwrap();
        assert_eq!((split.search.len(), split.validation.len()), (99, 51));
        let of = |part: &[usize]| part.iter().map(|&i| kinds[i]).collect::<BTreeSet<_>>();
        let (search, validation, test) =
            (of(&split.search), of(&split.validation), of(&split.test));
        assert!(search.is_disjoint(&validation) && search.is_disjoint(&test));
        assert!(validation.is_disjoint(&test));
    }
    assert_eq!(
        Split::draw(&kinds, 100, 50, 0),
        Err(Error::IndivisibleNetworks {
            search: 100,
            validation: 50
        })
    );
}
