//! Configs of LLaMA and its descendants: the published networks, and what is said
//! about wrong files.
#![allow(clippy::unwrap_used)]

use lpzero_arch::{
    Architecture, AttentionBiases, Document, Error, GroupedAttention, Head, HeadNorms, NormKind,
    Rotary, RotaryScaling, hugging_face,
};
use serde_json::{Value, json};

fn read(config: &Value) -> Result<Architecture, Error> {
    let document = Document::parse_json("config.json", &config.to_string())?;
    hugging_face::read(&document.root())
}

/// `base` with the keys of `changes` in it.
fn with(base: &Value, changes: Value) -> Value {
    let mut config = base.clone();
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn llama_7b() -> Value {
    json!({
        "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
        "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000,
        "max_position_embeddings": 2048, "rms_norm_eps": 1e-6, "hidden_act": "silu",
        "initializer_range": 0.02, "tie_word_embeddings": false,
    })
}

fn llama_3_8b() -> Value {
    with(
        &llama_7b(),
        json!({
            "intermediate_size": 14336, "num_key_value_heads": 8, "vocab_size": 128256,
            "max_position_embeddings": 8192, "rope_theta": 500000.0, "rope_scaling": null,
            "attention_bias": false, "mlp_bias": false, "rms_norm_eps": 1e-5,
        }),
    )
}

fn mistral_7b() -> Value {
    with(
        &llama_7b(),
        json!({
            "model_type": "mistral", "intermediate_size": 14336, "num_key_value_heads": 8,
            "max_position_embeddings": 32768, "sliding_window": 4096, "rope_theta": 10000.0,
        }),
    )
}

fn qwen2_half_b() -> Value {
    json!({
        "model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864,
        "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
        "vocab_size": 151936, "max_position_embeddings": 131072, "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0, "sliding_window": 131072, "max_window_layers": 24,
        "use_sliding_window": false, "tie_word_embeddings": true, "hidden_act": "silu",
    })
}

fn qwen3_06b() -> Value {
    json!({
        "model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072,
        "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8,
        "head_dim": 128, "vocab_size": 151936, "max_position_embeddings": 40960,
        "rms_norm_eps": 1e-6, "rope_theta": 1000000, "attention_bias": false,
        "sliding_window": null, "use_sliding_window": false, "tie_word_embeddings": true,
    })
}

fn scaled(scaling: Value) -> Value {
    with(&llama_3_8b(), json!({"rope_scaling": scaling}))
}

#[test]
fn published_networks_have_the_published_numbers_of_parameters() {
    for (config, published) in [
        (llama_7b(), 6_738_415_616),
        (llama_3_8b(), 8_030_261_248),
        (mistral_7b(), 7_241_732_096),
        (qwen2_half_b(), 494_032_768),
        (qwen3_06b(), 596_049_920),
    ] {
        let counts = read(&config).unwrap().parameters();
        assert_eq!(counts.total(), published, "{config}");
    }
}

#[test]
fn a_config_is_read_into_the_block_that_it_means() {
    let network = read(&qwen2_half_b()).unwrap();
    let rotary = Rotary {
        base: 1e6,
        scaling: RotaryScaling::None,
        turned: None,
    };
    let expected = GroupedAttention {
        heads: 14,
        key_value_heads: 2,
        head_width: 64,
        rotary,
        window: None,
        biases: AttentionBiases::QueryKeyValue,
        normed: HeadNorms::None,
    };
    assert_eq!(network.blocks[23].mixer.grouped(), Some(&expected));
    let feed_forward = &network.blocks[0].feed_forward;
    assert!(feed_forward.gated && !feed_forward.bias);
    assert_eq!(network.norm_kind, NormKind::Rms);
    assert_eq!(network.head, Head::Tied);
    assert_eq!(read(&llama_7b()).unwrap().head, Head::Free);
    let biased = json!({"attention_bias": true, "mlp_bias": true});
    let network = read(&with(&llama_7b(), biased.clone())).unwrap();
    assert!(network.blocks[0].feed_forward.bias);
    let biases = network.blocks[0].mixer.grouped().unwrap().biases;
    assert_eq!(biases, AttentionBiases::All);
    // Neither is a key of Mistral.
    let mistral = read(&with(&mistral_7b(), biased)).unwrap();
    assert_eq!(mistral, read(&mistral_7b()).unwrap());
}

#[test]
fn what_is_left_out_is_what_the_class_in_transformers_assumes() {
    let without = |mut config: Value, key: &str| {
        config.as_object_mut().unwrap().remove(key);
        config
    };
    let heads = |config: &Value| {
        let network = read(config).unwrap();
        let attention = network.blocks[0].mixer.grouped().unwrap();
        (attention.key_value_heads, attention.head_width)
    };
    assert_eq!(heads(&llama_7b()), (32, 128));
    assert_eq!(
        heads(&without(mistral_7b(), "num_key_value_heads")),
        (8, 128)
    );
    assert_eq!(
        heads(&with(&mistral_7b(), json!({"num_key_value_heads": null}))),
        (32, 128)
    );
    assert_eq!(heads(&without(qwen3_06b(), "head_dim")), (8, 128));
}

/// Without the key, as all files of 2023 have it.
fn without(key: &str, mut config: Value) -> Value {
    config.as_object_mut().unwrap().remove(key);
    config
}

#[test]
fn positions_that_a_file_leaves_out_are_those_of_the_class() {
    let positions = |config| {
        let config = without("max_position_embeddings", config);
        read(&config).unwrap().positions
    };
    assert_eq!(positions(llama_7b()), 2048);
    assert_eq!(
        positions(with(&llama_7b(), json!({"max_sequence_length": 1024}))),
        2048
    );
    assert_eq!(positions(without("sliding_window", mistral_7b())), 131_072);
    assert_eq!(positions(without("sliding_window", qwen2_half_b())), 32_768);
}

#[test]
fn a_scaling_that_names_no_kind_is_none() {
    let plain = read(&llama_7b()).unwrap();
    for scaling in [
        json!({"rope_scaling": {}}),
        json!({"rope_parameters": {}}),
        json!({"rope_parameters": {"rope_theta": 10000.0}}),
        json!({"rope_parameters": {"rope_theta": 10000, "rope_type": null}, "rope_scaling": null}),
    ] {
        assert_eq!(read(&with(&llama_7b(), scaling)).unwrap(), plain);
    }
    let linear = json!({"rope_parameters": {}, "rope_scaling": {"type": "linear", "factor": 2}});
    assert_ne!(read(&with(&llama_7b(), linear)).unwrap(), plain);
    let unnamed = json!({"rope_scaling": {"factor": 2.0}});
    let error = read(&with(&llama_7b(), unnamed)).unwrap_err().to_string();
    assert!(error.contains("rope_scaling.type: missing"), "{error}");
}

#[test]
fn whole_numbers_may_be_written_as_real_ones() {
    let real = with(
        &llama_7b(),
        json!({"hidden_size": 4096.0, "num_hidden_layers": 32.0, "vocab_size": 3.2e4}),
    );
    assert_eq!(read(&real).unwrap(), read(&llama_7b()).unwrap());
    let broken = with(&llama_7b(), json!({"hidden_size": 4096.5}));
    let error = read(&broken).unwrap_err().to_string();
    assert!(
        error.contains("a positive whole number, found 4096.5"),
        "{error}"
    );
}

#[test]
fn a_file_without_a_model_type_is_known_by_its_class() {
    let named = |class: &str| {
        let config = with(&llama_7b(), json!({"architectures": [class]}));
        read(&without("model_type", config))
    };
    let plain = read(&llama_7b()).unwrap();
    for class in ["LlamaForCausalLM", "LLaMAForCausalLM", "LlamaModel"] {
        assert_eq!(named(class).unwrap(), plain);
    }
    let error = named("Qwen2MoeForCausalLM").unwrap_err().to_string();
    assert!(
        error.contains("architectures[0]: expected a class of gpt2"),
        "{error}"
    );
}

#[test]
fn a_network_is_meant_for_no_more_positions_than_its_window_has() {
    let positions = |config: &Value| read(config).unwrap().positions;
    assert_eq!(positions(&mistral_7b()), 4096);
    let wide = json!({"sliding_window": null});
    assert_eq!(positions(&with(&mistral_7b(), wide)), 32768);
    let flagged = json!({"sliding_window": 1024, "use_sliding_window": true});
    assert_eq!(positions(&with(&qwen2_half_b(), flagged)), 1024);
    let idle = json!({"sliding_window": 1024});
    assert_eq!(positions(&with(&qwen2_half_b(), idle)), 131072);
    let some =
        json!({"sliding_window": 512, "layer_types": ["full_attention", "sliding_attention"]});
    assert_eq!(positions(&with(&qwen3_06b(), some)), 512);
}

#[test]
fn frequencies_are_scaled_as_published() {
    let rotary = |config: &Value| {
        let network = read(config).unwrap();
        network.blocks[0].mixer.grouped().unwrap().rotary
    };
    let plain = rotary(&llama_3_8b()).frequencies(128);
    assert_eq!(plain.len(), 64);
    assert_eq!(plain[0], 1.0);
    assert!((plain[32] - 500_000f64.powf(-0.5)).abs() < 1e-15);

    let linear = rotary(&scaled(json!({"type": "linear", "factor": 4})));
    let linear = linear.frequencies(128);
    assert!(plain.iter().zip(&linear).all(|(p, l)| *l == p / 4.0));

    let llama3 = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 8192});
    let llama3 = rotary(&scaled(llama3)).frequencies(128);
    for (plain, scaled) in plain.iter().zip(&llama3) {
        let wavelength = std::f64::consts::TAU / plain;
        if wavelength < 2048.0 {
            assert_eq!(scaled, plain);
        } else if wavelength > 8192.0 {
            assert!((scaled - plain / 8.0).abs() < 1e-15);
        } else {
            assert!(plain / 8.0 < *scaled && scaled < plain);
        }
    }
    // A dynamic scaling starts beyond the length of training, which is no longer read.
    let dynamic = scaled(json!({"rope_type": "dynamic", "factor": 2.0}));
    assert_eq!(read(&dynamic).unwrap(), read(&llama_3_8b()).unwrap());
    // The layout of newer files.
    let newer = json!({"rope_theta": 7.0,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}});
    let newer = with(&llama_3_8b(), newer);
    assert_eq!(read(&newer).unwrap(), read(&llama_3_8b()).unwrap());
}

