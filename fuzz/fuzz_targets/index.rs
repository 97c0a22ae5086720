//! The index of a model in several files.
#![no_main]

mod model;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use model::Model;

static MODEL: OnceLock<Model> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let model = Model::of(&MODEL, &["checkpoints/llama_sharded"]);
    model.write("model.safetensors.index.json", bytes);
    let _ = model.run();
});
