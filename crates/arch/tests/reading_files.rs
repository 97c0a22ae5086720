//! What files mean, and what is said about wrong ones.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use lpzero_arch::{
    Activation, Architecture, Document, Error, Head, Kind, Mixer, NormPlacement, PositionWidth,
    Reading, Transform, flexibert, hugging_face, lts, read_architecture, spec,
};
use serde_json::{Value, json};

fn layer(operation: &str, parameter: Value, heads: usize) -> Value {
    json!({
        "operation_type": operation,
        "operation_parameter": parameter,
        "num_operation_heads": heads,
        "feed_forward_dimension": 512,
        "num_feed_forward": 3,
    })
}

fn config() -> Value {
    json!({"hidden_size": 128, "nas_config": {"encoder_layers": [
        layer("SA", json!("SDP"), 2),
        layer("SA", json!("WMA"), 4),
        layer("LT", json!("DFT"), 4),
        layer("LT", json!("DCT"), 2),
        layer("DSC", json!(9), 4),
    ]}})
}

fn encoder(config: &Value, reading: Reading) -> Result<Architecture, Error> {
    let document = Document::parse_json("encoder.json", &config.to_string())?;
    flexibert::read(&document.root(), reading)
}

/// The published `config_0/j0`, with the keys that matter.
const DECODER: &str = "
adaptive: true
cutoffs: [19997, 39997, 199997, 50264]
d_embed: 256
d_head: -1
d_inner: [1071, 640, 1286, 800, 1871]
d_model: 128
div_val: 4
n_head: [2, 4, 4, 8, 8]
n_layer: 5
n_token: 50264
pre_lnorm: false
proj_init_std: 0.01
tgt_len: 192
tie_projs: [false, true, true, true]
tie_weight: true
weight_init_std: 0.02
weight_init_type: normal
";

fn decoder(yaml: &str) -> Result<Architecture, Error> {
    lts::read(&Document::parse_yaml("model_config.yaml", yaml)?.root())
}

fn sentence<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn as_trained_every_mixer_is_attention_and_the_first_hidden_layer_has_four_widths() {
    let encoder = encoder(&config(), Reading::AsTrained).unwrap();
    for (block, heads) in encoder.blocks.iter().zip([2, 4, 4, 2, 4]) {
        let weighted = false;
        assert_eq!(block.mixer, Mixer::Attention { heads, weighted });
        assert_eq!(block.feed_forward.hidden, [512, 512, 512]);
    }
    let mut wide = config();
    wide["hidden_size"] = json!(256);
    let encoder = self::encoder(&wide, Reading::AsTrained).unwrap();
    assert_eq!(encoder.blocks[0].feed_forward.hidden, [1024, 512, 512]);
}

#[test]
fn declared_is_what_the_file_says() {
    let encoder = encoder(&config(), Reading::Declared).unwrap();
    let mixers: Vec<Mixer> = encoder.blocks.iter().map(|block| block.mixer).collect();
    let transform = |heads, transform| Mixer::Transform { heads, transform };
    let attention = |heads, weighted| Mixer::Attention { heads, weighted };
    let convolution = Mixer::DynamicConvolution {
        heads: 4,
        kernel: 9,
    };
    assert_eq!(
        mixers,
        [
            attention(2, false),
            attention(4, true),
            transform(4, Transform::Fourier),
            transform(2, Transform::Cosine),
            convolution,
        ]
    );
    assert_eq!(encoder.width, 128);
    assert_eq!(encoder.blocks[0].feed_forward.hidden, [512, 512, 512]);
}

#[test]
fn the_reference_reading_always_has_width_256_and_hidden_1024() {
    let encoder = encoder(&config(), Reading::Reference).unwrap();
    assert_eq!(encoder.width, 256);
    assert_eq!(encoder.blocks[4].feed_forward.hidden, [1024, 1024, 1024]);
    assert!(encoder.embedding.is_projected(encoder.width));
}

#[test]
fn a_config_may_stand_alone_or_inside_a_record() {
    let record = json!({"id": 3, "hparams": {"model_hparam_overrides": config()}});
    let overrides = json!({"model_hparam_overrides": config()});
    let alone = encoder(&config(), Reading::Declared).unwrap();
    assert_eq!(encoder(&record, Reading::Declared).unwrap(), alone);
    assert_eq!(encoder(&overrides, Reading::Declared).unwrap(), alone);
}

