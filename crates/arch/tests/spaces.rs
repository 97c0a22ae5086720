//! Spaces: the built-in ones, and files that are none.
#![allow(clippy::unwrap_used)]

use lpzero_arch::space::BUILT_IN;
use lpzero_arch::{Document, Genotype, Space};

#[test]
fn built_in_spaces_are_what_was_published() {
    let space = |name: &str| Space::read(name.as_ref()).unwrap();
    assert_eq!(BUILT_IN.len(), 5);
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

/// As the published configuration for LLaMA-7B writes its groups, with two blocks.
fn lonas_config() -> String {
    let path = |layer: usize, map: &str, part: &str| {
        format!("\"PeftModel/LlamaDecoderLayer[{layer}]/Module[x]/Linear[{map}]/{part}/linear_0\"")
    };
    let rank = |layer: usize, maps: &[&str]| {
        let maps = maps
            .iter()
            .map(|map| path(layer, map, "ModuleDict[lora_A]/NNCFLinear[default]"));
        format!("[{}]", maps.collect::<Vec<_>>().join(","))
    };
    let width = |layer: usize| {
        let maps = ["gate_proj", "up_proj"].iter().flat_map(|map| {
            [
                "NNCFUserSelfLinear[self_linear]",
                "ModuleDict[lora_B]/NNCFLinear[default]",
            ]
            .map(|part| path(layer, map, part))
        });
        format!("[{}]", maps.collect::<Vec<_>>().join(","))
    };
    let qkv = ["q_proj", "k_proj", "v_proj"];
    let groups = [
        rank(0, &qkv),
        rank(1, &qkv),
        width(0),
        width(1),
        rank(0, &["gate_proj", "up_proj"]),
        rank(1, &["gate_proj", "up_proj"]),
    ];
    format!(
        r#"{{"bootstrapNAS": {{"training": {{"elasticity": {{"width": {{
            "overwrite_groups": [{}],
            "overwrite_groups_widths": [[32, 28], [32, 28], [24, 16, 8], [24, 16, 8], [32, 28], [32, 28]]
        }}}}}}}}}}"#,
        groups.join(",")
    )
}

const LONAS_BASE: &str = r#"{"model_type": "llama", "hidden_size": 16, "intermediate_size": 24,
    "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 50,
    "max_position_embeddings": 32, "lora_ranks": {"down_proj": 32}}"#;

fn lonas(config: &str, base: &str) -> Result<Space, lpzero_arch::Error> {
    let config = Document::parse_json("nncf.json", config)?;
    let base = Document::parse_json("config.json", base)?;
    Space::lonas(&config.root(), &base.root())
}

#[test]
fn a_lonas_configuration_is_a_space() {
    let space = lonas(&lonas_config(), LONAS_BASE).unwrap();
    assert_eq!(space.combinations(), (2.0f64 * 2.0 * 3.0).powi(2));
    let whole = space.architecture(&space.largest().unwrap()).unwrap();
    let block = &whole.blocks[1];
    assert_eq!(block.feed_forward.hidden, [24]);
    let adapters = block.adapters;
    assert_eq!((adapters.query, adapters.value, adapters.out), (32, 32, 0));
    assert_eq!(
        (adapters.ffn_gate, adapters.ffn_in, adapters.ffn_out),
        (32, 32, 32)
    );
    let part = space.architecture(&space.smallest().unwrap()).unwrap();
    assert_eq!(part.blocks[0].feed_forward.hidden, [8]);
    assert_eq!(part.blocks[0].adapters.key, 28);
    // r (in + out) of each map: q, k and v of 16 x 16, gate and up of 8 x 16, down fixed.
    let adapters = 28 * (3 * 32 + 2 * 24) + 32 * 24;
    assert_eq!(part.parameters().adapters, 2 * adapters);
}

