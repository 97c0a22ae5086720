//! Every gradient that a pass shows equals the central difference of its loss
//! (of fourth order, in double precision), through whole networks of every
//! kind.
use crate::common::{
    Seen, decoder, encoder, gemma3, llama, neox, olmo2, perturbed, qwen, transformer_xl,
};
use lpzero_arch::{
    Activation, Architecture, AttentionBiases, Block, FeedForward, Head, Mixer, NormKind,
    NormPlacement, PositionWidth, Transform,
};
use lpzero_nn::{Batch, Network, NoVisitor, Objective, Role, Site, Symbol};

/// Checks every tensor: all elements of small ones, some spread over larger ones.
fn assert_gradients(architecture: &Architecture, objective: Objective) {
    assert_gradients_at(4, architecture, objective);
}

/// [`assert_gradients`] with sequences of this length.
fn assert_gradients_at(positions: usize, architecture: &Architecture, objective: Objective) {
    let batch = 2;
    let samples = if positions > 10 { 3 } else { 32 };
    let mut network = perturbed(architecture, objective);
    let batch = Batch::zipf(architecture.vocabulary, batch, positions, 5);
    let mut seen = Seen::default();
    network.pass(&batch, &mut seen).unwrap();
    let names: Vec<String> = (network.parameters().iter())
        .map(|parameter| parameter.name.clone())
        .collect();
    assert_eq!(seen.gradients.len(), names.len(), "every tensor is shown");
    let step = 3e-5;
    for name in names {
        let (_, gradient) = seen.gradients[&name].clone();
        let stride = gradient.len().div_ceil(samples);
        for (i, analytic) in gradient.iter().enumerate().step_by(stride) {
            let mut loss_at = |offset: f64| {
                let weights = network.parameter_mut(&name).unwrap();
                let centre = weights[i];
                weights[i] = centre + offset;
                let loss = network.pass(&batch, &mut NoVisitor).unwrap();
                network.parameter_mut(&name).unwrap()[i] = centre;
                loss
            };
            let mut difference = |step: f64| (loss_at(step) - loss_at(-step)) / (2.0 * step);
            let numeric = (4.0 * difference(step) - difference(2.0 * step)) / 3.0;
            assert!(
                (analytic - numeric).abs() < 2e-8 * (1.0 + numeric.abs()),
                "{objective}: {name}[{i}]: {analytic} by backward, {numeric} by differences"
            );
        }
    }
}

/// `J` is the gradient with respect to the sum of embeddings: summed over the
/// batch it is the gradient of the position table, where that is added last.
fn assert_input_gradient(architecture: &Architecture, objective: Objective) {
    let network = perturbed(architecture, objective);
    let batch = Batch::zipf(architecture.vocabulary, 2, 4, 5);
    let mut seen = Seen::default();
    network.pass(&batch, &mut seen).unwrap();
    let input = Site {
        layer: None,
        role: Role::Input,
        index: 0,
    };
    let (shape, j) = &seen.activations[&(input, Symbol::J)];
    assert_eq!(*shape, [2, 4, architecture.width]);
    assert_eq!(*j, seen.activations[&(input, Symbol::D)].1);
    let (_, positions) = &seen.gradients["position.table"];
    let sequence = 4 * architecture.width;
    for i in 0..sequence {
        assert!((j[i] + j[sequence + i] - positions[i]).abs() < 1e-15);
    }
}

fn with_mixers(mixers: &[Mixer]) -> Architecture {
    let mut architecture = encoder();
    architecture.blocks = (mixers.iter().enumerate())
        .map(|(i, &mixer)| Block {
            mixer,
            feed_forward: FeedForward::dense(vec![5; 1 + i % 2], Activation::Gelu),
            adapters: Default::default(),
            left_out: false,
        })
        .collect();
    architecture
}

#[test]
fn attention_encoder() {
    let attention = |weighted| Mixer::Attention { heads: 2, weighted };
    let architecture = with_mixers(&[attention(false), attention(true)]);
    assert_gradients(&architecture, Objective::MaskedToken);
    assert_gradients(&architecture, Objective::RandomProjection);
}

#[test]
fn transform_encoder() {
    let transform = |transform| Mixer::Transform {
        heads: 2,
        transform,
    };
    assert_gradients(
        &with_mixers(&[transform(Transform::Fourier), transform(Transform::Cosine)]),
        Objective::MaskedToken,
    );
}

#[test]
fn dynamic_convolution_encoder() {
    let convolution = |kernel| Mixer::DynamicConvolution { heads: 4, kernel };
    assert_gradients(
        &with_mixers(&[convolution(3), convolution(9)]),
        Objective::MaskedToken,
    );
}

#[test]
fn encoder_without_projection() {
    let mut architecture = encoder();
    architecture.embedding.width = architecture.width;
    assert_gradients(&architecture, Objective::MaskedToken);
    architecture.embedding.norm = false;
    architecture.token_types = 0;
    assert_gradients(&architecture, Objective::RandomProjection);
    assert_input_gradient(&architecture, Objective::MaskedToken);
}

#[test]
fn encoder_with_norms_before_its_sublayers() {
    let mut architecture = with_mixers(&[
        Mixer::DynamicConvolution {
            heads: 2,
            kernel: 3,
        },
        Mixer::Attention {
            heads: 1,
            weighted: true,
        },
    ]);
    architecture.norm_placement = NormPlacement::Pre;
    assert_gradients(&architecture, Objective::MaskedToken);
}

