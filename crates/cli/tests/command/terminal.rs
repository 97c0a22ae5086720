//! What comes from files is shown on a terminal, which obeys none of it.

use std::fs;
use std::path::Path;

use crate::support::{Run, lpzero};

/// Turns red, clears the screen in one character, and starts a line of its own.
const HOSTILE: &str = "x\u{1b}[31m\u{9b}2J\nwarning: y\u{202e}";
/// What is left of it where it is shown.
const SHOWN: &str = r"x\u{1b}[31m\u{9b}2J\nwarning: y\u{202e}";

/// Nothing printed is a control character, but for ends of lines.
#[track_caller]
fn harmless(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(obeyed), "{text:?}");
        assert!(!text.contains("\nwarning: y"), "{text:?}");
    }
}

/// A table with hostile ids, of networks beside it.
fn table(folder: &Path) -> String {
    let mut rows = String::new();
    for blocks in 1..=3 {
        let config = format!(
            r#"{{"model_type": "gpt2", "n_layer": {blocks}, "n_head": 2, "n_embd": 16, "n_positions": 64, "vocab_size": 50}}"#
        );
        let name = format!("{blocks}.json");
        fs::write(folder.join(&name), config).unwrap();
        let id = format!("{blocks}{HOSTILE}");
        let row = serde_json::json!({"id": id, "architecture": name, HOSTILE: blocks});
        rows += &format!("{row}\n");
    }
    let path = folder.join("hostile.jsonl");
    fs::write(&path, rows).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn tables_show_what_a_terminal_would_obey() {
    let folder = tempfile::tempdir().unwrap();
    let truth = table(folder.path());
    let truth = ["--truth", &truth];
    let proxies = folder.path().join("proxies.txt");
    fs::write(&proxies, "red\u{1b}[31m = params\n").unwrap();
    let proxies = format!("@{}", proxies.display());
    for (line, shows) in [
        (
            &["score", "--proxy", "params", "--proxy", &proxies][..],
            SHOWN,
        ),
        (
            &["score", "--proxy", "params", "--format", "csv"],
            r"x\u{1b}[31m",
        ),
        (&["rank", "--proxy", &proxies], r"red\u{1b}[31m"),
        (
            &["rank", "--proxy", &proxies, "--format", "markdown"],
            r"red\u{1b}[31m",
        ),
        (
            &["rank", "--proxy", &proxies, "--format", "csv"],
            r"red\u{1b}[31m",
        ),
        (&["truth", "show"], SHOWN),
    ] {
        let run = lpzero(folder.path(), &[line, &truth].concat());
        assert_eq!(run.status, 0, "{line:?}: {}", run.stderr);
        let csv = line.contains(&"csv") && line[0] == "score";
        if !csv {
            harmless(&run);
        }
        assert!(run.stdout.contains(shows), "{line:?}: {}", run.stdout);
        assert!(!run.stdout.contains('\u{1b}'), "{line:?}: {:?}", run.stdout);
    }
}

#[test]
fn json_keeps_ids_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let truth = table(folder.path());
    let run = lpzero(
        folder.path(),
        &["score", "--truth", &truth, "--proxy", "params", "--json"],
    );
    harmless(&run);
    assert_eq!(run.json()["rows"][0]["id"], format!("1{HOSTILE}"));
}

#[test]
fn errors_show_what_a_terminal_would_obey() {
    let folder = tempfile::tempdir().unwrap();
    table(folder.path());
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let twice = serde_json::json!({"id": HOSTILE, "architecture": "1.json", "a": 1}).to_string();
    let twice = file("twice.jsonl", &format!("{twice}\n{twice}\n"));
    let value = serde_json::json!({"model_type": HOSTILE, "d_model": HOSTILE}).to_string();
    let value = file("value.json", &value);
    let named = file(&format!("{HOSTILE}.json"), "{");
    let columns = file("columns.csv", &format!("\"{HOSTILE}\",b\n1,2\n"));
    let formula = file("formula.txt", "sum(\u{1b}[31m\u{9b})\n");
    let formula = format!("@{formula}");
    let report = serde_json::json!({"best": {"formula": HOSTILE}, "front": []}).to_string();
    let report = format!("@{}", file("report.json", &report));
    let nowhere = serde_json::json!({"architecture": HOSTILE, "a": 1}).to_string();
    let nowhere = file("nowhere.jsonl", &nowhere);
    for line in [
        &["rank", "--truth", &twice][..],
        &["rank", "--truth", &columns],
        &["rank", "--truth", &nowhere],
        &["score", &value, "--proxy", "params"],
        &["score", &named, "--proxy", "params"],
        &["rank", "--proxy", &formula],
        &["rank", "--proxy", &report],
        &["rank", "--proxy", HOSTILE],
        &["rank", "--batch", HOSTILE],
        &["score", "--proxy", "params", &format!("--{HOSTILE}")],
        &["search", "--resume", HOSTILE],
        &["nas", "--space", HOSTILE],
    ] {
        let run = lpzero(folder.path(), line);
        assert_eq!(run.status, 2, "{line:?}: {}", run.stderr);
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!run.stderr.contains(obeyed), "{line:?}: {:?}", run.stderr);
    }
}
