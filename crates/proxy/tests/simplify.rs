//! Canonical forms mean what the formulas mean.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/networks.rs"]
mod networks;

use common::{Random, score};
use lpzero_proxy::{
    Evaluator, MAX_DEPTH, Node, Trace, canonical_for_ranking, check, named, parse, simplify,
    type_of, without_disconnected,
};
use networks::{decoder, trace};

fn traces() -> Vec<Trace> {
    (0..6)
        .map(|k| trace(&decoder(1 + k % 3, 8 + 4 * k), k as u64))
        .collect()
}

fn close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-4 * a.abs().max(b.abs())
}

#[test]
fn the_form_of_a_random_formula_has_its_type_and_its_value() {
    let traces = traces();
    let evaluator = Evaluator::new(&traces);
    let mut random = Random(17);
    let (mut values, mut unequal) = (0, Vec::new());
    for depth in (4..10).cycle().take(4_000) {
        let node = score(&mut random, depth);
        let form = simplify(&node);
        assert_eq!(type_of(&form), type_of(&node), "{node} became {form}");
        let before = evaluator.all_scores(&node).unwrap();
        let after = evaluator.all_scores(&form).unwrap();
        values += 1;
        if !before.iter().zip(&after).all(|(a, b)| close(*a, *b)) {
            unequal.push(format!(
                "{node}\n  became {form}\n  {before:?}\n  {after:?}"
            ));
        }
    }
    // Left over are differences of nearly equal numbers, where rounding is
    // all there is, and over- or underflow that a reordering avoids or meets.
    let share = unequal.len() as f64 / f64::from(values);
    assert!(share < 0.01, "{}\n{share}", unequal.join("\n"));
}

#[test]
fn a_form_is_its_own_form_and_reads_back() {
    let mut random = Random(23);
    for depth in (4..12).cycle().take(4_000) {
        let node = score(&mut random, depth);
        let form = simplify(&node);
        let again = simplify(&form);
        assert_eq!(again, form, "{node}\nbecame {form}\nthen   {again}");
        assert_eq!(parse(&form.to_string()), Ok(form.clone()), "{node}");
        assert!(form.depth() <= MAX_DEPTH);
    }
}

#[test]
fn operands_may_be_swapped_and_regrouped() {
    fn shuffle(node: &Node, random: &mut Random) -> Node {
        let mut children: Vec<Node> = node
            .children()
            .iter()
            .map(|child| shuffle(child, random))
            .collect();
        let commutes = node.operator().is_some_and(|id| id.row().commutative);
        if commutes && random.below(2) == 0 {
            children.swap(0, 1);
        }
        node.with_children(children)
    }
    let mut random = Random(29);
    for depth in (4..10).cycle().take(2_000) {
        let node = score(&mut random, depth);
        if without_disconnected(&node).is_none() {
            continue;
        }
        let shuffled = shuffle(&node, &mut random);
        let (a, b) = (simplify(&node), simplify(&shuffled));
        assert_eq!(a, b, "{node}\n{shuffled}\n{a}\n{b}");
    }
}

#[test]
fn rankings_are_those_of_the_formula() {
    let traces = traces();
    let evaluator = Evaluator::new(&traces);
    let mut random = Random(31);
    let (mut compared, mut wrong) = (0, Vec::new());
    for depth in (4..9).cycle().take(3_000) {
        let node = score(&mut random, depth);
        let ranking = canonical_for_ranking(&node);
        let before = evaluator.all_scores(&node).unwrap();
        let after = evaluator.all_scores(&ranking.node).unwrap();
        for i in 0..traces.len() {
            for j in 0..i {
                let (a, b) = (before[i] - before[j], after[i] - after[j]);
                // Only what is well apart; rounding may do the rest.
                let apart = |a: f64, scores: &[f64]| {
                    a.is_finite() && a.abs() > 1e-4 * scores[i].abs().max(scores[j].abs())
                };
                if apart(a, &before) && apart(b, &after) {
                    compared += 1;
                    if (a > 0.0) == (b > 0.0) && ranking.flipped
                        || (a > 0.0) != (b > 0.0) && !ranking.flipped
                    {
                        wrong.push(format!("{node} became {}", ranking.node));
                    }
                }
            }
        }
    }
    assert!(compared > 5_000, "{compared}");
    assert!(
        wrong.len() * 1000 < compared,
        "{} of {compared}: {wrong:#?}",
        wrong.len()
    );
}

#[test]
fn forms_of_the_named_proxies_score_as_they_do() {
    let traces = traces();
    let evaluator = Evaluator::new(&traces);
    for proxy in named::NAMED {
        let form = simplify(&proxy.node());
        assert_eq!(check(&form), Ok(()));
        let before = evaluator.all_scores(&proxy.node()).unwrap();
        let after = evaluator.all_scores(&form).unwrap();
        assert!(
            before.iter().zip(&after).all(|(a, b)| close(*a, *b)),
            "{}",
            proxy.name
        );
    }
}
