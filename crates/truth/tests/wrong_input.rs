//! One clear sentence for everything that can be wrong with a ground truth.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use lpzero_arch::{Family, Mixer, Reading};
use lpzero_truth::{Error, GroundTruth, Group, KNOWN, known};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

fn record(id: usize) -> Value {
    json!({"id": id, "scores": {"glue": 70.5}, "hparams": {"model_hparam_overrides": {
        "hidden_size": 128, "nas_config": {"encoder_layers": [{
            "operation_type": "SA", "operation_parameter": "SDP", "num_operation_heads": 2,
            "feed_forward_dimension": 512, "num_feed_forward": 1}]}}}})
}

/// Reads `text` from a file and returns the error without the file's name.
fn complaint(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("benchmark.json");
    fs::write(&path, text).unwrap();
    let error = GroundTruth::read(&path, Reading::AsTrained).unwrap_err();
    strip(&error, &path)
}

fn strip(error: &Error, path: &Path) -> String {
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    let rest = text
        .strip_prefix(&path.display().to_string())
        .unwrap_or(&text);
    rest.trim_start_matches(": ").to_owned()
}

fn benchmark() -> GroundTruth {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("benchmark.json");
    fs::write(&path, json!([record(0), record(1)]).to_string()).unwrap();
    GroundTruth::read(&path, Reading::AsTrained).unwrap()
}

/// A folder in the LiteTransformerSearch layout, with two architectures.
fn lts_folder(summary: &str) -> TempDir {
    let config = "{d_model: 64, n_layer: 2, n_head: [2, 4], d_inner: [100, 200], n_token: 500, \
                  d_embed: 32, cutoffs: [100], div_val: 2, tgt_len: 16}";
    let folder = tempfile::tempdir().unwrap();
    for job in ["config_0/j0", "config_0/j1"] {
        fs::create_dir_all(folder.path().join(job)).unwrap();
        fs::write(folder.path().join(job).join("model_config.yaml"), config).unwrap();
    }
    fs::write(folder.path().join("ppl_summary.yaml"), summary).unwrap();
    folder
}

const SUMMARY: &str = "config_0_j0: {valid_ppl: 40.0}\nconfig_0_j1: {valid_ppl: 20.0}\n";

#[test]
fn encoder_records_are_named_by_their_id() {
    let wrong = |pointer: &str, value: Value| {
        let mut records = json!([record(0), record(17)]);
        *records[1].pointer_mut(pointer).unwrap() = value;
        complaint(&records.to_string())
    };
    let layer = "/hparams/model_hparam_overrides/nas_config/encoder_layers/0";
    let key = "record \"17\": hparams.model_hparam_overrides.nas_config.encoder_layers[0]";
    assert_eq!(
        wrong(&format!("{layer}/operation_type"), json!("MLP")),
        format!("{key}.operation_type: expected SA, LT or DSC, found \"MLP\"")
    );
    assert_eq!(
        wrong(&format!("{layer}/num_operation_heads"), json!(3)),
        format!("{key}.num_operation_heads: 3 does not divide hidden_size = 128")
    );
    assert_eq!(
        wrong("/scores/glue", Value::Null),
        "record \"17\": scores.glue: expected a finite number, found null"
    );
    assert_eq!(
        wrong("/scores", json!({})),
        "record \"17\": scores.glue: missing, expected a finite number"
    );
    assert_eq!(
        wrong("/id", json!(0)),
        "record \"0\": the id appears twice, expected unique ids"
    );
}

#[test]
fn a_score_that_is_not_a_number_names_its_record() {
    for literal in ["NaN", "Infinity", "-Infinity"] {
        let text = json!([record(0), record(17)]).to_string();
        let (start, end) = text.rsplit_once("70.5").unwrap();
        assert_eq!(
            complaint(&format!("{start}{literal}{end}")),
            format!("record \"17\": scores.glue: expected a finite number, found \"{literal}\"")
        );
    }
}

#[test]
fn what_is_no_ground_truth_says_what_would_be() {
    assert_eq!(
        complaint("[]"),
        "holds no architectures, expected at least one"
    );
    assert!(complaint("{\"a\": 1}").starts_with("not a ground truth: expected BERT_benchmark"));
    assert!(complaint("").starts_with("line 1, column 0: not valid JSON: EOF"));
    assert!(complaint("[{\"id\": 0,").starts_with("line 1, column 10: not valid JSON: EOF"));
    assert_eq!(
        complaint("[3]"),
        "[0]: expected a mapping with the key `id`, found 3"
    );
    let nowhere = Path::new("no/such/benchmark.json");
    let error = GroundTruth::read(nowhere, Reading::AsTrained).unwrap_err();
    assert!(strip(&error, nowhere).starts_with("cannot be read: "));
    let empty = tempfile::tempdir().unwrap();
    let error = GroundTruth::read(empty.path(), Reading::AsTrained).unwrap_err();
    assert!(strip(&error, empty.path()).starts_with("not a ground truth"));
}

