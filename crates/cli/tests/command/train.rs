//! `lpzero train` and `lpzero truth build`, also when they are killed.
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Run, command, lpzero, records};
use safetensors::SafeTensors;

const SMALL: &str =
    "train --layers 2 --width 16 --heads 2 --batch 4 --positions 32 --seed 3 --json";

fn run(folder: &Path, line: &str, out: Option<&str>) -> Run {
    let mut arguments: Vec<&str> = line.split(' ').collect();
    arguments.extend(out);
    lpzero(folder, &arguments)
}

/// Starts a command and kills it, without a warning, as soon as `ready`.
fn kill_when(folder: &Path, line: &str, ready: impl Fn() -> bool) {
    let mut command = command(folder);
    command
        .args(line.split(' '))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(60), "never ready");
        assert!(child.try_wait().unwrap().is_none(), "ended too soon");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_training_leaves_weights_curve_picture_and_report() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let line = format!("{SMALL} --steps 30 --hugging-face --out {}", out.display());
    let report = run(folder.path(), &line, None).json();
    let loss = report["validation_loss"].as_f64().unwrap();
    let floor = report["entropy_floor"].as_f64().unwrap();
    // Better than guessing, no better than the language allows.
    assert!(
        floor > 1.0 && floor < loss && loss < 128f64.ln(),
        "{floor} {loss}"
    );
    for name in [
        "model.safetensors",
        "architecture.json",
        "report.json",
        "checkpoint.safetensors",
    ] {
        assert!(out.join(name).exists(), "{name}");
    }
    let curve = fs::read_to_string(out.join("curve.csv")).unwrap();
    assert_eq!(curve.lines().count(), 31);
    let picture = fs::read_to_string(out.join("curve.svg")).unwrap();
    assert!(
        picture.starts_with("<svg") && picture.contains("<polyline") && picture.contains("<circle")
    );
    // What is written is an architecture that the other commands read.
    let spec = out.join("architecture.json");
    let scored = lpzero(
        folder.path(),
        &[
            "score",
            spec.to_str().unwrap(),
            "--proxy",
            "params",
            "--json",
        ],
    );
    assert_eq!(scored.status, 0, "{}", scored.stderr);
    let theirs = out.join("hugging-face");
    let scored = lpzero(
        folder.path(),
        &[
            "score",
            theirs.to_str().unwrap(),
            "--proxy",
            "params",
            "--json",
        ],
    );
    assert_eq!(scored.status, 0, "{}", scored.stderr);

    // GPT-2's layout: (in, out), query, key and value side by side.
    let bytes = [
        out.join("model.safetensors"),
        theirs.join("model.safetensors"),
    ]
    .map(|path| fs::read(path).unwrap());
    let [ours, theirs] = bytes
        .each_ref()
        .map(|bytes| SafeTensors::deserialize(bytes).unwrap());
    let floats = |tensors: &SafeTensors<'_>, name: &str| -> Vec<f32> {
        let view = tensors.tensor(name).unwrap();
        let words = view.data().as_chunks::<4>().0.iter();
        words.map(|word| f32::from_le_bytes(*word)).collect()
    };
    let width = 16;
    for layer in 0..2 {
        let joined = floats(
            &theirs,
            &format!("transformer.h.{layer}.attn.c_attn.weight"),
        );
        assert_eq!(joined.len(), 3 * width * width);
        for (part, name) in ["query", "key", "value"].into_iter().enumerate() {
            let weight = floats(&ours, &format!("block.{layer}.{name}.weight"));
            for (output, input) in [(0, 0), (3, 5), (15, 2)] {
                let theirs = joined[input * 3 * width + part * width + output];
                assert_eq!(theirs, weight[output * width + input], "{name}");
            }
        }
    }
    assert_eq!(
        floats(&theirs, "transformer.wte.weight"),
        floats(&ours, "embedding.0.table")
    );

    let again = run(
        folder.path(),
        &format!("train --resume {}", out.display()),
        None,
    );
    assert!(
        again.status == 2 && again.stderr.contains("finished"),
        "{}",
        again.stderr
    );
}

#[test]
fn a_text_is_trained_on_and_its_end_is_kept_for_validation() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = folder.path().join("tokenizer.json");
    let vocabulary = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
        "normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"post_processor":null,
        "decoder":null,"model":{"type":"WordLevel",
        "vocab":{"the":0,"cat":1,"sat":2,"?":3},"unk_token":"?"}}"#;
    fs::write(&tokenizer, vocabulary).unwrap();
    let text = folder.path().join("text.txt");
    fs::write(&text, "the cat sat ".repeat(2000)).unwrap();
    let line = format!(
        "{SMALL} --steps 60 --learning-rate 0.02 --text {} --tokenizer {}",
        text.display(),
        tokenizer.display()
    );
    let report = run(folder.path(), &line, None).json();
    // The next of three words that always follow each other is learnt at once.
    assert!(
        report["validation_loss"].as_f64().unwrap() < 0.2,
        "{report}"
    );
    assert_eq!(report["entropy_floor"], serde_json::Value::Null);

    fs::write(&text, "the cat sat").unwrap();
    let short = run(folder.path(), &line, None);
    assert_eq!(short.status, 2);
    assert!(short.stderr.contains("text.txt"), "{}", short.stderr);
}

