//! Searching for what carries over, on the command line.

use std::path::Path;

use lpzero::truth::embedded;

use crate::support::lpzero;

/// Every fifth network of `tiny`, beginning with `first`, in a file of its own.
fn part(folder: &Path, name: &str, first: usize) -> String {
    let mut truth = embedded("tiny").unwrap().read().unwrap();
    name.clone_into(&mut truth.name);
    let entries = truth.entries.into_iter().skip(first).step_by(5);
    truth.entries = entries.collect();
    let path = folder.join(format!("{name}.json"));
    truth.write(&path).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_ground_truth_that_is_held_out_is_only_reported_on() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second, third] = [("first", 0), ("second", 1), ("third", 2)]
        .map(|(name, index)| part(folder.path(), name, index));
    let search = |seed: &str, hold_out: &[&str]| {
        let searched = ["search", "--truth", &first, "--truth", &second, "--json"];
        let seeds = ["--seed", seed, "--init-seed", "0"];
        lpzero(folder.path(), &[&searched[..], &seeds, hold_out].concat()).json()
    };
    let report = search("0", &["--hold-out", &third]);
    assert_eq!(report["method"], "transfer");
    assert_eq!(report["leave_one_out"].as_array().unwrap().len(), 2);
    let held_out = &report["held_out"][0];
    assert_eq!(
        (&held_out["truth"], &held_out["n"]),
        (&"third".into(), &40.into())
    );
    for key in [
        "tau",
        "rho",
        "same_size",
        "tau_ci",
        "rho_ci",
        "same_size_ci",
    ] {
        assert!(!held_out[key].is_null(), "{key}: {held_out}");
    }
    assert!(held_out["same_size_pairs"].as_u64().unwrap() > 0);
    assert_eq!(held_out["counts"]["formula"], report["counts"]["formula"]);
    assert_eq!(held_out["formula"], report["best"]["formula"]);

    // It took no part.
    let without = search("0", &[]);
    assert_eq!(without["best"], report["best"]);
    assert_eq!(without["leave_one_out"], report["leave_one_out"]);
}

#[test]
fn options_of_like_size_and_of_transfer_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let rank = |size: &str| {
        let rank = [
            "rank",
            "--truth",
            "tiny",
            "--proxy",
            "params",
            "--json",
            "--same-size",
            size,
        ];
        lpzero(folder.path(), &rank).json()["rows"][0]["same_size_pairs"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(rank("5%"), 517);
    assert_eq!(rank("0.05"), 517);
    assert!(rank("20%") > 517);
    for (arguments, expected) in [
        (
            &["rank", "--same-size", "0"][..],
            "expected a share above 0",
        ),
        (&["rank", "--same-size", "NaN"], "expected a share above 0"),
        (
            &["search", "--method", "gp", "--grammar", "transfer"],
            "--grammar",
        ),
        (
            &["search", "--method", "transfer", "--budget", "5"],
            "--budget",
        ),
        (
            &["search", "--method", "transfer", "--template", "sum(?(D))"],
            "--template",
        ),
        (&["search", "--full", "--truth", "tiny"], "--full"),
        (
            &["search", "--truth", "openlm", "--hold-out", "nothing"],
            "nothing",
        ),
        (
            &["rank", "--truth", "gemstones@15B"],
            "no scores after 15B tokens",
        ),
    ] {
        let run = lpzero(folder.path(), arguments);
        assert_eq!(run.status, 2, "{arguments:?}: {}", run.stderr);
        assert!(
            run.stderr.contains(expected),
            "{arguments:?}: {}",
            run.stderr
        );
    }
}
