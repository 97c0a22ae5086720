//! A ground truth: a table, a list of records, or the project's own file. The first byte
//! says which.
#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use lpzero_arch::Reading;
use lpzero_truth::{GroundTruth, TableOptions};
use tempfile::TempDir;

static FOLDER: OnceLock<TempDir> = OnceLock::new();

const NAMES: [&str; 4] = ["table.csv", "table.jsonl", "truth.json", "ppl_summary.yaml"];

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else {
        return;
    };
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a temporary folder"));
    let path: PathBuf = folder.path().join(NAMES[usize::from(first) % NAMES.len()]);
    std::fs::write(&path, rest).expect("a file");
    for name in [None, Some("score".to_owned())] {
        let options = TableOptions {
            score_column: name,
            lower_is_better: first >= 128,
            ..TableOptions::default()
        };
        if let Ok(truth) = GroundTruth::read_with(&path, Reading::AsTrained, &options, None) {
            assert!(!truth.entries.is_empty());
            assert!(truth.entries.iter().all(|entry| entry.score.is_finite()));
        }
    }
});
