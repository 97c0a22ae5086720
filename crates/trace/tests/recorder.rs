//! A recorder keeps what a pass shows, sorted, and nothing else.
#![allow(clippy::unwrap_used)]

mod common;

use lpzero_nn::{TensorRows, TensorView, Visitor};
use lpzero_trace::{Moments, NetworkScalar, Recorder, Role, Site, Symbol, Trace};

fn site(layer: Option<u16>, role: Role) -> Site {
    Site {
        layer,
        role,
        index: 0,
    }
}

#[test]
fn symbols_and_sites_come_out_sorted_however_they_went_in() {
    let data = [1.0, -2.0, 3.0, 4.0, 5.0, 6.0];
    let view = TensorView {
        data: &data,
        shape: &[2, 3],
    };
    let (first, second) = (site(Some(0), Role::Out), site(Some(1), Role::Query));
    let mut recorder = Recorder::new();
    recorder.activation(second, Symbol::D, view);
    recorder.activation(second, Symbol::A, view);
    recorder.activation(first, Symbol::X, view);
    recorder.parameter("out.weight", Some(second), view, view);
    recorder.activation(site(None, Role::Embedding), Symbol::A, view);
    let trace = recorder.finish(&common::encoder(2, 8), 4.5);

    let sites: Vec<Site> = trace.sites.iter().map(|site| site.site).collect();
    assert_eq!(sites, [site(None, Role::Embedding), first, second]);
    let symbols: Vec<Symbol> = trace.sites[2].tensors.iter().map(|t| t.symbol).collect();
    assert_eq!(symbols, [Symbol::W, Symbol::G, Symbol::A, Symbol::D]);
}

#[test]
fn biases_head_outputs_and_empty_tensors_leave_nothing() {
    let view = |data, shape| TensorView { data, shape };
    let mut recorder = Recorder::new();
    recorder.parameter("bias", None, view(&[1.0], &[1]), view(&[1.0], &[1]));
    recorder.activation(common::QUERY, Symbol::H, view(&[1.0], &[1, 1, 1]));
    recorder.activation(common::QUERY, Symbol::A, view(&[], &[1, 0, 7]));
    assert_eq!(recorder.finish(&common::encoder(1, 8), 0.0).sites, []);
}

#[test]
fn saliency_is_the_moments_of_weight_times_gradient() {
    let weight = [1.0, -2.0, 3.0, 4.0];
    let gradient = [0.5, 0.5, -1.0, 0.0];
    let view = |data| TensorView {
        data,
        shape: &[2, 2],
    };
    let mut recorder = Recorder::new();
    recorder.parameter("w", Some(common::QUERY), view(&weight), view(&gradient));
    let trace = recorder.finish(&common::encoder(1, 8), 0.0);
    let [_, _, of_product] = Moments::of_pair(&weight, &gradient, &[2, 2]);
    assert_eq!(trace.sites[0].saliency, Some(of_product));
    // 0.5 - 1 - 3 + 0.
    assert_eq!(of_product.sum, -3.5);
}

#[test]
fn scalars_are_the_loss_and_the_counts_of_the_architecture() {
    let architecture = common::encoder(3, 8);
    let trace = common::made_up_trace(&architecture, 7);
    assert_eq!(trace.scalar(NetworkScalar::Loss), 7.0);
    assert_eq!(trace.scalar(NetworkScalar::Layers), 3.0);
    assert_eq!(trace.scalar(NetworkScalar::Width), 8.0);
    assert_eq!(trace.scalar(NetworkScalar::EmbeddingWidth), 12.0);
    assert_eq!(trace.scalar(NetworkScalar::Heads), 2.0);
    assert_eq!(trace.scalar(NetworkScalar::FfnWidth), 16.0);
    assert_eq!(trace.scalar(NetworkScalar::FfnDepth), 1.0);
    // Attention 4(C^2 + C), feed-forward 2CI + I + C.
    let (attention, ffn) = (3 * 4 * (64 + 8), 3 * (2 * 8 * 16 + 16 + 8));
    assert_eq!(
        trace.scalar(NetworkScalar::AttentionParams),
        attention as f64
    );
    assert_eq!(trace.scalar(NetworkScalar::FfnParams), ffn as f64);
    assert_eq!(
        trace.scalar(NetworkScalar::DecoderParams),
        (attention + ffn) as f64
    );
}

#[test]
fn a_data_free_trace_has_every_scalar_but_the_loss() {
    let trace = Trace::data_free(&common::decoder(2, 8));
    for row in &NetworkScalar::ALL {
        assert_eq!(
            trace.scalar(row.scalar).is_nan(),
            row.needs_pass(),
            "{}",
            row.name
        );
    }
}

#[test]
fn a_tensor_that_comes_in_blocks_of_rows_leaves_what_it_leaves_whole() {
    let shape = [2, 300, 7];
    let data: Vec<f32> = (0..2 * 300 * 7)
        .map(|i| (i as f32 * 12.9898).sin())
        .collect();
    let logits = site(None, Role::Head);
    let mut whole = Recorder::new();
    let view = TensorView {
        data: &data,
        shape: &shape,
    };
    whole.activation(logits, Symbol::A, view);
    let mut in_parts = Recorder::new();
    for (i, data) in data.chunks(130 * 7).enumerate() {
        let (shape, first) = (&shape, i * 130 * 7);
        let rows = TensorRows { data, shape, first };
        in_parts.activation_rows(logits, Symbol::A, rows);
    }
    let finish = |recorder: Recorder| {
        let trace = recorder.finish(&common::encoder(1, 8), 0.0);
        trace.sites[0].tensors[0].clone()
    };
    let (whole, in_parts) = (finish(whole), finish(in_parts));
    assert_eq!(whole.points, in_parts.points);
    assert_eq!(whole.fibres, in_parts.fibres);
    assert_eq!(whole.moments.count, in_parts.moments.count);
    assert_eq!(whole.moments.confidence, in_parts.moments.confidence);
    assert_eq!(
        whole.moments.code_agreement,
        in_parts.moments.code_agreement
    );
    let close = |a: f64, b: f64| (a - b).abs() < 1e-6 * (1.0 + a.abs());
    assert!(close(whole.moments.sum, in_parts.moments.sum));
    assert!(close(whole.moments.sum_square, in_parts.moments.sum_square));
}

#[test]
fn a_weight_that_comes_in_bands_leaves_what_it_leaves_whole() {
    // A piece is 65 rows: bands are whole pieces, and the last one is what is left.
    let shape = [300, 1000];
    let wave = |phase: f32| (0..300_000).map(move |i| (i as f32 * 12.9898 + phase).sin());
    let (weight, gradient): (Vec<f32>, Vec<f32>) = wave(0.0).zip(wave(0.3)).unzip();
    let view = |data| TensorView {
        data,
        shape: &shape,
    };
    let mut whole = Recorder::new();
    whole.parameter("w", Some(common::QUERY), view(&weight), view(&gradient));
    let whole = whole.finish(&common::encoder(1, 8), 0.0);
    for pieces in [1, 2, 4] {
        let mut in_bands = Recorder::new();
        let rows = pieces * 65 * 1000;
        for (i, (weight, gradient)) in weight.chunks(rows).zip(gradient.chunks(rows)).enumerate() {
            let rows = |data| TensorRows {
                data,
                shape: &shape,
                first: i * rows,
            };
            in_bands.parameter_rows(common::QUERY, rows(weight), rows(gradient));
        }
        assert_eq!(in_bands.finish(&common::encoder(1, 8), 0.0), whole);
    }
}
