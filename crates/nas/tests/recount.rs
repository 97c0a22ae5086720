//! The two counts agree on every family, operation and head.
#![allow(clippy::unwrap_used)]

use lpzero_arch::{Architecture, Document, Genotype, Reading, Space, flexibert, hugging_face, lts};
use lpzero_nas::{Costs, recount};
use lpzero_nn::Workspace;

fn check(architecture: &Architecture, what: &str) {
    for (batch, positions) in [(1, 8), (3, 10)] {
        let counted = Costs::count(architecture, (batch, positions), None);
        let again = recount(
            architecture,
            Some((batch, positions)),
            &mut Workspace::new(),
        );
        let again = again.unwrap();
        assert_eq!(counted.params, again.params as f64, "{what}: params");
        let decoder = again.decoder_params as f64;
        assert_eq!(counted.decoder_params, decoder, "{what}: decoder params");
        let (flops, memory) = (again.flops.unwrap(), again.memory.unwrap());
        assert_eq!(counted.flops, flops as f64, "{what}: FLOPs");
        assert_eq!(counted.memory, memory as f64, "{what}: memory");
    }
}

#[test]
fn of_flexibert_with_every_operation_in_every_reading() {
    for (operation, parameter) in [
        ("SA", "\"SDP\""),
        ("SA", "\"WMA\""),
        ("LT", "\"DFT\""),
        ("LT", "\"DCT\""),
        ("DSC", "5"),
        ("DSC", "9"),
    ] {
        for width in [128, 192] {
            let layer = |stacked: usize| {
                format!(
                    r#"{{"operation_type": "{operation}", "operation_parameter": {parameter},
                    "num_operation_heads": 4, "feed_forward_dimension": 96,
                    "num_feed_forward": {stacked}}}"#
                )
            };
            let config = format!(
                r#"{{"hidden_size": {width}, "nas_config": {{"encoder_layers": [{}, {}]}}}}"#,
                layer(1),
                layer(3)
            );
            let document = Document::parse_json("encoder.json", &config).unwrap();
            for (reading, name) in Reading::ALL {
                let encoder = flexibert::read(&document.root(), reading).unwrap();
                check(&encoder, &format!("{operation} {parameter} {width} {name}"));
            }
        }
    }
}

#[test]
fn of_lite_transformer_search_with_every_division_and_projection() {
    for class in ["hf_gpt2_flex", "mem_transformer"] {
        for (division, tied) in [(1, false), (1, true), (2, false), (2, true), (4, false)] {
            for embedded in [16, 32] {
                for pre in [false, true] {
                    let yaml = format!(
                        "
model_type: {class}
pre_lnorm: {pre}
cutoffs: [40, 70, 100]
n_token: 100
tgt_len: 16
d_model: 32
d_embed: {embedded}
div_val: {division}
n_layer: 3
n_head: [2, 4, 8]
d_inner: [40, 64, 24]
tie_projs: [{tied}, true, true]
"
                    );
                    let document = Document::parse_yaml("config.yaml", &yaml).unwrap();
                    let decoder = lts::read(&document.root()).unwrap();
                    check(&decoder, &yaml);
                }
            }
        }
    }
}

#[test]
fn of_hugging_face_models_and_the_own_format() {
    for config in [
        r#"{"model_type": "gpt2", "vocab_size": 50, "n_positions": 16, "n_embd": 24, "n_layer": 2,
            "n_head": 3}"#,
        r#"{"model_type": "bert", "vocab_size": 50, "max_position_embeddings": 16,
            "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3,
            "intermediate_size": 40}"#,
        r#"{"model_type": "electra", "vocab_size": 50, "max_position_embeddings": 16,
            "embedding_size": 16, "hidden_size": 24, "num_hidden_layers": 2,
            "num_attention_heads": 3, "intermediate_size": 40}"#,
        r#"{"model_type": "llama", "vocab_size": 50, "max_position_embeddings": 16,
            "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "intermediate_size": 40, "attention_bias": true}"#,
        r#"{"model_type": "qwen3", "vocab_size": 50, "max_position_embeddings": 16,
            "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 40}"#,
        r#"{"model_type": "olmo2", "vocab_size": 50, "max_position_embeddings": 16,
            "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "intermediate_size": 40}"#,
        r#"{"model_type": "gemma3_text", "vocab_size": 50, "max_position_embeddings": 16,
            "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "head_dim": 8, "query_pre_attn_scalar": 8,
            "intermediate_size": 40, "sliding_window": 5, "sliding_window_pattern": 2}"#,
        r#"{"model_type": "phi3", "vocab_size": 50, "max_position_embeddings": 16,
            "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "intermediate_size": 40,
            "partial_rotary_factor": 0.75}"#,
        r#"{"model_type": "gpt_neox", "vocab_size": 50, "max_position_embeddings": 16,
            "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 40}"#,
    ] {
        let document = Document::parse_json("config.json", config).unwrap();
        check(&hugging_face::read(&document.root()).unwrap(), config);
    }
    let tiny = Space::read("tiny".as_ref()).unwrap();
    for choice in 0..4 {
        let genotype = Genotype {
            network: vec![choice, choice, 3 - choice],
            blocks: vec![vec![]; choice + 1],
        };
        check(&tiny.architecture(&genotype).unwrap(), "tiny");
    }
}
