//! Rank statistics: definitions, invariances, and what is refused.
#![allow(clippy::unwrap_used)]

use lpzero_stats::{
    Bootstrap, Correlation, Error, Workspace, partial_tau, precision_at_top, rank, rho, tau,
    tau_among_top, tau_within_groups, ties,
};
use proptest::prelude::*;

/// tau-b by its definition, over all pairs.
fn tau_by_pairs(x: &[f64], y: &[f64]) -> Option<f64> {
    let sign = |a: f64, b: f64| f64::from(i8::from(a > b) - i8::from(a < b));
    let (mut score, mut untied_x, mut untied_y) = (0.0, 0.0, 0.0);
    for i in 0..x.len() {
        for j in 0..i {
            let (dx, dy) = (sign(x[i], x[j]), sign(y[i], y[j]));
            score += dx * dy;
            untied_x += dx * dx;
            untied_y += dy * dy;
        }
    }
    (untied_x > 0.0 && untied_y > 0.0).then(|| score / f64::sqrt(untied_x * untied_y))
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-12,
        (a, b) => a == b,
    }
}

/// Columns of small integers, so that ties are common.
fn columns() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    let value = (-6i32..6).prop_map(f64::from);
    prop::collection::vec((value.clone(), value), 2..120).prop_map(|rows| rows.into_iter().unzip())
}

proptest! {
    #[test]
    fn tau_equals_its_quadratic_definition((x, y) in columns()) {
        prop_assert!(close(tau(&x, &y).unwrap(), tau_by_pairs(&x, &y)));
    }

    #[test]
    fn correlations_only_see_ranks((x, y) in columns()) {
        let stretched: Vec<f64> = x.iter().map(|x| (x / 3.0).exp() - 7.0).collect();
        prop_assert_eq!(tau(&x, &y).unwrap(), tau(&stretched, &y).unwrap());
        prop_assert_eq!(rho(&x, &y).unwrap(), rho(&stretched, &y).unwrap());
    }

    #[test]
    fn negation_turns_the_sign((x, y) in columns()) {
        let negated: Vec<f64> = x.iter().map(|x| -x).collect();
        prop_assert!(close(tau(&x, &y).unwrap().map(|t| -t), tau(&negated, &y).unwrap()));
        prop_assert!(close(rho(&x, &y).unwrap().map(|r| -r), rho(&negated, &y).unwrap()));
    }

    #[test]
    fn correlations_are_symmetric((x, y) in columns()) {
        prop_assert!(close(tau(&x, &y).unwrap(), tau(&y, &x).unwrap()));
        prop_assert_eq!(rho(&x, &y).unwrap(), rho(&y, &x).unwrap());
    }

    #[test]
    fn the_order_of_the_architectures_does_not_matter((x, y) in columns(), turn in 0usize..120) {
        let rotate = |column: &[f64]| {
            let mut column = column.to_vec();
            let by = turn % column.len();
            column.rotate_left(by);
            column
        };
        prop_assert_eq!(tau(&x, &y).unwrap(), tau(&rotate(&x), &rotate(&y)).unwrap());
        prop_assert_eq!(rho(&x, &y).unwrap(), rho(&rotate(&x), &rotate(&y)).unwrap());
    }

    #[test]
    fn ranks_sum_to_the_triangle_number((x, _) in columns()) {
        let n = x.len() as f64;
        prop_assert_eq!(rank(&x).unwrap().iter().sum::<f64>(), n * (n + 1.0) / 2.0);
    }
}

/// One case computed by SciPy, kept under `fixtures`.
#[derive(serde::Deserialize)]
struct Case {
    name: String,
    x: Vec<f64>,
    y: Vec<f64>,
    #[serde(default)]
    z: Vec<f64>,
    /// tau-b of x and y, given z where there is one.
    tau: Option<f64>,
    #[serde(default)]
    rho: Option<f64>,
    /// Somers' d of x given y.
    #[serde(default)]
    somers_d: Option<f64>,
}

