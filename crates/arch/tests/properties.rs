//! What holds for every architecture.
#![allow(clippy::unwrap_used)]

use lpzero_arch::{
    Activation, Architecture, AttentionBiases, Block, Embedding, FeedForward, GroupedAttention,
    Head, HeadNorms, Initialisation, Kind, MAX_PARAMETERS, Mixer, NormKind, NormPlacement,
    PositionWidth, Rotary, RotaryScaling, Transform,
};
use proptest::prelude::*;

fn mixer(heads: usize) -> impl Strategy<Value = Mixer> {
    prop_oneof![
        any::<bool>().prop_map(move |weighted| Mixer::Attention { heads, weighted }),
        any::<bool>().prop_map(move |fourier| Mixer::Transform {
            heads,
            transform: match fourier {
                true => Transform::Fourier,
                false => Transform::Cosine,
            },
        }),
        (0usize..2, 1usize..20, any::<bool>()).prop_map(move |(halvings, half, normed)| {
            Mixer::from(GroupedAttention {
                heads,
                key_value_heads: heads >> halvings,
                head_width: 2 * half,
                rotary: Rotary {
                    base: 1e4,
                    scaling: RotaryScaling::Linear { factor: 2.5 },
                    turned: None,
                },
                window: None,
                biases: AttentionBiases::QueryKeyValue,
                normed: HeadNorms::from(normed),
            })
        }),
        (0usize..5).prop_map(move |half| Mixer::DynamicConvolution {
            heads,
            kernel: 2 * half + 1,
        }),
    ]
}

fn block() -> impl Strategy<Value = Block> {
    let heads = prop_oneof![Just(2usize), Just(4), Just(8)];
    let hidden = prop::collection::vec(1usize..2000, 1..4);
    let parts = (heads.prop_flat_map(mixer), hidden, any::<bool>());
    parts.prop_map(|(mixer, hidden, bias)| Block {
        mixer,
        feed_forward: FeedForward {
            gated: hidden.len() == 1,
            bias,
            ..FeedForward::dense(hidden, Activation::Silu)
        },
        adapters: Default::default(),
        left_out: false,
    })
}

fn encoder() -> impl Strategy<Value = Architecture> {
    let sizes = (1usize..40, 1usize..500, 1usize..64, 10usize..5000);
    let blocks = prop::collection::vec(block(), 1..6);
    (sizes, 1usize..4, blocks, any::<f64>()).prop_map(
        |((eighths, embedding_width, positions, vocabulary), division, blocks, epsilon)| {
            Architecture {
                kind: Kind::Encoder,
                vocabulary,
                positions,
                token_types: 2,
                width: 8 * eighths,
                embedding: Embedding {
                    width: embedding_width.max(division),
                    cutoffs: vec![vocabulary / 2, vocabulary],
                    division,
                    projection_bias: true,
                    scale_by_root_width: false,
                    position_width: PositionWidth::Embedding,
                    norm: true,
                },
                blocks,
                norm_placement: NormPlacement::Post,
                norm_kind: NormKind::Layer,
                norm_epsilon: match epsilon.abs() {
                    normal if normal.is_normal() => normal,
                    _ => 1e-12,
                },
                head: Head::Adaptive {
                    tied_projections: vec![false, true],
                },
                initialisation: Initialisation {
                    weight: 0.02,
                    residual: None,
                    projection: 0.01,
                },
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_and_read_again_is_equal(encoder in encoder()) {
        encoder.validate().unwrap();
        let text = serde_json::to_string(&encoder).unwrap();
        let again: Architecture = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(encoder, again);
    }

    #[test]
    fn one_more_block_adds_to_every_count(encoder in encoder()) {
        let mut deeper = encoder.clone();
        deeper.blocks.push(encoder.blocks[0].clone());
        prop_assert!(deeper.parameters().decoder() > encoder.parameters().decoder());
        prop_assert_eq!(deeper.parameters().embedding(), encoder.parameters().embedding());
        prop_assert!(deeper.flops(7) > encoder.flops(7));
        prop_assert!(deeper.activation_memory(1, 7) > encoder.activation_memory(1, 7));
    }

    #[test]
    fn costs_grow_with_the_batch_and_the_sequence(encoder in encoder(), positions in 1usize..200) {
        let one = encoder.activation_memory(1, positions);
        prop_assert_eq!(encoder.activation_memory(3, positions), 3 * one);
        prop_assert!(encoder.activation_memory(1, positions + 1) > one);
        prop_assert!(encoder.flops(positions + 1) > encoder.flops(positions));
    }

    #[test]
    fn no_numbers_make_counting_or_validation_panic(
        encoder in encoder(), sizes in prop::array::uniform8(any::<usize>()), extreme in any::<bool>(),
    ) {
        let mut encoder = encoder;
        let sizes = if extreme { [usize::MAX; 8] } else { sizes };
        let [vocabulary, positions, width, embedding, division, cutoff, hidden, heads] = sizes;
        encoder.vocabulary = vocabulary;
        encoder.positions = positions;
        encoder.width = width;
        encoder.embedding.width = embedding;
        encoder.embedding.division = division;
        encoder.embedding.cutoffs = vec![cutoff, vocabulary];
        encoder.blocks[0].feed_forward.hidden = vec![hidden; 3];
        encoder.blocks[0].mixer = Mixer::DynamicConvolution { heads, kernel: positions };
        let _ = (encoder.flops(positions), encoder.activation_memory(width, positions));
        let too_many = encoder.parameters().total() > MAX_PARAMETERS;
        prop_assert!(!too_many || encoder.validate().is_err());
    }
}
