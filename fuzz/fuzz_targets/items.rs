//! A file of multiple-choice items.
#![no_main]

// The one module of the command's library that is meant: all of it would take many
// minutes more to build.
#[path = "../../crates/lpzero/src/likelihood/items.rs"]
#[allow(dead_code)]
mod items;

use items::{Template, read_items_from};
use libfuzzer_sys::fuzz_target;
use lpzero_arch::{Document, Error};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(document) = Document::parse_json("items.json", text) else {
        return;
    };
    if let Ok(items) = read_items_from(&document.root(), &Template::default()) {
        for item in items {
            assert!(item.answer < item.choices.len() && item.choices.len() >= 2);
            assert!(item.choices.iter().all(|choice| !choice.is_empty()));
        }
    }
});
