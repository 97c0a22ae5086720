//! Checkpoints and adapters that contradict themselves, or the model: exit status 2 and
//! one message that names the file and what is wrong in it.
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::lpzero;
use serde_json::{Value, json};
use tempfile::TempDir;

fn fixture(path: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    crates.join("nn/tests/fixtures").join(path)
}

/// A model of its own to be damaged, and an adapter.
pub struct Folder {
    pub folder: TempDir,
    adapted: bool,
}

impl Folder {
    pub fn new(checkpoint: &str, adapter: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy = |from: PathBuf, to: PathBuf| {
            fs::create_dir(&to).unwrap();
            for entry in fs::read_dir(from).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
                }
            }
        };
        let model = fixture(&format!("checkpoints/{checkpoint}"));
        copy(model, folder.path().join("model"));
        if let Some(adapter) = adapter {
            let adapter = fixture(&format!("adapters/{adapter}"));
            copy(adapter, folder.path().join("adapter"));
        }
        Folder {
            folder,
            adapted: adapter.is_some(),
        }
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.path(file)).unwrap()
    }

    pub fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(file), bytes).unwrap();
    }

    /// Changes a JSON file.
    pub fn json(&self, file: &str, change: impl FnOnce(&mut Value)) {
        let mut value = serde_json::from_slice(&self.read(file)).unwrap();
        change(&mut value);
        self.write(file, value.to_string());
    }

    /// Changes the header of a safetensors file; the data stay.
    pub fn header(&self, file: &str, change: impl FnOnce(&mut Value)) {
        let bytes = self.read(file);
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let mut header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        change(&mut header);
        let text = header.to_string();
        let mut changed = (text.len() as u64).to_le_bytes().to_vec();
        changed.extend(text.as_bytes());
        changed.extend(&bytes[8 + length..]);
        self.write(file, changed);
    }

    /// The message of a command that refuses the model.
    fn refusal(&self, case: &str) -> String {
        let model = self.path("model");
        let mut line = vec!["score", model.to_str().unwrap()];
        line.extend("--proxy snip --batch 1 --positions 4 --quiet".split(' '));
        let adapter = self.path("adapter");
        if self.adapted {
            line.extend(["--adapter", adapter.to_str().unwrap()]);
        }
        let run = lpzero(self.folder.path(), &line);
        assert_eq!(run.status, 2, "{case}: {}{}", run.stdout, run.stderr);
        assert!(run.stdout.is_empty(), "{case}: {}", run.stdout);
        assert_eq!(run.stderr.lines().count(), 1, "{case}: {}", run.stderr);
        run.stderr
    }
}

