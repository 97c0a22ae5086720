//! Spectra of seeded maps, beside the law of large random matrices (Marchenko and Pastur 1967)
//! and beside numbers of another generator and another transform.
use std::f64::consts::PI;

use faer::Mat;
use lpzero_arch::Architecture;
use lpzero_nn::{Network, Objective};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common::decoder;

/// Largest distance of a spectrum from the law it follows. Singular values of one matrix repel
/// each other, so that it is of the order of 1 / n, not of its root.
fn near(spectrum: &[f64]) -> f64 {
    6.0 / spectrum.len() as f64
}

/// Singular values over the deviation and the root of the larger side, in increasing order.
fn spectrum(data: &[f64], (rows, columns): (usize, usize), deviation: f64) -> Vec<f64> {
    let matrix = Mat::from_fn(rows, columns, |row, column| data[row * columns + column]);
    let scale = deviation * (rows.max(columns) as f64).sqrt();
    let mut values: Vec<f64> = matrix.singular_values().unwrap();
    values.iter_mut().for_each(|value| *value /= scale);
    values.sort_by(f64::total_cmp);
    values
}

/// The share of singular values below `value` by the law, where the smaller side is `ratio`
/// of the larger, by the rule of trapezia.
fn law(ratio: f64, value: f64) -> f64 {
    let (low, high) = (1.0 - ratio.sqrt(), 1.0 + ratio.sqrt());
    let density = |s: f64| {
        let inside = (high * high - s * s) * (s * s - low * low);
        match s > 0.0 {
            true => inside.max(0.0).sqrt() / (PI * ratio * s),
            // Square maps: the quarter of a circle.
            false => high / (PI * ratio),
        }
    };
    let value = value.clamp(low, high);
    let steps = 4000;
    let width = (value - low) / f64::from(steps);
    let heights = (0..=steps).map(|step| {
        let half = if step == 0 || step == steps { 0.5 } else { 1.0 };
        half * density(low + width * f64::from(step))
    });
    heights.sum::<f64>() * width
}

/// Kolmogorov's distance of a spectrum from the law.
fn distance(spectrum: &[f64], ratio: f64) -> f64 {
    let n = spectrum.len() as f64;
    let of = |(below, value): (usize, &f64)| {
        let expected = law(ratio, *value);
        let below = below as f64;
        (expected - below / n)
            .abs()
            .max(((below + 1.0) / n - expected).abs())
    };
    spectrum.iter().enumerate().map(of).fold(0.0, f64::max)
}

/// Normal numbers by a textbook: another generator, Box and Muller in double precision.
fn other(count: usize) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(7);
    let mut next = || {
        let (u, v): (f64, f64) = (random.random(), random.random());
        (-2.0 * (1.0 - u).ln()).sqrt() * (2.0 * PI * v).cos()
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn singular_values_of_maps_follow_the_law_of_marchenko_and_pastur() {
    let mut architecture: Architecture = decoder();
    architecture.width = 1024;
    architecture.embedding.width = 1024;
    architecture.blocks.truncate(1);
    architecture.blocks[0].feed_forward.hidden = vec![256];
    let deviation = architecture.initialisation.weight;
    let network = Network::<f32>::seeded(&architecture, Objective::OutputSum, 0).unwrap();
    let mut seen = 0;
    for tensor in network.parameters() {
        let is_plain = tensor.name.contains("query") || tensor.name.contains("ffn.0");
        let [rows, columns] = tensor.shape[..] else {
            continue;
        };
        if !is_plain {
            continue;
        }
        seen += 1;
        let data: Vec<f64> = tensor.data.iter().map(|&x| x.into()).collect();
        let ours = spectrum(&data, (rows, columns), deviation);
        let theirs = spectrum(&other(rows * columns), (rows, columns), 1.0);
        let ratio = rows.min(columns) as f64 / rows.max(columns) as f64;
        let (low, high) = (1.0 - ratio.sqrt(), 1.0 + ratio.sqrt());
        for (who, spectrum) in [("ours", &ours), ("another's", &theirs)] {
            let name = &tensor.name;
            let off = distance(spectrum, ratio);
            assert!(
                off < near(spectrum),
                "{who}, {name} {rows} x {columns}: {off}"
            );
            let (least, most) = (spectrum[0], spectrum[spectrum.len() - 1]);
            assert!((least - low).abs() < 0.03, "{who}, {name}: {least}");
            assert!((most - high).abs() < 0.03, "{who}, {name}: {most}");
        }
    }
    // A square map, and one four times as wide as high.
    assert_eq!(seen, 2);
}

#[test]
fn a_map_whose_rows_repeat_does_not_follow_it() {
    let mut data = other(256 * 256);
    for row in (0..256).step_by(8) {
        data.copy_within(..256, row * 256);
    }
    let spectrum = spectrum(&data, (256, 256), 1.0);
    assert!(distance(&spectrum, 1.0) > 3.0 * near(&spectrum));
}
