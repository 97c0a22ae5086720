//! Log-likelihoods, perplexities and multiple choice as transformers and PyTorch have
//! them.
//!
//! The fixtures are written by `tools/dump_likelihoods.py`.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lpzero::arch::{Reading, read_architecture};
use lpzero::likelihood::{Evaluator, Sequence, Template, Windows, choose, perplexity, read_items};
use lpzero::nn::{Batch, Network, Objective, Stored, Workspace};
use lpzero::text::Tokenizer;
use lpzero::trace::{Need, Weights};
use lpzero::{Task, Watch};
use serde_json::Value;

/// Relative.
const TOLERANCE: f64 = 1e-4;
const ENOUGH: u64 = 1 << 30;

fn fixture(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/likelihood");
    tests.join(name)
}

fn checkpoint(name: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    crates.join("nn/tests/fixtures/checkpoints").join(name)
}

fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture("expected.json")).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap().iter();
    list.map(|x| x.as_f64().unwrap()).collect()
}

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let difference = (found - expected).abs() / expected.abs();
        assert!(difference < TOLERANCE, "{found} {expected}");
    }
}

/// A byte less than weights and activations of a pass take together.
fn scarce(name: &str, positions: usize) -> u64 {
    let architecture = read_architecture(&checkpoint(name), Reading::AsTrained).unwrap();
    Need::of_evaluation(&architecture, (1, positions), ENOUGH).bytes - 1
}

fn evaluator(name: &str, positions: usize, memory: u64) -> Evaluator {
    let folder = checkpoint(name);
    let architecture = read_architecture(&folder, Reading::AsTrained).unwrap();
    let weights: Weights = Arc::new(Stored::open_folder(&folder).unwrap().unwrap());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
    let pool = Arc::new(pool.unwrap());
    Evaluator::new(name, &architecture, &weights, &pool, (positions, memory)).unwrap()
}

