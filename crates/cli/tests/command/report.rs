//! Pages of runs, and habits of the command.

use std::fs;
use std::path::Path;

use crate::support::{Run, finished, whole_command};

const BUDGET: [&str; 6] = ["search", "--truth", "tiny", "--budget", "150", "--quiet"];

/// Runs `lpzero` as who stands in `folder`: paths are typed and named as they are seen from there.
fn lpzero(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = whole_command(folder);
    finished(
        &command
            .current_dir(folder)
            .args(arguments)
            .output()
            .unwrap(),
    )
}

#[test]
fn a_run_leaves_its_page_and_report_writes_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = lpzero(folder.path(), &[&BUDGET[..], &["--out", "run"]].concat());
    assert_eq!(run.status, 0, "{}", run.stderr);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let page = read("run/report.html");
    assert!(page.len() < 2_000_000 && page.contains("took no part"));
    assert!(
        page.contains("lpzero search --truth tiny --budget 150"),
        "no command line"
    );
    let points: serde_json::Value = serde_json::from_str(&read("run/points.json")).unwrap();
    assert_eq!(points[0]["rows"].as_array().unwrap().len(), 200);
    let history: Vec<(u64, f64)> = serde_json::from_str(&read("run/history.json")).unwrap();
    assert!(
        history.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1),
        "{history:?}"
    );
    // The winner's tau on the test split is that of its points.
    let report: serde_json::Value = serde_json::from_str(&read("run/report.json")).unwrap();
    let rows = points[0]["rows"].as_array().unwrap();
    let test: Vec<(f64, f64)> = (rows.iter())
        .filter(|row| row["part"] == "test")
        .map(|row| {
            (
                row["score"].as_f64().unwrap(),
                row["trained"].as_f64().unwrap(),
            )
        })
        .collect();
    let (scores, trained): (Vec<f64>, Vec<f64>) = test.into_iter().unzip();
    let tau = ::lpzero::stats::tau(&scores, &trained).unwrap().unwrap();
    assert!(
        (tau - report["test"]["tau"].as_f64().unwrap()).abs() < 1e-12,
        "{tau}"
    );

    let again = lpzero(folder.path(), &["report", "run", "--out", "again.html"]);
    assert_eq!(
        (again.status, again.stdout.trim()),
        (0, "again.html"),
        "{}",
        again.stderr
    );
    assert_eq!(read("again.html"), page);
    let nothing = lpzero(folder.path(), &["report", "nowhere"]);
    assert_eq!(nothing.status, 2);
    assert!(
        nothing.stderr.contains("lpzero search --out run"),
        "{}",
        nothing.stderr
    );
}

