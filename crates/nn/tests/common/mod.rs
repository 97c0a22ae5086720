//! Tiny networks, and a visitor that remembers.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::BTreeMap;

use lpzero_arch::{
    Activation, Architecture, AttentionBiases, Block, Embedding, FeedForward, GroupedAttention,
    Head, HeadNorms, Initialisation, Kind, Mixer, NormKind, NormPlacement, PositionWidth, Rotary,
    RotaryScaling, Transform,
};
use lpzero_nn::{Network, Objective, Real, Site, Symbol, TensorView, Visitor};

/// FlexiBERT in miniature: post-norm, embeddings narrower than the model.
pub fn encoder() -> Architecture {
    Architecture {
        kind: Kind::Encoder,
        vocabulary: 11,
        positions: 6,
        token_types: 2,
        width: 8,
        embedding: Embedding {
            width: 4,
            cutoffs: vec![11],
            division: 1,
            projection_bias: true,
            scale_by_root_width: false,
            position_width: PositionWidth::Embedding,
            norm: true,
        },
        blocks: vec![block(5, Activation::Gelu)],
        norm_placement: NormPlacement::Post,
        norm_kind: NormKind::Layer,
        norm_epsilon: 1e-12,
        head: Head::None,
        initialisation: INITIALISATION,
    }
}

/// LiteTransformerSearch's GPT-2 in miniature: pre-norm, three clusters.
pub fn decoder() -> Architecture {
    Architecture {
        kind: Kind::Decoder,
        vocabulary: 13,
        positions: 5,
        token_types: 0,
        width: 8,
        embedding: Embedding {
            width: 4,
            cutoffs: vec![3, 7, 13],
            division: 1,
            projection_bias: false,
            scale_by_root_width: true,
            position_width: PositionWidth::Model,
            norm: false,
        },
        blocks: vec![block(6, Activation::GeluTanh); 2],
        norm_placement: NormPlacement::Pre,
        norm_kind: NormKind::Layer,
        norm_epsilon: 1e-5,
        head: Head::Adaptive {
            tied_projections: vec![false, true, true],
        },
        initialisation: INITIALISATION,
    }
}

/// LiteTransformerSearch's Transformer-XL in miniature: relative attention, no
/// table of positions, heads that change by block.
pub fn transformer_xl(norm_placement: NormPlacement) -> Architecture {
    let mut architecture = decoder();
    architecture.embedding.position_width = PositionWidth::None;
    architecture.norm_placement = norm_placement;
    for (block, heads) in architecture.blocks.iter_mut().zip([2, 4]) {
        block.mixer = Mixer::RelativeAttention { heads, memory: 5 };
        block.feed_forward.activation = Activation::Relu;
    }
    architecture
}

/// LLaMA and its descendants in miniature: heads of queries that share a head of
/// keys, scaled rotary positions, RMSNorm, a gate, a free head.
pub fn llama() -> Architecture {
    let mut architecture = decoder();
    architecture.embedding.scale_by_root_width = false;
    architecture.embedding.position_width = PositionWidth::None;
    architecture.norm_kind = NormKind::Rms;
    architecture.head = Head::Free;
    architecture.embedding.cutoffs = vec![13];
    for block in &mut architecture.blocks {
        block.mixer = GroupedAttention {
            heads: 4,
            key_value_heads: 2,
            head_width: 6,
            rotary: Rotary {
                base: 100.0,
                scaling: RotaryScaling::Linear { factor: 2.0 },
                turned: None,
            },
            window: None,
            biases: AttentionBiases::None,
            normed: HeadNorms::None,
        }
        .into();
        block.feed_forward = FeedForward {
            hidden: vec![6],
            activation: Activation::Silu,
            gated: true,
            bias: false,
        };
    }
    architecture
}