#[test]
fn cutoffs_beyond_the_vocabulary_are_no_clusters() {
    let decoder = decoder(DECODER).unwrap();
    assert_eq!(decoder.embedding.cutoffs, [19997, 39997, 50264]);
    let tied_projections = vec![false, true, true];
    assert_eq!(decoder.head, Head::Adaptive { tied_projections });
    let widths: Vec<usize> = (0..3).map(|i| decoder.embedding.cluster_width(i)).collect();
    assert_eq!(widths, [256, 64, 16]);
}

#[test]
fn one_number_of_heads_serves_every_layer() {
    let decoder = decoder(&DECODER.replace("[2, 4, 4, 8, 8]", "4")).unwrap();
    assert!(decoder.blocks.iter().all(|block| block.mixer.heads() == 4));
}

/// The same file for the other class.
fn transformer_xl(changes: &[(&str, &str)]) -> Result<Architecture, Error> {
    let yaml = format!("model_type: mem_transformer\nmem_len: 150\n{DECODER}");
    let changed = (changes.iter()).fold(yaml, |yaml, (from, to)| yaml.replace(from, to));
    decoder(&changed)
}

#[test]
fn transformer_xl_has_relative_attention_and_norms_where_the_file_says() {
    let architecture = transformer_xl(&[]).unwrap();
    let mixers: Vec<Mixer> = architecture.blocks.iter().map(|b| b.mixer).collect();
    let expected = [2, 4, 4, 8, 8].map(|heads| Mixer::RelativeAttention { heads, memory: 150 });
    assert_eq!(mixers, expected);
    assert_eq!(architecture.norm_placement, NormPlacement::Post);
    assert_eq!(architecture.embedding.position_width, PositionWidth::None);
    let activation = architecture.blocks[0].feed_forward.activation;
    assert_eq!(activation, Activation::Relu);

    let norms_first = transformer_xl(&[("pre_lnorm: false", "pre_lnorm: true")]).unwrap();
    assert_eq!(norms_first.norm_placement, NormPlacement::PreWithoutFinal);
    let (first, after) = (norms_first.parameters(), architecture.parameters());
    assert_eq!(first, after);

    // GPT-2 ignores the key, and all that is relative.
    let gpt2 = decoder(DECODER).unwrap();
    let same = decoder(&DECODER.replace("pre_lnorm: false", "pre_lnorm: true")).unwrap();
    assert_eq!(gpt2, same);
    assert_eq!(gpt2.norm_placement, NormPlacement::Pre);
}

#[test]
fn the_class_is_found_by_its_name_its_trainer_or_its_folder() {
    let class = |path: &str, start: &str| {
        let yaml = format!("{start}{DECODER}");
        lts::Class::of(&Document::parse_yaml(path, &yaml).unwrap().root())
    };
    let (gpt2, xl) = (lts::Class::Gpt2, lts::Class::TransformerXl);
    let file = "random_GPT2_wt103/config_0/j0/model_config.yaml";
    assert_eq!(class(file, "").unwrap(), gpt2);
    assert_eq!(class(file, "n_nonemb_param: 1\n").unwrap(), xl);
    assert_eq!(class(file, "model_type: mem_transformer\n").unwrap(), xl);
    let file = "pareto_TransXL_lm1b_arm/M1/model_config.yaml";
    assert_eq!(class(file, "").unwrap(), xl);
    assert_eq!(class(file, "model_type: hf_gpt2_flex\n").unwrap(), gpt2);
    assert_eq!(
        sentence(class("a.yaml", "model_type: hf_opt\n")),
        "a.yaml: model_type: expected hf_gpt2, hf_gpt2_flex or mem_transformer, found \"hf_opt\""
    );
}

