//! Every instruction set that this machine has gives the same results to
//! rounding. A single test, because the switch holds for the whole process.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use common::{LARGE_POSITIONS, Seen, large_zoo};
use lpzero_nn::{Batch, InstructionSet, Network};

fn results() -> Vec<(f64, Seen<f32>)> {
    let run = |(architecture, objective)| {
        let network = Network::seeded(&architecture, objective, 1).unwrap();
        let batch = Batch::zipf(architecture.vocabulary, 2, LARGE_POSITIONS, 1);
        let mut seen = Seen::default();
        let loss = network.pass(&batch, &mut seen).unwrap();
        (loss, seen)
    };
    large_zoo().into_iter().map(run).collect()
}

#[test]
fn every_instruction_set_gives_the_same_results_to_rounding() {
    let best = InstructionSet::in_use();
    let expected = results();
    for set in InstructionSet::ALL {
        if !set.is_available() {
            eprintln!("SKIPPED: this machine has no {set:?}");
            continue;
        }
        set.limit();
        assert_eq!(InstructionSet::in_use(), set);
        for ((loss, seen), (expected_loss, expected)) in results().iter().zip(&expected) {
            assert!((loss - expected_loss).abs() < 1e-6 * expected_loss);
            let largest = |(_, gradient): &(Vec<usize>, Vec<f32>)| {
                gradient
                    .iter()
                    .fold(0f32, |largest, g| largest.max(g.abs()))
            };
            // Some gradients are 0 but for rounding (that of the key's bias), some
            // are small sums of large numbers (those behind a transform).
            let noise = 1e-5 * expected.gradients.values().map(largest).fold(0.0, f32::max);
            for (name, (_, gradient)) in &seen.gradients {
                let tolerance = 3e-5 * largest(&expected.gradients[name]) + noise;
                let (_, expected) = &expected.gradients[name];
                for (found, expected) in gradient.iter().zip(expected) {
                    let error = (found - expected).abs();
                    assert!(error <= tolerance, "{set:?}: {name} is off by {error:e}");
                }
            }
        }
    }
    best.limit();
}
