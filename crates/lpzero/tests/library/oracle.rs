//! Every named proxy that reads a network against PyTorch and NumPy.
//!
//! `tools/dump_proxies.py` computes the scores from their definitions in double
//! precision. We score in single precision, as the command does, hence the
//! tolerances; terms that cancel are compared on the scale of their sizes.
use std::path::Path;

use lpzero::language::{ExactVisitor, Trace, named};
use lpzero::nn::{Batch, Network, Objective, Workspace};
use lpzero::{Proxy, run_passes};
use safetensors::{Dtype, SafeTensors};

/// Of single precision over a whole network.
const TOLERANCE: f64 = 1e-5;

/// Scores that single precision leaves fewer digits, and why.
const LOOSER: [(&str, f64, &str); 8] = [
    (
        "logsynflow",
        1e-3,
        "logarithms of query and key gradients, which vanish in exact arithmetic: we have 0, PyTorch has rounding noise",
    ),
    ("zico", 1e-3, "quotients by spreads that nearly vanish"),
    (
        "jacobian_covariance",
        1e-2,
        "1 / (v + 1e-5) over eigenvalues that vanish in exact arithmetic",
    ),
    (
        "jacobian_cosine",
        1e-4,
        "twentieth roots of cosines near 0 magnify rounding, which AVX-512 and AVX2 do differently",
    ),
    ("meco", 1e-4, "smallest eigenvalues"),
    (
        "eznas",
        5e-3,
        "signs of gradients that vanish in exact arithmetic",
    ),
    ("synaptic_diversity", 1e-4, "a decomposition"),
    ("synaptic_diversity_per_layer", 1e-4, "a decomposition"),
];

/// Not in the fixture: counts, which are tested elsewhere.
const ELSEWHERE: [&str; 5] = [
    "params",
    "decoder_params",
    "flops",
    "layers",
    "depth2_width",
];

fn network(name: &str) -> (Network<f32>, Batch) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nn/tests/fixtures");
    let bytes = std::fs::read(folder.join(format!("{name}.safetensors"))).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().as_ref().unwrap();
    let architecture: lpzero::arch::Architecture =
        serde_json::from_str(&metadata["architecture"]).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let weights = tensors
        .iter()
        .filter(|(_, view)| view.dtype() == Dtype::F64)
        .map(|(name, view)| {
            let words = view.data().as_chunks::<8>().0.iter();
            let data = words.map(|word| f64::from_le_bytes(*word) as f32).collect();
            (name.to_owned(), (view.shape().to_vec(), data))
        });
    let objective = Objective::default_for(&architecture);
    let network = Network::from_tensors(&architecture, objective, weights.collect()).unwrap();
    let view = tensors.tensor("input.tokens").unwrap();
    let words = view.data().as_chunks::<8>().0.iter();
    let tokens = words.map(|word| i64::from_le_bytes(*word) as u32).collect();
    let shape = view.shape();
    let batch = Batch::from_tokens(tokens, shape[0], shape[1], architecture.vocabulary).unwrap();
    (network, batch)
}

#[test]
fn the_named_proxies_equal_their_definitions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/proxies.json");
    let text = std::fs::read_to_string(path).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let proxies: Vec<Proxy> = Proxy::all_named();
    let formulas: Vec<_> = proxies.iter().map(|proxy| proxy.formula.clone()).collect();
    let mut wrong = Vec::new();
    for (name, expected) in expected.as_object().unwrap() {
        let (network, batch) = network(name);
        let mut visitor = ExactVisitor::new(&formulas).unwrap();
        let workspace = &mut Workspace::new();
        run_passes(&network, &batch, &mut visitor, workspace).unwrap();
        let scores = visitor.finish(&Trace::data_free(network.architecture()).scalars);
        let mut compared = 0;
        for (proxy, score) in proxies.iter().zip(scores) {
            if ELSEWHERE.contains(&&*proxy.name) {
                continue;
            }
            let Some(wanted) = expected[&proxy.name].as_f64() else {
                // No linear map shows what a depthwise convolution gives, and
                // neither relative nor rotary attention has a table of positions.
                let absent = match &*proxy.name {
                    "meco" | "fisher" => name == "encoder_dsc",
                    "jacobian_cosine" | "jacobian_covariance" => {
                        ["transformer_xl", "llama", "qwen"]
                            .iter()
                            .any(|family| name.starts_with(family))
                    }
                    _ => false,
                };
                assert!(absent, "{name}: no {}", proxy.name);
                continue;
            };
            compared += 1;
            // The oracle has the flow, the proxy its logarithm.
            let score = if *proxy.name == *"synflow" {
                score.exp()
            } else {
                score
            };
            let scale = expected["scale"][&proxy.name]
                .as_f64()
                .unwrap_or(wanted.abs());
            let looser = LOOSER.iter().find(|(known, ..)| *known == proxy.name);
            let tolerance = looser.map_or(TOLERANCE, |row| row.1);
            let difference = (score - wanted).abs();
            let error = match scale {
                0.0 => difference,
                scale => difference / scale,
            };
            if error.is_nan() || error > tolerance {
                wrong.push(format!(
                    "{name}, {}: {score} instead of {wanted}, off by {error:.1e}",
                    proxy.name
                ));
            }
        }
        assert!(compared >= named::NAMED.len() - ELSEWHERE.len() - 2);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn synaptic_flow_through_many_blocks_is_finite() {
    // Rounding between equal positions, which grows like the activations, made
    // these infinite; so did the gates of LLaMA, each of which squares its input.
    for (name, depths) in [("gpt2_tied", [24, 200]), ("llama", [12, 200])] {
        let (network, batch) = network(name);
        for blocks in depths {
            let mut deep = network.architecture().clone();
            deep.blocks = vec![deep.blocks[0].clone(); blocks];
            deep.initialisation.weight = 1.0;
            deep.initialisation.residual = None;
            let network = Network::seeded(&deep, Objective::NextToken, 0).unwrap();
            let formulas = ["synflow", "logsynflow"].map(|name| named::find(name).unwrap().node());
            let mut visitor = ExactVisitor::new(&formulas).unwrap();
            run_passes(&network, &batch, &mut visitor, &mut Workspace::new()).unwrap();
            let scores = visitor.finish(&Trace::data_free(&deep).scalars);
            let finite = scores.iter().all(|score| score.is_finite());
            assert!(finite, "{name}, {blocks} blocks: {scores:?}");
        }
    }
}
