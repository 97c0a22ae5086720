//! Scores from whole tensors, in one pass.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/networks.rs"]
mod networks;

use common::{Random, score};
use lpzero_arch::{Architecture, Head};
use lpzero_nn::{Site, TensorView, Visitor};
use lpzero_proxy::{Evaluator, ExactVisitor, NetworkScalar, Node, Trace, named, parse};
use networks::{decoder, pass, trace};

fn exact(architecture: &Architecture, seed: u64, formulas: &[Node]) -> Vec<f64> {
    let mut visitor = ExactVisitor::new(formulas).unwrap();
    let loss = pass(architecture, seed, &mut visitor);
    let mut scalars = Trace::data_free(architecture).scalars;
    scalars[NetworkScalar::Loss as usize] = loss;
    visitor.finish(&scalars)
}

fn sketched(architecture: &Architecture, seed: u64, formulas: &[Node]) -> Vec<f64> {
    let traces = [trace(architecture, seed)];
    let evaluator = Evaluator::new(&traces);
    let score = |formula| evaluator.scores(formula, &[0]).unwrap()[0];
    formulas.iter().map(score).collect()
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * a.abs().max(b.abs())
}

/// Too large for complete sketches.
fn large() -> Architecture {
    let mut architecture = decoder(3, 96);
    architecture.vocabulary = 500;
    architecture.embedding.cutoffs = vec![500];
    architecture.embedding.width = 64;
    architecture.width = 64;
    architecture
}

#[test]
fn what_follows_from_moments_is_exact_on_traces_too() {
    let formulas: Vec<Node> = [
        "sum(sum(abs(W * G)))",
        "sum[attn](confidence(H))",
        "sum[ffn-in](code_agreement(A))",
        "mean(l1(square(W)))",
        "max(max(D)) - min(min(D))",
        "sum(std(X)) * loss / layers",
        "sum(mean[by layer](l2(G)))",
        "sum(l2(W) / sum(l2(W)))",
        "sum(mean(sqrt(abs(J))))",
    ]
    .map(|source| parse(source).unwrap())
    .to_vec();
    let (ours, traced) = (
        exact(&large(), 3, &formulas),
        sketched(&large(), 3, &formulas),
    );
    for ((formula, a), b) in formulas.iter().zip(&ours).zip(&traced) {
        assert!(a.is_finite() && close(*a, *b, 1e-9), "{formula}: {a}, {b}");
    }
}

#[test]
fn samples_estimate_what_is_exact() {
    for (source, tolerance) in [
        ("mean(mean(softmax(W)))", 1e-6),
        ("sum(mean(sigmoid(W)))", 0.02),
        ("sum(sum(exp(X)))", 0.05),
        ("mean(l2(square(W)))", 0.1),
        ("sum[ffn](std(normalize(A)))", 0.01),
        ("sum[attn](mean(abs(W + G)))", 0.1),
        ("sum[ffn](mean(square(W @ W)))", 0.6),
    ] {
        let formulas = [parse(source).unwrap()];
        let (a, b) = (
            exact(&large(), 1, &formulas)[0],
            sketched(&large(), 1, &formulas)[0],
        );
        assert!(
            a.is_finite() && close(a, b, tolerance),
            "{source}: {a}, about {b}"
        );
    }
}

#[test]
fn where_a_sketch_is_complete_both_ways_agree() {
    let mut random = Random(41);
    let formulas: Vec<Node> = (4..9)
        .cycle()
        .take(1_000)
        .map(|d| score(&mut random, d))
        .collect();
    let architecture = decoder(2, 24);
    let ours = exact(&architecture, 8, &formulas);
    let traced = sketched(&architecture, 8, &formulas);
    let agree = ours
        .iter()
        .zip(&traced)
        .filter(|(a, b)| close(**a, **b, 5e-3));
    let agree = agree.count();
    // A trace keeps 8 bits of each sampled element. The others are differences of nearly equal
    // numbers.
    assert!(agree >= 990, "{agree}");
}

