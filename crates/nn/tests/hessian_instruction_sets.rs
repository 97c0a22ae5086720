//! Matrix products of dual numbers write with strides in both directions:
//! every instruction set does that alike. A single test, because the switch
//! holds for the whole process.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use common::{LARGE_POSITIONS, large_zoo};
use lpzero_nn::{Batch, Curvature, InstructionSet, Network, Workspace, rademacher};

/// Every product in double precision, network by network.
fn products() -> Vec<Vec<f64>> {
    let run = |(architecture, objective)| {
        let network = Network::<f64>::seeded(&architecture, objective, 1).unwrap();
        let batch = Batch::zipf(architecture.vocabulary, 2, LARGE_POSITIONS, 1);
        let mut products = Vec::new();
        let visit = |seen: Curvature<'_, f64>| products.extend_from_slice(seen.product);
        let mut workspace = Workspace::new();
        (network.hessian_vector(&batch, rademacher(1), visit, &mut workspace)).unwrap();
        products
    };
    large_zoo().into_iter().map(run).collect()
}

#[test]
fn every_instruction_set_gives_the_same_products_to_rounding() {
    let best = InstructionSet::in_use();
    let expected = products();
    for set in InstructionSet::ALL {
        if !set.is_available() {
            eprintln!("SKIPPED: this machine has no {set:?}");
            continue;
        }
        set.limit();
        for (found, expected) in products().iter().zip(&expected) {
            let largest = expected.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            for (found, expected) in found.iter().zip(expected) {
                let error = (found - expected).abs() / largest;
                assert!(error < 1e-12, "{set:?}: off by {error:e} of the largest");
            }
        }
    }
    best.limit();
}
