//! Counts against sums written out by hand, and against what the code that
//! trained the networks counted.
#![allow(clippy::unwrap_used)]

use lpzero_arch::{
    Architecture, Document, GroupedAttention, Reading, flexibert, hugging_face, lts,
};

fn encoder(operation: &str) -> Architecture {
    let config = format!(
        r#"{{"hidden_size": 128, "nas_config": {{"encoder_layers": [{{{operation},
            "num_operation_heads": 4, "feed_forward_dimension": 512, "num_feed_forward": 2}}]}}}}"#
    );
    let document = Document::parse_json("encoder.json", &config).unwrap();
    flexibert::read(&document.root(), Reading::Declared).unwrap()
}

const ATTENTION: &str = r#""operation_type": "SA", "operation_parameter": "SDP""#;
const WEIGHTED: &str = r#""operation_type": "SA", "operation_parameter": "WMA""#;
const FOURIER: &str = r#""operation_type": "LT", "operation_parameter": "DFT""#;
const CONVOLUTION: &str = r#""operation_type": "DSC", "operation_parameter": 9"#;

#[test]
fn an_encoder_counts_as_its_maps_do() {
    let (c, h, e) = (128, 512, 128);
    let counts = encoder(ATTENTION).parameters();
    assert_eq!(counts.tokens, 30522 * e);
    assert_eq!(counts.positions, 512 * e);
    assert_eq!(counts.segments, 2 * e);
    assert_eq!(counts.projections, 0);
    assert_eq!(counts.mixers, 4 * (c * c + c));
    assert_eq!(
        counts.feed_forwards,
        (c * h + h) + (h * h + h) + (h * c + c)
    );
    assert_eq!(counts.norms, 2 * e + 4 * c);
    assert_eq!(counts.head, 0);
}

#[test]
fn mixers_differ_by_their_maps_and_their_norm() {
    let (c, a, n, k) = (128, 64, 2, 9);
    let attention = encoder(ATTENTION).parameters();
    assert_eq!(
        encoder(WEIGHTED).parameters().mixers,
        attention.mixers + c * c
    );
    let fourier = encoder(FOURIER).parameters();
    assert_eq!(fourier.mixers, c * c + c);
    assert_eq!(fourier.norms, attention.norms - 2 * c);
    assert_eq!(
        encoder(CONVOLUTION).parameters().mixers,
        4 * (c * a + a) + (c * k + c * a + a) + (a * n * k + n * k) + (c * c + c)
    );
}

#[test]
fn flops_are_two_per_multiply_add() {
    let (t, c, h) = (16u128, 128, 512);
    let feed_forward = 2 * t * (c * h + h * h + h * c);
    assert_eq!(
        encoder(ATTENTION).flops(16),
        feed_forward + 2 * t * 4 * c * c + 4 * t * t * c
    );
    // Each of 4 heads transforms 16 x 32 = 2^9 points.
    assert_eq!(
        encoder(FOURIER).flops(16),
        feed_forward + 2 * t * c * c + 5 * t * c * 9
    );
    let (a, n, k) = (64, 2, 9);
    let maps = 5 * c * a + c * k + a * n * k + 2 * a * c;
    assert_eq!(
        encoder(CONVOLUTION).flops(16),
        feed_forward + 2 * t * maps + 4 * t * t * a + 2 * t * a * k
    );
}

#[test]
fn activations_are_what_the_backward_pass_reads() {
    let (b, t, c, h, heads) = (3, 16, 128, 512, 4);
    let norms = 3 * (c + 1); // embedding (E = C), attention, feed-forward
    let attention = 5 * c + heads * t;
    let feed_forward = c + 2 * (h + h);
    assert_eq!(
        encoder(ATTENTION).activation_memory(3, 16),
        4 * b * t * (norms + attention + feed_forward)
    );
}

#[test]
fn a_decoder_counts_as_its_authors_counted() {
    let yaml = "
cutoffs: [19997, 39997, 199997, 50264]
d_embed: 256
d_inner: [1071, 640, 1286, 800, 1871]
d_model: 128
div_val: 4
n_head: [2, 4, 4, 8, 8]
n_layer: 5
n_token: 50264
tgt_len: 192
";
    let decoder = lts::read(&Document::parse_yaml("config.yaml", yaml).unwrap().root()).unwrap();
    let counts = decoder.parameters();
    assert_eq!(counts.embedding(), 6_631_088);
    assert_eq!(counts.mixers, 330_240);
    assert_eq!(counts.feed_forwards, 1_457_316);
    assert_eq!(counts.non_embedding(), 1_790_372);
    assert_eq!(counts.total(), 8_505_006);
    // Projection twice (in and out), then the logits of the first cluster.
    let t = 192;
    let embedding_and_head = 2 * t * (2 * 256 * 128 + 256 * (19_997 + 2));
    let attention = 5 * (2 * t * 4 * 128 * 128 + 4 * t * t * 128);
    let feed_forward = 2 * t * 2 * 128 * (1071 + 640 + 1286 + 800 + 1871);
    assert_eq!(
        decoder.flops(192),
        embedding_and_head + attention + feed_forward
    );
}

