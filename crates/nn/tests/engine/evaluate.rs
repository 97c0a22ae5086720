//! A forward pass alone gives the loss of a whole pass, to the bit.
use std::sync::Arc;

use crate::common::large_zoo;
use lpzero_nn::{Batch, Network, NoVisitor, Workspace};

#[test]
fn the_loss_alone_is_the_loss_of_a_pass() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .unwrap();
    let mut workspaces = [
        Workspace::new(),
        Workspace::on(Arc::new(pool)),
        Workspace::new().frugal(),
    ];
    for (architecture, objective) in large_zoo() {
        let network = Network::<f32>::seeded(&architecture, objective, 1).unwrap();
        let batch = Batch::zipf(architecture.vocabulary, 3, architecture.positions, 2);
        let loss = network.pass(&batch, &mut NoVisitor).unwrap();
        for workspace in &mut workspaces {
            for _ in 0..2 {
                assert_eq!(network.evaluate_with(&batch, workspace).unwrap(), loss);
            }
        }
    }
}

#[test]
fn another_seed_masks_other_positions() {
    let encoder = crate::common::encoder();
    let objective = lpzero_nn::Objective::MaskedToken;
    let mut network = Network::<f32>::seeded(&encoder, objective, 1).unwrap();
    let batch = Batch::zipf(encoder.vocabulary, 3, encoder.positions, 2);
    let mut losses = Vec::new();
    for seed in [5, 6, 5] {
        network.reseed(seed);
        losses.push(
            network
                .evaluate_with(&batch, &mut Workspace::new())
                .unwrap(),
        );
    }
    assert!(losses[0] == losses[2] && losses[0] != losses[1]);
}
