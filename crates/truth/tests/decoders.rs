//! OpenLM and Gemstones: the published files, and the compact tables that are built in.
//!
//! The data are read from `$LPZERO_DATA`, else from `../shared/data` beside
//! the workspace; where neither exists the tests say so and pass.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};

use lpzero_arch::Reading;
use lpzero_truth::{GroundTruth, TableOptions, Tokens, TruthSource, embedded, known};

fn data(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("LPZERO_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(known(name).unwrap().location);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} does not exist", path.display());
    None
}

fn column(name: &str) -> TableOptions {
    TableOptions {
        score_column: Some(name.to_owned()),
        ..TableOptions::default()
    }
}

/// A source by name and column.
fn source(name: &str, score_column: Option<&str>) -> TruthSource {
    let mut source = TruthSource::new(name);
    source.table.score_column = score_column.map(str::to_owned);
    source
}

#[test]
fn parameters_of_openlm_are_a_twentieth_of_its_tokens_130_of_130() {
    let truth = embedded("openlm").unwrap().read().unwrap();
    assert_eq!(truth.entries.len(), 130);
    for entry in &truth.entries {
        let network = &entry.architecture;
        let width = network.width as u128;
        let grouped = network.blocks[0].mixer.grouped().unwrap();
        let attention = grouped.queries() as u128;
        let hidden = network.blocks[0].feed_forward.hidden[0] as u128;
        let block = 4 * width * attention + 3 * width * hidden + 2 * width;
        let expected = network.blocks.len() as u128 * block + width + 2 * 50_432 * width;
        assert_eq!(network.parameters().total(), expected, "{}", entry.id);
    }
    let Some(path) = data("openlm") else { return };
    let grid: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    for key in grid.as_object().unwrap().keys() {
        let tokens: u128 = key
            .rsplit('-')
            .nth(if key.contains("e-") { 3 } else { 2 })
            .unwrap()
            .parse()
            .unwrap();
        let id = key.split('-').next().unwrap().replace('=', "");
        let entry = truth.entries.iter().find(|entry| entry.id == id).unwrap();
        assert_eq!(
            entry.architecture.parameters().total() * 20,
            tokens,
            "{key}"
        );
    }
}

#[test]
fn parameters_of_gemstones_are_the_published_ones_22_of_22() {
    let truth = embedded("gemstones").unwrap().read().unwrap();
    assert_eq!(truth.entries.len(), 22);
    let Some(path) = data("gemstones") else {
        return;
    };
    let mut met = 0;
    for line in fs::read_to_string(path).unwrap().lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let id = format!("{}x{}", record["width"], record["depth"]);
        let entry = truth.entries.iter().find(|entry| entry.id == id).unwrap();
        let published = record["params_active_precise"].as_u64().unwrap();
        assert_eq!(
            entry.architecture.parameters().total(),
            u128::from(published),
            "{id}"
        );
        met += 1;
    }
    assert_eq!(met, 770);
}

#[test]
fn what_is_built_in_is_what_was_published() {
    let same = |mut built_in: GroundTruth, published: GroundTruth| {
        built_in.path.clone_from(&published.path);
        assert_eq!(built_in, published);
    };
    if let Some(path) = data("openlm") {
        let published = GroundTruth::read(&path, Reading::default()).unwrap();
        same(embedded("openlm").unwrap().read().unwrap(), published);
    }
    let Some(path) = data("gemstones") else {
        return;
    };
    let built_in = embedded("gemstones").unwrap();
    for (name, tokens) in [
        ("loss", None),
        ("hellaswag", Some(Tokens(20_000_000_000))),
        ("commonsense", None),
    ] {
        let published = GroundTruth::read_with(&path, Reading::default(), &column(name), tokens);
        same(
            built_in.read_with(&column(name), tokens).unwrap(),
            published.unwrap(),
        );
    }
}

#[test]
fn a_name_chooses_a_budget_and_a_task() {
    let at = |name: &str, column| source(name, column).read(&[]).unwrap();
    let (first, last) = (at("gemstones@10B", None), at("gemstones", None));
    assert_eq!((&*first.name, &*last.name), ("gemstones@10B", "gemstones"));
    for (first, last) in first.entries.iter().zip(&last.entries) {
        assert_eq!(first.architecture, last.architecture);
        assert!(
            first.score < last.score,
            "{}: training longer helps",
            first.id
        );
    }
    let task = at("gemstones@350B", Some("hellaswag"));
    assert!(!task.lower_is_better);
    assert!(
        task.entries
            .iter()
            .all(|entry| (0.2..1.0).contains(&entry.score))
    );
}

#[test]
fn a_choice_that_there_is_not_is_one_sentence() {
    for (name, column, expected) in [
        (
            "gemstones@15B",
            None,
            "no scores after 15B tokens, expected one of 10B, 20B",
        ),
        (
            "gemstones",
            Some("glue"),
            "no column \"glue\"; its columns are loss, commonsense, arc_challenge",
        ),
        ("openlm@10B", None, "one score per architecture"),
        ("tiny", Some("loss"), "one score per architecture"),
    ] {
        let error = source(name, column).read(&[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_grid_with_a_foreign_key_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grid.json");
    for key in [
        "d=0_l=2_h=1-x",
        "d=96_l=2-x",
        "d=96_l=99999999999_h=4-x",
        "e=1",
    ] {
        let text = format!("{{\"d=96_l=4_h=4-8\": 3.0, {key:?}: 2.0}}");
        fs::write(&path, text).unwrap();
        let error = GroundTruth::read(&path, Reading::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("expected a key that begins as d=1024_l=12_h=16-"),
            "{error}"
        );
        assert!(error.contains(key), "{error}");
    }
}
