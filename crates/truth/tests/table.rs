//! A user's own table: what is read, and what is refused with its line.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use lpzero_arch::{Family, Reading};
use lpzero_truth::{Error, GroundTruth, TableOptions};
use tempfile::TempDir;

const GPT2: &str = r#"{"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 64, "n_positions": 32, "vocab_size": 100}"#;
const LTS: &str = "{d_model: 64, n_layer: 2, n_head: [2, 4], d_inner: [100, 200], n_token: 500, \
                   d_embed: 32, cutoffs: [100], div_val: 2, tgt_len: 16}";
const ENCODER: &str = r#"{"hidden_size": 128, "nas_config": {"encoder_layers": [{"operation_type": "LT", "operation_parameter": "DFT", "num_operation_heads": 2, "feed_forward_dimension": 512, "num_feed_forward": 1}]}}"#;

/// A folder with a file of each dialect beside the table.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("gpt2/config.json", GPT2);
    write("lts/model_config.yaml", LTS);
    write("encoder.json", ENCODER);
    folder
}

fn read(
    folder: &Path,
    name: &str,
    text: &str,
    options: TableOptions,
) -> Result<GroundTruth, Error> {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    GroundTruth::read_with(&path, Reading::AsTrained, &options)
}

fn column(name: &str) -> TableOptions {
    TableOptions {
        score_column: Some(name.into()),
        ..TableOptions::default()
    }
}

fn quoted(json: &str) -> String {
    format!("\"{}\"", json.replace('"', "\"\""))
}

#[test]
fn a_table_names_files_or_holds_architectures() {
    let folder = folder();
    let text = format!(
        "id,architecture,note,loss\na,gpt2,x,3.5\nb,lts/model_config.yaml,,2\nc,{},\"p, q\",1e1\n",
        quoted(GPT2)
    );
    let lower = TableOptions {
        lower_is_better: true,
        ..TableOptions::default()
    };
    let truth = read(folder.path(), "mine.csv", &text, lower).unwrap();
    assert_eq!(
        (truth.name.as_str(), truth.metric.as_str()),
        ("mine", "loss")
    );
    let rows: Vec<(&str, f64)> = truth
        .entries
        .iter()
        .map(|e| (e.id.as_str(), e.score))
        .collect();
    assert_eq!(rows, [("a", -3.5), ("b", -2.0), ("c", -10.0)]);
    assert_eq!(truth.entries[0].architecture, truth.entries[2].architecture);
    assert_eq!((truth.family, truth.reading), (Family::General, None));

    let lines = format!(
        "{{\"architecture\": {ENCODER}, \"glue\": 71, \"loss\": 2.5}}\n\n\
         {{\"architecture\": \"encoder.json\", \"glue\": 72.5, \"loss\": 2}}\n"
    );
    let truth = read(folder.path(), "mine.jsonl", &lines, column("glue")).unwrap();
    assert_eq!(truth.entries[0].architecture, truth.entries[1].architecture);
    // Rows without an id are called by their line.
    assert_eq!(truth.entries[1].id, "3");
    assert_eq!(truth.entries[1].score, 72.5);
    assert_eq!(
        (truth.family, truth.reading),
        (Family::Flexibert, Some(Reading::AsTrained))
    );
}

#[test]
fn what_is_wrong_with_a_table_is_said_with_its_line() {
    let folder = folder();
    let refused = |name: &str, text: &str, options: TableOptions, parts: &[&str]| {
        let error = read(folder.path(), name, text, options)
            .unwrap_err()
            .to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        for part in [&[name], parts].concat() {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
    };
    let any = TableOptions::default;
    let csv = |text: &str, parts: &[&str]| refused("t.csv", text, any(), parts);
    csv(
        "id,architecture,a,b\nx,gpt2,1,2\n",
        &["a or b", "--score-column"],
    );
    csv(
        "id,architecture,a\nx,gpt2,high\n",
        &["no column of scores", "id, architecture, a"],
    );
    csv("id,a\nx,1\n", &["no column of architectures", "id, a"]);
    csv("architecture,a,a\ngpt2,1,2\n", &["two columns \"a\""]);
    csv("architecture,a\n", &["holds no"]);
    csv("", &["no column of architectures"]);
    csv(
        "id,architecture,a\nx,gpt2,1\nx,gpt2,2\n",
        &["\"x\"", "twice"],
    );
    csv(
        "id,architecture,a\nx,gpt2,1\ny,gpt2\n",
        &["line 3", "2 columns, expected 3"],
    );
    for bad in ["nan", "inf", "", "1.2.3"] {
        let text = format!("id,architecture,a\nx,gpt2,1\ny,gpt2,{bad}\n");
        csv(&text, &["line 3", "a: expected a finite number"]);
    }
    csv(
        "id,architecture,a\nx,nowhere.json,1\n",
        &["line 2", "nowhere.json", "cannot be read"],
    );
    csv(
        "id,architecture,a\nx,,1\n",
        &["line 2", "architecture: expected a path"],
    );
    csv(
        "id,architecture,a\nx,\"{\"\"n\"\"\",1\n",
        &["line 2", "architecture: not valid JSON"],
    );
    let seven = quoted(&GPT2.replace("\"n_head\": 2", "\"n_head\": 7"));
    csv(
        &format!("architecture,a\n{seven},1\n"),
        &["line 2", "n_head"],
    );
    let huge = quoted(&format!("{{{}", " ".repeat(2 << 20)));
    csv(
        &format!("architecture,a\n{huge},1\n"),
        &["line 2", "more than the limit"],
    );
    let parts = ["no column \"c\"", "architecture, a"];
    refused("t.csv", "architecture,a\ngpt2,1\n", column("c"), &parts);

    let jsonl = |text: &str, parts: &[&str]| refused("t.jsonl", text, any(), parts);
    let first = "{\"architecture\": \"gpt2\", \"a\": 1}\n";
    jsonl(
        &format!("{first}{{\"architecture\": \"gpt2\"}}\n"),
        &["line 2", "a: missing"],
    );
    jsonl(
        &format!("{first}{{\"architecture\"\n"),
        &["line 2", "not valid JSON"],
    );
    jsonl(&format!("{first}[]\n"), &["line 2", "a mapping"]);
    let other = "{\"architecture\": \"gpt2\", \"a\": 1, \"b\": 2}\n";
    jsonl(
        &format!("{first}{other}"),
        &["line 2", "\"b\"", "not in the first row"],
    );
    let text = first.replace(": 1", ": NaN");
    jsonl(
        &format!("{first}{text}"),
        &["line 2", "a: expected a finite number"],
    );
    refused("encoder.json", ENCODER, column("a"), &["not a table"]);
}
