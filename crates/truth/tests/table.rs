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
    GroundTruth::read_with(&path, Reading::AsTrained, &options, None)
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
        &["line 2", "a: expected a finite number", "--skip-missing"],
    );
    jsonl(
        &format!("{first}{{\"architecture\"\n"),
        &["line 2", "not valid JSON"],
    );
    jsonl(&format!("{first}[]\n"), &["line 2", "a mapping"]);
    let other = "{\"architecture\": \"gpt2\", \"a\": 1, \"b\": 2}\n";
    jsonl(
        &format!("{first}{other}"),
        &["a or b", "--score-column", "architecture, a, b"],
    );
    let text = first.replace(": 1", ": NaN");
    jsonl(
        &format!("{first}{text}"),
        &["line 2", "a: expected a finite number"],
    );
    refused("encoder.json", ENCODER, column("a"), &["not a table"]);
}

#[test]
fn a_table_is_read_as_people_have_it() {
    let folder = folder();
    let plain = "id,architecture,loss\na,gpt2,3.5\nb,lts/model_config.yaml,2\n";
    let expected = read(folder.path(), "t.csv", plain, TableOptions::default()).unwrap();
    for (name, text) in [
        ("semicolons.csv", plain.replace(',', ";")),
        (
            "decimal commas.csv",
            plain.replace(',', ";").replace("3.5", "3,5"),
        ),
        ("tabs.tsv", plain.replace(',', "\t")),
        ("capital.CSV", plain.to_owned()),
        (
            "excel.csv",
            format!(
                "\u{feff}sep=;\r\n{}",
                plain.replace(',', ";").replace('\n', "\r\n")
            ),
        ),
        ("mac.csv", plain.replace('\n', "\r")),
        (
            "Names.csv",
            plain.replace("id,architecture", "ID,Architecture"),
        ),
    ] {
        let truth = read(folder.path(), name, &text, TableOptions::default()).unwrap();
        assert_eq!(truth.entries, expected.entries, "{name}");
    }
}

#[test]
fn an_index_without_a_name_is_no_score_and_names_rows_that_it_tells_apart() {
    let folder = folder();
    let ids = |text: &str| {
        let truth = read(folder.path(), "t.csv", text, TableOptions::default()).unwrap();
        let ids: Vec<String> = truth.entries.iter().map(|entry| entry.id.clone()).collect();
        assert_eq!(truth.metric, "loss");
        assert_eq!(truth.entries[1].score, 2.0);
        ids
    };
    assert_eq!(
        ids(",architecture,loss\n0,gpt2,3.5\n7,gpt2,2\n"),
        ["0", "7"]
    );
    assert_eq!(
        ids("Unnamed: 0,architecture,loss\nx,gpt2,3.5\ny,gpt2,2\n"),
        ["x", "y"]
    );
    // Concatenated frames count twice.
    assert_eq!(
        ids(",architecture,loss\n0,gpt2,3.5\n0,gpt2,2\n"),
        ["2", "3"]
    );
    assert_eq!(
        ids(",id,architecture,loss\n0,x,gpt2,3.5\n1,y,gpt2,2\n"),
        ["x", "y"]
    );
    assert_eq!(
        ids("architecture,loss,,\ngpt2,3.5,,\ngpt2,2,,\n"),
        ["2", "3"]
    );
}

#[test]
fn lines_count_the_same_however_they_end() {
    let folder = folder();
    let text = "architecture,loss\ngpt2,3\n\n\ngpt2,2\n\"{\"\"n\"\":\n 1}\",1\ngpt2,high\n";
    let lines = |text: &str| {
        let error = read(folder.path(), "t.csv", text, TableOptions::default()).unwrap_err();
        let fine = text.rsplit_once("\"{").unwrap().0;
        let truth = read(folder.path(), "t.csv", fine, TableOptions::default()).unwrap();
        let ids: Vec<String> = truth.entries.iter().map(|entry| entry.id.clone()).collect();
        let short = format!("{fine}gpt2\n");
        let short = read(folder.path(), "t.csv", &short, TableOptions::default()).unwrap_err();
        (ids, error.to_string(), short.to_string())
    };
    let (ids, error, short) = lines(text);
    assert_eq!(ids, ["2", "5"]);
    assert!(error.contains("line 6"), "{error}");
    assert!(short.contains("line 6"), "{short}");
    assert_eq!(lines(&text.replace('\n', "\r\n")), (ids, error, short));
}

