//! The pass of synaptic flow against differences of an independent forward
//! pass, and against the conservation laws that give it its name.
use std::sync::Arc;

use crate::common::{
    Seen, decoder, encoder, large_zoo, llama, mixers, perturbed, qwen, transformer_xl,
};
use lpzero_arch::{Activation, Architecture, AttentionBiases, Mixer, NormPlacement, Transform};
use lpzero_nn::{Error, Network, NoVisitor, Objective, Role, Site, Symbol, Workspace};

fn synflow<F: lpzero_nn::Engine>(
    network: &Network<F>,
    (batch, positions): (usize, usize),
) -> (f64, Seen<F>) {
    let mut seen = Seen::default();
    let loss = network.synflow_pass(batch, positions, &mut seen, &mut Workspace::new());
    (loss.unwrap(), seen)
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
                    loss.unwrap()
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

#[test]
fn double_precision_holds_what_overflows_single_precision() {
    let mut architecture = relu_decoder(NormPlacement::Pre);
    architecture.blocks = vec![architecture.blocks[0].clone(); 40];
    let double = perturbed(&architecture, Objective::NextToken);
    let tensors = double.parameters().iter().map(|p| {
        let data = p.data.iter().map(|&w| w as f32).collect();
        (p.name.clone(), (p.shape.clone(), data))
    });
    let single =
        Network::<f32>::from_tensors(&architecture, Objective::NextToken, tensors.collect());
    assert!(!synflow(&single.unwrap(), (1, 2)).0.is_finite());
    let (loss, seen) = synflow(&double, (1, 2));
    assert!(loss.is_finite() && loss > f64::from(f32::MAX));
    let mut gradients = seen.gradients.values().flat_map(|(_, data)| data);
    assert!(gradients.all(|g| g.is_finite()));
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
        assert_eq!(loss, again.unwrap());
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