/// The same with everything that the former lacks: biases, norms of queries and
/// keys, a scaling that mixes.
pub fn qwen(biases: AttentionBiases, key_value_heads: usize) -> Architecture {
    let mut architecture = llama();
    for block in &mut architecture.blocks {
        block.mixer = GroupedAttention {
            heads: 4,
            key_value_heads,
            head_width: 4,
            rotary: Rotary {
                base: 100.0,
                scaling: RotaryScaling::Llama3 {
                    factor: 4.0,
                    low: 0.5,
                    high: 2.0,
                    original_positions: 6,
                },
                turned: None,
            },
            window: None,
            biases,
            normed: HeadNorms::Each,
        }
        .into();
        block.feed_forward.bias = true;
    }
    architecture
}

/// OLMo 2 in miniature: norms between a half of a block and its residual sum, and of
/// whole queries and keys.
pub fn olmo2() -> Architecture {
    let mut architecture = llama();
    architecture.norm_placement = NormPlacement::BeforeSum;
    for block in &mut architecture.blocks {
        let normed = HeadNorms::Whole;
        let attention = *block.mixer.grouped().unwrap();
        block.mixer = GroupedAttention {
            normed,
            ..attention
        }
        .into();
    }
    architecture
}

/// Gemma 3 in miniature: norms before and after each half of a block, a block of two with
/// a window and a base of its own, a scaled embedding, a tied head.
pub fn gemma3() -> Architecture {
    let mut architecture = qwen(AttentionBiases::None, 1);
    architecture.norm_placement = NormPlacement::Around;
    architecture.embedding.width = architecture.width;
    architecture.embedding.scale_by_root_width = true;
    architecture.head = Head::Tied;
    for (layer, block) in architecture.blocks.iter_mut().enumerate() {
        let mut attention = *block.mixer.grouped().unwrap();
        attention.window = (layer == 0).then_some(3);
        attention.rotary = Rotary {
            base: [10.0, 100.0][layer % 2],
            scaling: RotaryScaling::None,
            turned: None,
        };
        block.mixer = attention.into();
        block.feed_forward.activation = Activation::GeluTanh;
        block.feed_forward.bias = false;
    }
    architecture
}

/// GPT-NeoX in miniature: halves that read the same input, a share of each head turned,
/// LayerNorm, biases everywhere, a free head.
pub fn neox() -> Architecture {
    let mut architecture = qwen(AttentionBiases::All, 4);
    architecture.norm_kind = NormKind::Layer;
    architecture.norm_placement = NormPlacement::Parallel;
    for block in &mut architecture.blocks {
        let mut attention = *block.mixer.grouped().unwrap();
        attention.head_width = 6;
        attention.normed = HeadNorms::None;
        attention.rotary.turned = Some(4);
        block.mixer = attention.into();
        block.feed_forward = FeedForward::dense(vec![5], Activation::Gelu);
    }
    architecture
}

/// One of each kind that an encoder may have.
pub fn mixers() -> [Mixer; 5] {
    let attention = |weighted| Mixer::Attention { heads: 2, weighted };
    let transform = |heads, transform| Mixer::Transform { heads, transform };
    [
        attention(false),
        attention(true),
        transform(2, Transform::Fourier),
        transform(4, Transform::Cosine),
        Mixer::DynamicConvolution {
            heads: 4,
            kernel: 5,
        },
    ]
}

/// One architecture per mixer, and the decoders in both divisions.
pub fn zoo() -> Vec<(Architecture, Objective)> {
    let encoders = mixers().map(|mixer| {
        let mut architecture = encoder();
        architecture.blocks[0].mixer = mixer;
        (architecture, Objective::MaskedToken)
    });
    let decoders = [1, 2].map(|division| {
        let mut architecture = decoder();
        architecture.embedding.division = division;
        (architecture, Objective::NextToken)
    });
    let relative = [
        (1, NormPlacement::PreWithoutFinal),
        (2, NormPlacement::Post),
    ]
    .map(|(division, placement)| {
        let mut architecture = transformer_xl(placement);
        architecture.embedding.division = division;
        (architecture, Objective::NextToken)
    });
    let grouped = [
        llama(),
        qwen(AttentionBiases::All, 1),
        olmo2(),
        gemma3(),
        neox(),
    ];
    let grouped = grouped.map(|architecture| (architecture, Objective::NextToken));
    let decoders = decoders.into_iter().chain(relative).chain(grouped);
    encoders.into_iter().chain(decoders).collect()
}

