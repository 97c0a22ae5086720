//! The pass of synaptic flow against differences of an independent forward
//! pass, and against the conservation laws that give it its name.
use std::sync::Arc;

use crate::common::{
    Seen, decoder, encoder, large_zoo, llama, mixers, perturbed, qwen, transformer_xl,
};
use lpzero_arch::{Activation, Architecture, AttentionBiases, Mixer, NormPlacement, Transform};
use lpzero_nn::{Error, Flow, Network, NoVisitor, Objective, Role, Site, Symbol, Workspace};

fn synflow<F: lpzero_nn::Engine>(
    network: &Network<F>,
    (batch, positions): (usize, usize),
) -> (f64, Seen<F>) {
    let mut seen = Seen::default();
    let flow = network.synflow_pass(batch, positions, &mut seen, &mut Workspace::new());
    let flow = flow.unwrap();
    assert_eq!(flow.exponent, 0.0);
    (flow.value, seen)
}

/// A pass whose activations may be scaled.
fn scaled<F: lpzero_nn::Engine>(
    network: &Network<F>,
    (batch, positions): (usize, usize),
) -> (Flow, Seen<F>) {
    let mut seen = Seen::default();
    let flow = network.synflow_pass(batch, positions, &mut seen, &mut Workspace::new());
    (flow.unwrap(), seen)
}

/// Causal attention and ReLU; both norm placements give one network without
/// norms.
fn relu_decoder(placement: NormPlacement) -> Architecture {
    let mut architecture = decoder();
    architecture.norm_placement = placement;
    for block in &mut architecture.blocks {
        block.feed_forward.activation = Activation::Relu;
    }
    architecture
}

/// The sum of the last hidden state for one row, which stands for all of them:
/// equal rows attend to each other uniformly.
fn one_row(network: &Network<f64>) -> f64 {
    let architecture = network.architecture();
    let tensor = |name: String| {
        let parameter = network.parameters().iter().find(|p| p.name == name);
        parameter.unwrap().data.iter().map(|w| w.abs())
    };
    let map = |name: &str, x: &[f64]| -> Vec<f64> {
        let weight: Vec<f64> = tensor(format!("{name}.weight")).collect();
        let rows = weight.chunks(x.len());
        let products = rows.map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>());
        let biases = tensor(format!("{name}.bias"));
        products.zip(biases).map(|(y, b)| y + b).collect()
    };
    let mut x = vec![1.0; architecture.width];
    for layer in 0..architecture.blocks.len() {
        let name = |name: &str| format!("block.{layer}.{name}");
        let attended = map(&name("out"), &map(&name("value"), &x));
        x.iter_mut().zip(attended).for_each(|(x, y)| *x += y);
        // All values are positive, and so ReLU is the identity.
        let fed = map(&name("ffn.1"), &map(&name("ffn.0"), &x));
        x.iter_mut().zip(fed).for_each(|(x, y)| *x += y);
    }
    x.iter().sum()
}

#[test]
fn gradients_equal_differences_of_an_independent_forward_pass() {
    let rows = (2, 3);
    for placement in [NormPlacement::Pre, NormPlacement::Post] {
        let mut network = perturbed(&relu_decoder(placement), Objective::NextToken);
        let (loss, seen) = synflow(&network, rows);
        let expected = 6.0 * one_row(&network);
        assert!((loss - expected).abs() < 1e-12 * expected);

        // Two blocks of queries, keys, values, outs and two dense layers.
        assert_eq!(seen.gradients.len(), 2 * 2 * 6);
        for (name, (_, gradient)) in &seen.gradients {
            for (i, found) in gradient.iter().enumerate() {
                let mut at = |offset: f64| {
                    let weights = network.parameter_mut(name).unwrap();
                    let before = weights[i];
                    weights[i] = before.signum() * (before.abs() + offset);
                    let loss = 6.0 * one_row(&network);
                    network.parameter_mut(name).unwrap()[i] = before;
                    loss
                };
                // Linear in every single weight: no error but rounding.
                let numeric = at(1.0) - at(0.0);
                let tolerance = 1e-12 * (loss + numeric.abs());
                assert!(
                    (found - numeric).abs() < tolerance,
                    "{name}[{i}]: {found} by backward, {numeric} by differences"
                );
            }
        }
    }
}

#[test]
fn every_mixer_has_the_gradients_of_its_own_loss() {
    let encoders = mixers().map(|mixer| {
        let mut architecture = encoder();
        architecture.blocks[0].mixer = mixer;
        architecture
    });
    let relative = transformer_xl(NormPlacement::Post);
    let grouped = [llama(), qwen(AttentionBiases::All, 2)];
    let architectures = encoders.into_iter().chain([relative]).chain(grouped);
    for architecture in architectures {
        let mixer = architecture.blocks[0].mixer;
        let mut network = perturbed(&architecture, Objective::RandomProjection);
        let (loss, seen) = synflow(&network, (1, 4));
        for (name, (_, gradient)) in &seen.gradients {
            for (i, found) in gradient.iter().enumerate() {
                let mut at = |offset: f64| {
                    let weights = network.parameter_mut(name).unwrap();
                    let before = weights[i];
                    weights[i] = before.signum() * (before.abs() + offset);
                    let mut workspace = Workspace::new();
                    let loss = network.synflow_pass(1, 4, &mut NoVisitor, &mut workspace);
                    network.parameter_mut(name).unwrap()[i] = before;
                    loss.unwrap().sum()
                };
                let mut difference = |step: f64| (at(step) - at(-step)) / (2.0 * step);
                let numeric = (4.0 * difference(3e-5) - difference(6e-5)) / 3.0;
                assert!(
                    (found - numeric).abs() < 1e-9 * (loss.abs() + numeric.abs()),
                    "{mixer:?}: {name}[{i}]: {found} by backward, {numeric} by differences"
                );
            }
        }
    }
}

