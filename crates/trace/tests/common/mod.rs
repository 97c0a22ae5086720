//! Small architectures and made-up passes for the tests.
#![allow(clippy::unwrap_used, dead_code)]

use lpzero_arch::{
    Activation, Architecture, Block, Embedding, FeedForward, Head, Initialisation, Kind, Mixer,
    NormKind, NormPlacement, PositionWidth,
};
use lpzero_nn::{TensorView, Visitor};
use lpzero_trace::{Recorder, Role, Site, Symbol, Trace};

/// A BERT-like encoder with 100 tokens and 32 positions.
pub fn encoder(layers: usize, width: usize) -> Architecture {
    Architecture {
        kind: Kind::Encoder,
        vocabulary: 100,
        positions: 32,
        token_types: 2,
        width,
        embedding: Embedding {
            width: 12,
            cutoffs: vec![100],
            division: 1,
            projection_bias: true,
            scale_by_root_width: false,
            position_width: PositionWidth::Embedding,
            norm: true,
        },
        blocks: vec![
            Block {
                mixer: Mixer::Attention {
                    heads: 2,
                    weighted: false,
                },
                feed_forward: FeedForward::dense(vec![2 * width], Activation::Gelu),
                adapters: Default::default(),
                left_out: false,
            };
            layers
        ],
        norm_placement: NormPlacement::Post,
        norm_kind: NormKind::Layer,
        norm_epsilon: 1e-12,
        head: Head::None,
        initialisation: Initialisation {
            weight: 0.02,
            residual: None,
            projection: 0.02,
        },
    }
}

/// A GPT-2-like decoder with 100 tokens in two clusters and 32 positions.
pub fn decoder(layers: usize, width: usize) -> Architecture {
    let encoder = encoder(layers, width);
    Architecture {
        kind: Kind::Decoder,
        token_types: 0,
        embedding: Embedding {
            cutoffs: vec![60, 100],
            division: 2,
            projection_bias: false,
            scale_by_root_width: true,
            position_width: PositionWidth::Model,
            norm: false,
            ..encoder.embedding
        },
        norm_placement: NormPlacement::Pre,
        norm_kind: NormKind::Layer,
        norm_epsilon: 1e-5,
        head: Head::Adaptive {
            tied_projections: vec![false, true],
        },
        ..encoder
    }
}

/// A query site of the first block.
pub const QUERY: Site = Site {
    layer: Some(0),
    role: Role::Query,
    index: 0,
};

/// What a recorder makes of one weight of 4 x 3 and its output, filled with
/// numbers that depend on `seed`.
pub fn made_up_trace(architecture: &Architecture, seed: u32) -> Trace {
    let data: Vec<f32> = (0..12).map(|i| (i * seed) as f32 * 0.37 - 2.0).collect();
    let view = TensorView {
        data: &data,
        shape: &[4, 3],
    };
    let mut recorder = Recorder::new();
    recorder.activation(QUERY, Symbol::A, view);
    recorder.parameter("query.weight", Some(QUERY), view, view);
    recorder.finish(architecture, f64::from(seed))
}
