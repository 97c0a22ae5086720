//! Products with the Hessian equal central differences of gradients (of fourth
//! order, in double precision), and the Hessian is symmetric.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::{
    LARGE_POSITIONS, Seen, decoder, encoder, large_zoo, llama, mixers, perturbed, qwen,
    transformer_xl,
};
use lpzero_arch::{Activation, Architecture, AttentionBiases, Head, Mixer, NormPlacement};
use lpzero_nn::{Batch, Dual, Network, NoVisitor, Objective, Parameter, Workspace, rademacher};

/// Elements by tensor.
type Tensors = BTreeMap<String, Vec<f64>>;

fn batch(architecture: &Architecture) -> Batch {
    Batch::zipf(architecture.vocabulary, 2, 4, 5)
}

fn gradients(network: &Network<f64>, batch: &Batch) -> Tensors {
    let mut seen = Seen::default();
    network.pass(batch, &mut seen).unwrap();
    let gradients = seen.gradients.into_iter();
    gradients.map(|(name, (_, data))| (name, data)).collect()
}

/// A vector without structure, one for each phase.
fn waves(phase: f64) -> impl Fn(&Parameter<f64>, &mut [f64]) {
    move |parameter, direction| {
        let shift = phase * parameter.name.len() as f64;
        for (i, v) in direction.iter_mut().enumerate() {
            *v = ((i as f64 + 1.0) * 78.233 + shift).sin();
        }
    }
}

fn product(
    network: &Network<f64>,
    batch: &Batch,
    direction: impl FnMut(&Parameter<f64>, &mut [f64]),
) -> Tensors {
    let mut products = Tensors::new();
    let expected = gradients(network, batch);
    let mut workspace = Workspace::new();
    let loss = network.hessian_vector(
        batch,
        direction,
        |seen| {
            let size: usize = seen.shape.iter().product();
            assert_eq!(size, seen.weight.len());
            assert_eq!(size, seen.direction.len());
            for (g, expected) in seen.gradient.iter().zip(&expected[seen.name]) {
                assert!((g - expected).abs() < 1e-12 * (1.0 + expected.abs()));
            }
            let before = products.insert(seen.name.to_owned(), seen.product.to_vec());
            assert!(before.is_none(), "{} was shown twice", seen.name);
        },
        &mut workspace,
    );
    let plain = network.pass(batch, &mut NoVisitor).unwrap();
    assert!((loss.unwrap() - plain).abs() < 1e-12);
    assert_eq!(products.len(), network.parameters().len());
    products
}

fn inner(a: &Tensors, b: &Tensors) -> f64 {
    let pairs = a.values().flatten().zip(b.values().flatten());
    pairs.map(|(a, b)| a * b).sum()
}

fn as_tensors(network: &Network<f64>, direction: impl Fn(&Parameter<f64>, &mut [f64])) -> Tensors {
    let tensor = |parameter: &Parameter<f64>| {
        let mut data = vec![0.0; parameter.data.len()];
        direction(parameter, &mut data);
        (parameter.name.clone(), data)
    };
    network.parameters().iter().map(tensor).collect()
}

/// The network with its weights moved along a direction.
fn moved(network: &Network<f64>, direction: &Tensors, step: f64) -> Network<f64> {
    let mut network = network.clone();
    for (name, direction) in direction {
        let weights = network.parameter_mut(name).unwrap();
        for (w, v) in weights.iter_mut().zip(direction) {
            *w += step * v;
        }
    }
    network
}

fn assert_products(architecture: &Architecture, objective: Objective) {
    let network = perturbed(architecture, objective);
    let batch = batch(architecture);
    let (u, v) = (waves(0.3), waves(1.9));
    let (hu, hv) = (product(&network, &batch, &u), product(&network, &batch, &v));
    let (u, v) = (as_tensors(&network, &u), as_tensors(&network, &v));

    let (uhv, vhu) = (inner(&u, &hv), inner(&v, &hu));
    let size = inner(&hv, &hv).sqrt() * inner(&u, &u).sqrt();
    assert!((uhv - vhu).abs() < 1e-12 * size, "{uhv} and {vhu}");

    let at = |step| gradients(&moved(&network, &v, step), &batch);
    let step = 5e-5;
    let near = [at(step), at(-step)];
    let far = [at(2.0 * step), at(-2.0 * step)];
    for (name, hv) in &hv {
        for (i, found) in hv.iter().enumerate() {
            let difference = |[above, below]: &[Tensors; 2], step: f64| {
                (above[name][i] - below[name][i]) / (2.0 * step)
            };
            let expected = (4.0 * difference(&near, step) - difference(&far, 2.0 * step)) / 3.0;
            assert!(
                (found - expected).abs() < 5e-9 * (1.0 + expected.abs()),
                "{objective}: {name}[{i}]: {found} by dual numbers, {expected} by differences"
            );
        }
    }
}

#[test]
fn every_mixer_in_both_norm_placements() {
    for mixer in mixers() {
        for placement in [NormPlacement::Pre, NormPlacement::Post] {
            let mut architecture = encoder();
            // A transform has no norm that could stand before it.
            if matches!(mixer, Mixer::Transform { .. }) && placement == NormPlacement::Pre {
                continue;
            }
            architecture.norm_placement = placement;
            architecture.blocks[0].mixer = mixer;
            assert_products(&architecture, Objective::MaskedToken);
            assert_products(&architecture, Objective::RandomProjection);
        }
    }
}

#[test]
fn relative_attention_in_every_norm_placement() {
    for placement in [
        NormPlacement::Pre,
        NormPlacement::PreWithoutFinal,
        NormPlacement::Post,
    ] {
        assert_products(&transformer_xl(placement), Objective::NextToken);
    }
}

