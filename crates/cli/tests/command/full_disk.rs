//! A disk that is full, or a limit of file sizes: nothing that was there is lost, and the
//! work goes on once there is room.
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Disk, Run, after, interrupted, line, lpzero, under};

const TRAIN: &str = "train --layers 2 --width 32 --heads 2 --batch 2 --positions 16 --json";

fn assert_full(run: &Run, file: &str, next: &str) {
    assert_eq!(run.status, 1, "{}", run.stderr);
    for part in [file, "No space left on device", next] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
}

fn size(path: PathBuf) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// A finished training elsewhere, and a disk that has no room for what it wrote last.
fn almost(folder: &Path) -> Option<(PathBuf, Disk)> {
    let whole = folder.join("whole");
    let trained = line(
        folder,
        &format!("{TRAIN} --steps 4 --out {}", whole.display()),
    );
    assert_eq!(trained.status, 0, "{}", trained.stderr);
    let [checkpoint, model] =
        ["checkpoint.safetensors", "model.safetensors"].map(|name| size(whole.join(name)));
    let disk = Disk::of(checkpoint + model / 2)?;
    Some((whole, disk))
}

#[test]
fn a_finished_training_is_kept_where_its_weights_do_not_fit_beside_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let Some((whole, disk)) = almost(folder.path()) else {
        return;
    };
    let out = disk.path().join("run");
    let stopped = line(
        folder.path(),
        &format!("{TRAIN} --steps 4 --out {}", out.display()),
    );
    let next = format!("`lpzero train --resume {}` continues", out.display());
    assert_full(&stopped, "model.safetensors: cannot be written", &next);
    assert!(out.join("checkpoint.safetensors").exists() && !out.join("report.json").exists());
    // Still no room: still all is there.
    let resume = format!("train --resume {} --json", out.display());
    assert_full(&line(folder.path(), &resume), "model.safetensors", &next);
    disk.grow(1 << 24);
    assert_eq!(line(folder.path(), &resume).status, 0);
    for name in ["model.safetensors", "checkpoint.safetensors", "curve.csv"] {
        assert!(fs::read(out.join(name)).unwrap() == fs::read(whole.join(name)).unwrap());
    }
}

#[test]
fn ctrl_c_on_a_full_disk_keeps_the_checkpoint_that_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::of(1 << 24) else {
        return;
    };
    let out = disk.path().join("run");
    let begin = format!("{TRAIN} --steps 10000000 --out {}", out.display());
    let checkpoint = out.join("checkpoint.safetensors");
    let kept = RefCell::new(Vec::new());
    // In a folder that this very process has made: one of an earlier run stays anyway.
    let begun = || {
        let Ok(bytes) = fs::read(&checkpoint) else {
            return false;
        };
        // Room for the curve, which goes first, and for half of another checkpoint.
        let filler = fs::File::options().write(true).open(disk.fill()).unwrap();
        let length = filler.metadata().unwrap().len();
        filler.set_len(length - bytes.len() as u64 / 2).unwrap();
        kept.replace(bytes);
        true
    };
    let stopped = interrupted(folder.path(), &begin, begun);
    assert_full(&stopped, "cannot be written", "train --resume");
    let (kept, filler) = (kept.into_inner(), disk.path().join("filler"));
    assert!(fs::read(&checkpoint).unwrap() == kept);
    let resume = format!("train --resume {} --json", out.display());
    let stopped = interrupted(folder.path(), &resume, after(2.0));
    assert_full(&stopped, "cannot be written", "train --resume");
    assert!(fs::read(&checkpoint).unwrap() == kept);
    fs::remove_file(filler).unwrap();
    let again = interrupted(folder.path(), &resume, after(2.0));
    assert_eq!(again.status, 130, "{}", again.stderr);
}

#[test]
fn a_ranking_that_cannot_be_saved_leaves_the_old_file_and_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::of(1 << 20) else {
        return;
    };
    let save = disk.path().join("ranking.json");
    fs::write(&save, "last week's").unwrap();
    disk.fill();
    let rank = format!(
        "rank --truth tiny --proxy params --no-cache --save {}",
        save.display()
    );
    let run = line(folder.path(), &rank);
    assert_full(&run, "--save", "ranking.json");
    assert!(run.stdout.contains("params"), "{}", run.stdout);
    assert_eq!(fs::read_to_string(&save).unwrap(), "last week's");
}