#[test]
fn what_is_wrong_is_named_by_its_key() {
    let message = |changes: Value| read(&with(&llama_3_8b(), changes)).unwrap_err().to_string();
    for (changes, expected) in [
        (
            json!({"num_key_value_heads": 5}),
            "config.json: num_key_value_heads: 5 does not divide num_attention_heads = 32",
        ),
        (
            json!({"num_attention_heads": 24}),
            "config.json: num_attention_heads: 24 does not divide hidden_size = 4096",
        ),
        (
            json!({"head_dim": 33}),
            "config.json: head_dim: expected an even number (positions turn pairs of features), \
             found 33",
        ),
        (
            json!({"rope_theta": -1}),
            "config.json: rope_theta: expected a number of 1 or more, found -1",
        ),
        (
            json!({"hidden_act": "relu6"}),
            "config.json: hidden_act: expected gelu, gelu_new, relu or silu, found \"relu6\"",
        ),
        (
            json!({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}),
            "config.json: rope_scaling.rope_type: expected default, linear, dynamic or llama3, \
             found \"yarn\"",
        ),
        (
            json!({"rope_scaling": {"rope_type": "linear"}}),
            "config.json: rope_scaling.factor: missing, expected a number",
        ),
        (
            json!({"rope_scaling": {"type": "linear", "factor": 0.5}}),
            "config.json: rope_scaling.factor: expected a number of 1 or more, found 0.5",
        ),
        (
            json!({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4,
                "high_freq_factor": 1, "original_max_position_embeddings": 8192}}),
            "config.json: rope_scaling.high_freq_factor: 1 does not fit \
             rope_scaling.low_freq_factor = 4: expected a larger number",
        ),
        (
            json!({"partial_rotary_factor": 0.5}),
            "config.json: partial_rotary_factor: expected 1 (positions turn whole heads), found 0.5",
        ),
        (
            json!({"layer_types": ["linear_attention"]}),
            "config.json: layer_types[0]: expected full_attention or sliding_attention, \
             found \"linear_attention\"",
        ),
        (
            json!({"num_hidden_layers": 99999999}),
            "config.json: num_hidden_layers: 99999999 blocks, more than the limit of 4096",
        ),
        (
            json!({"hidden_size": "4096"}),
            "config.json: hidden_size: expected a positive whole number, found \"4096\"",
        ),
    ] {
        let found = message(changes);
        assert!(found.starts_with(expected), "{found}\nexpected: {expected}");
    }
    let huge = message(json!({"head_dim": 1u64 << 53}));
    assert!(
        huge.ends_with("parameters, more than the limit of 20000000000"),
        "{huge}"
    );
}