fn cases(file: &str) -> Vec<Case> {
    let path = format!("{}/tests/fixtures/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn tau_and_rho_equal_those_of_scipy() {
    for case in cases("rank_statistics.json") {
        let (tau, rho) = (tau(&case.x, &case.y), rho(&case.x, &case.y));
        assert!(
            close(tau.clone().unwrap(), case.tau),
            "{}: {tau:?}",
            case.name
        );
        assert!(
            close(rho.clone().unwrap(), case.rho),
            "{}: {rho:?}",
            case.name
        );
    }
}

#[test]
fn somers_d_equals_that_of_scipy() {
    let mut workspace = Workspace::new();
    // SciPy leaves it undefined for a constant x, for which it is 0 here.
    for case in cases("rank_statistics.json")
        .iter()
        .filter(|case| case.tau.is_some())
    {
        let somers_d = workspace.somers_d(&case.x, &case.y).unwrap();
        assert!(
            close(somers_d, case.somers_d),
            "{}: {somers_d:?}",
            case.name
        );
    }
}

#[test]
fn partial_tau_equals_that_of_scipy() {
    for case in cases("partial_tau.json") {
        let partial = partial_tau(&case.x, &case.y, &case.z).unwrap();
        assert!(close(partial, case.tau), "{}: {partial:?}", case.name);
    }
}

#[test]
fn equal_values_share_the_mean_of_their_ranks() {
    assert_eq!(
        rank(&[10.0, 20.0, 20.0, 5.0]).unwrap(),
        [2.0, 3.5, 3.5, 1.0]
    );
}

#[test]
fn infinities_have_ranks_and_negative_zero_is_zero() {
    let x = [f64::NEG_INFINITY, -0.0, 0.0, f64::INFINITY];
    assert_eq!(rank(&x).unwrap(), [1.0, 2.5, 2.5, 4.0]);
    assert!(close(
        tau(&x, &[1.0, 3.0, 2.0, 4.0]).unwrap(),
        tau_by_pairs(&x, &[1.0, 3.0, 2.0, 4.0])
    ));
}

#[test]
fn somers_d_does_not_forgive_ties() {
    let truth = [1.0, 2.0, 3.0, 4.0];
    // Two groups in the right order: 4 of 6 pairs are ranked, all rightly.
    let coarse = [0.0, 0.0, 1.0, 1.0];
    let mut workspace = Workspace::new();
    assert_eq!(workspace.somers_d(&coarse, &truth), Ok(Some(4.0 / 6.0)));
    assert_eq!(workspace.tau(&coarse, &truth), Ok(Some(4.0 / 24f64.sqrt())));
    assert_eq!(workspace.somers_d(&truth, &truth), Ok(Some(1.0)));
    assert_eq!(workspace.somers_d(&[1.0; 4], &truth), Ok(Some(0.0)));
    assert_eq!(workspace.somers_d(&truth, &[1.0; 4]), Ok(None));
}

#[test]
fn two_values_correlate_perfectly_or_not_at_all() {
    assert_eq!(tau(&[1.0, 2.0], &[3.0, 4.0]), Ok(Some(1.0)));
    assert_eq!(rho(&[1.0, 2.0], &[4.0, 3.0]), Ok(Some(-1.0)));
    assert_eq!(tau(&[1.0, 1.0], &[3.0, 4.0]), Ok(None));
}

#[test]
fn a_constant_column_has_no_correlation() {
    let constant = [2.0; 5];
    let y = [1.0, 2.0, 3.0, 4.0, 5.0];
    assert_eq!(tau(&constant, &y), Ok(None));
    assert_eq!(rho(&y, &constant), Ok(None));
    assert_eq!(ties(&constant), Ok(1.0));
    assert_eq!(ties(&y), Ok(0.0));
}

#[test]
fn bad_columns_are_refused() {
    let nan = [1.0, f64::NAN, 2.0];
    let good = [1.0, 2.0, 3.0];
    assert_eq!(tau(&nan, &good), Err(Error::NotANumber { index: 1 }));
    assert_eq!(rho(&good, &nan), Err(Error::NotANumber { index: 1 }));
    assert_eq!(rank(&nan), Err(Error::NotANumber { index: 1 }));
    assert_eq!(
        tau(&good, &good[..2]),
        Err(Error::Lengths { left: 3, right: 2 })
    );
    assert_eq!(rho(&[1.0], &[1.0]), Err(Error::TooFew { n: 1 }));
    assert_eq!(tau(&[], &[]), Err(Error::TooFew { n: 0 }));
}

#[test]
fn partial_tau_removes_what_the_covariate_explains() {
    // x orders y only through z: given z, nothing is left.
    let z: Vec<f64> = (0..40).map(|i| f64::from(i / 10)).collect();
    let x: Vec<f64> = (0..40)
        .map(|i| f64::from(i / 10 * 8 + i * 7 % 10))
        .collect();
    let y: Vec<f64> = (0..40)
        .map(|i| f64::from(i / 10 * 8 + i * 9 % 10))
        .collect();
    let plain = tau(&x, &y).unwrap().unwrap();
    let partial = partial_tau(&x, &y, &z).unwrap().unwrap();
    assert!(plain > 0.6, "{plain}");
    assert!(partial.abs() < 0.3, "{partial}");
    assert_eq!(partial_tau(&x, &y, &y), Ok(None), "y explains itself");
}

#[test]
fn the_top_tenth_includes_everything_tied_with_its_last_member() {
    let truth: Vec<f64> = (0..30).map(|i| f64::from(i.min(28))).collect();
    let mut x: Vec<f64> = (0..30).map(f64::from).collect();
    // Top 3 of 30 by truth are 29 and 28 (tied) and 27.
    assert_eq!(
        tau_among_top(&x, &truth, 0.1).unwrap(),
        tau(&x[27..], &truth[27..]).unwrap()
    );
    x[27] = 100.0;
    assert!(tau_among_top(&x, &truth, 0.1).unwrap().unwrap() < 0.0);
    assert_eq!(tau_among_top(&x[..4], &truth[..4], 0.1), Ok(None));
}

#[test]
fn groups_are_ranked_on_their_own() {
    let groups: Vec<String> = ["a", "b", "a", "b", "c"].map(String::from).to_vec();
    let x = [1.0, 5.0, 2.0, 4.0, 0.0];
    let y = [10.0, 1.0, 20.0, 2.0, 0.0];
    let within = tau_within_groups(&x, &y, &groups).unwrap();
    let summary: Vec<_> = within
        .iter()
        .map(|g| (g.group.as_str(), g.n, g.tau))
        .collect();
    assert_eq!(summary, [("a", 2, Some(1.0)), ("b", 2, Some(-1.0))]);
}

/// A noisy linear relation without a random generator.
fn noisy(n: u32) -> (Vec<f64>, Vec<f64>) {
    let noise = |i: u32| f64::from(i.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24);
    (0..n)
        .map(|i| {
            let x = noise(i);
            (x, x + 0.7 * noise(i + 1000))
        })
        .unzip()
}

#[test]
fn bootstrap_intervals_contain_the_estimate_and_narrow_with_n() {
    let bootstrap = Bootstrap::default();
    let width = |n| {
        let (x, y) = noisy(n);
        let estimate = tau(&x, &y).unwrap().unwrap();
        let interval = bootstrap
            .interval(Correlation::Kendall, &x, &y)
            .unwrap()
            .unwrap();
        assert!(interval.low < estimate && estimate < interval.high);
        interval.high - interval.low
    };
    let (wide, narrow) = (width(50), width(450));
    // Nine times the data, about a third of the width.
    assert!((2.0..4.5).contains(&(wide / narrow)), "{wide} {narrow}");
}

#[test]
fn the_bootstrap_is_a_function_of_its_seed() {
    let (x, y) = noisy(60);
    let with = |seed| {
        Bootstrap {
            seed,
            ..Bootstrap::default()
        }
        .interval(Correlation::Spearman, &x, &y)
        .unwrap()
    };
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
}

#[test]
fn a_paired_difference_is_sharper_than_two_intervals() {
    let (x, y) = noisy(100);
    // Nearly the same proxy: a few neighbours change places.
    let nearly: Vec<f64> = x.iter().map(|x| (x * 50.0).round() / 50.0).collect();
    let bootstrap = Bootstrap::default();
    let alone = bootstrap
        .interval(Correlation::Kendall, &x, &y)
        .unwrap()
        .unwrap();
    let paired = bootstrap
        .difference(Correlation::Kendall, &x, &nearly, &y)
        .unwrap()
        .unwrap();
    assert!(paired.standard_error < alone.standard_error / 3.0);
}

#[test]
fn a_constant_has_no_interval() {
    let y = [1.0, 2.0, 3.0];
    let bootstrap = Bootstrap::default();
    assert_eq!(
        bootstrap.interval(Correlation::Kendall, &[1.0; 3], &y),
        Ok(None)
    );
    assert_eq!(
        bootstrap.difference(Correlation::Spearman, &y, &[1.0; 3], &y),
        Ok(None)
    );
}

#[test]
fn precision_counts_hits_and_shares_ties() {
    let truth: Vec<f64> = (0..20).map(f64::from).collect();
    let precision = |x: &[f64]| precision_at_top(x, &truth, 0.1).unwrap();
    assert_eq!(precision(&truth), 1.0);
    let reversed: Vec<f64> = truth.iter().map(|x| -x).collect();
    assert_eq!(precision(&reversed), 0.0);
    // One of its two is among the true two.
    let mut half = truth.clone();
    half[0] = 30.0;
    assert_eq!(precision(&half), 0.5);
    // A constant draws two of twenty at random: a tenth of them is right.
    assert!((precision(&[1.0; 20]) - 0.1).abs() < 1e-15);
    // The best is found for sure, the other is one of four.
    let mut coarse = vec![0.0; 20];
    coarse[19] = 2.0;
    coarse[15..19].fill(1.0);
    assert_eq!(precision(&coarse), (1.0 + 0.25) / 2.0);
    // Everything tied with the last of the true top belongs to it.
    let ties = [3.0, 2.0, 2.0, 1.0];
    assert_eq!(
        precision_at_top(&[0.0, 0.0, 5.0, 0.0], &ties, 0.5).unwrap(),
        0.5 + 0.5 * 2.0 / 3.0
    );
    assert!(precision_at_top(&[f64::NAN, 1.0], &[1.0, 2.0], 0.5).is_err());
    assert!(precision_at_top(&[1.0], &[1.0], 0.5).is_err());
}

#[test]
fn a_difference_of_resamples_is_the_paired_difference() {
    let y: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 40)).collect();
    let a: Vec<f64> = y
        .iter()
        .enumerate()
        .map(|(i, y)| y + (i % 5) as f64)
        .collect();
    let b: Vec<f64> = y
        .iter()
        .enumerate()
        .map(|(i, y)| y + (i % 11) as f64 * 4.0)
        .collect();
    let bootstrap = Bootstrap::default();
    let of = |x: &[f64]| {
        bootstrap
            .resample(Correlation::Kendall, x, &y)
            .unwrap()
            .unwrap()
    };
    let difference = of(&a).minus(&of(&b)).interval();
    assert_eq!(
        difference,
        bootstrap
            .difference(Correlation::Kendall, &a, &b, &y)
            .unwrap()
    );
    let difference = difference.unwrap();
    let means = tau(&a, &y).unwrap().unwrap() - tau(&b, &y).unwrap().unwrap();
    assert!(difference.low < means && means < difference.high);
    assert_eq!(of(&a).minus(&of(&a)).interval().unwrap().high, 0.0);
}