#[test]
fn an_export_without_room_leaves_nothing_that_a_second_one_would_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::of(1 << 20) else {
        return;
    };
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nn/tests");
    let supernet = tests.join("fixtures/checkpoints/llama");
    let out = disk.path().join("part");
    let export = format!(
        "export {0} --supernet {0} --out {1}",
        supernet.display(),
        out.display()
    );
    let filler = disk.fill();
    let run = line(folder.path(), &export);
    assert_full(&run, "model.safetensors", "cannot be written");
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 1);
    fs::remove_file(filler).unwrap();
    assert_eq!(line(folder.path(), &export).status, 0);
    assert!(out.join("config.json").exists() && out.join("model.safetensors").exists());
}

#[test]
fn a_place_on_a_full_disk_is_not_wrong_input() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::of(1 << 16) else {
        return;
    };
    disk.fill();
    let out = disk.path().join("run");
    for command in ["train --steps 2", "nas", "search", "ablate", "truth build"] {
        let run = line(folder.path(), &format!("{command} --out {}", out.display()));
        assert_eq!(run.status, 1, "{command}: {}", run.stderr);
        assert!(
            run.stderr.contains("No space left"),
            "{command}: {}",
            run.stderr
        );
        assert!(!out.join("configuration.json").exists(), "{command}");
    }
}

#[test]
fn a_build_on_two_threads_goes_on_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let build = "truth build --architectures 30 --seeds 2 --steps 2 --json --threads 2 --out";
    let whole = folder.path().join("whole");
    assert_eq!(
        line(folder.path(), &format!("{build} {}", whole.display())).status,
        0
    );
    let journal = size(whole.join("trainings/main"));
    let pages = |bytes: u64| bytes.div_ceil(4096) * 4096;
    let beside = ["configuration.json", "pieces.json"].map(|name| pages(size(whole.join(name))));
    // Room for some records, and for a part of another.
    let room = (journal / 2 / 4096).max(1) * 4096;
    let Some(disk) = Disk::of(beside.iter().sum::<u64>() + room) else {
        return;
    };
    let out = disk.path().join("run");
    let stopped = line(folder.path(), &format!("{build} {}", out.display()));
    assert_full(
        &stopped,
        "trainings/main: cannot be written",
        "truth build --resume",
    );
    disk.grow(1 << 24);
    let resumed = line(
        folder.path(),
        &format!("truth build --json --resume {}", out.display()),
    );
    assert_eq!(resumed.status, 0, "{}", resumed.stderr);
    assert!(
        resumed.stderr.contains("recorded losses"),
        "{}",
        resumed.stderr
    );
    let scores = |run: &Path| {
        let text = fs::read_to_string(run.join("truth.json")).unwrap();
        let truth: serde_json::Value = serde_json::from_str(&text).unwrap();
        let entries = truth["entries"].as_array().unwrap().iter();
        entries
            .map(|entry| entry["score"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(scores(&out), scores(&whole));
}

#[test]
fn a_cache_without_room_stops_no_work() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::of(1 << 16) else {
        return;
    };
    let cache = disk.path().join("traces").display().to_string();
    let rank = [
        "rank", "--truth", "tiny", "--proxy", "snip", "--json", "--cache", &cache,
    ];
    let rank = [&rank[..], &["--batch", "1", "--positions", "8"]].concat();
    let run = lpzero(folder.path(), &rank);
    assert_eq!(run.status, 0, "{}", run.stderr);
    for part in ["warning:", "not kept", "No space left"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}

/// The signal of a limit of file sizes would end the process.
#[cfg(unix)]
#[test]
fn a_limit_of_file_sizes_is_like_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let search = "search --truth tiny --split 10/6 --seed 5 --budget 1200 --json --batch 2 --positions 16 --out";
    let [whole, run] = ["whole", "run"].map(|name| folder.path().join(name));
    // Traces are there: the limit is about the run.
    assert_eq!(
        line(folder.path(), &format!("{search} {}", whole.display())).status,
        0
    );
    let limited = under(
        folder.path(),
        "ulimit -f 8",
        &format!("{search} {}", run.display()),
    );
    assert_eq!(limited.status, 1, "{}", limited.stderr);
    for part in [
        "journal/main: cannot be written",
        "File too large",
        "search --resume",
    ] {
        assert!(limited.stderr.contains(part), "{}", limited.stderr);
    }
    let resumed = line(
        folder.path(),
        &format!("search --json --resume {}", run.display()),
    );
    assert_eq!(resumed.status, 0, "{}", resumed.stderr);
    assert!(
        resumed.stderr.contains("recorded batches"),
        "{}",
        resumed.stderr
    );
    let report = |run: &Path| {
        let text = fs::read_to_string(run.join("report.json")).unwrap();
        let mut report: serde_json::Value = serde_json::from_str(&text).unwrap();
        report.as_object_mut().unwrap().remove("seconds");
        report
    };
    assert_eq!(report(&run), report(&whole));
}
