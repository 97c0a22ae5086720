//! Traces that are kept: only where they are ours, only what is ours, and no more than
//! they may take.
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Run, line};

/// Traces of the built-in ground truth, under so many megabytes.
fn traced(folder: &Path, options: &str) -> Run {
    let rank = "rank --truth tiny --proxy snip --json --batch 1 --positions 8";
    let run = line(
        folder,
        &format!("{rank} --cache {} {options}", traces(folder).display()),
    );
    assert_eq!(run.status, 0, "{}", run.stderr);
    run
}

fn traces(folder: &Path) -> PathBuf {
    folder.join("traces")
}

/// The files of the cache, and their bytes together.
fn files(folder: &Path) -> (Vec<PathBuf>, u64) {
    let entries = fs::read_dir(traces(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let bytes = files.iter().map(|file| fs::metadata(file).unwrap().len());
    let bytes = bytes.sum();
    (files, bytes)
}

fn rows(run: &Run) -> serde_json::Value {
    run.json()["rows"][0]["tau"].clone()
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_the_cache_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let whole = traced(folder.path(), "");
    let file = files(folder.path()).0.remove(0);
    let precious = folder.path().join("precious");
    for contents in ["thesis", ""] {
        fs::write(&precious, contents).unwrap();
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(&precious, &file).unwrap();
        let run = traced(folder.path(), "");
        assert_eq!(rows(&run), rows(&whole));
        assert!(
            run.stderr.contains("a link, which is not followed"),
            "{}",
            run.stderr
        );
        assert_eq!(fs::read_to_string(&precious).unwrap(), contents);
        assert!(file.is_symlink());
    }
}

#[test]
fn a_file_that_does_not_begin_as_a_cache_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let whole = traced(folder.path(), "");
    let file = files(folder.path()).0.remove(0);
    fs::write(&file, "thesis").unwrap();
    let run = traced(folder.path(), "");
    assert_eq!(rows(&run), rows(&whole));
    assert!(run.stderr.contains("not a trace cache"), "{}", run.stderr);
    let cache = format!("--cache {}", traces(folder.path()).display());
    let cleaned = line(folder.path(), &format!("cache clean --json {cache}")).json();
    assert_eq!(cleaned["files"], 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "thesis");
}

#[test]
fn records_of_another_seed_are_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let whole = traced(folder.path(), "--seed 1");
    let file = files(folder.path()).0.remove(0);
    traced(folder.path(), "--seed 2");
    let other = files(folder.path())
        .0
        .into_iter()
        .find(|other| *other != file)
        .unwrap();
    // The head of one with the records of the other, every checksum in order.
    let [ours, theirs] = [&file, &other].map(|file| fs::read(file).unwrap());
    let head =
        |bytes: &[u8]| 16 + u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize + 32;
    let mixed = [&ours[..head(&ours)], &theirs[head(&theirs)..]].concat();
    fs::write(&file, mixed).unwrap();
    let run = traced(folder.path(), "--seed 1");
    assert!(run.stderr.contains("made again"), "{}", run.stderr);
    assert_eq!(rows(&run), rows(&whole));
    assert!(
        fs::read(&file).unwrap() == ours || fs::metadata(&file).unwrap().len() == ours.len() as u64
    );
}

#[test]
fn what_was_not_used_for_longest_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    traced(folder.path(), "--seed 1");
    let (first, one) = files(folder.path());
    traced(folder.path(), "--seed 2");
    // The first is used again, so the second is the older one.
    std::thread::sleep(std::time::Duration::from_millis(20));
    traced(folder.path(), "--seed 1");
    let limit = format!("--cache-limit {}B", one * 5 / 2);
    traced(folder.path(), &format!("--seed 3 {limit}"));
    let (left, bytes) = files(folder.path());
    assert!(
        left.contains(&first[0]) && left.len() == 2 && bytes <= one * 5 / 2,
        "{left:?}"
    );
    // Not even one fits: it is said, and the limit is kept.
    let run = traced(
        folder.path(),
        &format!("--seed 4 --cache-limit {}B", one / 2),
    );
    assert!(run.stderr.contains("not kept"), "{}", run.stderr);
    assert!(files(folder.path()).1 <= one / 2);
}

#[test]
fn the_cache_says_where_and_how_large_it_is_and_can_be_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let place = traces(folder.path()).display().to_string();
    let cache = |action: &str| line(folder.path(), &format!("cache {action} --cache {place}"));
    assert_eq!(cache("path").stdout, format!("{place}\n"));
    assert_eq!(cache("size --json").json()["files"], 0);
    assert!(!Path::new(&place).exists());
    traced(folder.path(), "");
    let notes = Path::new(&place).join("notes.txt");
    fs::write(&notes, "mine").unwrap();
    let size = cache("size --json").json();
    assert_eq!(
        (&size["files"], &size["path"]),
        (&1.into(), &place.clone().into())
    );
    assert!(cache("size").stdout.contains("1 file, "));
    let cleaned = cache("clean --json").json();
    assert_eq!(
        (&cleaned["files"], &cleaned["bytes"]),
        (&1.into(), &size["bytes"])
    );
    assert_eq!(cache("size --json").json()["bytes"], 0);
    assert!(notes.exists());
    let none = line(folder.path(), "cache size --no-cache");
    assert_eq!(none.status, 2, "{}", none.stderr);
    for action in ["path", "size", "clean"] {
        let run = line(folder.path(), &format!("cache {action}"));
        assert!(
            run.status == 0 && run.stdout.contains("default-cache"),
            "{}",
            run.stderr
        );
    }
}