#[test]
fn the_named_proxies_are_exact_on_traces() {
    let traceable = |proxy: &&named::Named| !proxy.node().needs_whole_tensors();
    let proxies: Vec<_> = named::NAMED.iter().filter(traceable).collect();
    let formulas: Vec<Node> = proxies.iter().map(|proxy| proxy.node()).collect();
    let (ours, traced) = (
        exact(&large(), 2, &formulas),
        sketched(&large(), 2, &formulas),
    );
    for ((proxy, a), b) in proxies.iter().zip(&ours).zip(&traced) {
        // This one has a softmax, which a trace knows on a sample.
        let tolerance = if proxy.name == "lpzero_gpt2" {
            0.01
        } else {
            1e-9
        };
        assert!(
            a.is_finite() && close(*a, *b, tolerance),
            "{}: {a}, {b}",
            proxy.name
        );
    }
}

#[test]
fn aggregates_over_one_expression_keep_their_own_roles() {
    let texts = [
        "sum[attn](l2(exp(W)))",
        "mean[ffn](l2(exp(W)))",
        "sum(l2(exp(W)))",
        "max(mean[attn, by layer](l2(exp(W))))",
    ];
    let formulas = texts.map(|text| parse(text).unwrap());
    let together = exact(&large(), 1, &formulas);
    for (formula, score) in formulas.iter().zip(&together) {
        let alone = exact(&large(), 1, std::slice::from_ref(formula));
        assert_eq!(alone, [*score], "{formula}");
    }
    assert!(together[0] < together[2] && together[1] < together[2]);
}

#[test]
fn a_formula_scores_alone_as_it_does_among_others() {
    // Alone, tensors that it does not read are not even computed whole.
    let formulas: Vec<Node> = named::NAMED.iter().map(named::Named::node).collect();
    let together = exact(&large(), 2, &formulas);
    for (formula, score) in formulas.iter().zip(&together) {
        let alone = exact(&large(), 2, std::slice::from_ref(formula));
        assert!(
            close(alone[0], *score, 1e-6),
            "{formula}: {alone:?}, {score}"
        );
    }
}

/// Shows an exact visitor every gradient whole.
struct Whole(ExactVisitor);

impl Visitor<f32> for Whole {
    fn parameter(
        &mut self,
        name: &str,
        site: Option<Site>,
        weight: TensorView<'_, f32>,
        gradient: TensorView<'_, f32>,
    ) {
        self.0.parameter(name, site, weight, gradient);
    }
}

#[test]
fn gradients_in_blocks_of_rows_give_what_whole_ones_give() {
    // Maps of 4.3 million weights, an embedding, and a head that shares nothing with it.
    let mut architecture = decoder(1, 16_500);
    architecture.width = 260;
    architecture.embedding.width = 260;
    architecture.vocabulary = 16_500;
    architecture.embedding.cutoffs = vec![16_500];
    architecture.head = Head::Free;
    let formulas = [
        "sum(sum(abs(W * G)))",
        "sum(l2(G))",
        "max(max(W)) - min(min(G))",
        "sum(mean(sqrt(abs(W * G))))",
        "sum[embed](l2(G))",
        "sum[output](l1(W * G))",
    ]
    .map(|source| parse(source).unwrap());
    let visitor = ExactVisitor::new(&formulas).unwrap();
    let [mut in_rows, mut whole] = [visitor.clone(), visitor].map(Whole);
    pass(&architecture, 1, &mut in_rows.0);
    pass(&architecture, 1, &mut whole);
    let scalars = Trace::data_free(&architecture).scalars;
    let [in_rows, whole] = [in_rows, whole].map(|visitor| visitor.0.finish(&scalars));
    for (a, b) in in_rows.iter().zip(whole) {
        // Sums of 512 elements at a time start anew in every block of rows.
        assert!(close(*a, b, 1e-8) && a.is_finite(), "{a} {b}");
    }
}
