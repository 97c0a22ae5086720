//! `lpzero train FOLDER`: weights that are there are trained on.
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Run, interrupted, line};
use lpzero::nn::{Tensors, read_safetensors};

/// Puts a token before every text.
const TOKENIZER: &str = r#"{"version":"1.0","truncation":null,"padding":null,
    "added_tokens":[{"id":3,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,
        "normalized":false,"special":true}],
    "normalizer":null,"pre_tokenizer":{"type":"Whitespace"},
    "post_processor":{"type":"TemplateProcessing",
        "single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
        "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":0}}],
        "special_tokens":{"<s>":{"id":"<s>","ids":[3],"tokens":["<s>"]}}},
    "decoder":null,"model":{"type":"WordLevel",
    "vocab":{"the":0,"cat":1,"sat":2,"<s>":3,"?":4},"unk_token":"?"}}"#;

fn trained(run: &Run) -> serde_json::Value {
    assert_eq!(run.status, 0, "{}", run.stderr);
    run.json()
}

/// All tensors of a folder, of however many files.
fn tensors(folder: &Path) -> Tensors<f32> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "safetensors"));
    files
        .flat_map(|file| read_safetensors(&file).unwrap())
        .collect()
}

/// A small GPT-2 that has learned something, as transformers has it.
fn begun(folder: &Path) -> (PathBuf, serde_json::Value) {
    let shape = "--layers 1 --width 16 --heads 2 --batch 4 --positions 32 --validation-batches 4";
    let out = folder.join("first");
    let out = out.display();
    let options = format!("train {shape} --steps 40 --hugging-face --out {out} --json");
    let report = trained(&line(folder, &options));
    (folder.join("first/hugging-face"), report)
}

const RECIPE: &str = "--batch 4 --positions 32 --validation-batches 4 --learning-rate 0.003";

#[test]
fn a_training_begins_where_the_weights_of_a_folder_were_left() {
    let folder = tempfile::tempdir().unwrap();
    let (_, first) = begun(folder.path());
    let last = first["validation_loss"].as_f64().unwrap();
    for of in ["first", "first/hugging-face"] {
        let path = folder.path().join(of);
        let options = format!("train {} {RECIPE} --steps 40 --json", path.display());
        let more = trained(&line(folder.path(), &options));
        assert_eq!(more["validation_before"].as_f64(), Some(last), "{of}");
        assert!(
            more["validation_loss"].as_f64().unwrap() < last - 0.05,
            "{of}: {more}"
        );
        let anew = trained(&line(folder.path(), &format!("{options} --weights seeded")));
        assert!(anew["validation_before"].is_null(), "{of}: {anew}");
    }
}

#[test]
fn a_folder_of_every_kind_of_decoder_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("text.txt"), "the cat sat ".repeat(300)).unwrap();
    fs::write(folder.path().join("tokenizer.json"), TOKENIZER).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nn/tests/fixtures/checkpoints");
    let at = folder.path().display();
    for kind in [
        "gpt2", "llama", "mistral", "qwen2", "qwen3", "olmo2", "gemma3", "phi3", "gpt_neox",
    ] {
        let of = fixtures.join(kind);
        // A rate at which no weight moves.
        let options = format!(
            "train {} --text {at}/text.txt --tokenizer {at}/tokenizer.json --steps 1 --batch 2 \
             --positions 8 --learning-rate 1e-30 --validation-batches 1 --out {at}/{kind} \
             --hugging-face --json",
            of.display()
        );
        let report = trained(&line(folder.path(), &options));
        assert_eq!(
            report["validation_before"], report["validation_loss"],
            "{kind}"
        );
        let back = folder.path().join(kind).join("hugging-face");
        let (was, is) = (tensors(&of), tensors(&back));
        for (name, (shape, data)) in &is {
            let expected = &was[name];
            assert_eq!(&expected.0, shape, "{kind}: {name}");
            // A gain that is kept less one has lost its last bits.
            let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6 * (1.0 + b.abs());
            assert!(data.iter().zip(&expected.1).all(close), "{kind}: {name}");
        }
        assert!(
            is.len() + 1 >= was.len(),
            "{kind}: {} of {}",
            is.len(),
            was.len()
        );
        assert!(back.join("tokenizer.json").exists(), "{kind}");
        let score = format!("score {} --proxy params --json", back.display());
        assert_eq!(line(folder.path(), &score).status, 0, "{kind}");
    }
}

#[test]
fn a_training_of_stored_weights_that_was_stopped_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (of, _) = begun(folder.path());
    let train = |out: &str| {
        format!(
            "train {} {RECIPE} --steps 1500 --validate-every 1500 --out {}",
            of.display(),
            folder.path().join(out).display()
        )
    };
    let before = folder.path().join("stopped/before.json");
    let begun = || before.exists();
    let run = interrupted(folder.path(), &train("stopped"), begun);
    assert!([0, 130].contains(&run.status), "{}", run.stderr);
    assert_eq!(line(folder.path(), &train("whole")).status, 0);
    // A checkpoint has the weights: what it began with is not needed any more.
    fs::remove_dir_all(folder.path().join("first")).unwrap();
    if run.status == 130 {
        let stopped = folder.path().join("stopped");
        let resumed = line(
            folder.path(),
            &format!("train --resume {}", stopped.display()),
        );
        assert_eq!(resumed.status, 0, "{}", resumed.stderr);
    }
    for file in ["curve.csv", "model.safetensors", "before.json"] {
        let read = |run: &str| fs::read(folder.path().join(run).join(file)).unwrap();
        assert!(read("stopped") == read("whole"), "{file}");
    }
}

#[test]
fn what_cannot_be_trained_on_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let (of, _) = begun(folder.path());
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nn/tests/fixtures/checkpoints");
    let refused = |options: &str, words: &[&str]| {
        let run = line(folder.path(), options);
        assert_eq!(run.status, 2, "{options}: {}{}", run.stdout, run.stderr);
        for word in words {
            assert!(run.stderr.contains(word), "{options}: {}", run.stderr);
        }
    };
    let at = folder.path().display();
    let llama = format!("train {} --steps 1", fixtures.join("llama").display());
    refused(&llama, &["synthetic language", "--text"]);
    fs::write(folder.path().join("text.txt"), "the cat sat ".repeat(300)).unwrap();
    refused(
        &format!("{llama} --text {at}/text.txt"),
        &["--tokenizer", "tokenizer.json"],
    );

    // Before its first checkpoint a training hangs on the files that it began with.
    let long = format!(
        "train {} {RECIPE} --steps 1000000 --out {at}/long",
        of.display()
    );
    let before = folder.path().join("long/before.json");
    let killed = interrupted(folder.path(), &long, || before.exists());
    assert_eq!(killed.status, 130, "{}", killed.stderr);
    let checkpoint = folder.path().join("long/checkpoint.safetensors");
    if checkpoint.exists() {
        fs::remove_file(checkpoint).unwrap();
    }
    let weights = of.join("model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    let resume = format!("train --resume {at}/long");
    refused(&resume, &["other weights", "restore"]);
}