#[test]
fn a_perplexity_folder_is_read_by_folder_or_by_summary() {
    let folder = lts_folder(SUMMARY);
    let truth = GroundTruth::read(folder.path(), Reading::AsTrained).unwrap();
    let summary = folder.path().join("ppl_summary.yaml");
    assert_eq!(
        GroundTruth::read(&summary, Reading::AsTrained).unwrap(),
        truth
    );
    assert_eq!(truth.entries[1].id, "config_0_j1");
    assert_eq!(truth.entries[1].score, -20f64.ln());
    let group = Group {
        layers: 2,
        width: 64,
    };
    assert_eq!(truth.entries[0].group(), group);
}

#[test]
fn a_folder_of_transformer_xl_is_known_by_its_files() {
    let folder = lts_folder(SUMMARY);
    let file = |job: &str| {
        folder
            .path()
            .join("config_0")
            .join(job)
            .join("model_config.yaml")
    };
    let turn = |job: &str| {
        let text = fs::read_to_string(file(job)).unwrap();
        let (start, rest) = text.split_once('{').unwrap();
        fs::write(
            file(job),
            format!("{start}{{n_nonemb_param: 1, mem_len: 9, {rest}"),
        )
        .unwrap();
        GroundTruth::read(folder.path(), Reading::AsTrained).unwrap()
    };
    assert_eq!(turn("j0").name, "lts");
    let truth = turn("j1");
    assert_eq!(truth.name, "lts-transformer-xl");
    assert_eq!(truth.family, Family::Lts);
    let mixer = truth.entries[1].architecture.blocks[1].mixer;
    let expected = Mixer::RelativeAttention {
        heads: 4,
        memory: 9,
    };
    assert_eq!(mixer, expected);
    let own = folder.path().join("own.json");
    truth.write(&own).unwrap();
    let again = GroundTruth::read(&own, Reading::default()).unwrap();
    assert_eq!(again.fingerprint(), truth.fingerprint());
}

#[test]
fn perplexities_are_named_by_their_id() {
    let wrong = |from: &str, to: &str| {
        let folder = lts_folder(&SUMMARY.replace(from, to));
        let error = GroundTruth::read(folder.path(), Reading::AsTrained).unwrap_err();
        strip(&error, &folder.path().join("ppl_summary.yaml"))
    };
    assert_eq!(
        wrong("20.0", ".nan"),
        "record \"config_0_j1\": valid_ppl: expected a finite number, found \".nan\""
    );
    assert_eq!(
        wrong("20.0", "-1"),
        "record \"config_0_j1\": valid_ppl: expected a positive number, found -1"
    );
    assert_eq!(
        wrong("config_0_j1", "config_0_j../../x"),
        "record \"config_0_j../../x\": missing, expected an architecture beside the summary, in \
         config_0/j../../x/model_config.yaml"
    );
    assert!(wrong("config_0_j1", "config_0_j0").contains("line 2"));
    assert!(wrong("config_0_j1", "config_9_j9").contains("config_9/j9/model_config.yaml"));
    assert!(
        wrong(SUMMARY, "config_0_j1: {test_ppl: 20.0}\n")
            .starts_with("record \"config_0_j0\": missing, expected its `valid_ppl`, since ")
    );
}

#[test]
fn an_architecture_without_a_perplexity_is_left_out_with_a_remark() {
    for (from, to) in [
        ("config_0_j1: {valid_ppl: 20.0}\n", ""),
        ("valid_ppl: 20.0", "test_ppl: 20.0"),
        ("valid_ppl: 20.0", "valid_ppl: null"),
        ("{valid_ppl: 20.0}", "null"),
    ] {
        let folder = lts_folder(&SUMMARY.replace(from, to));
        let truth = GroundTruth::read(folder.path(), Reading::AsTrained).unwrap();
        assert_eq!(
            (truth.entries.len(), &*truth.entries[0].id),
            (1, "config_0_j0")
        );
        let remark = "1 of 2 architectures have no `valid_ppl` and are left out: config_0_j1";
        assert!(truth.remarks[0].ends_with(remark), "{}", truth.remarks[0]);
    }
}