/// A name, what is done to the folder, and what the message says.
type Case<'a> = (&'a str, &'a dyn Fn(&Folder), &'a [&'a str]);

#[track_caller]
fn check(checkpoint: &str, adapter: Option<&str>, cases: &[Case<'_>]) {
    for (case, damage, parts) in cases {
        let folder = Folder::new(checkpoint, adapter);
        damage(&folder);
        let message = folder.refusal(case);
        for part in *parts {
            assert!(
                message.contains(part),
                "{case}: {part:?} is not in {message}"
            );
        }
    }
}

pub const MODEL: &str = "model/model.safetensors";
const INDEX: &str = "model/model.safetensors.index.json";
const NORM: &str = "model.norm.weight";

#[test]
fn a_file_of_weights() {
    check(
        "llama",
        None,
        &[
            (
                "truncated data",
                &|f| f.write(MODEL, &f.read(MODEL)[..6000]),
                &["model.safetensors", "data_offsets", "the file has only"],
            ),
            (
                "truncated header",
                &|f| f.write(MODEL, &f.read(MODEL)[..100]),
                &[
                    "model.safetensors",
                    "bytes is announced, but the file has 100",
                ],
            ),
            (
                "less than a length",
                &|f| f.write(MODEL, [1, 2, 3]),
                &["model.safetensors", "3 bytes"],
            ),
            (
                "header larger than the file",
                &|f| {
                    let mut bytes = f.read(MODEL);
                    bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
                    f.write(MODEL, bytes);
                },
                &[
                    "model.safetensors",
                    "18446744073709551615 bytes is announced",
                ],
            ),
            (
                "not JSON",
                &|f| {
                    let mut bytes = f.read(MODEL);
                    bytes[8] = b'[';
                    f.write(MODEL, bytes);
                },
                &["model.safetensors", "not valid JSON"],
            ),
            (
                "not UTF-8",
                &|f| {
                    let mut bytes = f.read(MODEL);
                    bytes[10] = 0xff;
                    f.write(MODEL, bytes);
                },
                &["model.safetensors", "not UTF-8"],
            ),
            (
                "deep nesting",
                &|f| {
                    let header = "[".repeat(100_000);
                    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
                    bytes.extend(header.as_bytes());
                    f.write(MODEL, bytes);
                },
                &["model.safetensors", "recursion limit"],
            ),
            (
                "a tensor twice",
                &|f| {
                    let header = r#"{"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]},
                        "a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}"#;
                    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
                    bytes.extend(header.as_bytes());
                    f.write(MODEL, bytes);
                },
                &["model.safetensors", "`a` appears twice"],
            ),
            (
                "overlapping offsets",
                &|f| {
                    f.header(MODEL, |header| {
                        let other =
                            header["model.layers.0.input_layernorm.weight"]["data_offsets"].clone();
                        header[NORM]["data_offsets"] = other;
                    });
                },
                &["model.safetensors", "begins at byte", "inside model."],
            ),
            (
                "offsets in the wrong order",
                &|f| {
                    f.header(MODEL, |header| {
                        header[NORM]["data_offsets"] = json!([32, 0])
                    })
                },
                &["model.safetensors", NORM, "32 is behind 0"],
            ),
            (
                "offsets of another size",
                &|f| f.header(MODEL, |header| header[NORM]["data_offsets"] = json!([0, 4])),
                &[
                    "model.safetensors",
                    NORM,
                    "4 bytes, but F32 of shape [8] takes 32",
                ],
            ),
            (
                "offsets that are no list",
                &|f| f.header(MODEL, |header| header[NORM]["data_offsets"] = json!(7)),
                &["model.safetensors", NORM, "expected a list"],
            ),
            (
                "a negative offset",
                &|f| {
                    f.header(MODEL, |header| {
                        header[NORM]["data_offsets"] = json!([-32, 0])
                    })
                },
                &["model.safetensors", NORM, "not negative"],
            ),
            (
                "an endless shape",
                &|f| {
                    f.header(MODEL, |header| {
                        header[NORM]["shape"] = json!([1u64 << 40, 1u64 << 40]);
                    });
                },
                &["model.safetensors", NORM, "more than 2^64"],
            ),
            (
                "whole numbers",
                &|f| {
                    f.header(MODEL, |header| {
                        header[NORM]["dtype"] = json!("I32");
                    });
                },
                &["model.safetensors", NORM, "element type I32"],
            ),
            (
                "whole numbers of eight bytes",
                &|f| {
                    let bytes = f.read(MODEL);
                    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap());
                    let end = bytes.len() - 8 - length as usize;
                    f.write(MODEL, [bytes, vec![0; 64]].concat());
                    f.header(MODEL, |header| {
                        header[NORM]["dtype"] = json!("I64");
                        header[NORM]["data_offsets"] = json!([end, end + 64]);
                    });
                },
                &["model.safetensors", NORM, "element type I64"],
            ),
            (
                "an unknown type",
                &|f| f.header(MODEL, |header| header[NORM]["dtype"] = json!("F31")),
                &["model.safetensors", NORM, "F31", "one of F64, F32"],
            ),
            (
                "no shape",
                &|f| {
                    f.header(MODEL, |header| {
                        header[NORM].as_object_mut().unwrap().remove("shape");
                    });
                },
                &["model.safetensors", NORM, "shape: missing"],
            ),
            (
                "a missing tensor",
                &|f| {
                    f.header(MODEL, |header| {
                        header.as_object_mut().unwrap().remove(NORM);
                    });
                },
                &["model", NORM, "is missing"],
            ),
            (
                "another width than the configuration's",
                &|f| {
                    f.json("model/config.json", |config| {
                        config["intermediate_size"] = json!(11)
                    })
                },
                &[
                    "model.safetensors",
                    "mlp.up_proj.weight",
                    "[12, 8]",
                    "[11, 8]",
                ],
            ),
            (
                "more blocks than there are",
                &|f| {
                    f.json("model/config.json", |config| {
                        config["num_hidden_layers"] = json!(3)
                    })
                },
                &["model.layers.2.", "is missing"],
            ),
            (
                "an unknown model type",
                &|f| {
                    f.json("model/config.json", |config| {
                        config["model_type"] = json!("t5")
                    })
                },
                &["config.json", "model_type", "t5"],
            ),
            (
                "no configuration",
                &|f| fs::remove_file(f.path("model/config.json")).unwrap(),
                &["model", "config.json"],
            ),
            (
                "pickled weights",
                &|f| {
                    fs::rename(f.path(MODEL), f.path("model/pytorch_model.bin")).unwrap();
                },
                &["pytorch_model.bin", "expected model.safetensors"],
            ),
        ],
    );
}

#[test]
fn an_index_of_several_files() {
    let first = "model.embed_tokens.weight";
    let place = |value: Value| move |f: &Folder| f.json(INDEX, |i| i["weight_map"][first] = value);
    check(
        "llama_sharded",
        None,
        &[
            (
                "a missing shard",
                &|f| fs::remove_file(f.path("model/model-00002-of-00003.safetensors")).unwrap(),
                &[
                    "index.json",
                    "weight_map",
                    "model-00002-of-00003.safetensors is not there",
                ],
            ),
            (
                "a file outside the folder",
                &|f| {
                    let shard = "model-00001-of-00003.safetensors";
                    fs::copy(f.path(&format!("model/{shard}")), f.path(shard)).unwrap();
                    place(json!(format!("../{shard}")))(f);
                },
                &["index.json", first, "in the same folder"],
            ),
            (
                "an absolute path",
                &|f| place(json!("/etc/passwd"))(f),
                &["index.json", first, "in the same folder", "/etc/passwd"],
            ),
            (
                "a folder inside",
                &|f| place(json!("deeper/model.safetensors"))(f),
                &["index.json", first, "in the same folder"],
            ),
            (
                "no name",
                &|f| place(json!(""))(f),
                &["index.json", first, "in the same folder"],
            ),
            (
                "a number for a name",
                &|f| place(json!(3))(f),
                &["index.json", first, "expected a string"],
            ),
            (
                "another shard than the one with the tensor",
                &|f| {
                    let place = |i: &mut Value| {
                        let map = i["weight_map"].as_object_mut().unwrap();
                        let own = map[first].clone();
                        let other = map.values().find(|&file| *file != own).unwrap().clone();
                        map[first] = other;
                    };
                    f.json(INDEX, place);
                },
                &["index.json", first, "does not hold this tensor"],
            ),
            (
                "no map",
                &|f| f.write(INDEX, "{}"),
                &["index.json", "weight_map: missing"],
            ),
            (
                "not JSON",
                &|f| f.write(INDEX, "{\"weight_map\": "),
                &["index.json", "not valid JSON"],
            ),
            (
                "deep nesting",
                &|f| f.write(INDEX, "{\"a\":".repeat(100_000)),
                &["index.json", "recursion limit"],
            ),
        ],
    );
}

#[cfg(unix)]
#[test]
fn a_shard_may_be_a_link_to_a_file_elsewhere() {
    let folder = Folder::new("llama_sharded", None);
    let shard = folder.path("model/model-00001-of-00003.safetensors");
    let elsewhere = folder.path("blob");
    fs::rename(&shard, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &shard).unwrap();
    let model = folder.path("model");
    let mut line = vec!["score", model.to_str().unwrap()];
    line.extend("--proxy snip --batch 1 --positions 4".split(' '));
    let run = lpzero(folder.folder.path(), &line);
    assert_eq!(run.status, 0, "{}", run.stderr);
}

const CONFIG: &str = "adapter/adapter_config.json";
const ADAPTER: &str = "adapter/adapter_model.safetensors";
const DOWN: &str = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";

/// Sets a key of an adapter's configuration.
fn set(key: &'static str, value: Value) -> impl Fn(&Folder) {
    move |f| f.json(CONFIG, |config| config[key] = value.clone())
}

/// Takes a key away.
fn take(key: &'static str) -> impl Fn(&Folder) {
    move |f| {
        f.json(CONFIG, |config| {
            config.as_object_mut().unwrap().remove(key).unwrap();
        });
    }
}

/// Gives a tensor of an adapter another name.
fn rename(to: &'static str) -> impl Fn(&Folder) {
    move |f| {
        f.header(ADAPTER, |header| {
            let header = header.as_object_mut().unwrap();
            let tensor = header.remove(DOWN).unwrap();
            header.insert(to.to_owned(), tensor);
        });
    }
}

#[test]
fn the_configuration_of_an_adapter() {
    check(
        "llama",
        Some("llama"),
        &[
            ("no r", &take("r"), &["adapter_config.json: r: missing"]),
            (
                "no alpha",
                &take("lora_alpha"),
                &["adapter_config.json: lora_alpha: missing"],
            ),
            (
                "no targets",
                &take("target_modules"),
                &["target_modules: missing"],
            ),
            (
                "no kind",
                &take("peft_type"),
                &["adapter_config.json: peft_type: missing"],
            ),
            (
                "another kind",
                &set("peft_type", json!("IA3")),
                &["peft_type", "IA3"],
            ),
            (
                "DoRA",
                &set("use_dora", json!(true)),
                &["use_dora", "DoRA is not read"],
            ),
            (
                "biases",
                &set("bias", json!("all")),
                &["adapter_config.json: bias", "\"none\""],
            ),
            (
                "modules that were trained whole",
                &set("modules_to_save", json!(["lm_head"])),
                &["modules_to_save", "not read"],
            ),
            (
                "an initialisation that changes the weights",
                &set("init_lora_weights", json!("pissa")),
                &["init_lora_weights", "pissa"],
            ),
            (
                "no ranks",
                &set("r", json!(0)),
                &["adapter_config.json: r: expected a positive"],
            ),
            (
                "endless ranks",
                &set("r", json!(1u64 << 60)),
                &["adapter_config.json: r: "],
            ),
            (
                "another rank",
                &set("r", json!(4)),
                &[
                    "adapter_model.safetensors",
                    "lora_A.weight",
                    "[3, 8]",
                    "[4, 8]",
                ],
            ),
            (
                "a rank that is a text",
                &set("rank_pattern", json!({"q_proj": "3"})),
                &["rank_pattern.q_proj", "a positive whole number"],
            ),
            (
                "a pattern",
                &set("rank_pattern", json!({"q_.*": 3})),
                &["rank_pattern.q_.*", "a regular expression is not read"],
            ),
            (
                "another list of targets",
                &set("target_modules", json!(["q_proj"])),
                &["target_modules", "is none of these"],
            ),
            (
                "another block",
                &set("layers_to_transform", json!([7])),
                &["layers_to_transform", "is in none of these"],
            ),
            (
                "another block without a list",
                &set("layers_to_transform", json!(7)),
                &["layers_to_transform", "is in none of these"],
            ),
            (
                "a map that is left out",
                &set("exclude_modules", json!(["q_proj", "up_proj"])),
                &["exclude_modules", "is one of these"],
            ),
            (
                "targets that are a number",
                &set("target_modules", json!(3)),
                &["target_modules", "a list of maps, or a pattern"],
            ),
            (
                "not JSON",
                &|f| f.write(CONFIG, "r = 3"),
                &["adapter_config.json", "not valid JSON"],
            ),
            (
                "deep nesting",
                &|f| f.write(CONFIG, "[".repeat(100_000)),
                &["adapter_config.json", "recursion limit"],
            ),
            (
                "a list",
                &|f| f.write(CONFIG, "[]"),
                &["adapter_config.json", "a mapping"],
            ),
            (
                "no configuration",
                &|f| fs::remove_file(f.path(CONFIG)).unwrap(),
                &["adapter_config.json", "cannot be read"],
            ),
        ],
    );
}

#[test]
fn the_weights_of_an_adapter() {
    let unknown = "base_model.model.model.layers.0.self_attn.r_proj.lora_A.weight";
    let outside = "base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight";
    let table = "base_model.model.model.embed_tokens.lora_embedding_A";
    let bare = "model.layers.0.self_attn.q_proj.lora_A.weight";
    check(
        "llama",
        Some("llama"),
        &[
            (
                "an unknown map",
                &rename(unknown),
                &["adapter_model.safetensors", "r_proj", "no such linear map"],
            ),
            (
                "a block that is not there",
                &rename(outside),
                &[
                    "adapter_model.safetensors",
                    "layers.7.",
                    "no such linear map",
                ],
            ),
            (
                "a table of tokens",
                &rename(table),
                &["adapter_model.safetensors", table, "not read"],
            ),
            (
                "without the wrapper",
                &rename(bare),
                &["adapter_model.safetensors", bare, "not read"],
            ),
            (
                "one half",
                &|f| {
                    f.header(ADAPTER, |header| {
                        header.as_object_mut().unwrap().remove(DOWN).unwrap();
                    });
                },
                &[
                    "adapter_model.safetensors",
                    DOWN,
                    "of shape [3, 8] is missing",
                ],
            ),
            (
                "another shape",
                &|f| f.header(ADAPTER, |header| header[DOWN]["shape"] = json!([8, 3])),
                &["adapter_model.safetensors", DOWN, "[8, 3]", "[3, 8]"],
            ),
            (
                "one dimension",
                &|f| f.header(ADAPTER, |header| header[DOWN]["shape"] = json!([24])),
                &["adapter_model.safetensors", DOWN, "[24]", "[3, 8]"],
            ),
            (
                "whole numbers",
                &|f| f.header(ADAPTER, |header| header[DOWN]["dtype"] = json!("I32")),
                &["adapter_model.safetensors", DOWN, "element type I32"],
            ),
            (
                "truncated",
                &|f| f.write(ADAPTER, &f.read(ADAPTER)[..2000]),
                &["adapter_model.safetensors", "data_offsets"],
            ),
            (
                "nothing in it",
                &|f| f.write(ADAPTER, b"\x02\0\0\0\0\0\0\0{}"),
                &["adapter_model.safetensors", "lora_A.weight"],
            ),
            (
                "no weights",
                &|f| fs::remove_file(f.path(ADAPTER)).unwrap(),
                &["adapter_model.safetensors", "No such file"],
            ),
            (
                "pickled weights",
                &|f| {
                    fs::rename(f.path(ADAPTER), f.path("adapter/adapter_model.bin")).unwrap();
                },
                &["adapter_model.bin", "expected adapter_model.safetensors"],
            ),
            (
                "a model without weights to merge it into",
                &|f| fs::remove_file(f.path(MODEL)).unwrap(),
                &["--adapter", "no weights that it could be merged into"],
            ),
        ],
    );
    check(
        "gpt2",
        Some("llama"),
        &[(
            "a model of another type",
            &|_| (),
            &["adapter_model.safetensors", "no such linear map"],
        )],
    );
}
