//! A space of architectures, and its first and last network.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lpzero_arch::{Document, Genotype, Space};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(document) = Document::parse_json("space.json", text) else {
        return;
    };
    let Ok(space) = Space::of(&document.root()) else {
        return;
    };
    assert!(space.combinations() >= 1.0);
    let _ = space.block_options();
    for last in [false, true] {
        let choose = |per_block| -> Vec<usize> {
            let variables = space.variables_of(per_block);
            let choice = |count: usize| if last { count - 1 } else { 0 };
            variables.map(|variable| choice(variable.choices.len())).collect()
        };
        let blocks = match last {
            true => space.blocks.last(),
            false => space.blocks.first(),
        };
        let mut genotype = Genotype {
            network: choose(false),
            blocks: vec![choose(true); *blocks.expect("a number of blocks")],
        };
        space.raise(&mut genotype);
        let _ = space.choices(&genotype);
        if let Ok(architecture) = space.architecture(&genotype) {
            architecture.validate().expect("what a space holds is valid");
        }
    }
});
