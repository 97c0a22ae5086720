//! A run that goes on is the run that began: its inputs are bound by what they hold, and
//! what it kept by checksums.
use std::fs;
use std::path::{Path, PathBuf};

use crate::benchmark::{benchmark, write_benchmark};
use crate::support::{after, interrupted, line};

const TOKENIZER: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
    "normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"post_processor":null,
    "decoder":null,"model":{"type":"WordLevel",
    "vocab":{"the":0,"cat":1,"sat":2,"?":3},"unk_token":"?"}}"#;

/// A text and its tokenizer, below a folder.
fn text(folder: &Path) -> (PathBuf, PathBuf) {
    let (text, tokenizer) = (folder.join("text.txt"), folder.join("tokenizer.json"));
    fs::write(&text, "the cat sat ".repeat(2000)).unwrap();
    fs::write(&tokenizer, TOKENIZER).unwrap();
    (text, tokenizer)
}

/// A training that was stopped after its first updates.
fn stopped(folder: &Path, options: &str) -> PathBuf {
    let out = folder.join("training");
    let line = format!(
        "train --layers 1 --width 16 --heads 2 --batch 2 --positions 16 --steps 1000000 {options} \
         --out {}",
        out.display()
    );
    // By then there are updates; the checkpoint is written when it is stopped.
    let run = interrupted(folder, &line, after(2.0));
    assert_eq!(run.status, 130, "{}", run.stderr);
    assert!(out.join("checkpoint.safetensors").exists());
    out
}

#[test]
fn a_training_does_not_go_on_with_another_text_or_tokenizer() {
    let folder = tempfile::tempdir().unwrap();
    let (text, tokenizer) = text(folder.path());
    let options = format!(
        "--text {} --tokenizer {}",
        text.display(),
        tokenizer.display()
    );
    let out = stopped(folder.path(), &options);
    let resume = format!("train --resume {}", out.display());
    let checkpoint = fs::read(out.join("checkpoint.safetensors")).unwrap();
    let others = [
        (&text, "the cat cat ".repeat(2000)),
        (
            &tokenizer,
            TOKENIZER.replace("\"cat\":1,\"sat\":2", "\"cat\":2,\"sat\":1"),
        ),
    ];
    for (file, other) in others {
        let whole = fs::read(file).unwrap();
        fs::write(file, other).unwrap();
        let refused = line(folder.path(), &resume);
        assert_eq!(refused.status, 2, "{}", refused.stderr);
        assert!(
            refused.stderr.contains("another text"),
            "{}",
            refused.stderr
        );
        assert!(fs::read(out.join("checkpoint.safetensors")).unwrap() == checkpoint);
        fs::write(file, whole).unwrap();
    }
    let goes_on = interrupted(folder.path(), &resume, after(2.0));
    assert_eq!(goes_on.status, 130, "{}", goes_on.stderr);
}

#[test]
fn a_flipped_bit_of_a_checkpoint_is_found_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let out = stopped(folder.path(), "");
    let resume = format!("train --resume {}", out.display());
    for name in ["checkpoint.safetensors", "curve.csv"] {
        let path = out.join(name);
        let whole = fs::read(&path).unwrap();
        for place in 1..20 {
            let mut damaged = whole.clone();
            damaged[whole.len() * place / 20] ^= 1;
            fs::write(&path, &damaged).unwrap();
            let refused = line(folder.path(), &resume);
            assert_eq!(refused.status, 2, "{name} {place}: {}", refused.stderr);
            assert!(
                refused.stderr.contains(out.to_str().unwrap()),
                "{}",
                refused.stderr
            );
            assert!(fs::read(&path).unwrap() == damaged);
        }
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn a_search_of_architectures_does_not_go_on_with_other_weights() {
    let folder = tempfile::tempdir().unwrap();
    let net = folder.path().join("net");
    let train =
        "train --space tiny-elastic --batch 2 --positions 16 --validation-batches 2 --steps 4";
    let trained = line(folder.path(), &format!("{train} --out {}", net.display()));
    assert_eq!(trained.status, 0, "{}", trained.stderr);
    let run = folder.path().join("run");
    let nas = format!(
        "nas --space tiny-elastic --supernet {} --budget 16 --population 8 --batch 2 --positions 16 \
         --out {}",
        net.display(),
        run.display()
    );
    let searched = line(folder.path(), &nas);
    assert_eq!(searched.status, 0, "{}", searched.stderr);
    fs::remove_file(run.join("report.json")).unwrap();
    let resume = format!("nas --resume {}", run.display());
    let model = net.join("model.safetensors");
    let whole = fs::read(&model).unwrap();
    let mut other = whole.clone();
    let last = other.len() - 2;
    other[last] ^= 1;
    fs::write(&model, other).unwrap();
    let refused = line(folder.path(), &resume);
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("other inputs"),
        "{}",
        refused.stderr
    );
    fs::write(&model, whole).unwrap();
    assert_eq!(line(folder.path(), &resume).status, 0);
}

#[test]
fn a_search_of_architectures_does_not_go_on_with_another_text() {
    let folder = tempfile::tempdir().unwrap();
    let (text, tokenizer) = text(folder.path());
    let run = folder.path().join("run");
    let nas = format!(
        "nas --budget 16 --population 8 --batch 2 --positions 16 --text {} --tokenizer {} --out {}",
        text.display(),
        tokenizer.display(),
        run.display()
    );
    let searched = line(folder.path(), &nas);
    assert_eq!(searched.status, 0, "{}", searched.stderr);
    fs::remove_file(run.join("report.json")).unwrap();
    fs::write(&text, "the cat cat ".repeat(2000)).unwrap();
    let refused = line(folder.path(), &format!("nas --resume {}", run.display()));
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("other inputs"),
        "{}",
        refused.stderr
    );
}

#[test]
fn neither_search_nor_ablation_goes_on_where_any_architecture_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let truth = write_benchmark(folder.path(), &benchmark(24));
    let common = format!("--truth {truth} --split 10/6 --batch 2 --positions 16");
    let [search, ablation] = ["search", "ablation"].map(|name| folder.path().join(name));
    let begun = [
        format!("search {common} --budget 200 --out {}", search.display()),
        format!(
            "ablate split {common} --seeds 1 --budget 30 --out {}",
            ablation.display()
        ),
    ];
    for begun in begun {
        let run = line(folder.path(), &begun);
        assert_eq!(run.status, 0, "{}", run.stderr);
    }
    fs::remove_file(search.join("report.json")).unwrap();
    let resume = [
        format!("search --resume {}", search.display()),
        format!("ablate --resume {}", ablation.display()),
    ];
    // One of each part of the split is among them.
    for entry in [0, 3, 7, 11, 15, 23] {
        let mut changed = benchmark(24);
        let pointer = "/hparams/model_hparam_overrides/nas_config/encoder_layers/0";
        let layer = changed[entry].pointer_mut(pointer).unwrap();
        layer["feed_forward_dimension"] = 640.into();
        write_benchmark(folder.path(), &changed);
        for resume in &resume {
            let refused = line(folder.path(), resume);
            assert_eq!(refused.status, 2, "{entry} {resume}: {}", refused.stderr);
        }
    }
}