/// Theorem 1 of Tanaka et al.: what flows into a hidden neuron without bias
/// under a homogeneous nonlinearity flows out of it.
#[test]
fn flow_is_conserved_at_every_neuron() {
    let architecture = relu_decoder(NormPlacement::Pre);
    // Biases are 0 before training.
    let network = Network::<f64>::seeded(&architecture, Objective::NextToken, 1).unwrap();
    let (_, seen) = synflow(&network, (2, 5));
    let flow = |name: &str| -> Vec<f64> {
        let parameter = network.parameters().iter().find(|p| p.name == name);
        let weights = parameter.unwrap().data.iter().map(|w| w.abs());
        weights
            .zip(&seen.gradients[name].1)
            .map(|(w, g)| w * g)
            .collect()
    };
    for (first, second, neurons) in [
        ("block.0.ffn.0.weight", "block.0.ffn.1.weight", 6),
        ("block.1.ffn.0.weight", "block.1.ffn.1.weight", 6),
        ("block.0.value.weight", "block.0.out.weight", 8),
        ("block.1.value.weight", "block.1.out.weight", 8),
    ] {
        let (first, second) = (flow(first), flow(second));
        let inputs = first.len() / neurons;
        for neuron in 0..neurons {
            let into: f64 = first[neuron * inputs..][..inputs].iter().sum();
            let out: f64 = second.iter().skip(neuron).step_by(neurons).sum();
            assert!(into > 0.0 && (into - out).abs() < 1e-12 * into);
        }
    }
    for layer in 0..2 {
        for map in ["query", "key"] {
            let name = format!("block.{layer}.{map}.weight");
            assert!(flow(&name).iter().all(|flow| flow.abs() < 1e-12));
        }
    }
}

/// Where every path goes through a layer, its `sum W * G` is the whole loss: a
/// linear transform has no residual sum around it.
#[test]
fn flow_is_conserved_from_layer_to_layer() {
    let mut architecture = encoder();
    let mut block = architecture.blocks[0].clone();
    block.feed_forward.activation = Activation::Relu;
    block.mixer = Mixer::Transform {
        heads: 2,
        transform: Transform::Fourier,
    };
    architecture.blocks = vec![block; 4];
    let network = Network::<f64>::seeded(&architecture, Objective::RandomProjection, 1).unwrap();
    let (loss, seen) = synflow(&network, (2, 5));
    let input = Site {
        layer: None,
        role: Role::Input,
        index: 0,
    };
    let (_, j) = &seen.activations[&(input, Symbol::J)];
    let at_input: f64 = j.iter().sum();
    assert!((at_input - loss).abs() < 1e-12 * loss.abs());
    for layer in 0..4 {
        let name = format!("block.{layer}.transform.weight");
        let parameter = network.parameters().iter().find(|p| p.name == name);
        let weights = parameter.unwrap().data.iter().map(|w| w.abs());
        let gradients = &seen.gradients[&name].1;
        let flow: f64 = weights.zip(gradients).map(|(w, g)| w * g).sum();
        assert!((flow - loss).abs() < 1e-12 * loss.abs(), "{flow}, {loss}");
    }
}

/// A network whose activations are too large to be kept as they are.
fn deep(mut architecture: Architecture, blocks: usize) -> Network<f64> {
    let block = architecture.blocks[0].clone();
    architecture.blocks = vec![block; blocks];
    let objective = Objective::default_for(&architecture);
    let mut network = perturbed(&architecture, objective);
    let names = network.parameters().iter().map(|p| p.name.clone());
    for name in names.collect::<Vec<_>>() {
        let weights = network.parameter_mut(&name).unwrap();
        weights.iter_mut().for_each(|weight| *weight *= 8.0);
    }
    network
}

#[test]
fn scaled_activations_have_the_loss_of_plain_ones() {
    let network = deep(relu_decoder(NormPlacement::Pre), 40);
    let (flow, seen) = scaled(&network, (1, 1));
    let expected = one_row(&network);
    assert!(flow.exponent > 100.0 && expected.is_finite());
    assert!((flow.sum() - expected).abs() < 1e-11 * expected);
    assert!((flow.ln() - expected.ln()).abs() < 1e-11);

    // The loss is homogeneous of degree 1 in the weights of a map, but for biases and
    // what goes around it: no share of the flow is larger than all of it.
    for (name, (_, gradient)) in &seen.gradients {
        let weights = &network.parameters().iter().find(|p| p.name == *name);
        let weights = weights.unwrap().data.iter().map(|w| w.abs());
        let flow_here: f64 = weights.zip(gradient).map(|(w, g)| w * g).sum();
        assert!(
            (0.0..=flow.value * (1.0 + 1e-9)).contains(&flow_here),
            "{name}"
        );
    }
}