#[test]
fn a_ranking_is_sorted_saved_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let line = [
        "rank",
        "--truth",
        "tiny",
        "--proxy",
        "layers",
        "--proxy",
        "params",
        "--proxy",
        "depth2_width",
        "--save",
        "r.json",
    ];
    let run = lpzero(folder.path(), &line);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(
        run.stdout.contains("orders most pairs of like size right"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout
            .lines()
            .all(|line| line.chars().count() <= 100 || line.contains(". ") || line.contains(": "))
    );
    let saved: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("r.json")).unwrap()).unwrap();
    let shares: Vec<f64> = saved["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["same_size"].as_f64().unwrap())
        .collect();
    assert!(shares.is_sorted_by(|a, b| a >= b), "{shares:?}");
    assert_eq!(saved["points"]["rows"].as_array().unwrap().len(), 200);
    let by_tau = lpzero(
        folder.path(),
        &[&line[..9], &["--sort", "tau", "--json"]].concat(),
    )
    .json();
    let taus: Vec<f64> = by_tau["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["tau"].as_f64().unwrap())
        .collect();
    assert!(taus.is_sorted_by(|a, b| a >= b), "{taus:?}");
    assert!(by_tau.get("points").is_none());
    // Colours only where they are asked for: nobody watches.
    assert!(!run.stdout.contains('\u{1b}'));
    let coloured = lpzero(
        folder.path(),
        &[&line[..9], &["--color", "always"]].concat(),
    );
    assert!(
        coloured.stdout.contains("\u{1b}[1m") && coloured.stdout.contains("\u{1b}[2m"),
        "{:?}",
        coloured.stdout
    );
    let page = lpzero(folder.path(), &["report", "r.json"]);
    assert_eq!(
        (page.status, page.stdout.trim()),
        (0, "report.html"),
        "{}",
        page.stderr
    );
}

#[test]
fn packages_get_a_manual_and_completions() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = lpzero(folder.path(), &["completions", shell]);
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(
            run.stdout.contains("lpzero") && run.stdout.contains("report"),
            "{shell}"
        );
    }
    let run = lpzero(folder.path(), &["man", "man"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let page = fs::read_to_string(folder.path().join("man/lpzero-search.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("budget"));
}

#[test]
fn the_doctor_says_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let found = lpzero(folder.path(), &["doctor", "--offline", "--json"]).json();
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    assert!(
        found["built in"]
            .as_array()
            .unwrap()
            .iter()
            .any(|name| name == "tiny"),
        "{found}"
    );
    assert_eq!(found["network"], "not asked");
}

#[test]
fn examples_are_files_that_work() {
    let folder = tempfile::tempdir().unwrap();
    let made = lpzero(folder.path(), &["new", "truth", "mine.csv"]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let ranked = lpzero(
        folder.path(),
        &[
            "rank",
            "--truth",
            "mine.csv",
            "--lower-is-better",
            "--proxy",
            "params",
            "--json",
        ],
    );
    assert_eq!(ranked.json()["n"], 3, "{}", ranked.stderr);
    assert_eq!(
        lpzero(folder.path(), &["new", "truth", "mine.csv"]).status,
        2
    );
    let made = lpzero(folder.path(), &["new", "architecture", "mine.json"]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let scored = lpzero(
        folder.path(),
        &["score", "mine.json", "--proxy", "params", "--json"],
    );
    assert_eq!(scored.status, 0, "{}", scored.stderr);
    let made = lpzero(folder.path(), &["new", "space", "mine.yaml"]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let found = lpzero(
        folder.path(),
        &[
            "nas",
            "--space",
            "mine.yaml",
            "--proxy",
            "params",
            "--budget",
            "10",
            "--json",
        ],
    );
    assert_eq!(found.json()["space"], "mine", "{}", found.stderr);
}

#[test]
fn options_come_from_a_file_too_and_what_is_typed_wins() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("run.toml"),
        "seed = 5\n[rank]\ntruth = \"tiny\"\nproxy = [\"params\", \"layers\"]\n",
    )
    .unwrap();
    let run = lpzero(folder.path(), &["rank", "--config", "run.toml", "--json"]);
    assert_eq!(
        run.json()["rows"].as_array().unwrap().len(),
        2,
        "{}",
        run.stderr
    );
    let typed = lpzero(
        folder.path(),
        &[
            "rank", "--config", "run.toml", "--proxy", "params", "--json",
        ],
    );
    assert_eq!(
        typed.json()["rows"].as_array().unwrap().len(),
        1,
        "{}",
        typed.stderr
    );
    fs::write(folder.path().join("run.toml"), "seed = [\n").unwrap();
    let wrong = lpzero(folder.path(), &["rank", "--config", "run.toml"]);
    assert_eq!(wrong.status, 2);
    assert!(
        wrong.stderr.contains("run.toml") && wrong.stderr.contains("expected TOML"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn who_types_only_the_name_is_told_what_to_do_in_ten_lines() {
    let folder = tempfile::tempdir().unwrap();
    let run = lpzero(folder.path(), &[]);
    assert_eq!(run.status, 2);
    assert!(
        run.stdout.lines().count() <= 11 && run.stdout.contains("lpzero search --out run"),
        "{}",
        run.stdout
    );
}

#[test]
fn short_help_is_one_screen() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["search", "rank", "nas", "score", "compare", "report"] {
        let help = lpzero(folder.path(), &[command, "-h"]);
        let lines = help.stdout.lines().count();
        assert!(lines <= 50, "{command}: {lines} lines");
        assert!(
            help.stdout.lines().all(|line| line.chars().count() <= 100),
            "{command}"
        );
    }
}

#[test]
fn misspelt_names_are_guessed() {
    let folder = tempfile::tempdir().unwrap();
    for (line, meant) in [
        (
            &["rank", "--truth", "tinny"][..],
            "did you mean `--truth tiny`",
        ),
        (&["rank", "--truth", "tiny", "--proxy", "snipp"], "`snip`"),
        (
            &["rank", "--truth", "tiny", "--proxy", "sum[fnn](l1(W))"],
            "`ffn`",
        ),
        (&["nas", "--space", "tinyy"], "did you mean `--space tiny`"),
        (&["serch"], "search"),
        (&["rank", "--trth", "tiny"], "--truth"),
    ] {
        let run = lpzero(folder.path(), line);
        assert_eq!(run.status, 2, "{}", run.stderr);
        assert!(run.stderr.contains(meant), "{line:?}: {}", run.stderr);
    }
}