#[test]
fn what_transformer_xl_cannot_be_is_explained_at_its_key() {
    let cases = [
        (
            "mem_len: 150",
            "attn_type: 2",
            "attn_type: expected 0, found 2",
        ),
        (
            "mem_len: 150",
            "same_length: true",
            "same_length: expected false, found true",
        ),
        (
            "mem_len: 150",
            "clamp_len: 100",
            "clamp_len: expected -1, found 100",
        ),
        (
            "mem_len: 150",
            "mem_len: -3",
            "mem_len: expected a positive whole number, found -3",
        ),
        (
            "d_head: -1",
            "d_head: 64",
            "d_head: expected -1, or d_model / n_head in every layer, found 64",
        ),
        (
            "d_model: 128\ndiv_val: 4\nn_head: [2, 4, 4, 8, 8]",
            "d_model: 129\ndiv_val: 4\nn_head: 3",
            "d_model: expected an even number (distances are encoded as pairs of sine and cosine), \
             found 129",
        ),
    ];
    for (from, to, expected) in cases {
        let found = sentence(transformer_xl(&[(from, to)]));
        assert_eq!(found, format!("model_config.yaml: {expected}"));
    }
    let mut encoder = transformer_xl(&[]).unwrap();
    encoder.kind = Kind::Encoder;
    assert_eq!(
        encoder.validate().unwrap_err().to_string(),
        "blocks[0].mixer.relative-attention: expected another mixer: relative attention has no \
         distances to later positions, which an encoder sees, found relative-attention"
    );
}

#[test]
fn wrong_encoders_are_explained_at_their_key() {
    let layers = "encoder.json: nas_config.encoder_layers";
    let wrong = |pointer: &str, value: Value| {
        let mut config = config();
        *config.pointer_mut(pointer).unwrap() = value;
        sentence(encoder(&config, Reading::Declared))
    };
    let at = |key: &str| format!("/nas_config/encoder_layers/{key}");
    let cases = [
        (
            at("2/num_operation_heads"),
            json!(3),
            "[2].num_operation_heads: 3 does not divide hidden_size = 128",
        ),
        (
            at("4/num_operation_heads"),
            json!(1),
            "[4].num_operation_heads: expected an even number (half of the heads attend, half convolve), found 1",
        ),
        (
            at("4/operation_parameter"),
            json!(8),
            "[4].operation_parameter: expected an odd kernel length, found 8",
        ),
        (
            at("4/operation_parameter"),
            json!("SDP"),
            "[4].operation_parameter: expected an odd kernel length, found \"SDP\"",
        ),
        (
            at("0/operation_type"),
            json!("MLP"),
            "[0].operation_type: expected SA, LT or DSC, found \"MLP\"",
        ),
        (
            at("2/operation_parameter"),
            json!("FFT"),
            "[2].operation_parameter: expected DFT or DCT, found \"FFT\"",
        ),
        (
            at("0/num_feed_forward"),
            json!(1_000_000_000_000u64),
            "[0].num_feed_forward: 1000000000000 hidden layers, more than the limit of 1024",
        ),
        (
            at("0/feed_forward_dimension"),
            json!(0),
            "[0].feed_forward_dimension: expected a positive whole number, found 0",
        ),
        (
            at("0/feed_forward_dimension"),
            json!(-4),
            "[0].feed_forward_dimension: expected a positive whole number, found -4",
        ),
        (
            at("0/feed_forward_dimension"),
            json!(1e30),
            "[0].feed_forward_dimension: expected a positive whole number, found 1000000000000000000000000000000",
        ),
        (
            "/nas_config/encoder_layers".into(),
            json!([]),
            ": expected at least one block, found none",
        ),
    ];
    for (pointer, value, expected) in cases {
        assert_eq!(wrong(&pointer, value), format!("{layers}{expected}"));
    }
    assert_eq!(
        wrong("/hidden_size", json!("wide")),
        "encoder.json: hidden_size: expected a positive whole number, found \"wide\""
    );
}

#[test]
fn an_unknown_operation_is_wrong_in_every_reading() {
    let mut config = config();
    config["nas_config"]["encoder_layers"][1]["operation_type"] = json!("CONV");
    for (reading, _) in Reading::ALL {
        assert!(sentence(encoder(&config, reading)).contains("encoder_layers[1].operation_type"));
    }
}