#[test]
fn llama_and_its_descendants() {
    for objective in [Objective::NextToken, Objective::RandomProjection] {
        assert_products(&llama(), objective);
        assert_products(&qwen(AttentionBiases::All, 1), objective);
    }
}

#[test]
fn every_activation_in_both_norm_placements() {
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
            assert_products(&architecture, Objective::NextToken);
        }
    }
}

#[test]
fn every_head() {
    let mut tied = decoder();
    tied.embedding.width = tied.width;
    tied.head = Head::Tied;
    assert_products(&tied, Objective::NextToken);
    let mut free = decoder();
    free.head = Head::Free;
    assert_products(&free, Objective::NextToken);
    for division in [1, 2] {
        for projections in [[true; 3], [false, true, true], [false; 3]] {
            let mut adaptive = decoder();
            adaptive.embedding.division = division;
            adaptive.head = Head::Adaptive {
                tied_projections: projections.into(),
            };
            assert_products(&adaptive, Objective::NextToken);
        }
    }
    assert_products(&decoder(), Objective::OutputSum);
}

/// GraSP (Wang et al. 2020): `-sum W * (H G)`. Along the gradient the loss
/// falls fastest, and `W . H G` is how `W . G` changes on the way, less `G . G`.
#[test]
fn the_number_of_grasp_is_a_derivative_of_synaptic_saliency() {
    let architecture = decoder();
    let network = perturbed(&architecture, Objective::NextToken);
    let batch = batch(&architecture);
    let gradient = gradients(&network, &batch);
    let mut grasp = 0.0;
    let direction = |parameter: &Parameter<f64>, direction: &mut [f64]| {
        direction.copy_from_slice(&gradient[&parameter.name]);
    };
    let visit = |seen: lpzero_nn::Curvature<'_, f64>| {
        let pairs = seen.weight.iter().zip(seen.product);
        grasp -= pairs.map(|(w, hg)| w * hg).sum::<f64>();
    };
    let mut workspace = Workspace::<Dual<f64>>::new();
    (network.hessian_vector(&batch, direction, visit, &mut workspace)).unwrap();

    let saliency = |step: f64| {
        let network = moved(&network, &gradient, step);
        let weights = as_tensors(&network, |parameter, data| {
            data.copy_from_slice(&parameter.data);
        });
        inner(&weights, &gradients(&network, &batch))
    };
    let difference = |step: f64| (saliency(step) - saliency(-step)) / (2.0 * step);
    let step = 2e-5;
    let slope = (4.0 * difference(step) - difference(2.0 * step)) / 3.0;
    let expected = inner(&gradient, &gradient) - slope;
    assert!(
        (grasp - expected).abs() < 1e-8 * expected.abs(),
        "{grasp} and {expected}"
    );
}

/// Hutchinson (1990): the mean of `V . H V` over random signs is the trace.
#[test]
fn random_signs_estimate_the_trace() {
    let mut architecture = encoder();
    architecture.width = 4;
    architecture.vocabulary = 5;
    architecture.embedding.cutoffs = vec![5];
    let network = perturbed(&architecture, Objective::MaskedToken);
    let batch = batch(&architecture);
    let mut trace = 0.0;
    for parameter in network.parameters() {
        for i in 0..parameter.data.len() {
            let unit = |other: &Parameter<f64>, direction: &mut [f64]| {
                if other.name == parameter.name {
                    direction[i] = 1.0;
                }
            };
            trace += product(&network, &batch, unit)[&parameter.name][i];
        }
    }
    let probes = 2000;
    let mut workspace = Workspace::new();
    let mut estimates = vec![0.0; probes];
    for (seed, estimate) in estimates.iter_mut().enumerate() {
        let visit = |seen: lpzero_nn::Curvature<'_, f64>| {
            assert!(seen.direction.iter().all(|v| v.abs() == 1.0));
            let pairs = seen.direction.iter().zip(seen.product);
            *estimate += pairs.map(|(v, hv)| v * hv).sum::<f64>();
        };
        let signs = rademacher(seed as u64);
        (network.hessian_vector(&batch, signs, visit, &mut workspace)).unwrap();
    }
    let mean = estimates.iter().sum::<f64>() / probes as f64;
    let variance = estimates.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / probes as f64;
    let error = (variance / probes as f64).sqrt();
    assert!(
        (mean - trace).abs() < 3.0 * error && error < 0.1 * trace.abs(),
        "{mean} +- {error}, but {trace}"
    );
}

fn single(network: &Network<f32>, batch: &Batch, workspace: &mut Workspace<Dual<f32>>) -> Vec<f32> {
    let mut products = Vec::new();
    let visit = |seen: lpzero_nn::Curvature<'_, f32>| products.extend_from_slice(seen.product);
    (network.hessian_vector(batch, rademacher(1), visit, workspace)).unwrap();
    products
}

#[test]
fn single_precision_is_the_same_to_the_bit_on_any_number_of_threads() {
    for (architecture, objective) in large_zoo() {
        let network = Network::<f32>::seeded(&architecture, objective, 1).unwrap();
        let batch = Batch::zipf(architecture.vocabulary, 2, LARGE_POSITIONS, 1);
        let alone = single(&network, &batch, &mut Workspace::new());
        assert!(alone.iter().all(|x| x.is_finite()) && alone.iter().any(|&x| x != 0.0));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3);
        let mut workspace = Workspace::on(Arc::new(pool.build().unwrap()));
        let shared = single(&network, &batch, &mut workspace);
        assert!(alone == shared, "{:?}", architecture.blocks[0].mixer);
    }
}