/// Fields that came later than a file are left out of it, so that architectures
/// without them keep the text that caches and journals know them by.
#[test]
fn other_architectures_are_written_as_before() {
    let gpt2 = json!({"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 8,
        "n_positions": 16, "vocab_size": 50});
    let gpt2 = read(&gpt2).unwrap();
    let text = serde_json::to_string(&gpt2).unwrap();
    assert_eq!(
        text,
        r#"{"kind":"decoder","vocabulary":50,"positions":16,"token_types":0,"width":8,"#.to_owned()
            + r#""embedding":{"width":8,"cutoffs":[50],"division":1,"projection_bias":false,"#
            + r#""scale_by_root_width":false,"position_width":"model","norm":false},"#
            + r#""blocks":[{"mixer":{"attention":{"heads":2,"weighted":false}},"#
            + r#""feed_forward":{"hidden":[32],"activation":"gelu-tanh"}},"#
            + r#"{"mixer":{"attention":{"heads":2,"weighted":false}},"#
            + r#""feed_forward":{"hidden":[32],"activation":"gelu-tanh"}}],"#
            + r#""norm_placement":"pre","norm_epsilon":0.00001,"head":"tied","#
            + r#""initialisation":{"weight":0.02,"residual":0.01,"projection":0.02}}"#
    );
    for config in [llama_3_8b(), qwen3_06b(), qwen2_half_b()] {
        let network = read(&config).unwrap();
        let text = serde_json::to_string(&network).unwrap();
        let again: Architecture = serde_json::from_str(&text).unwrap();
        assert_eq!(network, again);
    }
}