#[test]
fn a_missing_key_is_named_with_what_it_should_hold() {
    let mut config = config();
    config["nas_config"]["encoder_layers"][1]
        .as_object_mut()
        .unwrap()
        .remove("num_operation_heads");
    assert_eq!(
        sentence(encoder(&config, Reading::AsTrained)),
        "encoder.json: nas_config.encoder_layers[1].num_operation_heads: missing, expected a \
         positive whole number"
    );
    assert_eq!(
        sentence(encoder(&json!({"hparams": {}}), Reading::AsTrained)),
        "encoder.json: hparams.model_hparam_overrides: missing, expected the hidden size and \
         layers of a FlexiBERT encoder"
    );
}

#[test]
fn a_trillion_parameters_are_refused_before_any_memory_is_spent() {
    let huge = config().to_string().replace("128", "500000");
    let document = Document::parse_json("encoder.json", &huge).unwrap();
    let error = sentence(flexibert::read(&document.root(), Reading::Declared));
    assert!(
        error.contains(" parameters, more than the limit of 20000000000"),
        "{error}"
    );

    // Every product of these overflows 64 bits, some overflow 128.
    let largest = usize::MAX.to_string();
    let huge = DECODER.replace("d_model: 128", &format!("d_model: {largest}"));
    let huge = huge
        .replace("[2, 4, 4, 8, 8]", "1")
        .replace("1071", &largest);
    let error = sentence(decoder(&huge));
    assert!(
        error.contains(" parameters, more than the limit of 20000000000"),
        "{error}"
    );
}