#[test]
fn the_output_sum_has_gradients_once_gains_differ() {
    assert_gradients(&encoder(), Objective::OutputSum);
    assert_gradients(&decoder(), Objective::OutputSum);
}

#[test]
fn decoder_with_every_activation_and_norm_placement() {
    for activation in [
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Relu,
        Activation::Silu,
    ] {
        for placement in [NormPlacement::Pre, NormPlacement::Post] {
            let mut architecture = decoder();
            architecture.norm_placement = placement;
            for block in &mut architecture.blocks {
                block.feed_forward.activation = activation;
            }
            assert_gradients(&architecture, Objective::NextToken);
            assert_input_gradient(&architecture, Objective::NextToken);
        }
    }
}

#[test]
fn transformer_xl_with_norms_before_and_after() {
    for placement in [
        NormPlacement::Pre,
        NormPlacement::PreWithoutFinal,
        NormPlacement::Post,
    ] {
        assert_gradients(&transformer_xl(placement), Objective::NextToken);
        assert_gradients(&transformer_xl(placement), Objective::RandomProjection);
    }
    // Relative attention beside a table, and attention without one.
    let mut architecture = transformer_xl(NormPlacement::Post);
    architecture.embedding.position_width = PositionWidth::Model;
    assert_gradients(&architecture, Objective::NextToken);
    assert_input_gradient(&architecture, Objective::NextToken);
    let mut architecture = decoder();
    architecture.embedding.position_width = PositionWidth::None;
    assert_gradients(&architecture, Objective::NextToken);
}

#[test]
fn llama_and_its_descendants() {
    for objective in [Objective::NextToken, Objective::RandomProjection] {
        assert_gradients(&llama(), objective);
        assert_gradients(&olmo2(), objective);
        assert_gradients(&gemma3(), objective);
        assert_gradients(&neox(), objective);
        for (biases, key_value_heads) in [
            (AttentionBiases::None, 4),
            (AttentionBiases::QueryKeyValue, 2),
            (AttentionBiases::All, 1),
        ] {
            assert_gradients(&qwen(biases, key_value_heads), objective);
        }
    }
    // A tied head, and each kind of norm at every place.
    let mut tied = llama();
    tied.embedding.width = tied.width;
    tied.head = Head::Tied;
    assert_gradients(&tied, Objective::NextToken);
    for norm_kind in [NormKind::Layer, NormKind::Rms] {
        let mut architecture = qwen(AttentionBiases::None, 2);
        architecture.norm_kind = norm_kind;
        architecture.norm_placement = NormPlacement::Post;
        assert_gradients(&architecture, Objective::NextToken);
    }
    // Both ways, and without a gate or biases.
    let mut encoder = encoder();
    encoder.norm_kind = NormKind::Rms;
    encoder.blocks = llama().blocks;
    encoder.blocks[1].feed_forward = FeedForward {
        hidden: vec![5, 7],
        bias: false,
        ..FeedForward::dense(vec![], Activation::Silu)
    };
    assert_gradients(&encoder, Objective::MaskedToken);
}

#[test]
fn decoder_with_a_plain_tied_head() {
    let mut architecture = decoder();
    architecture.embedding.width = architecture.width;
    architecture.embedding.scale_by_root_width = false;
    architecture.head = Head::Tied;
    assert_gradients(&architecture, Objective::NextToken);
}

#[test]
fn decoder_with_an_adaptive_head() {
    for division in [1, 2] {
        for width in [4, 8] {
            for tied in [[true; 3], [false, true, true], [false; 3]] {
                let mut architecture = decoder();
                architecture.embedding.division = division;
                architecture.embedding.width = width;
                architecture.head = Head::Adaptive {
                    tied_projections: tied.into(),
                };
                assert_gradients(&architecture, Objective::NextToken);
                assert_input_gradient(&architecture, Objective::NextToken);
            }
        }
    }
}

#[test]
fn decoder_whose_further_clusters_stay_empty() {
    let mut architecture = decoder();
    architecture.embedding.division = 2;
    let network = Network::<f64>::seeded(&architecture, Objective::NextToken, 1).unwrap();
    let batch = Batch::from_tokens(vec![0, 1, 2, 0, 1, 1], 2, 3, 13).unwrap();
    let mut seen = Seen::default();
    network.pass(&batch, &mut seen).unwrap();
    let (_, tail) = &seen.gradients["embedding.2.table"];
    assert!(tail.iter().all(|&g| g == 0.0));
    let tail = |role| Site {
        layer: None,
        role,
        index: 2,
    };
    for role in [Role::Embedding, Role::Projection, Role::Head] {
        assert!(!seen.activations.contains_key(&(tail(role), Symbol::A)));
    }
}

#[test]
fn attention_over_several_blocks_of_queries() {
    let mut causal = decoder();
    causal.positions = 70;
    causal.blocks.truncate(1);
    assert_gradients_at(70, &causal, Objective::NextToken);
    let mut relative = transformer_xl(NormPlacement::Post);
    relative.positions = 150;
    relative.blocks.truncate(1);
    assert_gradients_at(150, &relative, Objective::NextToken);
    let mut grouped = llama();
    grouped.positions = 150;
    grouped.blocks.truncate(1);
    assert_gradients_at(150, &grouped, Objective::NextToken);
    let mut both_ways = encoder();
    both_ways.positions = 270;
    assert_gradients_at(270, &both_ways, Objective::MaskedToken);
}