/// A published Transformer-XL of WikiText-103, by what differs between them.
fn transformer_xl(
    (d_model, d_embed, div_val): (usize, usize, usize),
    d_inner: &[usize],
) -> Architecture {
    let n_layer = d_inner.len();
    let yaml = format!(
        "
attn_type: 0
cutoffs: [19997, 39997, 199997, 267736]
d_embed: {d_embed}
d_head: -1
d_inner: {d_inner:?}
d_model: {d_model}
div_val: {div_val}
mem_len: 192
model_type: mem_transformer
n_head: 4
n_layer: {n_layer}
n_token: 267736
pre_lnorm: false
tgt_len: 192
tie_projs: [false, true, true, true]
"
    );
    lts::read(&Document::parse_yaml("config.yaml", &yaml).unwrap().root()).unwrap()
}

#[test]
fn transformer_xl_counts_as_its_authors_counted() {
    let published = [
        // config_0_j0
        (
            transformer_xl((64, 512, 2), &[710, 1021, 1683, 1053, 1748]),
            [40_235_200, 103_040, 802_055, 906_375, 41_443_618],
        ),
        // config_0_j1
        (
            transformer_xl(
                (128, 128, 2),
                &[1451, 637, 1959, 745, 1354, 1319, 1855, 1490],
            ),
            [10_074_160, 657_408, 2_779_194, 3_440_698, 13_799_365],
        ),
        // config_3_j7
        (
            transformer_xl((256, 512, 4), &[1321, 1095, 1603, 1183, 1896]),
            [18_634_456, 1_640_960, 3_642_554, 5_288_634, 24_323_437],
        ),
        // config_17_j9
        (
            transformer_xl((64, 128, 4), &[1305, 1043, 1373, 1024, 1499]),
            [4_625_974, 103_040, 805_796, 910_116, 5_812_405],
        ),
    ];
    for (architecture, expected) in published {
        let counts = architecture.parameters();
        let found = [
            counts.embedding(),
            counts.mixers,
            counts.feed_forwards,
            counts.non_embedding(),
            counts.total(),
        ];
        assert_eq!(found, expected);
    }
}

#[test]
fn relative_attention_costs_a_map_and_a_product_more() {
    let (b, t, c, h) = (3, 16, 64, 100);
    let one = transformer_xl((64, 64, 1), &[100]);
    let two = transformer_xl((64, 64, 1), &[100, 100]);
    // Five maps, three products of T x T per head width, two dense layers.
    assert_eq!(
        two.flops(16) - one.flops(16),
        2 * t * 5 * c * c + 6 * t * t * c + 2 * t * 2 * c * h
    );
    let attention = 6 * c + 4 * t;
    let norms = 2 * (c + 1);
    let feed_forward = c + 2 * h;
    // Encoded distances and their keys serve every sequence.
    assert_eq!(
        two.activation_memory(3, 16) - one.activation_memory(3, 16),
        4 * b * t * (attention + norms + feed_forward) + 4 * t * 2 * c
    );
}

/// A decoder of transformers by its configuration.
fn decoder(config: &serde_json::Value) -> Architecture {
    let document = Document::parse_json("config.json", &config.to_string()).unwrap();
    hugging_face::read(&document.root()).unwrap()
}

#[test]
fn serving_takes_the_weights_and_the_keys_and_values_of_every_token() {
    // OPT-13B's shape: 800 KB a token (Kwon et al. 2023, section 3).
    let mut opt = serde_json::json!({
        "model_type": "gpt2", "vocab_size": 50272, "n_positions": 2048, "n_embd": 5120,
        "n_layer": 40, "n_head": 40,
    });
    let cache = |config: &serde_json::Value, batch, positions| {
        let network = decoder(config);
        network.serving_memory(batch, positions) - 2 * network.parameters().total()
    };
    assert_eq!(cache(&opt, 1, 1), 800 * 1024);
    assert_eq!(cache(&opt, 3, 2048), 3 * 2048 * 800 * 1024);
    opt["n_layer"] = 20.into();
    assert_eq!(cache(&opt, 1, 1), 400 * 1024);
    // Eight heads of keys for 32 of queries, as LLaMA 3 of 8B: 128 KB.
    let llama = serde_json::json!({
        "model_type": "llama", "vocab_size": 128256, "max_position_embeddings": 8192,
        "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 14336, "rms_norm_eps": 1e-5,
    });
    assert_eq!(cache(&llama, 2, 4096), 2 * 4096 * 128 * 1024);
    // Blocks that look back 1,024 tokens keep no more, however many there are.
    let mut near = decoder(&llama);
    for block in &mut near.blocks {
        let attention = *block.mixer.grouped().unwrap();
        let window = Some(1024);
        block.mixer = GroupedAttention {
            window,
            ..attention
        }
        .into();
    }
    let weights = 2 * near.parameters().total();
    assert_eq!(near.serving_memory(1, 4096) - weights, 1024 * 128 * 1024);
    assert_eq!(near.serving_memory(1, 512) - weights, 512 * 128 * 1024);
    // An encoder keeps nothing.
    let encoder = encoder(ATTENTION);
    assert_eq!(
        encoder.serving_memory(8, 128),
        2 * encoder.parameters().total()
    );
}