#[test]
fn a_row_without_a_score_is_named_or_left_out() {
    let folder = folder();
    let skipping = TableOptions {
        skip_missing: true,
        lower_is_better: true,
        ..TableOptions::default()
    };
    for blank in ["", "NaN", "NA", "None", " "] {
        let text = format!("architecture,note,loss\ngpt2,x,{blank}\ngpt2,y,2\nnowhere,z,{blank}\n");
        let error = read(folder.path(), "t.csv", &text, TableOptions::default()).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("line 2") && error.contains("--skip-missing"),
            "{error}"
        );
        let truth = read(folder.path(), "t.csv", &text, skipping.clone()).unwrap();
        assert_eq!((truth.entries.len(), &*truth.entries[0].id), (1, "3"));
        assert_eq!(truth.remarks.len(), 1);
        assert!(
            truth.remarks[0]
                .ends_with("2 of 3 rows have no `loss` and are left out: line 2, line 4"),
            "{}",
            truth.remarks[0]
        );
    }
    // A number that is none is no gap.
    for wrong in ["inf", "diverged"] {
        let text = format!("architecture,loss\ngpt2,1\ngpt2,{wrong}\n");
        let error = read(folder.path(), "t.csv", &text, skipping.clone()).unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
    }
    let text = "architecture,loss\ngpt2,1\ngpt2,2\n";
    assert!(
        read(folder.path(), "t.csv", text, skipping)
            .unwrap()
            .remarks
            .is_empty()
    );
}

#[test]
fn records_need_not_have_the_same_keys() {
    let folder = folder();
    let lines = "{\"architecture\": \"gpt2\", \"loss\": 3}\n\
                 {\"loss\": 2, \"note\": \"again\", \"config\": \"lts/model_config.yaml\"}\n\
                 {\"path\": \"gpt2\", \"note\": null, \"loss\": \"1.5\"}\n";
    let truth = read(folder.path(), "t.jsonl", lines, TableOptions::default()).unwrap();
    let scores: Vec<f64> = truth.entries.iter().map(|entry| entry.score).collect();
    assert_eq!(scores, [3.0, 2.0, 1.5]);
    assert_eq!(truth.entries[0].architecture, truth.entries[2].architecture);

    let list = format!("[{}]", lines.trim_end().replace('\n', ","));
    let list = read(folder.path(), "t.json", &list, column("loss")).unwrap();
    let ids: Vec<&str> = list.entries.iter().map(|entry| &*entry.id).collect();
    assert_eq!(ids, ["0", "1", "2"]);
    assert_eq!(list.entries[1].architecture, truth.entries[1].architecture);
    let wrong = "[{\"architecture\": \"gpt2\", \"loss\": 1}, {\"architecture\": \"gpt2\"}]";
    let error = read(folder.path(), "t.json", wrong, TableOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("[1]\": loss: expected a finite number"),
        "{error}"
    );
}

#[test]
fn a_hundred_thousand_columns_take_no_minute() {
    let folder = folder();
    let keys: Vec<String> = (0..100_000)
        .map(|key| format!("\"k{key}\": \"x\""))
        .collect();
    let row = format!(
        "{{\"architecture\": \"gpt2\", {}, \"loss\": 1}}\n",
        keys.join(",")
    );
    let start = std::time::Instant::now();
    let truth = read(
        folder.path(),
        "wide.jsonl",
        &row.repeat(2),
        TableOptions::default(),
    );
    assert_eq!(truth.unwrap().entries.len(), 2);
    let header: Vec<String> = (0..100_000).map(|key| format!("k{key}")).collect();
    let csv = format!(
        "architecture,loss,{}\ngpt2,1,{}\n",
        header.join(","),
        "x,".repeat(99_999)
    );
    read(folder.path(), "wide.csv", &csv, TableOptions::default()).unwrap();
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