#[test]
fn single_precision_does_not_overflow_either() {
    let network = deep(relu_decoder(NormPlacement::Pre), 40);
    let tensors = network.parameters().iter().map(|p| {
        let data = p.data.iter().map(|&w| w as f32).collect();
        (p.name.clone(), (p.shape.clone(), data))
    });
    let architecture = network.architecture();
    let single =
        Network::<f32>::from_tensors(architecture, Objective::NextToken, tensors.collect());
    let (flow, seen) = scaled(&single.unwrap(), (1, 2));
    assert!(flow.sum() > f64::from(f32::MAX));
    assert!((flow.ln() - scaled(&network, (1, 2)).0.ln()).abs() < 1e-4);
    let mut gradients = seen.gradients.values().flat_map(|(_, data)| data);
    assert!(gradients.all(|g| g.is_finite()));
}

/// A gate squares its input, so that the logarithm of the loss doubles with every
/// block.
#[test]
fn two_hundred_gated_blocks_have_a_flow() {
    let logarithm = |blocks| {
        let (flow, seen) = scaled(&deep(llama(), blocks), (1, 1));
        let mut gradients = seen.gradients.values().flat_map(|(_, data)| data);
        assert!(gradients.all(|g| g.is_finite()));
        flow.ln()
    };
    let logarithms = [100, 199, 200].map(logarithm);
    assert!(logarithms[0] > 2f64.powi(100) && logarithms[2] > 2f64.powi(200));
    assert!((logarithms[2] / logarithms[1] - 2.0).abs() < 1e-9);
}

#[test]
fn gradients_of_scaled_activations_are_those_of_the_logarithm() {
    let encoders = mixers().map(|mixer| {
        let mut architecture = encoder();
        architecture.blocks[0].mixer = mixer;
        architecture
    });
    let relative = transformer_xl(NormPlacement::Post);
    let grouped = [llama(), qwen(AttentionBiases::All, 2)];
    let architectures = encoders.into_iter().chain([relative]).chain(grouped);
    for architecture in architectures {
        let mixer = architecture.blocks[0].mixer;
        let rows = (1, if mixer.only_attends() { 1 } else { 4 });
        let blocks = if architecture.blocks[0].feed_forward.gated {
            8
        } else {
            16
        };
        let mut network = deep(architecture, blocks);
        let (flow, seen) = scaled(&network, rows);
        assert!(flow.exponent > 0.0, "{mixer:?}");
        for (name, (_, gradient)) in &seen.gradients {
            let i = gradient.len() / 2;
            let mut at = |factor: f64| {
                let weights = network.parameter_mut(name).unwrap();
                let before = weights[i];
                weights[i] *= factor;
                let (flow, _) = scaled(&network, rows);
                network.parameter_mut(name).unwrap()[i] = before;
                flow.ln()
            };
            let mut difference = |step: f64| (at(1.0 + step) - at(1.0 - step)) / (2.0 * step);
            let numeric = (4.0 * difference(1e-4) - difference(2e-4)) / 3.0;
            let weights = &network.parameters().iter().find(|p| p.name == *name);
            let exact = weights.unwrap().data[i].abs() * gradient[i] / flow.value;
            assert!(
                (exact - numeric).abs() < 1e-8 * (1.0 + exact.abs()),
                "{mixer:?}: {name}[{i}]: {exact} by backward, {numeric} by differences"
            );
        }
    }
}

#[test]
fn a_pass_is_the_same_to_the_bit_on_any_number_of_threads() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3);
    let mut workspace = Workspace::on(Arc::new(pool.build().unwrap()));
    for (architecture, objective) in large_zoo() {
        let network = Network::<f64>::seeded(&architecture, objective, 1).unwrap();
        let (loss, alone) = synflow(&network, (2, 150));
        let mut shared = Seen::default();
        let again = network.synflow_pass(2, 150, &mut shared, &mut workspace);
        assert_eq!(loss, again.unwrap().sum());
        assert!(alone == shared, "{:?}", architecture.blocks[0].mixer);
    }
}

#[test]
fn impossible_sizes_are_refused() {
    let network = Network::<f64>::seeded(&decoder(), Objective::NextToken, 1).unwrap();
    let pass = |batch, positions| {
        network.synflow_pass(batch, positions, &mut NoVisitor, &mut Workspace::new())
    };
    assert!(matches!(pass(0, 3), Err(Error::BatchTooSmall { .. })));
    assert!(matches!(pass(1, 0), Err(Error::BatchTooSmall { .. })));
    assert!(matches!(pass(1, 6), Err(Error::Positions { .. })));
    assert!(matches!(pass(usize::MAX, 5), Err(Error::TooLarge { .. })));
}
