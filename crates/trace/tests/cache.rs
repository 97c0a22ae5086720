//! The trace cache gives back what was put in, whatever happens to its file.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use lpzero_arch::Architecture;
use lpzero_trace::{ArchitectureKey, CacheWarning, Error, Tokens, Trace, TraceCache, TraceSpec};
use tempfile::TempDir;

fn spec() -> TraceSpec {
    TraceSpec::new("FlexiBERT, as-trained", 0)
}

/// Architectures with the traces that the tests keep for them.
fn samples() -> Vec<(Architecture, Trace)> {
    let sample = |layers| {
        let architecture = common::encoder(layers, 8);
        let trace = common::made_up_trace(&architecture, layers as u32);
        (architecture, trace)
    };
    (1..=3).map(sample).collect()
}

fn open(folder: &Path) -> (TraceCache, Vec<CacheWarning>) {
    TraceCache::open(folder, &spec()).unwrap()
}

/// A folder whose cache file holds all samples, and the ends of header and records.
fn filled() -> (TempDir, PathBuf, Vec<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let (cache, warnings) = open(folder.path());
    assert_eq!(warnings, []);
    let size = || fs::metadata(cache.path()).unwrap().len() as usize;
    let mut ends = vec![size()];
    for (architecture, trace) in samples() {
        cache.append(ArchitectureKey::of(&architecture), &trace);
        ends.push(size());
    }
    let path = cache.path().to_owned();
    (folder, path, ends)
}

/// Asserts that exactly the first `count` samples are there, unharmed.
fn assert_holds(cache: &TraceCache, count: usize) {
    assert_eq!(cache.len(), count);
    for (i, (architecture, trace)) in samples().into_iter().enumerate() {
        let found = cache.get(&ArchitectureKey::of(&architecture)).unwrap();
        assert_eq!(found, (i < count).then_some(trace));
    }
}

#[test]
fn traces_are_there_when_the_cache_is_opened_again() {
    let (folder, ..) = filled();
    let (cache, warnings) = open(folder.path());
    assert_eq!(warnings, []);
    assert_holds(&cache, 3);
}

#[test]
fn a_file_cut_anywhere_keeps_its_intact_records_and_grows_again() {
    let (folder, path, ends) = filled();
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let intact = ends.iter().filter(|&&end| end <= length).count();
        let (cache, warnings) = open(folder.path());
        match intact {
            0 if length == 0 => assert_eq!(warnings, []),
            0 => assert!(matches!(warnings[..], [CacheWarning::Rebuilt { .. }])),
            _ if ends.contains(&length) => assert_eq!(warnings, []),
            _ => assert_eq!(
                warnings,
                [CacheWarning::CutOff {
                    path: path.clone(),
                    kept: intact - 1,
                    bytes: (length - ends[intact - 1]) as u64,
                }]
            ),
        }
        let kept = intact.saturating_sub(1);
        assert_holds(&cache, kept);
        for (architecture, trace) in &samples()[kept..] {
            cache.append(ArchitectureKey::of(architecture), trace);
        }
        assert_holds(&cache, 3);
        drop(cache);
        assert_eq!(fs::read(&path).unwrap(), whole, "cut at {length}");
    }
}

#[test]
fn a_changed_byte_is_detected_wherever_it_stands() {
    let (folder, path, ends) = filled();
    let whole = fs::read(&path).unwrap();
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x40;
        fs::write(&path, damaged).unwrap();
        let (cache, warnings) = open(folder.path());
        assert_eq!(warnings.len(), 1, "byte {position}");
        let intact = ends.iter().filter(|&&end| end <= position).count();
        assert_holds(&cache, intact.saturating_sub(1));
    }
}

#[test]
fn a_file_of_another_format_version_is_made_again_with_a_warning() {
    let (folder, path, _) = filled();
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] += 1; // the version follows the magic
    fs::write(&path, bytes).unwrap();
    let (cache, warnings) = open(folder.path());
    assert_eq!(warnings, [CacheWarning::Rebuilt { path: path.clone() }]);
    assert!(warnings[0].to_string().contains(path.to_str().unwrap()));
    assert_holds(&cache, 0);
}

#[test]
fn other_settings_have_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let variations = [
        spec(),
        TraceSpec { seed: 1, ..spec() },
        TraceSpec { batch: 2, ..spec() },
        TraceSpec {
            tokens: Tokens::Zipf { seed: 1 },
            ..spec()
        },
        TraceSpec {
            tokens: Tokens::Text(vec![1, 2].into()),
            ..spec()
        },
        TraceSpec {
            tokens: Tokens::Text(vec![2, 1].into()),
            ..spec()
        },
        TraceSpec {
            objective: Some(lpzero_nn::Objective::OutputSum),
            ..spec()
        },
    ];
    let mut paths: Vec<PathBuf> = variations
        .iter()
        .map(|spec| {
            TraceCache::open(folder.path(), spec)
                .unwrap()
                .0
                .path()
                .to_owned()
        })
        .collect();
    let name = paths[0].file_name().unwrap().to_str().unwrap();
    assert!(
        name.starts_with("flexibert-as-trained-") && name.ends_with(".trace"),
        "{name}"
    );
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), variations.len());
}

#[test]
fn a_second_process_reads_but_does_not_write() {
    let (folder, path, _) = filled();
    let (_owner, _) = open(folder.path());
    let (guest, warnings) = open(folder.path());
    assert_eq!(warnings, [CacheWarning::InUse { path: path.clone() }]);
    assert_holds(&guest, 3);
    let before = fs::read(&path).unwrap();
    let architecture = common::encoder(9, 8);
    let trace = common::made_up_trace(&architecture, 9);
    guest.append(ArchitectureKey::of(&architecture), &trace);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_folder_that_cannot_be_made_is_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    fs::write(&file, "").unwrap();
    let error = TraceCache::open(&file.join("cache"), &spec()).unwrap_err();
    assert!(matches!(error, Error::Cache { .. }));
    assert!(error.to_string().contains("a-file"), "{error}");
}

#[test]
fn a_folder_in_the_place_of_a_cache_file_is_named_and_left_alone() {
    let (folder, path, _) = filled();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let (cache, warnings) = open(folder.path());
    let [warning @ CacheWarning::Foreign { .. }] = &warnings[..] else {
        panic!("{warnings:?}");
    };
    let said = warning.to_string();
    assert!(
        said.contains(path.to_str().unwrap()) && said.contains("a folder"),
        "{said}"
    );
    assert_holds(&cache, 0);
    assert!(path.is_dir());
}

#[test]
fn a_record_that_claims_to_be_enormous_is_cut_off() {
    let (folder, path, ends) = filled();
    let mut bytes = fs::read(&path).unwrap();
    bytes[ends[0] + 32..ends[0] + 40].copy_from_slice(&u64::MAX.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let (cache, warnings) = open(folder.path());
    assert!(matches!(
        warnings[..],
        [CacheWarning::CutOff { kept: 0, .. }]
    ));
    assert_holds(&cache, 0);
}
