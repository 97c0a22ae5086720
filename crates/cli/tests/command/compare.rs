//! `lpzero compare`, and what `lpzero proxies NAME --sees` says, on decoders that are scored
//! in milliseconds.
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Run, lpzero};

/// Writes the configuration of a small LLaMA.
fn llama(folder: &Path, name: &str, blocks: usize, feed_forward: usize) -> String {
    let path = folder.join(format!("{name}.json"));
    let config = json!({
        "model_type": "llama",
        "vocab_size": 256,
        "hidden_size": 64,
        "num_hidden_layers": blocks,
        "num_attention_heads": 4,
        "intermediate_size": feed_forward,
        "max_position_embeddings": 128,
    });
    fs::write(&path, config.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn compare(folder: &Path, arguments: &[&str]) -> Run {
    lpzero(folder, &[&["compare"], arguments].concat())
}

fn ids(document: &Value) -> Vec<String> {
    let rows = document["rows"].as_array().unwrap().iter();
    rows.map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn of_two_shapes_of_like_size_one_is_better_with_a_probability() {
    let folder = tempfile::tempdir().unwrap();
    let wide = llama(folder.path(), "wide", 4, 436);
    let deep = llama(folder.path(), "deep", 8, 176);
    let large = llama(folder.path(), "large", 16, 176);
    let document = compare(folder.path(), &[&wide, &deep, &large, "--json"]).json();
    assert_eq!(document["proxy"], "lpzero");
    assert_eq!(ids(&document), [large.clone(), deep.clone(), wide.clone()]);
    let rows = document["rows"].as_array().unwrap();
    let size = &rows[0]["next"];
    assert_eq!(size["verdict"], "size-decides");
    assert!(size["probability"].is_null() && size["size_ratio"].as_f64().unwrap() > 1.5);
    let shape = &rows[1]["next"];
    assert_eq!(
        (&shape["verdict"], &shape["id"]),
        (&json!("better"), &json!(wide))
    );
    let probability = shape["probability"].as_f64().unwrap();
    let [low, high] = [0, 1].map(|end| shape["interval"][end].as_f64().unwrap());
    assert!(0.5 < low && low < probability && probability < high && high < 1.0);
    assert!(rows[2]["next"].is_null());
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap();
        assert_eq!(
            number("memory") - number("activation_memory"),
            4.0 * number("params")
        );
        assert!(number("flops_per_token") > 2.0 * (number("params") - 2.0 * 64.0 * 256.0));
    }
    let [low, high] = [0, 1].map(|end| document["calibration"]["params"][end].as_f64());
    assert!(low < high);

    let table = compare(folder.path(), &[&wide, &deep, &large]);
    assert_eq!(table.status, 0, "{}", table.stderr);
    assert!(
        table.stdout.contains("x the size: size decides"),
        "{}",
        table.stdout
    );
    assert!(
        table.stdout.contains("Probabilities with 95 %"),
        "{}",
        table.stdout
    );
    // These are far smaller than what the probabilities were learnt on.
    assert!(table.stderr.contains("3 of 3 networks"), "{}", table.stderr);
}

#[test]
fn two_equal_shapes_cannot_be_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let one = llama(folder.path(), "one", 2, 128);
    let two = llama(folder.path(), "two", 2, 128);
    let document = compare(folder.path(), &[&one, &two, "--json"]).json();
    let next = &document["rows"][0]["next"];
    assert_eq!(
        (&next["verdict"], &next["probability"]),
        (&json!("cannot-tell"), &json!(0.5))
    );
    let table = compare(folder.path(), &[&one, &two]);
    assert!(
        table.stdout.contains("cannot tell: 0.50 ("),
        "{}",
        table.stdout
    );
}

#[test]
fn without_a_calibration_there_is_a_ranking_and_no_probability() {
    let folder = tempfile::tempdir().unwrap();
    let one = llama(folder.path(), "one", 2, 128);
    let two = llama(folder.path(), "two", 4, 128);
    let refused = |options: &[&str], why: &str| {
        let arguments = [&[one.as_str(), two.as_str()], options].concat();
        let table = compare(folder.path(), &arguments);
        assert_eq!(table.status, 0, "{}", table.stderr);
        assert!(table.stdout.contains(why), "{}", table.stdout);
        let document = compare(folder.path(), &[&arguments[..], &["--json"]].concat()).json();
        assert_eq!(ids(&document), [two.clone(), one.clone()]);
        assert!(document["calibration"].is_null());
        let next = &document["rows"][0]["next"];
        assert_eq!(next["verdict"], "not-calibrated");
        assert!(next["probability"].is_null() && next["interval"].is_null());
    };
    refused(
        &["--proxy", "params"],
        "No probabilities: params is not calibrated",
    );
    refused(
        &["--proxy", "snip"],
        "No probabilities: snip is not calibrated",
    );
    refused(
        &["--positions", "16"],
        "passes of 256 tokens or more, not of 64",
    );
    refused(
        &["--objective", "output-sum"],
        "with the loss of each family",
    );
}

#[test]
fn a_space_is_drawn_within_its_bounds_by_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("drawn");
    let line = "--space tiny --min-params 40k --max-params 60k --draw 12 --json";
    let words: Vec<&str> = line.split(' ').collect();
    let kept = [&words[..], &["--out", out.to_str().unwrap()]].concat();
    let first = compare(folder.path(), &kept).json();
    assert_eq!(first["rows"].as_array().unwrap().len(), 12);
    for row in first["rows"].as_array().unwrap() {
        let params = row["params"].as_f64().unwrap();
        assert!((40e3..=60e3).contains(&params));
    }
    assert_eq!(compare(folder.path(), &words).json(), first);
    let other = compare(folder.path(), &[&words[..], &["--seed", "1"]].concat()).json();
    assert_ne!(ids(&other), ids(&first));
    // What was written is what was ranked.
    let files = ids(&first)
        .into_iter()
        .map(|id| out.join(format!("{id}.json")));
    let files: Vec<String> = files.map(|file| file.display().to_string()).collect();
    let named: Vec<&str> = files.iter().map(String::as_str).collect();
    let again = compare(folder.path(), &[&named[..], &["--json"]].concat()).json();
    assert_eq!(ids(&again), files);
    let twice = compare(folder.path(), &kept);
    assert_eq!(twice.status, 2);
    assert!(
        twice.stderr.contains("expected a new folder"),
        "{}",
        twice.stderr
    );
}

