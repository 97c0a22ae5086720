//! Against the published data: the counts that the authors' code made, and
//! every record readable.
//!
//! The data are read from `$LPZERO_DATA`, else from `../shared/data` beside
//! the workspace; where neither exists the tests say so and pass.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use lpzero_arch::{Document, Mixer, Reading, read_architecture};
use lpzero_truth::{GroundTruth, known};

fn data(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("LPZERO_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} does not exist", path.display());
    None
}

fn flexibert(reading: Reading) -> Option<GroundTruth> {
    let path = data(known("flexibert").unwrap().location)?;
    Some(GroundTruth::read(&path, reading).unwrap())
}

fn lts(name: &str) -> Option<GroundTruth> {
    let path = data(known(name).unwrap().location)?;
    let truth = GroundTruth::read(&path, Reading::default()).unwrap();
    assert_eq!(truth.name, name);
    Some(truth)
}

fn gpt2() -> Option<GroundTruth> {
    lts("lts-gpt2-wt103")
}

#[test]
fn reference_parameters_equal_the_released_count_500_of_500() {
    let (Some(truth), Some(table)) = (
        flexibert(Reading::Reference),
        data("flexibert/reference_proxies.csv"),
    ) else {
        return;
    };
    let table = fs::read_to_string(table).unwrap();
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|title| *title == name).unwrap();
    let (id, params, glue) = (
        column("ID"),
        column("Number of Parameters"),
        column("GLUE Score"),
    );
    let released: HashMap<&str, Vec<&str>> = lines
        .map(|line| line.split(',').collect::<Vec<_>>())
        .map(|cells| (cells[id], cells))
        .collect();
    assert_eq!(truth.entries.len(), 500);
    for entry in &truth.entries {
        let cells = &released[entry.id.as_str()];
        let count: u128 = cells[params].parse().unwrap();
        assert_eq!(
            entry.architecture.parameters().total(),
            count,
            "{}",
            entry.id
        );
        assert_eq!(
            entry.score,
            cells[glue].parse::<f64>().unwrap(),
            "{}",
            entry.id
        );
    }
}

/// Every part of every network equals `params_summary.yaml`.
fn assert_parts_as_released(truth: &GroundTruth) {
    let summary = Document::read(&truth.path.join("params_summary.yaml")).unwrap();
    assert_eq!(truth.entries.len(), 200);
    for entry in &truth.entries {
        let released = summary.root().get(&entry.id, "the parts").unwrap();
        let counts = entry.architecture.parameters();
        for (part, count) in [
            ("AdaEmb", counts.embedding()),
            ("Attn", counts.mixers),
            ("FFN", counts.feed_forwards),
            ("nonembedding", counts.non_embedding()),
            ("total", counts.total()),
        ] {
            let released = released.get(part, "a count").unwrap().number().unwrap();
            assert_eq!(count as f64, released, "{} {part}", entry.id);
        }
    }
}

#[test]
fn gpt2_parts_equal_the_released_summary_200_of_200() {
    if let Some(truth) = gpt2() {
        assert_parts_as_released(&truth);
    }
}

#[test]
fn transformer_xl_parts_equal_the_released_summary_200_of_200() {
    if let Some(truth) = lts("lts-transformer-xl-wt103") {
        assert_parts_as_released(&truth);
    }
}

#[test]
fn every_encoder_is_an_architecture_in_every_reading() {
    let mut fingerprints = Vec::new();
    for (reading, _) in Reading::ALL {
        let Some(truth) = flexibert(reading) else {
            return;
        };
        assert_eq!(truth.entries.len(), 500);
        assert_eq!(truth.reading, Some(reading));
        let ids: Vec<String> = truth.entries.iter().map(|entry| entry.id.clone()).collect();
        assert_eq!(ids, (0..500).map(|id| id.to_string()).collect::<Vec<_>>());
        let operations = truth
            .entries
            .iter()
            .flat_map(|entry| &entry.architecture.blocks)
            .filter(|block| {
                !matches!(
                    block.mixer,
                    Mixer::Attention {
                        weighted: false,
                        ..
                    }
                )
            })
            .count();
        assert_eq!(operations == 0, reading == Reading::AsTrained);
        fingerprints.push(truth.fingerprint());
    }
    fingerprints.sort();
    fingerprints.dedup();
    assert_eq!(
        fingerprints.len(),
        3,
        "the readings are three different sets of networks"
    );
}

#[test]
fn a_smaller_perplexity_is_a_larger_score() {
    let Some(truth) = gpt2() else { return };
    assert_eq!(
        (truth.name.as_str(), truth.lower_is_better),
        ("lts-gpt2-wt103", true)
    );
    let first = &truth.entries[0];
    assert_eq!(first.id, "config_0_j0");
    // -ln(perplexity) is the negative validation loss in nats.
    assert!(
        truth
            .entries
            .iter()
            .all(|entry| (-4.5..-2.5).contains(&entry.score))
    );
    let file = truth.path.join("config_0/j0/model_config.yaml");
    let alone = read_architecture(&file, Reading::default()).unwrap();
    assert_eq!(alone, first.architecture);
}

#[test]
fn published_data_survive_the_projects_own_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("truth.json");
    for truth in [flexibert(Reading::Declared), gpt2()].into_iter().flatten() {
        truth.write(&path).unwrap();
        let again = GroundTruth::read(&path, Reading::Reference).unwrap();
        assert_eq!(again.fingerprint(), truth.fingerprint());
        let same_path = GroundTruth {
            path: truth.path.clone(),
            ..again
        };
        assert_eq!(same_path, truth);
    }
}

#[test]
fn a_benchmark_cut_short_is_placed_by_line_and_column() {
    let Some(path) = data("flexibert/BERT_benchmark.json") else {
        return;
    };
    let whole = fs::read(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("BERT_benchmark.json");
    fs::write(&cut, &whole[..100_000]).unwrap();
    let error = GroundTruth::read(&cut, Reading::default()).unwrap_err();
    let start = format!(
        "{}: line 1, column 100000: not valid JSON: EOF",
        cut.display()
    );
    assert!(error.to_string().starts_with(&start), "{error}");
}
