//! Every model type of transformers: what is read is written, and read again.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use lpzero_arch::hugging_face::{self, MODEL_TYPES, model_type, model_type_of};
use lpzero_arch::{Architecture, Document, Head, NormPlacement};

/// Folders that `save_pretrained` wrote, with a config each.
fn folders() -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nn/tests/fixtures/checkpoints");
    let folders = std::fs::read_dir(fixtures).unwrap();
    folders.map(|folder| folder.unwrap().path()).collect()
}

fn read(config: &Path) -> (Architecture, &'static str) {
    let document = Document::read(config).unwrap();
    let name = model_type_of(&document.root()).unwrap().name;
    (hugging_face::read(&document.root()).unwrap(), name)
}

#[test]
fn every_config_is_written_as_the_network_that_it_was_read_as() {
    let mut written = Vec::new();
    for folder in folders() {
        let config = folder.join("config.json");
        if !config.exists() {
            continue;
        }
        let (architecture, name) = read(&config);
        let again = model_type(name).unwrap().config(&architecture).unwrap();
        let text = serde_json::to_string(&again).unwrap();
        let document = Document::parse_json("config.json", &text).unwrap();
        assert_eq!(
            hugging_face::read(&document.root()).unwrap(),
            architecture,
            "{text}"
        );
        written.push(name);
    }
    for known in MODEL_TYPES {
        assert!(written.contains(&known.name), "{}: no fixture", known.name);
    }
}

#[test]
fn what_a_class_cannot_say_is_refused_with_what_it_needs() {
    let folders = folders();
    let named = |name: &str| {
        let mut folders = folders.iter();
        let folder = folders.find(|folder| folder.ends_with(name)).unwrap();
        read(&folder.join("config.json")).0
    };
    let refusal = |name: &str, architecture: &Architecture| {
        let refused = model_type(name).unwrap().config(architecture);
        refused.unwrap_err().to_string()
    };
    assert_eq!(
        refusal("gpt2", &named("bert")),
        "cannot be written as transformers' GPT2LMHeadModel: it needs a decoder"
    );
    let grouped = "cannot be written as transformers' LlamaForCausalLM: it needs grouped attention \
                   in every block";
    assert_eq!(refusal("llama", &named("gpt2")), grouped);
    // No key of the class says so, and the config would mean another network.
    assert!(refusal("llama", &named("qwen3")).contains("another network"));
    let mut scaled = named("llama");
    scaled.embedding.scale_by_root_width = true;
    assert!(refusal("llama", &scaled).contains("another network"));
    let mut post = named("electra");
    post.norm_placement = NormPlacement::Pre;
    assert!(refusal("electra", &post).contains("another network"));
    let mut headed = named("bert");
    headed.head = Head::Tied;
    assert!(refusal("bert", &headed).contains("another network"));
}
