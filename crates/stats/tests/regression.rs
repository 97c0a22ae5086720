//! Nested models against statsmodels and SciPy.
#![allow(clippy::unwrap_used)]

use lpzero_run::Cancel;
use lpzero_stats::multiple_testing::{benjamini_hochberg, holm};
use lpzero_stats::regression::{Basis, NestedTest, nested_test, noncentral_f};

#[derive(serde::Deserialize)]
struct Fixture {
    nested: Vec<Nested>,
    noncentral: Vec<Noncentral>,
    corrected: Vec<Corrected>,
}

#[derive(serde::Deserialize)]
struct Nested {
    name: String,
    y: Vec<f64>,
    smaller: Vec<Vec<f64>>,
    added: Vec<Vec<f64>>,
    f: f64,
    freedom: usize,
    residual_freedom: usize,
    p: f64,
    p_permutation: f64,
    share: f64,
}

#[derive(serde::Deserialize)]
struct Noncentral {
    f: f64,
    q: f64,
    d: f64,
    noncentrality: f64,
    p: f64,
}

#[derive(serde::Deserialize)]
struct Corrected {
    p: Vec<f64>,
    holm: Vec<f64>,
    benjamini_hochberg: Vec<f64>,
}

fn fixture() -> Fixture {
    let path = format!(
        "{}/tests/fixtures/regression.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn slices(columns: &[Vec<f64>]) -> impl Iterator<Item = &[f64]> {
    columns.iter().map(Vec::as_slice)
}

fn test(case: &Nested, permutations: usize, seed: u64) -> NestedTest {
    let smaller = Basis::new(slices(&case.smaller));
    nested_test(
        &smaller,
        slices(&case.added),
        &case.y,
        permutations,
        (seed, &case.name),
        &Cancel::NEVER,
    )
    .unwrap()
}

#[test]
fn f_and_p_equal_those_of_statsmodels() {
    for case in fixture().nested {
        let found = test(&case, 0, 0);
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-7 * b.abs().max(1e-12);
        assert_eq!(found.freedom, case.freedom, "{}", case.name);
        assert_eq!(
            found.residual_freedom, case.residual_freedom,
            "{}",
            case.name
        );
        assert!(
            close(found.f, case.f),
            "{}: {} {}",
            case.name,
            found.f,
            case.f
        );
        assert!(
            close(found.p, case.p),
            "{}: {} {}",
            case.name,
            found.p,
            case.p
        );
        assert!((found.share - case.share).abs() < 1e-9, "{}", case.name);
        assert!(found.share_bound >= found.share && found.share_bound < 1.0);
    }
}

#[test]
fn permutation_p_agrees_with_an_independent_one_within_its_noise() {
    const PERMUTATIONS: usize = 20000;
    for case in fixture().nested {
        let found = test(&case, PERMUTATIONS, 1).p_permutation;
        let p = case.p_permutation;
        let noise = (2.0 * p * (1.0 - p) / PERMUTATIONS as f64).sqrt();
        let allowed = 4.0 * noise + 2.0 / PERMUTATIONS as f64;
        assert!((found - p).abs() < allowed, "{}: {found}, {p}", case.name);
        assert_eq!(found, test(&case, PERMUTATIONS, 1).p_permutation);
    }
}

#[test]
fn the_noncentral_distribution_equals_that_of_scipy() {
    for case in fixture().noncentral {
        let found = noncentral_f(case.f, case.q, case.d, case.noncentrality);
        assert!(
            (found - case.p).abs() < 1e-9,
            "{} {}: {found}, {}",
            case.f,
            case.noncentrality,
            case.p
        );
    }
}

#[test]
fn corrections_equal_those_of_statsmodels() {
    for case in fixture().corrected {
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(close(&holm(&case.p), &case.holm));
        assert!(close(
            &benjamini_hochberg(&case.p),
            &case.benjamini_hochberg
        ));
    }
}

#[test]
fn the_bound_covers_what_is_there() {
    // y = x + noise of the same variance: x explains half of the variance.
    let wave = |step: f64| {
        (0..400)
            .map(|i| (f64::from(i) * step).sin())
            .collect::<Vec<f64>>()
    };
    let (x, noise) = (wave(0.7), wave(1.9));
    let y: Vec<f64> = x.iter().zip(&noise).map(|(a, b)| a + b).collect();
    let smaller = Basis::new([&vec![1.0; 400][..]]);
    let found = nested_test(&smaller, [&x[..]], &y, 99, (0, "x"), &Cancel::NEVER).unwrap();
    assert!((found.share - 0.5).abs() < 0.01 && (0.5..0.6).contains(&found.share_bound));
    let nothing = nested_test(
        &smaller,
        [&vec![2.0; 400][..]],
        &y,
        99,
        (0, "constant"),
        &Cancel::NEVER,
    );
    assert_eq!(nothing, None);
}

#[test]
fn permutations_that_are_stopped_give_no_test() {
    let case = &fixture().nested[0];
    let smaller = Basis::new(slices(&case.smaller));
    let cancel = Cancel::new();
    let tested = || {
        let stream = (0, "stopped");
        nested_test(&smaller, slices(&case.added), &case.y, 10, stream, &cancel)
    };
    assert!(tested().is_some());
    cancel.cancel();
    assert_eq!(tested(), None);
}
