//! Checkpoints and configurations as people have them: read, or one sentence that says what
//! they are, and never passed over.
use std::fs;

use crate::hostile_checkpoints::{Folder, MODEL};
use crate::support::{Run, lpzero};
use serde_json::{Map, Value, json};

/// Scores the model of a folder.
fn score(folder: &Folder, options: &str) -> Run {
    let model = folder.path("model");
    let line = format!("score --positions 4 {options}");
    let mut line: Vec<&str> = line.split_whitespace().collect();
    line.push(model.to_str().unwrap());
    lpzero(folder.folder.path(), &line)
}

#[track_caller]
fn refused(run: &Run, parts: &[&str]) {
    assert_eq!(run.status, 2, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    for part in parts {
        assert!(
            run.stderr.contains(part),
            "{part:?} is not in {}",
            run.stderr
        );
    }
}

/// Gives every tensor of the model another name; `None` leaves it out.
fn rename(folder: &Folder, name: impl Fn(&str) -> Option<String>) {
    folder.header(MODEL, |header| {
        let tensors = std::mem::take(header.as_object_mut().unwrap());
        let tensors = tensors.into_iter();
        let renamed = tensors.filter_map(|(known, tensor)| {
            let keep = (known == "__metadata__").then(|| known.clone());
            Some((keep.or_else(|| name(&known))?, tensor))
        });
        *header = Value::Object(renamed.collect::<Map<_, _>>());
    });
}

/// Scores that need the weights.
fn weighed(folder: &Folder) -> Value {
    let run = score(folder, "--proxy snip --proxy sum(l2(W)) --json");
    let json = run.json();
    assert_eq!(json["rows"][0]["weights"], "stored", "{}", run.stderr);
    json["rows"][0]["scores"].clone()
}

#[test]
fn whatever_looks_like_weights_is_read_or_refused_by_name() {
    for name in [
        "pytorch_model-00001-of-00002.bin",
        "pytorch_model.bin.index.json",
        "model-00001-of-00002.safetensors",
        "weights.safetensors",
        "model.safetensors.incomplete",
        "tf_model.h5",
        "flax_model.msgpack",
        "consolidated.00.pth",
        "llama.Q4_K_M.gguf",
        "adapter_model.safetensors",
        "checkpoint.safetensors",
        "model.safetensors.bak",
        "model.safetensors.1",
        "pytorch_model.bin.gz",
        "model.tar.gz",
    ] {
        let folder = Folder::new("llama", None);
        fs::rename(folder.path(MODEL), folder.path(&format!("model/{name}"))).unwrap();
        let run = score(&folder, "--proxy snip");
        refused(
            &run,
            &[name, "expected model.safetensors", "--weights seeded"],
        );
        let meant = score(&folder, "--proxy snip --weights seeded");
        assert_eq!(meant.status, 0, "{}", meant.stderr);
        assert!(
            meant.stderr.contains("weights: drawn by seed 0"),
            "{}",
            meant.stderr
        );
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_an_interrupted_download_left_is_refused() {
    for name in ["model.safetensors", "model.safetensors.index.json"] {
        let folder = Folder::new("llama", None);
        fs::remove_file(folder.path(MODEL)).unwrap();
        let link = folder.path(&format!("model/{name}"));
        std::os::unix::fs::symlink("../../blobs/0123", link).unwrap();
        let run = score(&folder, "--proxy snip");
        refused(&run, &[name, "../../blobs/0123", "not there"]);
    }
}

#[test]
fn every_output_tells_where_weights_come_from() {
    let folder = Folder::new("llama", None);
    for format in ["table", "csv", "json"] {
        let run = score(&folder, &format!("--proxy snip --format {format}"));
        assert!(
            run.stderr.contains("weights: those in the folders"),
            "{}",
            run.stderr
        );
    }
    fs::remove_file(folder.path(MODEL)).unwrap();
    let run = score(&folder, "--proxy snip --seed 3 --json");
    assert_eq!(run.json()["rows"][0]["weights"], "seeded");
    assert!(
        run.stderr.contains("weights: drawn by seed 3"),
        "{}",
        run.stderr
    );
    let counted = score(&folder, "--proxy params");
    assert!(!counted.stderr.contains("weights"), "{}", counted.stderr);
}

#[test]
fn weights_beside_a_configuration_are_told() {
    let folder = Folder::new("llama", None);
    let config = folder.path("model/config.json");
    let line = ["score", config.to_str().unwrap(), "--proxy", "snip"];
    let line = [&line[..], &["--positions", "4"]].concat();
    let run = lpzero(folder.folder.path(), &line);
    for part in ["weights beside it are not read", "weights: drawn by seed 0"] {
        assert!(run.stderr.contains(part), "{part:?}: {}", run.stderr);
    }
}

#[test]
fn wrappers_and_a_model_around_it_do_not_hide_a_model() {
    let expected = weighed(&Folder::new("llama", None));
    let renamings: [fn(&str) -> Option<String>; 4] = [
        |name| Some(format!("_orig_mod.{name}")),
        |name| Some(format!("module.{name}")),
        |name| Some(format!("policy.llm.{name}")),
        |name| Some(name.replace(".self_attn", "._fsdp_wrapped_module.self_attn")),
    ];
    for renaming in renamings {
        let folder = Folder::new("llama", None);
        rename(&folder, renaming);
        assert_eq!(weighed(&folder), expected);
    }
    let folder = Folder::new("llama", None);
    rename(&folder, |name| {
        let student = name.ends_with("norm.weight");
        Some(format!(
            "{}.{name}",
            if student { "student" } else { "teacher" }
        ))
    });
    // The table of tokens is the teacher's, whose norms are missing.
    refused(
        &score(&folder, "--proxy snip --quiet"),
        &["teacher.model.", "is missing"],
    );
}

#[test]
fn a_tied_head_is_the_table_of_tokens_under_another_name() {
    let expected = weighed(&Folder::new("gpt2", None));
    let folder = Folder::new("gpt2", None);
    rename(&folder, |name| {
        Some(match name.ends_with("wte.weight") {
            true => "lm_head.weight".to_owned(),
            false => name.to_owned(),
        })
    });
    assert_eq!(weighed(&folder), expected);
    // A head of its own is no table of tokens.
    let folder = Folder::new("llama", None);
    rename(&folder, |name| {
        (!name.contains("embed_tokens")).then(|| name.to_owned())
    });
    refused(
        &score(&folder, "--proxy snip"),
        &["embed_tokens.weight", "is missing"],
    );
}

#[test]
fn norms_of_old_files_are_gamma_and_beta() {
    let expected = weighed(&Folder::new("bert", None));
    let folder = Folder::new("bert", None);
    rename(&folder, |name| {
        let name = name.replace("LayerNorm.weight", "LayerNorm.gamma");
        Some(name.replace("LayerNorm.bias", "LayerNorm.beta"))
    });
    assert!(String::from_utf8_lossy(&folder.read(MODEL)).contains("LayerNorm.gamma"));
    assert_eq!(weighed(&folder), expected);
}

#[test]
fn a_body_without_a_head_scores_what_needs_no_loss() {
    for model in ["bert", "electra", "llama"] {
        let folder = Folder::new(model, None);
        rename(&folder, |name| {
            let head = ["cls.", "generator_", "lm_head"];
            let head = head.iter().any(|head| name.starts_with(head));
            (!head).then(|| name.to_owned())
        });
        let run = score(
            &folder,
            "--proxy sum(l2(W)) --proxy sum[block](mean(A)) --json",
        );
        let scores = &run.json()["rows"][0]["scores"];
        assert!(scores["sum(l2(W))"].is_number(), "{}", run.stderr);
        assert!(
            run.stderr.contains("--objective random-projection"),
            "{}",
            run.stderr
        );
        let loss = score(&folder, "--proxy sum(l2(W)) --proxy snip");
        refused(&loss, &["no head", "snip", "--objective random-projection"]);
        let given = score(&folder, "--proxy snip --objective random-projection");
        assert_eq!(given.status, 0, "{}", given.stderr);
    }
    // With a part of the head, something is wrong.
    let folder = Folder::new("bert", None);
    rename(&folder, |name| {
        (!name.contains("transform.dense")).then(|| name.to_owned())
    });
    refused(
        &score(&folder, "--proxy sum(l2(W))"),
        &["transform.dense", "is missing"],
    );
}

#[test]
fn a_count_says_of_which_class_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let bert = json!({"model_type": "bert", "hidden_size": 768, "num_hidden_layers": 12,
        "num_attention_heads": 12, "intermediate_size": 3072, "vocab_size": 30522,
        "max_position_embeddings": 512, "type_vocab_size": 2});
    fs::write(&path, bert.to_string()).unwrap();
    let run = lpzero(
        folder.path(),
        &["score", path.to_str().unwrap(), "--proxy", "params"],
    );
    assert_eq!(run.status, 0, "{}", run.stderr);
    for part in ["108891648", "BertForMaskedLM has 109514298"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}

#[test]
fn pointers_and_archives_say_what_they_are() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 134\n";
    for file in [MODEL, "model/config.json"] {
        let folder = Folder::new("llama", None);
        folder.write(file, pointer);
        let run = score(&folder, "--proxy snip");
        refused(&run, &[&file["model/".len()..], "git lfs pull"]);
    }
    let folder = Folder::new("llama", None);
    folder.write(MODEL, [b"PK\x03\x04".as_slice(), &[7; 64]].concat());
    refused(
        &score(&folder, "--proxy snip"),
        &["model.safetensors", "ZIP"],
    );
}

#[test]
fn a_file_of_weights_is_no_architecture() {
    let folder = Folder::new("llama", None);
    let file = folder.path(MODEL);
    let line = ["score", file.to_str().unwrap(), "--proxy", "params"];
    refused(
        &lpzero(folder.folder.path(), &line),
        &["model.safetensors", "the folder"],
    );
}

#[test]
fn quantised_weights_say_that_they_are() {
    let folder = Folder::new("llama", None);
    folder.json("model/config.json", |config| {
        config["quantization_config"] = json!({"quant_method": "gptq", "bits": 4});
    });
    refused(
        &score(&folder, "--proxy snip"),
        &["quantization_config", "gptq"],
    );
    let seeded = score(&folder, "--proxy snip --weights seeded");
    assert_eq!(seeded.status, 0, "{}", seeded.stderr);
    let folder = Folder::new("llama", None);
    rename(&folder, |name| {
        Some(name.replace("_proj.weight", "_proj.qweight"))
    });
    refused(&score(&folder, "--proxy snip"), &["qweight", "quantised"]);
}

#[test]
fn a_number_that_is_not_finite_names_its_tensor() {
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let folder = Folder::new("llama", None);
        let mut bytes = folder.read(MODEL);
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        let name = "model.layers.1.mlp.up_proj.weight";
        let start = header[name]["data_offsets"][0].as_u64().unwrap() as usize;
        let at = 8 + length + start + 20;
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        folder.write(MODEL, bytes);
        let run = score(&folder, "--proxy snip");
        refused(&run, &["model.safetensors", name, "not finite"]);
    }
}

#[test]
fn a_score_that_is_not_finite_says_why() {
    let folder = Folder::new("llama", None);
    let run = score(&folder, "--proxy zico --batch 1 --json");
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.json()["rows"][0]["scores"]["zico"].is_null());
    assert_eq!(run.json()["undefined"][0]["proxy"], "zico");
    for part in ["zico: not a finite number", "--batch"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    let run = score(&folder, "--proxy mean[transform](l2(W))");
    assert!(
        run.stderr.contains("no map with what it reads"),
        "{}",
        run.stderr
    );
}

#[test]
fn tensors_without_a_place_are_told() {
    let folder = Folder::new("llama", None);
    folder.json("model/config.json", |config| {
        config["num_hidden_layers"] = json!(1)
    });
    let run = score(&folder, "--proxy snip");
    assert_eq!(run.status, 0, "{}", run.stderr);
    for part in ["warning:", "no place for 9", "model.layers.1."] {
        assert!(run.stderr.contains(part), "{part:?}: {}", run.stderr);
    }
    // What a class computes and keeps is no weight.
    let folder = Folder::new("bert", None);
    let run = score(&folder, "--proxy snip");
    assert!(!run.stderr.contains("no place"), "{}", run.stderr);
}

#[test]
fn a_head_of_its_own_that_the_configuration_calls_tied_is_told() {
    let folder = Folder::new("llama", None);
    folder.json("model/config.json", |config| {
        config["tie_word_embeddings"] = json!(true);
    });
    let run = score(&folder, "--proxy snip");
    assert_eq!(run.status, 0, "{}", run.stderr);
    for part in ["not used", "`lm_head.weight`"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    // One that is a copy of the token table is as good as none.
    let mut bytes = folder.read(MODEL);
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let range = |name: &str| {
        let offsets = &header[name]["data_offsets"];
        let at = |end: usize| 8 + length + offsets[end].as_u64().unwrap() as usize;
        at(0)..at(1)
    };
    let (table, head) = (range("model.embed_tokens.weight"), range("lm_head.weight"));
    bytes.copy_within(table, head.start);
    folder.write(MODEL, bytes);
    let run = score(&folder, "--proxy snip");
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(!run.stderr.contains("not used"), "{}", run.stderr);
}
