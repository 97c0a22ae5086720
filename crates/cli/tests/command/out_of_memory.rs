//! No memory left: one sentence, exit status 1, and what was recorded is there.
#![cfg(unix)]
use std::fs;

use crate::support::{Run, line, under};

/// Sanitizers and some machines take more addresses than the limit from the beginning.
fn limited(folder: &std::path::Path, kilobytes: u64, arguments: &str) -> Run {
    let limit = format!("ulimit -v {kilobytes}");
    under(folder, &limit, arguments)
}

fn assert_ended(run: &Run) {
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stderr.contains("no memory left"), "{}", run.stderr);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}

#[test]
fn a_search_of_architectures_without_memory_keeps_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    // Minibatches of many tokens: every pass takes hundreds of megabytes.
    let nas = format!(
        "nas --budget 4 --population 4 --batch 512 --positions 64 --threads 1 --out {}",
        run.display()
    );
    assert_ended(&limited(folder.path(), 300_000, &nas));
    assert!(run.join("configuration.json").exists());
    let resumed = line(
        folder.path(),
        &format!("nas --resume {} --json", run.display()),
    );
    assert_eq!(resumed.status, 0, "{}", resumed.stderr);
}

#[test]
fn a_training_without_memory_keeps_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let train = format!(
        "train --layers 8 --width 768 --heads 8 --batch 1 --positions 8 --steps 2 --threads 1 --out {}",
        out.display()
    );
    assert_ended(&limited(folder.path(), 500_000, &train));
    assert!(out.join("configuration.json").exists());
    assert!(fs::read_dir(&out).unwrap().count() <= 2);
}

#[test]
fn under_any_limit_a_command_ends_with_a_status_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let whole = line(
        folder.path(),
        "rank --truth tiny --proxy snip --no-cache --threads 2 --json",
    );
    assert_eq!(whole.status, 0, "{}", whole.stderr);
    let mut ended = 0;
    for kilobytes in (1..=16).map(|step| 25_000 * step) {
        let run = limited(
            folder.path(),
            kilobytes,
            "rank --truth tiny --proxy snip --no-cache --threads 2 --json",
        );
        // Below the size of the program the system does not even load it.
        let started = run.status != 127 && !(run.status == -1 && run.stderr.is_empty());
        if started && run.status != 0 {
            // Where one thread has room and two have none, fewer were to be asked for.
            let status = match run.stderr.contains("--threads 2: ") && run.stderr.contains("fewer")
            {
                true => 2,
                false => 1,
            };
            assert_eq!(run.status, status, "{kilobytes}: {}", run.stderr);
            ended += 1;
        }
    }
    assert!(ended > 0, "no limit was too low");
}
