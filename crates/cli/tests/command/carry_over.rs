//! Searching for what carries over, on the command line.

use std::collections::HashSet;
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
        (
            &["search", "--fitness", "spearman"],
            "--fitness: a search for what carries over judges by equal-size accuracy",
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

#[test]
fn every_method_can_be_asked_for_the_order_of_networks_of_like_size() {
    let folder = tempfile::tempdir().unwrap();
    let truth = part(folder.path(), "mine", 0);
    for (method, options, default) in [
        ("powers", &[][..], "spearman"),
        ("gp", &["--budget", "300"], "spearman"),
        ("random", &["--budget", "300"], "spearman"),
        (
            "exhaustive",
            &["--n-unary", "1", "--batch", "2"],
            "spearman",
        ),
        ("transfer", &[], "same-size"),
    ] {
        let search = |fitness: &[&str]| {
            let common = ["search", "--truth", &truth, "--method", method, "--json"];
            let pass = ["--positions", "16", "--same-size", "50%"];
            lpzero(
                folder.path(),
                &[&common[..], &pass, options, fitness].concat(),
            )
            .json()
        };
        assert_eq!(search(&[])["fitness"], default, "{method}");
        let report = search(&["--fitness", "same-size"]);
        assert_eq!(report["fitness"], "same-size", "{method}");
        let same_size = report["search"]["same_size"].as_f64().unwrap();
        assert!(same_size > 0.5, "{method}: {same_size}");
    }
}

#[test]
fn a_search_by_pairs_of_like_size_needs_such_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let mut truth = embedded("tiny").unwrap().read().unwrap();
    "mine".clone_into(&mut truth.name);
    let mut sizes = HashSet::new();
    let entries = truth.entries.into_iter().step_by(5);
    truth.entries = entries
        .filter(|entry| sizes.insert(entry.architecture.parameters().total()))
        .collect();
    let path = folder.path().join("mine.json");
    truth.write(&path).unwrap();
    let truth = path.to_str().unwrap();
    let search = |method: &str| {
        let search = ["search", "--truth", truth, "--method", method];
        let fitness = ["--fitness", "same-size", "--same-size", "0.0000001"];
        let pass = ["--positions", "16", "--batch", "1", "--json"];
        lpzero(folder.path(), &[&search[..], &fitness, &pass].concat())
    };
    let run = search("powers");
    assert_eq!(run.status, 2, "{}", run.stderr);
    assert!(
        run.stderr.contains("no two networks of `mine`"),
        "{}",
        run.stderr
    );
    // What carries over is judged by all pairs then, and says so.
    assert_eq!(search("transfer").json()["fitness"], "somers-d");
}

#[test]
fn a_search_does_not_go_on_where_what_is_held_out_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let [searched, held_out] =
        [("first", 0), ("second", 1)].map(|(name, first)| part(folder.path(), name, first));
    let out = folder.path().join("run");
    let search = [
        "search",
        "--truth",
        &searched,
        "--hold-out",
        &held_out,
        "--positions",
        "16",
        "--batch",
        "1",
        "--out",
        out.to_str().unwrap(),
    ];
    let run = lpzero(folder.path(), &search);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let report = std::fs::read(out.join("report.json")).unwrap();
    std::fs::remove_file(out.join("report.json")).unwrap();

    let whole = std::fs::read_to_string(&held_out).unwrap();
    let mut other: serde_json::Value = serde_json::from_str(&whole).unwrap();
    let score = &mut other["entries"][3]["score"];
    *score = (score.as_f64().unwrap() + 0.01).into();
    std::fs::write(&held_out, other.to_string()).unwrap();
    let resume = ["search", "--resume", out.to_str().unwrap()];
    let refused = lpzero(folder.path(), &resume);
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    let said = "another ground truth, other traces or other settings";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    assert!(!out.join("report.json").exists());

    std::fs::write(&held_out, whole).unwrap();
    let resumed = lpzero(folder.path(), &resume);
    assert_eq!(resumed.status, 0, "{}", resumed.stderr);
    let document = |bytes: &[u8]| {
        let mut report: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        report["seconds"] = serde_json::Value::Null;
        report
    };
    let again = std::fs::read(out.join("report.json")).unwrap();
    assert_eq!(document(&again), document(&report));
}
