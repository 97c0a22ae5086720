//! Several initialisations and minibatches per architecture.
use std::sync::Arc;

use crate::benchmark::{benchmark, write_benchmark};
use crate::support::lpzero;
use lpzero::arch::Reading;
use lpzero::truth::GroundTruth;
use lpzero::{Networks, Pass, Proxy, Repeats, Repetition, Workbench};

const SIZES: [&str; 4] = ["--batch", "2", "--positions", "16"];

/// Scores of snip by architecture, in one pass.
fn snip(path: &str, seed: u64, text: Option<Arc<[u32]>>, repetition: Repetition) -> Vec<f64> {
    let truth = GroundTruth::read(path.as_ref(), Reading::AsTrained).unwrap();
    let pass = Pass {
        batch: 2,
        positions: 16,
        text,
        ..Pass::default()
    };
    let workbench = (Workbench::new(1).unwrap())
        .with_seed(seed)
        .with_pass(pass)
        .with_repetition(repetition);
    let proxies = [Proxy::parse("snip").unwrap()];
    let scores = workbench.exact_scores(&Networks::from(&truth), &proxies);
    scores.unwrap().remove(0)
}

fn repetition(init: u32, batch: u32) -> Repetition {
    Repetition {
        init,
        batch,
        batches: 3,
    }
}

#[test]
fn initialisation_and_minibatch_vary_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(2));
    let at = |seed, init, batch| snip(&path, seed, None, repetition(init, batch));
    assert_eq!(at(0, 0, 0), snip(&path, 0, None, Repetition::default()));
    assert_eq!(at(0, 1, 1), at(1, 0, 0));
    let scores = [at(0, 0, 0), at(0, 0, 1), at(0, 1, 0), at(0, 1, 1)];
    for (i, a) in scores.iter().enumerate() {
        assert!(scores[..i].iter().all(|b| a != b));
    }
    at(u64::MAX, 1, 1);

    let text: Arc<[u32]> = (0..600).map(|i| i * i % 997).collect();
    let of_text = |batch| snip(&path, 0, Some(Arc::clone(&text)), repetition(0, batch));
    assert_ne!(of_text(0), of_text(1));
    assert_ne!(of_text(1), of_text(2));
}

#[test]
fn score_reports_mean_and_spread_over_all_passes() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(2));
    let score = |more: &[&str]| {
        let arguments = [
            "score", "--truth", &path, "--proxy", "params", "--proxy", "snip",
        ];
        lpzero(folder.path(), &[&arguments[..], &SIZES, more].concat())
    };
    let json = score(&["--inits", "2", "--batches", "3", "--json"]).json();
    assert_eq!((&json["inits"], &json["batches"]), (&2.into(), &3.into()));
    let repeats = Repeats {
        inits: 2,
        batches: 3,
    };
    let passes: Vec<_> = (repeats.passes())
        .map(|repetition| snip(&path, 0, None, repetition))
        .collect();
    for (row, json) in json["rows"].as_array().unwrap().iter().enumerate() {
        let scores: Vec<f64> = passes.iter().map(|pass| pass[row]).collect();
        let mean = scores.iter().sum::<f64>() / 6.0;
        let spread = (scores.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 5.0).sqrt();
        let close = |found: &serde_json::Value, expected: f64| {
            (found.as_f64().unwrap() / expected - 1.0).abs() < 1e-12
        };
        assert!(close(&json["scores"]["snip"], mean), "{json}, {mean}");
        assert!(close(&json["spread"]["snip"], spread), "{json}, {spread}");
        assert_eq!(json["spread"]["params"], 0.0);
    }

    let csv = score(&["--inits", "2", "--format", "csv"]).stdout;
    assert!(
        csv.starts_with("id,params,snip,params_spread,snip_spread\n"),
        "{csv}"
    );
    let threads = |n| score(&["--inits", "2", "--format", "csv", "--threads", n]).stdout;
    assert_eq!(threads("1"), csv);
    assert_eq!(threads("2"), csv);
    let table = score(&["--batches", "2"]).stdout;
    assert!(table.contains("snip_spread"), "{table}");
}

#[test]
fn one_pass_is_reported_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(6));
    let run = |more: &[&str]| {
        let arguments = ["--truth", &path, "--proxy", "snip"];
        let once = lpzero(folder.path(), &[more, &arguments, &SIZES].concat());
        let options = ["--inits", "1", "--batches", "1"];
        let asked = lpzero(
            folder.path(),
            &[more, &arguments, &SIZES, &options].concat(),
        );
        assert_eq!(once.status, 0, "{}", once.stderr);
        (once.stdout, asked.stdout)
    };
    for format in ["csv", "table", "json"] {
        let (once, asked) = run(&["score", "--format", format]);
        assert!(
            !once.contains("spread") && !once.contains("inits"),
            "{once}"
        );
        assert_eq!(once, asked);
    }
    // The last column is a time.
    let (once, asked) = run(&["rank"]);
    let untimed = |table: &str| -> Vec<String> {
        let lines = table.lines().map(|line| line.trim_end().rsplit_once(' '));
        lines
            .map(|line| line.map_or(String::new(), |(rest, _)| rest.trim_end().to_owned()))
            .collect()
    };
    assert!(
        untimed(&once) == untimed(&asked) && !once.contains("passes"),
        "{once}"
    );
    assert!(!run(&["rank", "--json"]).0.contains("stability"));
}

#[test]
fn rank_says_how_far_passes_agree() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(9));
    let rank = |more: &[&str]| {
        let arguments = [
            "rank", "--truth", &path, "--proxy", "params", "--proxy", "snip",
        ];
        lpzero(folder.path(), &[&arguments[..], &SIZES, more].concat())
    };
    let options = ["--inits", "2", "--batches", "2"];
    let json = rank(&[&options[..], &["--json"]].concat()).json();
    let rows = json["rows"].as_array().unwrap();
    // Rows are sorted by what they found.
    let place = |proxy: &str| rows.iter().position(|row| row["proxy"] == proxy).unwrap();
    let places = ["params", "snip"].map(place);
    let stability = |row: usize, key: &str| rows[places[row]]["stability"][key].as_f64().unwrap();
    for row in 0..2 {
        assert_eq!(stability(row, "inits"), 2.0);
        assert_eq!(stability(row, "batches"), 2.0);
    }
    assert!((stability(0, "rho_between_passes_mean") - 1.0).abs() < 1e-12);
    assert_eq!(stability(0, "tau_spread"), 0.0);
    let rho = stability(1, "rho_between_passes_mean");
    assert!((-1.0..=1.0).contains(&rho), "{rho}");
    assert!(stability(1, "tau_spread") >= 0.0 && stability(1, "rho_spread") >= 0.0);
    assert!(rows[places[1]]["tau"].is_number());
    let table = rank(&options).stdout;
    assert!(table.contains("rho of passes"), "{table}");
}

#[test]
fn impossible_numbers_of_passes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(3));
    for command in ["score", "rank"] {
        for option in ["--inits", "--batches"] {
            for number in ["0", "65", "many"] {
                let arguments = [command, "--truth", &path, "--proxy", "snip", option, number];
                let run = lpzero(folder.path(), &arguments);
                assert_eq!(run.status, 2, "{}", run.stdout);
                assert!(run.stderr.contains(option), "{}", run.stderr);
            }
        }
    }
}