#[test]
fn costs_are_sums_written_out_by_hand() {
    let network = read(&with(
        &qwen3_06b(),
        json!({"num_hidden_layers": 1, "attention_bias": true}),
    ))
    .unwrap();
    let (t, c, q, k, h, v) = (16, 1024, 2048, 1024, 3072, 151_936);
    let counts = network.parameters();
    assert_eq!(counts.mixers, 2 * c * q + 2 * c * k + q + 2 * k + c);
    assert_eq!(counts.feed_forwards, 3 * c * h);
    assert_eq!(counts.norms, 3 * c + 2 * 128);
    assert_eq!(counts.head, 0);
    assert_eq!(
        network.flops(16),
        2 * t * (2 * c * q + 2 * c * k + 3 * c * h + c * v) + 4 * t * t * q
    );
    let heads = 16;
    let attention = c + 2 * q + 2 * k + (q + k + heads + 8) + heads * t;
    let feed_forward = c + 4 * h;
    let (norms, head) = (3 * (c + 1), c + v);
    assert_eq!(
        network.activation_memory(3, 16),
        4 * 3 * t * (norms + attention + feed_forward + head)
    );
}

#[test]
fn the_own_format_refuses_what_is_no_network() {
    let network = || read(&scaled(json!({"type": "linear", "factor": 4}))).unwrap();
    let message = |change: &dyn Fn(&mut GroupedAttention)| {
        let mut network = network();
        let mut attention = *network.blocks[3].mixer.grouped().unwrap();
        change(&mut attention);
        network.blocks[3].mixer = attention.into();
        network.validate().unwrap_err().to_string()
    };
    macro_rules! set {
        ($field:ident = $value:expr) => {
            message(&|attention| attention.$field = $value)
        };
    }
    let path = "blocks[3].mixer.grouped-attention";
    assert_eq!(
        set!(heads = 0),
        format!("{path}.heads: expected a positive whole number, found 0")
    );
    assert_eq!(
        set!(key_value_heads = 0),
        format!("{path}.key_value_heads: expected a positive whole number, found 0")
    );
    assert_eq!(
        set!(key_value_heads = 64),
        format!("{path}.key_value_heads: 64 does not divide {path}.heads = 32")
    );
    assert!(set!(head_width = 7).starts_with(&format!("{path}.head_width: expected an even")));
    assert!(set!(head_width = usize::MAX - 1).contains("more than the limit"));
    let turned = |base, scaling| Rotary {
        base,
        scaling,
        turned: None,
    };
    assert_eq!(
        set!(rotary = turned(f64::NAN, RotaryScaling::None)),
        format!("{path}.rotary.base: expected a number of 1 or more, found NaN")
    );
    let linear = set!(rotary = turned(1e4, RotaryScaling::Linear { factor: 0.0 }));
    assert!(linear.starts_with(&format!("{path}.rotary.scaling.linear.factor: ")));
    let llama3 = set!(
        rotary = turned(
            1e4,
            RotaryScaling::Llama3 {
                factor: 8.0,
                low: 1.0,
                high: 4.0,
                original_positions: 0
            }
        )
    );
    assert!(llama3.starts_with(&format!(
        "{path}.rotary.scaling.llama3.original_positions: "
    )));

    let mut stacked = network();
    stacked.blocks[1].feed_forward.hidden = vec![8, 8];
    assert_eq!(
        stacked.validate().unwrap_err().to_string(),
        "blocks[1].feed_forward.gated: a gate does not fit blocks[1].feed_forward.hidden = \
         2 layers: expected a single hidden layer"
    );
}