#[test]
fn a_lonas_configuration_that_is_not_understood_names_the_group() {
    let complaint = |from: &str, to: &str| {
        let config = lonas_config();
        assert!(config.contains(from));
        lonas(&config.replacen(from, to, 1), LONAS_BASE)
            .unwrap_err()
            .to_string()
    };
    let group = complaint("LlamaDecoderLayer[0]", "LlamaDecoderLayer[1]");
    assert!(group.contains("overwrite_groups[0]"), "{group}");
    let path = complaint("Linear[q_proj]", "Conv[q_proj]");
    assert!(path.contains("overwrite_groups[0][0]"), "{path}");
    let widths = complaint("[24, 16, 8]", "[24, 16, 4]");
    assert!(
        widths.contains("the same choices in every block"),
        "{widths}"
    );
    let missing = complaint("\"bootstrapNAS\"", "\"other\"");
    assert!(missing.contains("bootstrapNAS"), "{missing}");
}

/// As the published configuration for LLaMA-13B writes its groups: only the second map of
/// the feed-forward network has an adapter.
fn lonas_without_adapted_gates() -> String {
    let block =
        |layer: usize, rest: &str| format!("\"Peft/LlamaDecoderLayer[{layer}]/{rest}/linear_0\"");
    let up = |layer, part| block(layer, &format!("LlamaMLP[mlp]/Linear[up_proj]/{part}"));
    let width = |layer| {
        format!(
            "[{}, {}, {}]",
            block(layer, "LlamaMLP[mlp]/NNCFLinear[gate_proj]"),
            up(layer, "NNCFUserSelfLinear[self_linear]"),
            up(layer, "ModuleDict[lora_B]/NNCFLinear[default]"),
        )
    };
    let rank = |layer| format!("[{}]", up(layer, "ModuleDict[lora_A]/NNCFLinear[default]"));
    let groups = [width(0), width(1), rank(0), rank(1)];
    format!(
        r#"{{"bootstrapNAS": {{"training": {{"elasticity": {{"width": {{
            "overwrite_groups": [{}],
            "overwrite_groups_widths": [[24, 16], [24, 16], [32, 28], [32, 28]]
        }}}}}}}}}}"#,
        groups.join(",")
    )
}

#[test]
fn a_gate_needs_no_adapter() {
    let space = lonas(&lonas_without_adapted_gates(), LONAS_BASE).unwrap();
    assert_eq!(space.combinations(), 2f64.powi(4));
    let whole = space.architecture(&space.largest().unwrap()).unwrap();
    let adapters = whole.blocks[0].adapters;
    assert_eq!((adapters.ffn_gate, adapters.ffn_in), (0, 32));
    let part = space.architecture(&space.smallest().unwrap()).unwrap();
    assert_eq!(part.blocks[1].feed_forward.hidden, [16]);
}

#[test]
fn configurations_of_other_methods_get_one_sentence() {
    let complaint = |from: &str, to: &str| {
        let config = lonas_without_adapted_gates().replace(from, to);
        lonas(&config, LONAS_BASE).unwrap_err().to_string()
    };
    let shears = complaint(
        "\"Peft/LlamaDecoderLayer[0]",
        "\"{re}Peft/LlamaDecoderLayer[{*}]",
    );
    assert!(shears.contains("Shears"), "{shears}");
    for (block, class) in [
        ("BertLayer[0]", "BertLayer"),
        ("BloomBlock[0]", "BloomBlock"),
    ] {
        let other = complaint("LlamaDecoderLayer[0]", block);
        let expected = format!("blocks of class {class} are not read");
        assert!(other.contains(&expected), "{other}");
    }
}

#[test]
fn lonas_llama_7b_is_what_was_published() {
    let space = Space::read("lonas-llama-7b".as_ref()).unwrap();
    assert_eq!(space.combinations(), 20f64.powi(32));
    let whole = space.architecture(&space.largest().unwrap()).unwrap();
    let counts = whole.parameters();
    // LLaMA-7B, and adapters of rank 32 on all maps but `out`.
    assert_eq!(counts.total() - counts.adapters, 6_738_415_616);
    let per_block = 32 * (3 * 8192 + 3 * (4096 + 11008));
    assert_eq!(counts.adapters, 32 * per_block);
    let smallest = space.architecture(&space.smallest().unwrap()).unwrap();
    assert!(
        space
            .sub_network(&space.smallest().unwrap(), &whole)
            .is_ok()
    );
    assert_eq!(smallest.blocks[31].feed_forward.hidden, [5504]);
}
