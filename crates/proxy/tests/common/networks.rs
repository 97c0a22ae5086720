//! Real networks so small that a sketch holds every element of every tensor.
#![allow(dead_code)]

use lpzero_arch::{
    Activation, Architecture, Block, Embedding, FeedForward, Head, Initialisation, Kind, Mixer,
    NormKind, NormPlacement, PositionWidth,
};
use lpzero_nn::{Batch, Network, Objective, TensorView, Visitor};
use lpzero_trace::{Recorder, Site, Symbol, Trace};

/// A decoder with this many blocks and this hidden width of the feed-forward
/// networks; all else is 16 wide.
pub fn decoder(layers: usize, hidden: usize) -> Architecture {
    Architecture {
        kind: Kind::Decoder,
        vocabulary: 24,
        positions: 8,
        token_types: 0,
        width: 16,
        embedding: Embedding {
            width: 16,
            cutoffs: vec![24],
            division: 1,
            projection_bias: false,
            scale_by_root_width: true,
            position_width: PositionWidth::Model,
            norm: false,
        },
        blocks: vec![
            Block {
                mixer: Mixer::Attention {
                    heads: 2,
                    weighted: false,
                },
                feed_forward: FeedForward::dense(vec![hidden], Activation::GeluTanh),
                adapters: Default::default(),
                left_out: false,
            };
            layers
        ],
        norm_placement: NormPlacement::Pre,
        norm_kind: NormKind::Layer,
        norm_epsilon: 1e-5,
        head: Head::Tied,
        initialisation: Initialisation {
            weight: 0.2,
            residual: None,
            projection: 0.1,
        },
    }
}

/// Every tensor that a pass showed.
#[derive(Default)]
pub struct Everything(pub Vec<(Site, Symbol, Vec<usize>, Vec<f32>)>);

impl Visitor<f32> for Everything {
    fn activation(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, f32>) {
        let (shape, data) = (tensor.shape.to_vec(), tensor.data.to_vec());
        self.0.push((site, symbol, shape, data));
    }

    fn parameter(
        &mut self,
        _name: &str,
        site: Option<Site>,
        weight: TensorView<'_, f32>,
        gradient: TensorView<'_, f32>,
    ) {
        if let Some(site) = site {
            self.activation(site, Symbol::W, weight);
            self.activation(site, Symbol::G, gradient);
        }
    }
}

/// Runs one pass before this visitor; returns the loss.
pub fn pass(architecture: &Architecture, seed: u64, visitor: &mut dyn Visitor<f32>) -> f64 {
    let objective = Objective::default_for(architecture);
    let network = Network::<f32>::seeded(architecture, objective, seed).unwrap();
    let batch = Batch::zipf(architecture.vocabulary, 3, 6, seed);
    network.pass(&batch, visitor).unwrap()
}

/// The trace of one pass.
pub fn trace(architecture: &Architecture, seed: u64) -> Trace {
    let mut recorder = Recorder::new();
    let loss = pass(architecture, seed, &mut recorder);
    recorder.finish(architecture, loss)
}