#[test]
fn wrong_decoders_are_explained_at_their_key() {
    let cases = [
        (
            "[2, 4, 4, 8, 8]",
            "[2, 4, 4, 8, 7]",
            "n_head[4]: 7 does not divide d_model = 128",
        ),
        (
            "[2, 4, 4, 8, 8]",
            "7",
            "n_head: 7 does not divide d_model = 128",
        ),
        (
            "[2, 4, 4, 8, 8]",
            "[2, 4]",
            "n_head: a list of 2 does not fit n_layer = 5: expected one entry per layer",
        ),
        (
            "n_layer: 5",
            "n_layer: 1000000000000",
            "n_layer: 1000000000000 blocks, more than the limit of 4096",
        ),
        (
            "1286",
            "0",
            "d_inner[2]: expected a positive whole number, found 0",
        ),
        (
            "1286",
            "many",
            "d_inner[2]: expected a positive whole number, found \"many\"",
        ),
        (
            "div_val: 4",
            "div_val: 300",
            "div_val: 300 does not fit d_embed = 256: expected at least 1 column to be left for cluster 2 after 2 divisions",
        ),
        (
            "[19997, 39997,",
            "[39997, 19997,",
            "cutoffs: [39997, 19997, 50264] does not fit n_token = 50264: expected increasing ends of clusters, the last one the vocabulary",
        ),
        (
            "[false, true, true, true]",
            "[false]",
            "tie_projs: expected at least 3 entries, one per cluster of the vocabulary, found a list of 1",
        ),
        (
            "tie_weight: true",
            "tie_weight: false",
            "tie_weight: expected true, found false",
        ),
        (
            "weight_init_type: normal",
            "weight_init_type: uniform",
            "weight_init_type: expected \"normal\", found \"uniform\"",
        ),
        (
            "0.02",
            ".nan",
            "weight_init_std: expected a finite number, found \".nan\"",
        ),
        (
            "tgt_len: 192",
            "",
            "tgt_len: missing, expected a positive whole number",
        ),
        (
            "50264",
            "5000000000",
            "n_token: 5000000000 tokens, more than the limit of 4294967295",
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(
            sentence(decoder(&DECODER.replace(from, to))),
            format!("model_config.yaml: {expected}")
        );
    }
}

#[test]
fn broken_syntax_is_placed_by_line_and_column() {
    let error = sentence(Document::parse_json(
        "a.json",
        "{\n \"hidden_size\": 12,\n \"nas",
    ));
    assert!(
        error.starts_with("a.json: line 3, column 5: not valid JSON: EOF"),
        "{error}"
    );
    let error = sentence(Document::parse_yaml(
        "a.yaml",
        "n_layer: 5\nn_head: [2, 4\n",
    ));
    assert!(error.starts_with("a.yaml: line "), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    let twice = sentence(Document::parse_json("a.json", "{\"a\": 1, \"a\": 2}"));
    assert!(twice.contains("the key `a` appears twice"), "{twice}");
    let twice = sentence(Document::parse_yaml("a.yaml", "a: 1\na: 2\n"));
    assert!(twice.starts_with("a.yaml: line 2"), "{twice}");
    let deep = "[".repeat(100_000);
    assert!(sentence(Document::parse_json("a.json", &deep)).contains("not valid JSON"));
    assert!(sentence(Document::parse_yaml("a.yaml", &deep)).contains("not valid YAML"));
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned()
        + &(b'b'..=b'k')
            .map(|name| {
                let (name, last) = (name as char, (name - 1) as char);
                let list = vec![format!("*{last}"); 10].join(", ");
                format!("{name}: &{name} [{list}]\n")
            })
            .collect::<String>();
    assert!(sentence(Document::parse_yaml("a.yaml", &bomb)).contains("not valid YAML"));
}

#[test]
fn each_dialect_is_recognised_by_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    };
    let read = |path: &Path| read_architecture(path, Reading::Declared);

    let path = write("encoder.json", &config().to_string());
    let expected = encoder(&config(), Reading::Declared).unwrap();
    assert_eq!(read(&path).unwrap(), expected);

    let path = write("j0/model_config.yaml", DECODER);
    assert_eq!(read(&path).unwrap(), decoder(DECODER).unwrap());
    assert_eq!(
        read(path.parent().unwrap()).unwrap(),
        decoder(DECODER).unwrap()
    );

    let own = folder.path().join("own.json");
    spec::write(&own, &expected).unwrap();
    assert_eq!(read(&own).unwrap(), expected);

    let path = write("falcon/config.json", "{\"model_type\": \"falcon\"}");
    let names = hugging_face::MODEL_TYPES.map(|known| known.name);
    let (last, others) = names.split_last().unwrap();
    let known = format!("{} or {last}", others.join(", "));
    for path in [path.as_path(), path.parent().unwrap()] {
        let error = sentence(read(path));
        assert!(
            error.contains(&format!("model_type: expected {known}, found \"falcon\"")),
            "{error}"
        );
    }
    let path = write("t5.json", "{\"model_type\": \"t5\", \"d_model\": 512}");
    let error = sentence(read(&path));
    assert!(error.ends_with(&format!("{known}, found \"t5\"")));
    let path = write("list.json", "[]");
    assert!(sentence(read(&path)).contains("a list of records"));
    let path = write("other.json", "{\"a\": 1}");
    assert!(sentence(read(&path)).contains("not a known kind of architecture"));
    let path = write("empty.yaml", "");
    assert!(sentence(read(&path)).contains("not a known kind of architecture"));
    let path = folder.path().join("none.json");
    let error = sentence(read(&path));
    assert!(
        error.starts_with(&format!("{}: cannot be read", path.display())),
        "{error}"
    );
}

#[test]
fn the_own_file_names_the_key_of_every_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.json");
    spec::write(&path, &decoder(DECODER).unwrap()).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let cases = [
        (
            "\"version\": 1",
            "\"version\": 2",
            "version: expected a version up to 1, found 2",
        ),
        (
            "lpzero-architecture",
            "lpzero",
            "format: expected \"lpzero-architecture\", found \"lpzero\"",
        ),
        (
            "\"width\": 128",
            "\"width\": \"a\"",
            "architecture.width: invalid type: string \"a\", expected usize",
        ),
        (
            "\"heads\": 8",
            "\"heads\": 9",
            "architecture.blocks[3].mixer.attention.heads: 9 does not divide width = 128",
        ),
        (
            "\"norm_epsilon\": 0.00001",
            "\"norm_epsilon\": 0.0",
            "architecture.norm_epsilon: expected a positive number, found 0",
        ),
        (
            "\"pre\"",
            "\"sandwich\"",
            "architecture.norm_placement: unknown variant `sandwich`, expected one of `pre`, `pre-without-final`, `post`, `before-sum`, `parallel`, `around`",
        ),
        (
            "\"weighted\": false",
            "\"weighted\": false, \"extra\": 1",
            "architecture.blocks[0].mixer.attention.extra: unknown field `extra`, expected `heads` or `weighted`",
        ),
    ];
    for (from, to, expected) in cases {
        let bad = good.replace(from, to);
        assert_ne!(bad, good, "{from} not found in {good}");
        fs::write(&path, bad).unwrap();
        let error = sentence(read_architecture(&path, Reading::default()));
        assert_eq!(error, format!("{}: {expected}", path.display()));
    }
}