#[test]
fn a_folder_of_lm1b_is_read_as_it_is_published() {
    // As pareto_GPT2_lm1b_arm of microsoft/archai: other ids, bare perplexities, the cutoffs
    // of a larger vocabulary.
    let config = "{d_model: 64, n_layer: 2, n_head: [2, 2], d_inner: [192, 192], n_token: 264, \
                  d_embed: -1, d_head: -1, cutoffs: [59997, 99997, 639997, 264], div_val: 4, \
                  tie_projs: [false, false, false, false], tgt_len: 32}";
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("pareto_GPT2_lm1b_arm");
    for id in ["M1", "M10", "a/b/M_2"] {
        fs::create_dir_all(folder.join(id)).unwrap();
        fs::write(folder.join(id).join("model_config.yaml"), config).unwrap();
    }
    fs::write(
        folder.join("ppl_summary.yaml"),
        "M1: 74.5\nM10: 64.9\na_b_M_2: 50\n",
    )
    .unwrap();
    let truth = GroundTruth::read(&folder, Reading::AsTrained).unwrap();
    assert_eq!(truth.name, "lts-gpt2-lm1b");
    let read: Vec<(&str, f64)> = (truth.entries.iter())
        .map(|entry| (&*entry.id, entry.score))
        .collect();
    let expected = [("M1", 74.5), ("M10", 64.9), ("a_b_M_2", 50.0)];
    assert_eq!(
        read,
        expected.map(|(id, perplexity): (_, f64)| (id, -perplexity.ln()))
    );
    assert_eq!(truth.entries[0].architecture.positions, 32);
    assert!(truth.remarks.is_empty());
}

#[test]
fn the_own_format_names_record_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.json");
    benchmark().write(&path).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let cases = [
        (
            "\"score\":70.5",
            "\"score\":\"high\"",
            "record \"0\": score: expected a finite number, found \"high\"",
        ),
        (
            "\"score\":70.5",
            "\"score\":NaN",
            "record \"0\": score: expected a finite number, found \"NaN\"",
        ),
        (
            "\"heads\":2",
            "\"heads\":3",
            "record \"0\": architecture.blocks[0].mixer.attention.heads: 3 does not divide width = 128",
        ),
        (
            "as-trained",
            "trained",
            "reading: expected as-trained, declared or reference, found \"trained\"",
        ),
        (
            "\"id\":\"1\"",
            "\"id\":\"0\"",
            "record \"0\": the id appears twice, expected unique ids",
        ),
        (
            "\"version\": 1",
            "\"version\": 9",
            "version: expected a version up to 1, found 9",
        ),
        (
            "lpzero-truth",
            "lpzero-architecture",
            "format: expected \"lpzero-truth\", found \"lpzero-architecture\"",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(good.contains(from), "{from}");
        assert_eq!(complaint(&good.replace(from, to)), expected);
    }
}

#[test]
fn what_could_not_be_read_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.json");
    let write = |change: fn(&mut GroundTruth)| {
        let mut truth = benchmark();
        change(&mut truth);
        strip(&truth.write(&path).unwrap_err(), &path)
    };
    assert_eq!(
        write(|truth| truth.entries[1].score = f64::NAN),
        "record \"1\": score: expected a finite number, found NaN"
    );
    assert_eq!(
        write(|truth| truth.entries[1].id = "0".into()),
        "record \"0\": the id appears twice, expected unique ids"
    );
    assert_eq!(
        write(|truth| truth.entries[1].architecture.width = 127),
        "record \"1\": architecture.blocks[0].mixer.attention.heads: 2 does not divide width = 127"
    );
    assert_eq!(
        write(|truth| truth.entries.clear()),
        "holds no architectures, expected at least one"
    );
    assert!(!path.exists());
}

#[test]
fn the_fingerprint_follows_the_networks_and_nothing_else() {
    let truth = benchmark();
    // A constant: caches outlive the process, and the release.
    assert_eq!(&truth.fingerprint()[..16], "7a19d0de625fe034");
    let mut other = truth.clone();
    other.entries[0].score = 1.0;
    other.entries[0].id = "a".into();
    assert_eq!(other.fingerprint(), truth.fingerprint());
    other.entries[0].architecture.norm_epsilon *= 2.0;
    assert_ne!(other.fingerprint(), truth.fingerprint());
}

#[test]
fn known_ground_truths_are_found_by_name() {
    for row in &KNOWN {
        assert_eq!(known(row.name), Some(row));
    }
    assert_eq!(known("imagenet"), None);
}

proptest! {
    #[test]
    fn every_finite_score_survives_writing(score in any::<f64>().prop_filter("finite", |x| x.is_finite())) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.json");
        let mut truth = benchmark();
        truth.entries[0].score = score;
        truth.write(&path).unwrap();
        let again = GroundTruth::read(&path, Reading::default()).unwrap();
        prop_assert_eq!(again.entries, truth.entries);
    }
}

#[test]
fn provenance_and_trainings_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.json");
    let mut truth = benchmark();
    truth.provenance = Some(json!({"command": "by hand", "plan": {"seeds": {"count": 2}}}));
    truth.entries[0].trainings = vec![lpzero_truth::Trained {
        seed: 1,
        metric: 2.5,
        seconds: 0.25,
    }];
    truth.path = path.clone();
    truth.write(&path).unwrap();
    assert_eq!(GroundTruth::read(&path, Reading::AsTrained).unwrap(), truth);
}