#[test]
fn a_killed_training_goes_on_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, killed] = ["whole", "killed"].map(|name| folder.path().join(name));
    let line = format!("{SMALL} --steps 400 --accumulate 2 --out");
    assert_eq!(run(folder.path(), &line, whole.to_str()).status, 0);
    // Checkpoints are minutes of work apart, so a polite stop comes first: it
    // leaves one, and what is killed after that goes on from there.
    let signalled = crate::support::interrupted(
        folder.path(),
        &format!("{line} {}", killed.display()),
        || killed.join("configuration.json").exists(),
    );
    assert_eq!(signalled.status, 130, "{}", signalled.stderr);
    assert!(
        signalled.stderr.contains("train --resume"),
        "{}",
        signalled.stderr
    );
    let checkpoint = killed.join("checkpoint.safetensors");
    assert!(checkpoint.exists());
    let resume = format!("train --resume {} --json", killed.display());
    kill_when(folder.path(), &resume, || true);
    assert_eq!(run(folder.path(), &resume, None).status, 0);
    for name in ["model.safetensors", "curve.csv", "checkpoint.safetensors"] {
        let same = fs::read(whole.join(name)).unwrap() == fs::read(killed.join(name)).unwrap();
        assert!(same, "{name} differs");
    }
}

#[test]
fn wrong_input_is_refused_with_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    for (line, expected) in [
        ("train --steps 0", "--steps: found 0, expected at least 1"),
        ("train --learning-rate=-1", "--learning-rate: found -1"),
        ("train --width 16 --heads 3", "heads"),
        ("train --layers 1000000000", "--layers"),
        ("train --entry nothing", "--entry nothing"),
        ("train --resume nowhere", "not the folder of a training"),
        ("truth build --plan nowhere.json --out run", "nowhere.json"),
        (
            "truth build --architectures 0 --out run",
            "plan.architectures",
        ),
    ] {
        let refused = run(folder.path(), line, None);
        assert_eq!(refused.status, 2, "{line}: {}", refused.stderr);
        assert!(
            refused.stderr.contains(expected),
            "{line}: {}",
            refused.stderr
        );
    }
    assert!(!Path::new("run").exists());
}

#[test]
fn a_killed_build_ends_with_the_same_ground_truth() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, killed] = ["whole", "killed"].map(|name| folder.path().join(name));
    let line = "truth build --architectures 5 --steps 6 --json --out";
    let report = run(folder.path(), line, whole.to_str()).json();
    assert_eq!(report["n"], 5);
    let journal = killed.join("trainings/main");
    kill_when(
        folder.path(),
        &format!("{line} {} --threads 1", killed.display()),
        || records(&journal).len() >= 2,
    );
    // As if the kill had come in the middle of a record.
    let text = fs::read(&journal).unwrap();
    fs::write(&journal, &text[..text.len() - 3]).unwrap();
    let resume = format!("truth build --json --resume {}", killed.display());
    let resumed = run(folder.path(), &resume, None);
    assert_eq!(resumed.status, 0, "{}", resumed.stderr);
    assert!(
        resumed.stderr.contains("not written to its end"),
        "{}",
        resumed.stderr
    );
    let losses = |run: &Path| {
        let text = fs::read_to_string(run.join("truth.json")).unwrap();
        let truth: serde_json::Value = serde_json::from_str(&text).unwrap();
        let entries = truth["entries"].as_array().unwrap().iter();
        let of = |entry: &serde_json::Value| {
            let trainings = entry["trainings"].as_array().unwrap().iter();
            let metrics: Vec<_> = trainings.map(|t| t["metric"].as_f64().unwrap()).collect();
            (entry["id"].clone(), entry["score"].clone(), metrics)
        };
        entries.map(of).collect::<Vec<_>>()
    };
    assert_eq!(losses(&whole), losses(&killed));

    // Any one entry can be trained again, and `rank` reads the file.
    let truth = whole.join("truth.json");
    let (id, _, metrics) = &losses(&whole)[0];
    let line = format!("train --json --seed 1 --truth {} --entry", truth.display());
    let again = run(folder.path(), &line, id.as_str()).json();
    let loss = again["validation_loss"].as_f64().unwrap();
    assert!((loss - metrics[1]).abs() < 1e-6, "{loss} {metrics:?}");
    let line = format!("rank --json --proxy params --truth {}", truth.display());
    assert_eq!(run(folder.path(), &line, None).json()["n"], 5);
}