#[test]
fn byte_order_marks_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let text = json!({"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 8,
        "vocab_size": 50})
    .to_string();
    let wide = "\u{feff}".encode_utf16().chain(text.encode_utf16());
    let wide: Vec<u8> = wide.flat_map(u16::to_le_bytes).collect();
    for bytes in [format!("\u{feff}{text}").into_bytes(), wide] {
        fs::write(&path, bytes).unwrap();
        let found = read_architecture(&path, Reading::default()).unwrap();
        assert_eq!((found.width, found.positions), (8, 1024));
    }
}

#[test]
fn a_file_with_a_width_alone_says_what_it_was_taken_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let read = |config: Value| {
        fs::write(&path, config.to_string()).unwrap();
        sentence(read_architecture(&path, Reading::default()))
    };
    let taken = read(json!({"d_model": 512, "n_layer": 6, "n_heads": 8}));
    for part in [
        "taken for a LiteTransformerSearch configuration",
        "`d_model`",
        "n_head",
    ] {
        assert!(taken.contains(part), "{taken}");
    }
    let theirs = read(json!({"d_model": 512, "architectures": ["T5ForConditionalGeneration"]}));
    assert!(theirs.contains("T5ForConditionalGeneration"), "{theirs}");
}

#[test]
fn readings_have_names() {
    for (reading, name) in Reading::ALL {
        assert_eq!(reading.to_string(), name);
        assert_eq!(name.parse(), Ok(reading));
    }
    assert_eq!(
        "trained".parse::<Reading>().unwrap_err().to_string(),
        "unknown reading \"trained\", expected as-trained, declared or reference"
    );
}

/// Parameters of the models that transformers makes of these configs, without
/// BERT's pooler (a head): the published counts 124439808 and 109482240 - 590592.
#[test]
fn hugging_face_configs_are_the_published_networks() {
    let parameters = |text: &str| {
        let document = Document::parse_json("config.json", text).unwrap();
        let architecture = hugging_face::read(&document.root());
        architecture.map(|architecture| architecture.parameters().total())
    };
    let gpt2 = r#"{"model_type": "gpt2", "n_layer": 12, "n_head": 12, "n_embd": 768,
        "n_positions": 1024, "vocab_size": 50257, "activation_function": "gelu_new"}"#;
    assert_eq!(parameters(gpt2).unwrap(), 124_439_808);
    let bert = r#"{"model_type": "bert", "num_hidden_layers": 12, "num_attention_heads": 12,
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512,
        "vocab_size": 30522, "type_vocab_size": 2, "hidden_act": "gelu"}"#;
    assert_eq!(parameters(bert).unwrap(), 109_482_240 - 590_592);
    let electra = bert
        .replace("\"bert\"", "\"electra\", \"embedding_size\": 128")
        .replace("768", "256")
        .replace("3072", "1024")
        .replace("_heads\": 12", "_heads\": 4");
    // Tables 3972608 + 256, projection 33024, blocks 12 x 789760.
    assert_eq!(parameters(&electra).unwrap(), 13_483_008);

    let wrong = |text: String| parameters(&text).unwrap_err().to_string();
    assert!(wrong(gpt2.replace("_head\": 12", "_head\": 7")).contains("n_head"));
    assert!(wrong(gpt2.replace("gelu_new", "mish")).contains("activation_function"));
    assert!(wrong(gpt2.replace("\"n_layer\": 12", "\"n_layer\": 99999999")).contains("n_layer"));
    assert!(wrong(bert.replace("\"hidden_size\": 768,", "")).contains("hidden_size"));
}