/// The [`zoo`] large enough that kernels share their work and attention takes
/// several blocks.
pub fn large_zoo() -> Vec<(Architecture, Objective)> {
    let enlarge = |(mut architecture, objective): (Architecture, _)| {
        architecture.width = 64;
        architecture.positions = LARGE_POSITIONS + 20;
        let tied = architecture.head == Head::Tied;
        architecture.embedding.width = if tied { 64 } else { 48 };
        architecture.vocabulary = 1000;
        let cutoffs = &mut architecture.embedding.cutoffs;
        *cutoffs = match cutoffs.len() {
            1 => vec![1000],
            _ => vec![200, 500, 1000],
        };
        for block in &mut architecture.blocks {
            block.feed_forward.hidden = vec![150];
        }
        (architecture, objective)
    };
    zoo().into_iter().map(enlarge).collect()
}

/// The length that [`large_zoo`] is made for: no multiple of a block.
pub const LARGE_POSITIONS: usize = 150;

const INITIALISATION: Initialisation = Initialisation {
    weight: 0.02,
    residual: None,
    projection: 0.01,
};

fn block(hidden: usize, activation: Activation) -> Block {
    Block {
        mixer: Mixer::Attention {
            heads: 2,
            weighted: false,
        },
        feed_forward: FeedForward::dense(vec![hidden], activation),
        adapters: Default::default(),
        left_out: false,
    }
}

/// A network far from its initialisation, where no gradient vanishes: weights
/// of order 0.4, gains around 1, biases off 0.
pub fn perturbed(architecture: &Architecture, objective: Objective) -> Network<f64> {
    let mut network = Network::<f64>::seeded(architecture, objective, 3).unwrap();
    let names: Vec<_> = (network.parameters().iter())
        .map(|parameter| parameter.name.clone())
        .collect();
    for (n, name) in names.iter().enumerate() {
        let centre = if name.ends_with("gain") { 1.0 } else { 0.0 };
        for (i, weight) in network.parameter_mut(name).unwrap().iter_mut().enumerate() {
            *weight = centre + 0.4 * ((i as f64 + 1.0) * 12.9898 + n as f64 * 78.233).sin();
        }
    }
    network
}

/// A shape and the elements.
pub type Tensor<F> = (Vec<usize>, Vec<F>);

/// Remembers every tensor of a pass, and refuses to see one twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen<F> {
    pub activations: BTreeMap<(Site, Symbol), Tensor<F>>,
    /// By checkpoint name.
    pub gradients: BTreeMap<String, Tensor<F>>,
    pub sites: BTreeMap<Site, String>,
}

impl<F> Default for Seen<F> {
    fn default() -> Self {
        Seen {
            activations: BTreeMap::new(),
            gradients: BTreeMap::new(),
            sites: BTreeMap::new(),
        }
    }
}

impl<F: Real> Visitor<F> for Seen<F> {
    fn activation(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, F>) {
        assert_eq!(tensor.data.len(), tensor.shape.iter().product::<usize>());
        let tensor = (tensor.shape.to_vec(), tensor.data.to_vec());
        let before = self.activations.insert((site, symbol), tensor);
        assert!(before.is_none(), "{site:?} showed {symbol:?} twice");
    }

    fn parameter(
        &mut self,
        name: &str,
        site: Option<Site>,
        weight: TensorView<'_, F>,
        gradient: TensorView<'_, F>,
    ) {
        assert_eq!(weight.shape, gradient.shape);
        assert_eq!(weight.data.len(), gradient.data.len());
        let gradient = (gradient.shape.to_vec(), gradient.data.to_vec());
        let before = self.gradients.insert(name.to_owned(), gradient);
        assert!(before.is_none(), "{name} was shown twice");
        if let Some(site) = site {
            let before = self.sites.insert(site, name.to_owned());
            assert!(before.is_none(), "{site:?} has two weights");
        }
    }
}
