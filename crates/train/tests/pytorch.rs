//! Ten updates against PyTorch's AdamW: losses, gradient norms, and the weights
//! after the last one.
//!
//! The fixtures are written by `tools/dump_training.py`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::Path;

use lpzero_arch::Architecture;
use lpzero_nn::{Batch, Network, Objective, Tensors, Workspace};
use lpzero_train::{Batches, Recipe, Training};
use safetensors::{Dtype, SafeTensors};

struct Dump {
    architecture: Architecture,
    recipe: Recipe,
    tokens: Vec<u32>,
    /// Everything else, by name.
    numbers: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
}

impl Dump {
    fn read(name: &str) -> Dump {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(format!("{name}.safetensors"));
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().as_ref().unwrap();
        assert_eq!(metadata["format"], "lpzero-dump");
        let (mut numbers, mut tokens) = (BTreeMap::new(), Vec::new());
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().iter() {
            let words = view.data().as_chunks::<8>().0.iter();
            match view.dtype() {
                Dtype::I64 => tokens = words.map(|&w| i64::from_le_bytes(w) as u32).collect(),
                _ => {
                    let data = words.map(|&word| f64::from_le_bytes(word)).collect();
                    numbers.insert(name.to_owned(), (view.shape().to_vec(), data));
                }
            }
        }
        Dump {
            architecture: serde_json::from_str(&metadata["architecture"]).unwrap(),
            recipe: serde_json::from_str(&metadata["recipe"]).unwrap(),
            tokens,
            numbers,
        }
    }

    fn network(&self) -> Network<f32> {
        let initial = self.numbers.iter().filter_map(|(name, (shape, data))| {
            let name = name.strip_prefix("initial.")?.to_owned();
            Some((
                name,
                (shape.clone(), data.iter().map(|&x| x as f32).collect()),
            ))
        });
        let tensors: Tensors<f32> = initial.collect();
        let objective = Objective::default_for(&self.architecture);
        Network::from_tensors(&self.architecture, objective, tensors).unwrap()
    }
}

impl Batches for Dump {
    fn vocabulary(&self) -> usize {
        self.architecture.vocabulary
    }

    fn training(&self, number: u64, (batch, positions): (usize, usize)) -> Batch {
        let size = batch * positions;
        let tokens = self.tokens[number as usize * size..][..size].to_vec();
        Batch::from_tokens(tokens, batch, positions, self.vocabulary()).unwrap()
    }

    fn validation(&self, number: u64, shape: (usize, usize)) -> Batch {
        self.training(number, shape)
    }

    /// Under which the engine masks what the script masks.
    fn mask_seed(&self, _: u64) -> u64 {
        0
    }
}

fn compare(name: &str) {
    let dump = Dump::read(name);
    let mut training = Training::of(dump.network(), &dump.recipe, &dump, Workspace::new());
    let (losses, norms) = (
        &dump.numbers["output.losses"].1,
        &dump.numbers["output.norms"].1,
    );
    assert_eq!(losses.len(), 10);
    for (loss, norm) in losses.iter().zip(norms) {
        let point = training.update().unwrap();
        let (loss_error, norm_error) = ((point.loss - loss).abs(), (point.norm / norm - 1.0).abs());
        println!(
            "{name} {}: loss off by {loss_error:.1e}, norm by {norm_error:.1e}",
            point.step
        );
        assert!(
            loss_error < 1e-4,
            "{name}: {} instead of {loss}",
            point.loss
        );
        assert!(
            norm_error < 1e-4,
            "{name}: {} instead of {norm}",
            point.norm
        );
    }
    // Training must have done something, and clipped at least once, or this shows
    // little.
    assert!(losses[9] < losses[0] - 0.3 && norms.iter().any(|&norm| norm > dump.recipe.clip));
    let mut compared = 0;
    for parameter in training.network().parameters() {
        let (_, expected) = &dump.numbers[&format!("final.{}", parameter.name)];
        for (&found, &expected) in parameter.data.iter().zip(expected) {
            let error = (f64::from(found) - expected).abs();
            // Where a gradient vanishes in exact arithmetic (a key bias), the update
            // is the sign of rounding noise.
            if !parameter.name.ends_with("key.bias") {
                assert!(
                    error < 1e-4,
                    "{}: {found} instead of {expected}",
                    parameter.name
                );
            }
            compared += 1;
        }
    }
    assert!(compared > 1000);
}

#[test]
fn ten_updates_of_a_decoder_equal_pytorchs() {
    compare("gpt2_adaptive_div2");
}

#[test]
fn ten_updates_of_an_encoder_equal_pytorchs() {
    compare("encoder_sdp");
}
