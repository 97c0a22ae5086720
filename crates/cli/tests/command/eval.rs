//! `lpzero eval` from outside.
use std::path::{Path, PathBuf};

use crate::support::{Run, lpzero};

fn crates(path: &str) -> String {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    crates.join(path).to_str().unwrap().to_owned()
}

fn checkpoint(name: &str) -> String {
    crates(&format!("nn/tests/fixtures/checkpoints/{name}"))
}

fn fixture(name: &str) -> String {
    crates(&format!("lpzero/tests/fixtures/likelihood/{name}"))
}

fn eval(model: &str, options: &str) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = fixture("tokenizer.json");
    let options = options.split_whitespace().map(str::to_owned);
    let options: Vec<String> = options
        .map(|word| match word.strip_prefix('@') {
            Some(name) => fixture(name),
            None => word,
        })
        .collect();
    let mut arguments = vec!["eval", model, "--tokenizer", &tokenizer];
    arguments.extend(options.iter().map(String::as_str));
    lpzero(folder.path(), &arguments)
}

#[test]
fn a_text_and_items_make_one_report_whatever_the_memory_and_threads() {
    let expected: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(fixture("expected.json")).unwrap()).unwrap();
    let expected = &expected["checkpoints"]["qwen3"];
    let options = "--text @text.txt --items @items.json --items @items.json --positions 8 \
                   --stride 3 --json";
    let found = eval(&checkpoint("qwen3"), options).json();
    let (text, items) = (&found["text"], &found["items"]);
    assert_eq!(text["tokens"], 60);
    assert_eq!(text["scored"], 59);
    let perplexity = text["perplexity"].as_f64().unwrap();
    let wanted = expected["perplexities"][1].as_f64().unwrap();
    assert!((perplexity - wanted).abs() < 1e-4 * wanted);
    let nats = text["nats_per_token"].as_f64().unwrap();
    assert!((nats.exp() - perplexity).abs() < 1e-9 * perplexity);
    let bytes = text["bytes"].as_f64().unwrap() / 60.0;
    let bits = text["bits_per_byte"].as_f64().unwrap();
    assert!((bits - nats / 2f64.ln() / bytes).abs() < 1e-12);
    assert_eq!(items["files"].as_array().unwrap().len(), 2);
    assert_eq!(items["files"][0]["items"], 14);
    assert_eq!(items["macro_accuracy"], items["files"][1]["accuracy"]);
    let interval = &items["files"][0]["accuracy_ci"];
    let accuracy = items["files"][0]["accuracy"].as_f64().unwrap();
    assert!(interval[0].as_f64().unwrap() < accuracy && accuracy < interval[1].as_f64().unwrap());

    let one = eval(&checkpoint("qwen3"), &format!("{options} --threads 1")).json();
    assert_eq!(one["text"], *text);
    assert_eq!(one["items"], *items);
    let streamed = eval(&checkpoint("qwen3"), &format!("{options} --memory 15KB")).json();
    assert_eq!(streamed["streamed"], true);
    let difference = streamed["text"]["nats_per_token"].as_f64().unwrap() - nats;
    assert!(difference.abs() < 1e-5);
    assert_eq!(streamed["items"], *items);
}

#[test]
fn a_training_is_evaluated_from_its_folder_and_from_its_export() {
    let folder = tempfile::tempdir().unwrap();
    let out: PathBuf = folder.path().join("run");
    let out = out.to_str().unwrap();
    let text = folder.path().join("long.txt");
    let once = std::fs::read_to_string(fixture("text.txt")).unwrap();
    std::fs::write(&text, once.repeat(8)).unwrap();
    let line = format!(
        "train --layers 1 --width 16 --heads 2 --steps 3 --positions 16 --hugging-face --out {out} \
         --text {} --tokenizer {}",
        text.display(),
        fixture("tokenizer.json")
    );
    let arguments: Vec<&str> = line.split_whitespace().collect();
    let trained = lpzero(folder.path(), &arguments);
    assert_eq!(trained.status, 0, "{}", trained.stderr);
    let options = "--text @text.txt --json";
    let own = eval(out, options).json();
    let exported = eval(&format!("{out}/hugging-face"), options).json();
    assert_eq!(own["text"], exported["text"]);
    let seeded = eval(out, "--text @text.txt --weights seeded --json").json();
    assert_ne!(own["text"], seeded["text"]);
}

