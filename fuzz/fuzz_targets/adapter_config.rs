//! The configuration of an adapter.
#![no_main]

mod model;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use model::Model;

static MODEL: OnceLock<Model> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let model = Model::of(&MODEL, &["checkpoints/llama", "adapters/llama_patterns"]);
    model.write("adapter_config.json", bytes);
    let _ = model.run_adapted();
});
