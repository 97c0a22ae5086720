//! The description of an architecture in any dialect, and what is counted of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lpzero_arch::{Document, Reading, read_value};
use lpzero_nn::{Objective, evaluation_activations, streamed_weights};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(document) = Document::parse_json("config.json", text) else {
        return;
    };
    let Ok((architecture, _)) = read_value(&document.root(), Reading::AsTrained) else {
        return;
    };
    architecture
        .validate()
        .expect("what is read is valid");
    let objective = Objective::default_for(&architecture);
    let _ = streamed_weights(&architecture, objective);
    let _ = architecture.parameters().total();
    let _ = architecture.flops(usize::MAX);
    let _ = architecture.activation_memory(usize::MAX, usize::MAX);
    let _ = evaluation_activations(&architecture, 1 << 20, 1 << 20);
});