/// Nobody is told, and nobody stops it.
fn unwatched<T>(work: impl FnOnce(&Task<'_>) -> T) -> T {
    work(&Watch::default().task("test"))
}

#[test]
fn every_token_of_every_checkpoint_is_as_probable_as_in_transformers() {
    let expected = expected();
    let tokens: Vec<u32> = (numbers(&expected["tokens"]).iter())
        .map(|&token| token as u32)
        .collect();
    for (name, expected) in expected["checkpoints"].as_object().unwrap() {
        let expected = numbers(&expected["log_likelihoods"]);
        for memory in [ENOUGH, scarce(name, 8)] {
            let mut evaluator = evaluator(name, 8, memory);
            assert_eq!(evaluator.is_streamed(), memory != ENOUGH, "{name}");
            // Shorter ones share the pass, and are filled up behind their ends.
            let sequences = [(3, 2), (8, 7), (5, 1), (8, 3)].map(|(length, scored)| Sequence {
                tokens: &tokens[..length],
                scored,
            });
            let found = unwatched(|watch| evaluator.log_likelihoods(&sequences, watch)).unwrap();
            for (found, sequence) in found.iter().zip(sequences) {
                let end = sequence.tokens.len() - 1;
                assert_near(found, &expected[end - sequence.scored..end]);
            }
        }
    }
}

#[test]
fn log_likelihoods_are_those_that_the_loss_is_the_mean_of() {
    for name in ["gpt2", "llama"] {
        let folder = checkpoint(name);
        let architecture = read_architecture(&folder, Reading::AsTrained).unwrap();
        let stored = Stored::open_folder(&folder).unwrap().unwrap();
        let mut workspace = Workspace::new();
        let network: Network<f64> =
            Network::loaded(&architecture, Objective::NextToken, &stored, &mut workspace).unwrap();
        let batch = Batch::zipf(architecture.vocabulary, 4, 8, 1);
        let each = network.log_likelihoods(&batch, &mut workspace).unwrap();
        assert_eq!(each.len(), 4 * 7);
        let loss = network.evaluate_with(&batch, &mut workspace).unwrap();
        let mean = -each.iter().sum::<f64>() / each.len() as f64;
        assert!((mean - loss).abs() < 1e-12 * loss);
    }
}

#[test]
fn perplexities_of_all_strides_are_those_of_the_script() {
    let expected = expected();
    let tokenizer = Tokenizer::read(&fixture("tokenizer.json")).unwrap();
    let text = std::fs::read_to_string(fixture("text.txt")).unwrap();
    let tokens = tokenizer.tokens(&text).unwrap();
    let known = numbers(&expected["tokens"]);
    assert_eq!(
        tokens.iter().map(|&t| f64::from(t)).collect::<Vec<_>>(),
        known
    );
    for (name, of_model) in expected["checkpoints"].as_object().unwrap() {
        for memory in [ENOUGH, scarce(name, 8)] {
            let mut evaluator = evaluator(name, 8, memory);
            let found: Vec<f64> = (expected["windows"].as_array().unwrap().iter())
                .map(|window| {
                    let [positions, stride] = numbers(window)[..] else {
                        panic!("two numbers");
                    };
                    let windows = Windows::new(positions as usize, stride as usize).unwrap();
                    let found =
                        unwatched(|watch| perplexity(&mut evaluator, &tokens, windows, watch));
                    let found = found.unwrap();
                    assert_eq!(found.scored, tokens.len() - 1);
                    found.perplexity()
                })
                .collect();
            assert_near(&found, &numbers(&of_model["perplexities"]));
        }
    }
}

#[test]
fn answers_are_as_probable_as_in_transformers() {
    let expected = expected();
    let tokenizer = Tokenizer::read(&fixture("tokenizer.json")).unwrap();
    let items = read_items(&fixture("items.json"), &Template::default()).unwrap();
    for (name, expected) in expected["checkpoints"].as_object().unwrap() {
        let mut evaluator = evaluator(name, 8, ENOUGH);
        let positions = evaluator.architecture().positions;
        let report =
            unwatched(|watch| choose(&mut evaluator, &tokenizer, &items, positions, watch));
        let report = report.unwrap();
        // Only gpt2 has so few positions that prompts lose their start.
        assert_eq!(report.cut > 0, name == "gpt2", "{name}: {}", report.cut);
        let expected = expected["items"].as_array().unwrap();
        assert_eq!(report.items.len(), expected.len());
        let (mut right, mut normalised) = (0, 0);
        for ((found, expected), item) in report.items.iter().zip(expected).zip(&items) {
            let sums = numbers(expected);
            assert_near(&found.sums, &sums);
            let best = |values: Vec<f64>| {
                let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                values.iter().position(|&x| x == largest).unwrap()
            };
            right += usize::from(best(sums.clone()) == item.answer);
            let lengths = item.choices.iter().map(|choice| choice.len() as f64);
            let means = sums.iter().zip(lengths).map(|(sum, length)| sum / length);
            normalised += usize::from(best(means.collect()) == item.answer);
        }
        assert_eq!(report.accuracy().right, right);
        assert_eq!(report.accuracy_normalised().right, normalised);
    }
}

#[test]
fn what_cannot_be_scored_is_refused() {
    let mut evaluator = evaluator("llama", 8, ENOUGH);
    let mut refusal = |tokens: &[u32], scored| {
        let sequences = [Sequence { tokens, scored }];
        let found = unwatched(|watch| evaluator.log_likelihoods(&sequences, watch));
        found.unwrap_err().to_string()
    };
    assert!(refusal(&[1, 2], 2).contains("none is left before them"));
    assert!(refusal(&[1, 13], 1).contains("token 13"));
    assert!(refusal(&[1; 17], 1).contains("17 positions"));
    let watch = Watch::default();
    watch.cancel();
    let sequences = [Sequence {
        tokens: &[1, 2],
        scored: 1,
    }];
    let error = evaluator.log_likelihoods(&sequences, &watch.task("test"));
    let error = error.unwrap_err();
    assert!(error.is_cancelled());
}