#[test]
fn an_adapter_changes_scores_and_likelihoods() {
    let base = checkpoint("llama");
    let adapter = crates("nn/tests/fixtures/adapters/llama");
    let plain = eval(&base, "--text @text.txt --json").json();
    let adapted = eval(
        &base,
        &format!("--text @text.txt --adapter {adapter} --json"),
    )
    .json();
    assert_ne!(plain["text"], adapted["text"]);
    let folder = tempfile::tempdir().unwrap();
    let score = |adapter: &[&str]| {
        let line = "--positions 8 --batch 2 --proxy grad_norm --json";
        let options = line.split(' ');
        let arguments: Vec<&str> = ["score", &base].into_iter().chain(options).collect();
        lpzero(folder.path(), &[&arguments[..], adapter].concat()).json()
    };
    let (plain, adapted) = (score(&[]), score(&["--adapter", &adapter]));
    assert_ne!(plain["rows"][0]["scores"], adapted["rows"][0]["scores"]);
}

#[test]
fn wrong_input_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let llama = checkpoint("llama");
    let config = format!("{llama}/config.json");
    let empty = write("empty.txt", "\n");
    let items = write("items.json", "[{\"prompt\": \"cat\"}]");
    let long = write(
        "long.json",
        r#"[{"prompt": "cat", "choices": ["dog", "cat cat cat cat cat cat cat cat cat cat cat cat cat cat cat cat"], "answer": 0}]"#,
    );
    let template = write("template.txt", "no place for it");
    let bert = checkpoint("bert");
    for (model, options, parts) in [
        (&llama, "", &["--text <FILE>"][..]),
        (&llama, "--text nowhere.txt", &["--text nowhere.txt"]),
        (
            &llama,
            &format!("--text {empty}"),
            &["empty.txt", "0 tokens"],
        ),
        (
            &llama,
            "--text @text.txt --positions 17",
            &["--positions 17: expected between 2 and the 16"],
        ),
        (
            &llama,
            "--text @text.txt --stride 16",
            &["--stride 16: expected between 1 and 15"],
        ),
        (
            &llama,
            "--text @text.txt --memory 1KB",
            &["above the limit"],
        ),
        (
            &config,
            "--text @text.txt",
            &["no weights", "--weights seeded"],
        ),
        (&bert, "--text @text.txt", &["needs a decoder"]),
        (
            &llama,
            &format!("--items {items}"),
            &["items.json", "[0].instruction: missing"],
        ),
        (
            &llama,
            &format!("--items {long}"),
            &["long.json", "item 0", "is 16 of 17 tokens"],
        ),
        (
            &llama,
            &format!("--items @items.json --template {template}"),
            &["template.txt", "{instruction}"],
        ),
    ] {
        let run = eval(model, options);
        assert_eq!(run.status, 2, "{options}: {}", run.stderr);
        assert!(run.stdout.is_empty());
        for part in parts {
            assert!(
                run.stderr.contains(part),
                "{part:?} is not in {}",
                run.stderr
            );
        }
    }
    let seeded = eval(&config, "--text @text.txt --weights seeded");
    assert_eq!(seeded.status, 0, "{}", seeded.stderr);
    assert!(seeded.stdout.contains("perplexity"));
    let folder = tempfile::tempdir().unwrap();
    let without = lpzero(
        folder.path(),
        &["eval", &llama, "--text", &fixture("text.txt")],
    );
    assert_eq!(without.status, 2);
    assert!(
        without.stderr.contains("give --tokenizer"),
        "{}",
        without.stderr
    );
}

#[test]
fn a_text_of_unknown_tokens_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let tokenizer = file(
        "words.json",
        r#"{"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "Whitespace"},
            "model": {"type": "WordLevel", "vocab": {"the": 0, "?": 1}, "unk_token": "?"}}"#,
    );
    let text = file("text.txt", &"the cat ".repeat(40));
    let said = |text: &str| {
        let model = checkpoint("qwen3");
        let arguments = ["eval", &model, "--tokenizer", &tokenizer, "--text", text];
        let run = lpzero(folder.path(), &arguments);
        assert_eq!(run.status, 0, "{}", run.stderr);
        run.stderr
    };
    let unknown = said(&text);
    assert!(
        unknown.contains("50 % of its tokens are unknown"),
        "{unknown}"
    );
    let known = said(&file("known.txt", &"the the ".repeat(40)));
    assert!(!known.contains("unknown"), "{known}");
}
