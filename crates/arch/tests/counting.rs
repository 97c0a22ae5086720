//! Counts against sums written out by hand, and against what the code that
//! trained the networks counted.
#![allow(clippy::unwrap_used)]

use lpzero_arch::{Architecture, Document, Reading, flexibert, lts};

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