#[test]
fn a_small_space_is_drawn_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let line = "--space tiny --max-params 5k --proxy params --format csv";
    let run = compare(folder.path(), &line.split(' ').collect::<Vec<_>>());
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stderr.contains("such architectures"), "{}", run.stderr);
    let mut lines = run.stdout.lines();
    let header = lines.next().unwrap();
    assert!(
        header.starts_with("rank,id,params,flops_per_token,memory,"),
        "{header}"
    );
    let count = lines.count();
    assert!((1..50).contains(&count), "{count}");
}

#[test]
fn what_compare_cannot_use_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let one = llama(folder.path(), "one", 2, 128);
    for (line, part) in [
        (vec![], "ARCH"),
        (vec!["--space", "no-such"], "expected tiny"),
        (vec![&*one, "--space", "tiny"], "cannot be used with"),
        (vec![&*one, "--max-params", "1M"], "cannot be used with"),
        (vec!["--max-params", "1M"], "ARCH"),
        (vec!["no-such.json"], "no-such.json"),
        (
            vec!["--space", "tiny", "--max-params", "10"],
            "no architecture",
        ),
        (
            vec![
                "--space",
                "tiny",
                "--max-params",
                "10k",
                "--min-params",
                "20k",
            ],
            "no more than --max-params",
        ),
        (vec![&*one, "--proxy", "az_nas"], "product of the ranks"),
    ] {
        let run = compare(folder.path(), &line);
        assert_eq!(run.status, 2, "{line:?}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{line:?}: {}", run.stderr);
    }
}

#[test]
fn the_shipped_proxy_is_the_default_of_score_and_nas() {
    let folder = tempfile::tempdir().unwrap();
    let one = llama(folder.path(), "one", 2, 128);
    let scored = lpzero(folder.path(), &["score", &one, "--json"]).json();
    assert_eq!(scored["proxies"], json!(["lpzero"]));
    let searched = lpzero(folder.path(), &["nas", "--budget", "4", "--json"]).json();
    assert_eq!(searched["proxy"], "lpzero", "{searched}");
}

#[test]
fn what_a_formula_sees_is_its_exponents() {
    let folder = tempfile::tempdir().unwrap();
    let formula = "layers ^ 2 * width";
    let arguments = ["proxies", formula, "--sees"];
    let document = lpzero(folder.path(), &[&arguments[..], &["--json"]].concat()).json();
    for shape in document["shapes"].as_array().unwrap() {
        for seen in shape["dimensions"].as_array().unwrap() {
            let expected = match seen["dimension"].as_str().unwrap() {
                "depth" => (2.0, "pays"),
                "width" => (1.0, "pays"),
                _ => (0.0, "invisible"),
            };
            let elasticity = seen["elasticity"].as_f64().unwrap();
            assert!((elasticity - expected.0).abs() < 1e-9, "{seen}");
            assert_eq!(seen["effect"], expected.1, "{seen}");
        }
    }
    let table = lpzero(folder.path(), &arguments);
    assert_eq!(table.status, 0, "{}", table.stderr);
    for dimension in [
        "depth",
        "key_value_heads",
        "embedding",
        "vocabulary",
        "positions",
    ] {
        assert!(table.stdout.contains(dimension), "{}", table.stdout);
    }
    let product = lpzero(folder.path(), &["proxies", "az_nas", "--sees"]);
    assert_eq!(product.status, 2, "{}", product.stdout);
}

#[test]
fn a_search_is_told_what_its_proxy_does_not_see() {
    let folder = tempfile::tempdir().unwrap();
    let formula = "layers ^ 2 * width";
    let unseen = "warning: layers ^ 2 * width does not see heads, feed_forward:";
    for line in [
        ["nas", "--budget", "4", "--proxy", formula],
        ["compare", "--space", "tiny", "--proxy", formula],
    ] {
        let run = lpzero(folder.path(), &line);
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(run.stderr.contains(unseen), "{}", run.stderr);
        let quiet = lpzero(folder.path(), &[&line[..], &["--quiet"]].concat());
        assert_eq!(quiet.stderr, "");
    }
}

#[test]
fn the_shipped_proxy_sees_depth_and_what_the_table_does_not_say_is_a_dash() {
    let folder = tempfile::tempdir().unwrap();
    let document = lpzero(folder.path(), &["proxies", "lpzero", "--sees", "--json"]).json();
    let depth = &document["shapes"][0]["dimensions"][0];
    assert_eq!(
        (&depth["dimension"], &depth["effect"]),
        (&json!("depth"), &json!("pays"))
    );
    let negative = lpzero(folder.path(), &["proxies", "-layers", "--sees"]);
    let row = negative.stdout.lines().find(|line| line.contains("depth"));
    assert!(row.unwrap().contains(" - "), "{}", negative.stdout);
}
