//! Spaces: the built-in ones, and files that are none.
#![allow(clippy::unwrap_used)]

use lpzero_arch::space::BUILT_IN;
use lpzero_arch::{Document, Genotype, Space};

#[test]
fn built_in_spaces_are_what_was_published() {
    let space = |name: &str| Space::read(name.as_ref()).unwrap();
    assert_eq!(BUILT_IN.len(), 4);
    let tiny = space("tiny");
    assert_eq!(tiny.combinations(), 576.0);
    let flexibert = space("flexibert");
    let per_block = 6.0 * 2.0 * 2.0 * 2.0f64;
    assert_eq!(
        flexibert.combinations(),
        2.0 * (per_block.powi(2) + per_block.powi(4))
    );
    let lts = space("lts-gpt2");
    assert_eq!(lts.blocks, (2..=16).collect::<Vec<_>>());
    // d_model 512, d_embed 128, div_val 4; the smallest blocks.
    let mut genotype = Genotype {
        network: vec![3, 0, 2],
        blocks: vec![vec![2, 0]; 3],
    };
    lts.raise(&mut genotype);
    let network = lts.architecture(&genotype).unwrap();
    assert_eq!((network.width, network.embedding.width), (512, 128));
    assert_eq!(network.blocks.len(), 3);
    // 512 + 12 * 32, the first at least 1.7 * 512.
    assert_eq!(network.blocks[0].feed_forward.hidden, [896]);
    assert_eq!(network.blocks[0].mixer.heads(), 8);
    let choices = lts.choices(&genotype);
    assert_eq!(choices[0], ("blocks", vec!["3".to_owned()]));
    assert_eq!(choices[1], ("d_model", vec!["512".to_owned()]));
    assert_eq!(choices[5], ("d_inner", vec!["896".to_owned(); 3]));
}

#[test]
fn wrong_spaces_are_refused_with_their_key() {
    let (_, tiny) = BUILT_IN[0];
    let complaint = |from: &str, to: &str| {
        assert!(tiny.contains(from), "{from}");
        let text = tiny.replacen(from, to, 1);
        let document = Document::parse_json("space.json", &text).unwrap();
        Space::of(&document.root()).unwrap_err().to_string()
    };
    for (from, to, expected) in [
        (
            "lpzero-space",
            "lpzero-spice",
            "space.json: format: expected",
        ),
        (
            "\"version\": 1",
            "\"version\": 9",
            "version: expected a version up to 1",
        ),
        (
            "[1, 2, 3, 4, 6, 8]",
            "[0]",
            "space.blocks: expected whole numbers from 1",
        ),
        (
            "[1, 2, 3, 4, 6, 8]",
            "[1e9]",
            "space.blocks: expected whole numbers from 1",
        ),
        (
            "[1, 2, 3, 4, 6, 8]",
            "[]",
            "space.blocks: expected at least one",
        ),
        (
            "[1, 2, 4, 8]",
            "[2, 2]",
            "space.variables[1].choices: 2 stands there twice",
        ),
        (
            "[1, 2, 4, 8]",
            "{\"from\": 1, \"to\": 9000000000000}",
            "space.variables[1].choices: 9000000000000 choices, more than",
        ),
        (
            "\"heads\", \"choices\"",
            "\"heads\", \"choises\"",
            "space.variables[1].choises: unknown key",
        ),
        (
            "\"name\": \"heads\"",
            "\"name\": \"width\"",
            "space.variables[1].name: \"width\": declared twice",
        ),
        (
            "\"$heads\"",
            "\"$hats\"",
            "space.template.blocks.$each.mixer.attention.heads: expected one of $width",
        ),
        (
            "\"$heads\"",
            "4",
            "space.variables: heads: expected $heads somewhere",
        ),
        (
            "\"heads\", \"choices\"",
            "\"heads\", \"at_least\": {\"times\": 2, \"of\": \"feed_forward\"}, \"choices\"",
            "space.variables[1].at_least.of: expected a variable of the network, declared before",
        ),
    ] {
        let found = complaint(from, to);
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn a_combination_that_is_no_network_is_refused_by_its_reader() {
    let (_, tiny) = BUILT_IN[0];
    let text = tiny.replacen("[1, 2, 4, 8]", "[5]", 1);
    let document = Document::parse_json("space.json", &text).unwrap();
    let space = Space::of(&document.root()).unwrap();
    let genotype = Genotype {
        network: vec![0, 0, 0],
        blocks: vec![vec![]],
    };
    let refused = space.architecture(&genotype).unwrap_err().to_string();
    assert!(
        refused.contains("blocks[0].mixer.attention.heads") && refused.contains("divide"),
        "{refused}"
    );
    // Too short a genotype is not of this space.
    let short = Genotype {
        network: vec![],
        blocks: vec![vec![]],
    };
    assert!(space.architecture(&short).is_err());
}
