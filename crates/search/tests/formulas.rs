//! Every formula that is drawn or bred is a well-typed score.
#![allow(clippy::unwrap_used)]

use lpzero_proxy::{Node, check_score, parse};
use lpzero_search::generate::{Generator, Grammar};
use lpzero_search::vary::{Limits, MUTATIONS, crossover, mutate};
use lpzero_search::{Vocabulary, seed};
use proptest::prelude::*;

fn drawn(grammar: Grammar, seed: u64, count: usize) -> Vec<Node> {
    let vocabulary = Vocabulary::everything();
    let generator = Generator::new(&vocabulary, grammar).unwrap();
    let mut random = seed::stream(seed, "test");
    (0..count).map(|_| generator.formula(&mut random)).collect()
}

proptest! {
    #[test]
    fn every_drawn_formula_is_well_typed_and_reads_back(seed: u64) {
        for formula in drawn(Grammar::Aggregates, seed, 20) {
            prop_assert_eq!(check_score(&formula), Ok(()), "{}", formula);
            prop_assert_eq!(parse(&formula.to_string()), Ok(formula));
        }
    }

    #[test]
    fn every_formula_of_the_papers_space_is_well_typed(seed: u64, unary in 0usize..6) {
        for formula in drawn(Grammar::Paper { unary }, seed, 20) {
            prop_assert_eq!(check_score(&formula), Ok(()), "{}", formula);
        }
    }

    #[test]
    fn every_offspring_is_well_typed_and_within_limits(seed: u64) {
        let vocabulary = Vocabulary::everything();
        let generator = Generator::new(&vocabulary, Grammar::Aggregates).unwrap();
        let limits = Limits::default();
        let mut random = seed::stream(seed, "test");
        let mut formulas = drawn(Grammar::Aggregates, seed, 10);
        for round in 0..30 {
            let (a, b) = (round % formulas.len(), (round * 7 + 3) % formulas.len());
            let mut offspring = vec![crossover(&formulas[a], &formulas[b], &limits, &mut random)];
            for (mutation, _) in MUTATIONS {
                offspring.push(mutate(&formulas[a], mutation, &generator, &limits, &mut random));
            }
            for child in offspring.into_iter().flatten() {
                prop_assert_eq!(check_score(&child), Ok(()), "{}", child);
                prop_assert!(child.complexity() <= limits.complexity);
                prop_assert!(child.depth() <= limits.depth);
                formulas[b] = child;
            }
        }
    }
}

#[test]
fn the_papers_space_reduces_two_branches_and_takes_the_mean() {
    for formula in drawn(Grammar::Paper { unary: 2 }, 0, 200) {
        assert!(formula.to_string().starts_with("mean("), "{formula}");
        assert!(formula.symbols().len() <= 2);
    }
}

#[test]
fn drawn_formulas_are_diverse() {
    let texts: std::collections::HashSet<String> = drawn(Grammar::Aggregates, 1, 500)
        .iter()
        .map(Node::to_string)
        .collect();
    assert!(texts.len() > 400, "{}", texts.len());
}

#[test]
fn nothing_can_be_drawn_from_an_empty_vocabulary() {
    let empty = Vocabulary::default();
    let error = Generator::new(&empty, Grammar::Aggregates).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the traces hold no symbol and no scalar that differs between architectures"
    );
}

#[test]
fn every_mutation_applies_to_most_formulas_that_have_something_to_change() {
    let vocabulary = Vocabulary::everything();
    let generator = Generator::new(&vocabulary, Grammar::Aggregates).unwrap();
    let mut random = seed::stream(0, "test");
    let formula = parse("sum[ffn](mean(abs(W * G))) ^ 0.5 * layers").unwrap();
    for (mutation, _) in MUTATIONS {
        let applied = (0..100).filter(|_| {
            mutate(
                &formula,
                mutation,
                &generator,
                &Limits::default(),
                &mut random,
            )
            .is_some()
        });
        assert!(applied.count() > 30, "{mutation:?}");
    }
}
