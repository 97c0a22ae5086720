//! Files that are none: pipes, devices, sockets and holes of gigabytes, wherever a file
//! is read. Each is refused at once, in one sentence.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Run, command, finished, lpzero};

const GPT2: &str = r#"{"model_type": "gpt2", "n_layer": 1, "n_head": 2, "n_embd": 16, "n_positions": 64, "vocab_size": 8}"#;
const TOKENIZER: &str = r#"{"version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": null, "decoder": null, "model": {"type": "WordLevel",
    "vocab": {"a": 0, "b": 1, "?": 2}, "unk_token": "?"}}"#;

/// Runs a line in a folder; none of them may wait.
fn at_once(folder: &Path, line: &str) -> Run {
    let mut command = command(folder);
    command.args(line.split(' ')).current_dir(folder);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(15) {
            child.kill().unwrap();
            panic!("{line}: still waits after {:?}", start.elapsed());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    finished(&child.wait_with_output().unwrap())
}

/// Makes something that is no file, by its name in a sentence.
fn make(kind: &str, path: &Path) {
    match kind {
        "a pipe" => {
            let made = Command::new("mkfifo").arg(path).status();
            assert!(made.unwrap().success());
        }
        "a device" => symlink("/dev/zero", path).unwrap(),
        _ => {
            let file = fs::File::create(path).unwrap();
            file.set_len(70 << 30).unwrap();
        }
    }
}

/// A folder with a network, a text and its tokenizer, and a finished search.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("gpt2.json"), GPT2).unwrap();
    fs::write(path("tokenizer.json"), TOKENIZER).unwrap();
    fs::write(path("text.txt"), "a b ".repeat(10_000)).unwrap();
    fs::write(
        path("row.csv"),
        "architecture,loss\ngpt2.json,1\nodd.json,2\n",
    )
    .unwrap();
    folder
}

/// Names of the odd file, and lines that read it.
const LINES: [&str; 16] = [
    "odd.json score odd.json --proxy params",
    "odd.yaml score odd.yaml --proxy params",
    "odd score odd --proxy params",
    "odd.txt score gpt2.json --proxy @odd.txt",
    "odd.csv rank --truth odd.csv",
    "odd.TSV rank --truth odd.TSV",
    "odd.jsonl rank --truth odd.jsonl",
    "odd.json rank --truth odd.json",
    "odd.json rank --truth row.csv",
    "ppl_summary.yaml rank --truth ppl_summary.yaml",
    "odd score gpt2.json --proxy snip --text text.txt --tokenizer odd",
    "odd train gpt2.json --steps 1 --text text.txt --tokenizer odd",
    "odd nas --space odd",
    "odd nas --cost table --table odd --budget 4",
    "odd truth build --plan odd --out out",
    "odd train --space odd --steps 1",
];

#[test]
fn what_is_no_file_is_refused_wherever_one_is_read() {
    for kind in ["a pipe", "a device", "70 GiB"] {
        for line in LINES {
            let folder = folder();
            let (name, line) = line.split_once(' ').unwrap();
            make(kind, &folder.path().join(name));
            let run = at_once(folder.path(), line);
            let stderr = &run.stderr;
            assert_eq!(run.status, 2, "{kind}, {line}: {stderr}");
            assert_eq!(stderr.lines().count(), 1, "{kind}, {line}: {stderr}");
            assert!(stderr.contains(kind), "{kind}, {line}: {stderr}");
        }
    }
}

#[test]
fn a_text_is_read_as_far_as_it_takes_and_no_hole_is_one() {
    let score = "score gpt2.json --proxy snip --text odd --tokenizer tokenizer.json";
    let train = "train gpt2.json --steps 1 --text odd --tokenizer tokenizer.json";
    for (kind, line, said) in [
        ("a pipe", score, "a pipe"),
        ("a device", score, "a device"),
        ("70 GiB", score, "a hole of zero bytes"),
        ("a pipe", train, "a pipe"),
        ("a device", train, "a device"),
        ("70 GiB", train, "more than the 1 GiB"),
    ] {
        let folder = folder();
        make(kind, &folder.path().join("odd"));
        let run = at_once(folder.path(), line);
        assert_eq!(run.status, 2, "{kind}, {line}: {}", run.stderr);
        assert!(run.stderr.contains(said), "{kind}, {line}: {}", run.stderr);
    }
    let folder = folder();
    let file = fs::File::options()
        .write(true)
        .open(folder.path().join("text.txt"));
    file.unwrap().set_len(70 << 30).unwrap();
    let run = at_once(folder.path(), &score.replace("odd", "text.txt"));
    assert_eq!(run.status, 0, "{}", run.stderr);
    let kernel = at_once(folder.path(), &score.replace("odd", "/proc/self/maps"));
    assert_eq!(kernel.status, 2, "{}", kernel.stderr);
    assert!(kernel.stderr.contains("0 tokens"), "{}", kernel.stderr);
}

#[test]
fn a_folder_with_what_is_no_file_is_refused() {
    for kind in ["a pipe", "a device", "70 GiB"] {
        for name in ["config.json", "model.safetensors"] {
            let folder = folder();
            let model = folder.path().join("model");
            fs::create_dir(&model).unwrap();
            if name != "config.json" {
                fs::write(model.join("config.json"), GPT2).unwrap();
            }
            make(kind, &model.join(name));
            let run = at_once(folder.path(), "score model --proxy params");
            assert_eq!(run.status, 2, "{kind}, {name}: {}", run.stderr);
            assert!(run.stderr.contains(name), "{kind}, {name}: {}", run.stderr);
        }
    }
}

#[test]
fn a_run_with_what_is_no_file_is_refused() {
    for kind in ["a pipe", "a device", "70 GiB"] {
        for name in ["configuration.json", "journal/main", "lock"] {
            let folder = folder();
            let made = lpzero(
                folder.path(),
                &[
                    "search",
                    "--truth",
                    "tiny",
                    "--budget",
                    "20",
                    "--out",
                    folder.path().join("run").to_str().unwrap(),
                ],
            );
            assert_eq!(made.status, 0, "{}", made.stderr);
            let place = folder.path().join("run");
            fs::remove_file(place.join("report.json")).unwrap();
            let _ = fs::remove_file(place.join(name));
            make(kind, &place.join(name));
            let run = at_once(folder.path(), "search --resume run");
            // What is in the lock is not read.
            if name != "lock" || kind != "70 GiB" {
                assert_ne!(run.status, 0, "{kind}, {name}");
                assert_eq!(
                    run.stderr.lines().count(),
                    1,
                    "{kind}, {name}: {}",
                    run.stderr
                );
            }
        }
    }
}

#[test]
fn an_evaluation_of_what_is_no_file_is_refused() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let fixtures = crates.join("lpzero/tests/fixtures/likelihood");
    let model = crates.join("nn/tests/fixtures/checkpoints/llama");
    let eval = format!(
        "eval {} --tokenizer {}",
        model.display(),
        fixtures.join("tokenizer.json").display()
    );
    let items = format!("{}", fixtures.join("items.json").display());
    for kind in ["a pipe", "a device", "70 GiB"] {
        for options in [
            "--text odd",
            "--items odd",
            &format!("--items {items} --template odd"),
        ] {
            let folder = folder();
            make(kind, &folder.path().join("odd"));
            let run = at_once(folder.path(), &format!("{eval} {options}"));
            assert_eq!(run.status, 2, "{kind}, {options}: {}", run.stderr);
            assert!(
                run.stderr.contains(kind),
                "{kind}, {options}: {}",
                run.stderr
            );
        }
    }
}
