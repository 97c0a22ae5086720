//! Large networks share the threads of a pool, and nothing else changes.
use std::sync::Arc;

use crate::common::{LARGE_POSITIONS, Seen, large_zoo};
use lpzero_nn::{Batch, Network, NoVisitor, Workspace};
use rayon::{ThreadPool, ThreadPoolBuilder};

fn pool(threads: usize) -> Arc<ThreadPool> {
    Arc::new(
        ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap(),
    )
}

#[test]
fn a_pass_is_the_same_to_the_bit_on_any_number_of_threads() {
    let workspaces = [1, 2, 3, 5].map(pool).map(Workspace::<f32>::on);
    let mut workspaces = workspaces;
    for (architecture, objective) in large_zoo() {
        let network = Network::seeded(&architecture, objective, 1).unwrap();
        // One sequence shares its threads inside, several side by side.
        for sequences in [1, 5] {
            let batch = Batch::zipf(architecture.vocabulary, sequences, LARGE_POSITIONS, 1);
            let mut alone = Seen::default();
            let loss = network.pass(&batch, &mut alone).unwrap();
            for workspace in &mut workspaces {
                let mut shared = Seen::default();
                let again = network.pass_with(&batch, &mut shared, workspace).unwrap();
                assert_eq!(loss, again);
                assert!(alone == shared, "{:?}", architecture.blocks[0].mixer);
            }
        }
    }
}

#[test]
fn a_frugal_pass_shows_the_same_to_the_bit() {
    let mut frugal = Workspace::<f32>::new().frugal();
    for (architecture, objective) in large_zoo() {
        let network = Network::seeded(&architecture, objective, 1).unwrap();
        let batch = Batch::zipf(architecture.vocabulary, 2, LARGE_POSITIONS, 1);
        let (mut seen, mut again) = (Seen::default(), Seen::default());
        let loss = network.pass(&batch, &mut seen).unwrap();
        assert_eq!(
            loss,
            network.pass_with(&batch, &mut again, &mut frugal).unwrap()
        );
        assert!(seen == again, "{:?}", architecture.blocks[0].mixer);
    }
}

#[test]
fn what_nobody_looks_at_does_not_change_the_loss() {
    for (architecture, objective) in large_zoo() {
        let network = Network::<f32>::seeded(&architecture, objective, 1).unwrap();
        let batch = Batch::zipf(architecture.vocabulary, 2, LARGE_POSITIONS, 1);
        let seen = network.pass(&batch, &mut Seen::default()).unwrap();
        assert_eq!(seen, network.pass(&batch, &mut NoVisitor).unwrap());
    }
}

#[test]
fn weights_are_the_same_on_any_number_of_threads() {
    // More than one chunk of random numbers, and not a multiple of it.
    for (mut architecture, objective) in large_zoo().into_iter().take(1) {
        architecture.vocabulary = 5000;
        architecture.embedding.cutoffs = vec![5000];
        let alone = Network::<f32>::seeded(&architecture, objective, 1).unwrap();
        let shared = Network::seeded_with(&architecture, objective, 1, &mut Workspace::on(pool(3)));
        let shared = shared.unwrap();
        assert_eq!(alone.parameters(), shared.parameters());
    }
}
