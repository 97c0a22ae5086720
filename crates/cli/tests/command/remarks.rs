//! A remark that nobody can read stops no work; output that nobody can read is said.
#![cfg(unix)]
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{command, line, under};

const SEARCH: &str =
    "search --truth tiny --split 10/6 --budget 300 --batch 2 --positions 16 --no-cache";

fn full() -> bool {
    let full = Path::new("/dev/full").exists();
    if !full {
        println!("SKIPPED: there is no /dev/full");
    }
    full
}

#[test]
fn remarks_on_a_full_disk_are_ignored() {
    if !full() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let quiet = "exec 2> /dev/full";
    let ranked = under(
        folder.path(),
        quiet,
        "rank --truth tiny --proxy params --no-cache",
    );
    assert_eq!(ranked.status, 0);
    assert!(ranked.stdout.contains("params"));
    let out = folder.path().join("run");
    let begun = format!("{SEARCH} --out {}", out.display());
    assert_eq!(under(folder.path(), quiet, &begun).status, 0);
    // Begins with a remark on what is recorded, and a warning of what is torn.
    fs::remove_file(out.join("report.json")).unwrap();
    let journal = out.join("journal/main");
    let whole = fs::read(&journal).unwrap();
    fs::write(&journal, &whole[..whole.len() - 5]).unwrap();
    let resumed = format!("search --resume {}", out.display());
    assert_eq!(under(folder.path(), quiet, &resumed).status, 0);
    assert!(out.join("report.json").exists());
    // Also where there is no standard error, and where it is a pipe that nobody reads.
    for quiet in ["exec 2>&-", "exec 2> >(true); sleep 0.2"] {
        let ranked = under(
            folder.path(),
            quiet,
            "rank --truth tiny --proxy params --no-cache",
        );
        assert_eq!(ranked.status, 0, "{quiet}");
    }
    let wrong = under(folder.path(), quiet, "rank --proxy nothing");
    assert_eq!(wrong.status, 2);
}

#[test]
fn output_that_cannot_be_printed_is_no_success() {
    if !full() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        "rank --truth tiny --proxy params --no-cache",
        "score --truth tiny --proxy params --format csv",
        "proxies",
        "proxies --reference",
        "truth list",
        "cache path",
        "--help",
        "--version",
    ] {
        let run = under(folder.path(), "exec > /dev/full", arguments);
        assert_eq!(run.status, 1, "{arguments}: {}", run.stderr);
    }
}

/// As a terminal does that is closed over a search that the shell has disowned.
#[test]
fn a_search_survives_its_terminal() {
    let folder = tempfile::tempdir().unwrap();
    if Command::new("script").arg("--version").output().is_err() {
        println!("SKIPPED: there is no `script`, which makes terminals");
        return;
    }
    let out = folder.path().join("run");
    let program = command(folder.path());
    let inside = format!(
        "trap '' HUP; exec {} {SEARCH} --out {} --budget 3000",
        program.get_program().display(),
        out.display()
    );
    let inside = inside.replace("--budget 300 ", "");
    let mut terminal = Command::new("script");
    terminal.args(["-q", "-e", "-c", &inside, "/dev/null"]);
    terminal
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut terminal = terminal.spawn().unwrap();
    let start = Instant::now();
    let wait = |name: &str| {
        while !out.join(name).exists() {
            assert!(start.elapsed() < Duration::from_secs(90), "no {name}");
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    wait("journal/main");
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    wait("report.json");
}

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let search = format!("{SEARCH} --out {}", out.display());
    // As `nohup` does it.
    let run = under(
        folder.path(),
        "trap '' HUP\n(sleep 0.3; kill -HUP $$) &",
        &search,
    );
    assert_eq!(run.status, 0, "{}", run.stderr);
    let ended = line(folder.path(), &format!("search --resume {}", out.display()));
    assert_eq!(ended.status, 2);
}
