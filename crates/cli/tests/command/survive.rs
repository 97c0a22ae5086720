//! A run that is stopped, however it is, ends with the report that it would
//! have ended with.
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::benchmark::{benchmark, write_benchmark};
use crate::support::{Disk, Run, command, finished, lpzero};

/// A search of half a second, on small passes.
fn arguments<'a>(truth: &'a str, out: &'a Path) -> Vec<&'a str> {
    let arguments = "search --split 10/6 --seed 5 --budget 1200 --json --batch 2 --positions 16";
    let mut arguments: Vec<&str> = arguments.split(' ').collect();
    arguments.extend(["--truth", truth, "--out", out.to_str().unwrap()]);
    arguments
}

/// The same with another budget.
fn with_budget<'a>(budget: &'a str, truth: &'a str, out: &'a Path) -> Vec<&'a str> {
    let arguments = arguments(truth, out).into_iter();
    arguments
        .map(|argument| if argument == "1200" { budget } else { argument })
        .collect()
}

/// Starts a run without waiting for it.
fn start(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = command(folder);
    command.args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits until a run has recorded something.
fn wait_for_records(run: &Path) {
    let start = Instant::now();
    let recorded = || fs::metadata(run.join("journal/main")).map_or(0, |file| file.len());
    while recorded() < 1000 {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "nothing recorded"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The report of a finished run, without its times.
fn report(run: &Path) -> serde_json::Value {
    let text = fs::read_to_string(run.join("report.json")).unwrap();
    let mut report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(report.as_object_mut().unwrap().remove("seconds").is_some());
    report
}

fn resume(folder: &Path, run: &Path, options: &[&str]) -> Run {
    let resume = ["search", "--resume", run.to_str().unwrap()];
    lpzero(folder, &[&resume, options].concat())
}

/// A folder with a ground truth in it.
fn prepared() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let truth = write_benchmark(folder.path(), &benchmark(24));
    (folder, truth)
}

/// A number between 0 and 1, the same in every run of the tests.
fn chance(seed: u64) -> f64 {
    let mut x = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..3 {
        x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    }
    (x >> 11) as f64 / (1u64 << 53) as f64
}

#[test]
fn killed_at_any_of_20_points_a_run_ends_the_same() {
    const POINTS: u32 = 20;
    // The built-in ground truth, whose networks are small: there are many runs.
    let (folder, truth) = (tempfile::tempdir().unwrap(), "tiny");
    let whole = folder.path().join("whole");
    let cold = Instant::now();
    let run = lpzero(folder.path(), &arguments(truth, &whole));
    assert_eq!(run.status, 0, "{}", run.stderr);
    let cold = cold.elapsed();
    let expected = report(&whole);

    let warm = folder.path().join("warm");
    let start_of_warm = Instant::now();
    assert_eq!(lpzero(folder.path(), &arguments(truth, &warm)).status, 0);
    let duration = start_of_warm.elapsed();
    assert_eq!(report(&warm), expected);

    // Whether a run got to its search before it was killed.
    let killed = |point: u32| {
        let run = folder.path().join(format!("run-{point}"));
        // Some make their own traces, so that they are killed doing so.
        let own = folder.path().join(format!("own-{point}"));
        let (home, duration) = match point % 8 {
            2 => (&own, cold),
            _ => (&folder.path().to_owned(), duration),
        };
        let share = (f64::from(point) + chance(point.into())) / f64::from(POINTS);
        let mut child = start(home, &arguments(truth, &run));
        std::thread::sleep(duration.mul_f64(share));
        child.kill().unwrap();
        child.wait().unwrap();
        let recorded = run.join("journal").exists();
        if !run.join("configuration.json").exists() {
            // Killed before it was a run: it may be started again.
            let again = lpzero(home, &arguments(truth, &run));
            assert_eq!(again.status, 0, "{point}: {}", again.stderr);
        } else if !run.join("report.json").exists() {
            let threads = if point.is_multiple_of(2) { "1" } else { "2" };
            let resumed = resume(home, &run, &["--json", "--threads", threads]);
            assert_eq!(resumed.status, 0, "{point}: {}", resumed.stderr);
        }
        assert_eq!(report(&run), expected, "killed at {share:.3}");
        let front = |run: &Path| fs::read_to_string(run.join("front.json")).unwrap();
        assert_eq!(front(&run), front(&whole), "killed at {share:.3}");
        recorded
    };
    // Two at a time: alone, they would be what all other tests are waited for.
    let recorded: usize = std::thread::scope(|scope| {
        let of = |first: u32| {
            (first..POINTS)
                .step_by(2)
                .filter(|&point| killed(point))
                .count()
        };
        let halves = [0, 1].map(|first| scope.spawn(move || of(first)));
        halves.map(|half| half.join().unwrap()).iter().sum()
    });
    assert!(
        recorded >= POINTS as usize / 3,
        "{recorded} runs got to their search"
    );
}

#[test]
fn a_run_that_is_killed_again_and_again_gets_to_its_end() {
    let (folder, truth) = prepared();
    let whole = folder.path().join("whole");
    assert_eq!(lpzero(folder.path(), &arguments(&truth, &whole)).status, 0);
    let run = folder.path().join("run");
    let mut child = start(folder.path(), &arguments(&truth, &run));
    let journal = run.join("journal/main");
    let recorded = || fs::metadata(&journal).map_or(0, |file| file.len());
    let mut kept = 0;
    for _ in 0..4 {
        // Killed as soon as it has come further than the one before.
        while recorded() <= kept + 2_000 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(recorded() > kept);
        kept = recorded();
        let resume = ["search", "--resume", run.to_str().unwrap()];
        child = start(folder.path(), &resume);
    }
    let ended = finished(&child.wait_with_output().unwrap());
    if ended.status != 2 {
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("recorded batches"),
            "{}",
            ended.stderr
        );
    }
    assert_eq!(report(&run), report(&whole));
}

#[test]
fn a_journal_with_a_torn_end_is_repaired_and_one_with_a_damaged_middle_refused() {
    let (folder, truth) = prepared();
    let run = folder.path().join("run");
    assert_eq!(lpzero(folder.path(), &arguments(&truth, &run)).status, 0);
    let expected = report(&run);
    let journal = run.join("journal/main");
    let whole = fs::read(&journal).unwrap();

    fs::remove_file(run.join("report.json")).unwrap();
    fs::write(&journal, &whole[..whole.len() / 2]).unwrap();
    let repaired = resume(folder.path(), &run, &[]);
    assert_eq!(repaired.status, 0, "{}", repaired.stderr);
    assert!(repaired.stderr.contains("warning:"), "{}", repaired.stderr);
    assert!(
        repaired.stderr.contains(journal.to_str().unwrap()),
        "{}",
        repaired.stderr
    );
    assert_eq!(report(&run), expected);

    fs::remove_file(run.join("report.json")).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(&journal, &damaged).unwrap();
    let refused = resume(folder.path(), &run, &[]);
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    for part in [journal.to_str().unwrap(), "is damaged", "restore the file"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    assert_eq!(fs::read(&journal).unwrap(), damaged);
    // What the message offers.
    fs::remove_file(&journal).unwrap();
    assert_eq!(resume(folder.path(), &run, &[]).status, 0);
    assert_eq!(report(&run), expected);
}

#[test]
fn a_journal_of_an_earlier_version_is_refused_in_one_sentence() {
    let (folder, truth) = prepared();
    let run = folder.path().join("run");
    assert_eq!(lpzero(folder.path(), &arguments(&truth, &run)).status, 0);
    fs::remove_file(run.join("report.json")).unwrap();
    let journal = run.join("journal");
    fs::remove_dir_all(&journal).unwrap();
    fs::write(&journal, b"LPZJRNAL\x01\0\0\0LPZB").unwrap();
    let refused = resume(folder.path(), &run, &[]);
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    for part in [journal.to_str().unwrap(), "a journal of an earlier version"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    // What the message offers.
    fs::remove_file(&journal).unwrap();
    assert_eq!(resume(folder.path(), &run, &[]).status, 0);
}

#[test]
fn an_exhaustive_search_goes_on_where_its_journal_ends() {
    let (folder, truth) = prepared();
    let run = folder.path().join("run");
    let started = "search --split 10/6 --method exhaustive --n-unary 1 --aggregate mean \
                   --aggregate sum[ffn] --batch 2 --positions 16";
    let started: Vec<&str> = started.split(' ').collect();
    let places = ["--truth", &truth, "--out", run.to_str().unwrap()];
    assert_eq!(
        lpzero(folder.path(), &[&started[..], &places].concat()).status,
        0
    );
    let expected = report(&run);
    let journal = run.join("journal/main");
    let whole = fs::read(&journal).unwrap();
    // As a run leaves it that is killed while it searches.
    for left in [whole.len() / 3, whole.len() * 9 / 10] {
        fs::remove_file(run.join("report.json")).unwrap();
        fs::write(&journal, &whole[..left]).unwrap();
        let resumed = resume(folder.path(), &run, &["--threads", "1"]);
        assert_eq!(resumed.status, 0, "{}", resumed.stderr);
        assert!(
            resumed.stderr.contains("recorded batches"),
            "{}",
            resumed.stderr
        );
        assert_eq!(report(&run), expected);
    }
}

#[test]
fn a_run_whose_ground_truth_has_changed_is_refused() {
    let (folder, truth) = prepared();
    let run = folder.path().join("run");
    assert_eq!(lpzero(folder.path(), &arguments(&truth, &run)).status, 0);
    fs::remove_file(run.join("report.json")).unwrap();
    let mut changed = benchmark(24);
    changed[3]["scores"]["glue"] = 10.0.into();
    fs::write(&truth, changed.to_string()).unwrap();
    let refused = resume(folder.path(), &run, &[]);
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("another ground truth"),
        "{}",
        refused.stderr
    );
    assert!(run.join("configuration.json").exists() && run.join("journal").exists());
}

#[test]
fn two_processes_cannot_work_on_one_run() {
    let (folder, truth) = prepared();
    let run = folder.path().join("run");
    let endless = with_budget("1000000000", &truth, &run);
    let mut child = start(folder.path(), &endless);
    wait_for_records(&run);
    let second = resume(folder.path(), &run, &[]);
    assert_eq!(second.status, 2, "{}", second.stderr);
    assert!(
        second.stderr.contains("another process works on this run"),
        "{}",
        second.stderr
    );
    assert!(
        second.stderr.contains(run.to_str().unwrap()),
        "{}",
        second.stderr
    );
    let third = lpzero(folder.path(), &endless);
    assert_eq!(third.status, 2, "{}", third.stderr);
    assert!(third.stderr.contains("exists already"), "{}", third.stderr);
    assert!(child.try_wait().unwrap().is_none(), "the first goes on");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn a_termination_signal_ends_a_run_as_ctrl_c_does() {
    let (folder, truth) = prepared();
    let whole = folder.path().join("whole");
    assert_eq!(lpzero(folder.path(), &arguments(&truth, &whole)).status, 0);
    let run = folder.path().join("run");
    let child = start(folder.path(), &arguments(&truth, &run));
    wait_for_records(&run);
    let kill = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let stopped = finished(&child.wait_with_output().unwrap());
    assert_eq!(stopped.status, 130, "{}", stopped.stderr);
    assert_eq!(stopped.stdout, "");
    let hint = format!("`lpzero search --resume {}` continues", run.display());
    assert!(stopped.stderr.contains(&hint), "{}", stopped.stderr);
    let front = fs::read_to_string(run.join("front.json")).unwrap();
    let front: serde_json::Value = serde_json::from_str(&front).unwrap();
    let last = front.as_array().unwrap().last().unwrap();
    assert!(
        last["formula"].is_string() && last["fitness"].as_f64().unwrap() > 0.5,
        "{front}"
    );

    let resumed = resume(folder.path(), &run, &[]);
    assert_eq!(resumed.status, 0, "{}", resumed.stderr);
    assert_eq!(report(&run), report(&whole));
}

#[test]
fn a_full_disk_is_said_and_survived() {
    let Some(disk) = Disk::of(1 << 22) else {
        return;
    };
    let (folder, truth) = prepared();
    let run = disk.path().join("run");
    assert_eq!(lpzero(folder.path(), &arguments(&truth, &run)).status, 0);
    let expected = report(&run);
    let journal = run.join("journal/main");
    for name in ["report.json", "front.json", "journal/main"] {
        fs::remove_file(run.join(name)).unwrap();
    }
    let filler = disk.fill();
    let stopped = resume(folder.path(), &run, &[]);
    assert_eq!(stopped.status, 1, "{}", stopped.stderr);
    for part in [
        journal.to_str().unwrap(),
        "cannot be written",
        "No space left",
        "--resume",
    ] {
        assert!(stopped.stderr.contains(part), "{}", stopped.stderr);
    }
    // Room was made.
    fs::remove_file(filler).unwrap();
    assert_eq!(resume(folder.path(), &run, &[]).status, 0);
    assert_eq!(report(&run), expected);
}

/// Behind a link there is somebody else's file.
#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_journal_is_not_followed() {
    let (folder, truth) = prepared();
    let run = folder.path().join("run");
    assert_eq!(lpzero(folder.path(), &arguments(&truth, &run)).status, 0);
    fs::remove_file(run.join("report.json")).unwrap();
    let journal = run.join("journal/main");
    fs::remove_file(&journal).unwrap();
    let precious = folder.path().join("precious");
    std::os::unix::fs::symlink(&precious, &journal).unwrap();
    for contents in [Some("thesis"), Some(""), None] {
        match contents {
            Some(text) => fs::write(&precious, text).unwrap(),
            None => fs::remove_file(&precious).unwrap(),
        }
        let refused = resume(folder.path(), &run, &[]);
        assert_eq!(refused.status, 2, "{}", refused.stderr);
        assert!(
            refused.stderr.contains("a link, which is not followed"),
            "{}",
            refused.stderr
        );
        assert_eq!(fs::read_to_string(&precious).ok().as_deref(), contents);
    }
}

#[test]
fn a_folder_that_never_became_a_run_can_be_used() {
    let (folder, truth) = prepared();
    let run = folder.path().join("run");
    fs::create_dir(&run).unwrap();
    fs::write(run.join("lock"), "").unwrap();
    fs::write(run.join("configuration.json.part"), "{").unwrap();
    let refused = resume(folder.path(), &run, &[]);
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    let short = with_budget("50", &truth, &run);
    let started = lpzero(folder.path(), &short);
    assert_eq!(started.status, 0, "{}", started.stderr);
    assert_eq!(lpzero(folder.path(), &short).status, 2);
}
