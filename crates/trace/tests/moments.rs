//! The single sweep agrees with the definitions written out in f64.
#![allow(clippy::unwrap_used)]

use lpzero_trace::Moments;

/// Repeatable values between -1 and 1 of uneven sizes.
fn noise(length: usize, seed: u64, scale: f64) -> Vec<f32> {
    let mut state = seed;
    let mut uniform = move || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..length)
        .map(|_| ((uniform() * 2.0 - 1.0) * uniform() * scale) as f32)
        .collect()
}

/// The definitions, one element at a time.
fn by_definition(data: &[f32], shape: &[usize]) -> Moments {
    let x = || data.iter().map(|&x| f64::from(x));
    let (d0, d1, inner) = match *shape {
        [n] => (1, n, 1),
        [a, b, ref rest @ ..] => (a, b, rest.iter().product()),
        [] => (1, 1, 1),
    };
    let mut maxima = Vec::new();
    for i in 0..d0 {
        for k in 0..inner {
            let along = (0..d1).map(|j| f64::from(data[(i * d1 + j) * inner + k]));
            maxima.push(along.fold(f64::NEG_INFINITY, f64::max));
        }
    }
    let units = *shape.last().unwrap();
    let rows = data.len() / units;
    let mut agreement = 0_u64;
    for a in 0..rows {
        for b in 0..rows {
            for unit in 0..units {
                let positive = |row: usize| data[row * units + unit] > 0.0;
                agreement += u64::from(positive(a) == positive(b));
            }
        }
    }
    Moments {
        count: data.len() as u64,
        sum: x().sum(),
        sum_abs: x().map(f64::abs).sum(),
        sum_square: x().map(|x| x * x).sum(),
        sum_sqrt_abs: x().map(|x| x.abs().sqrt()).sum(),
        min: x().fold(f64::INFINITY, f64::min),
        max: x().fold(f64::NEG_INFINITY, f64::max),
        confidence: maxima.iter().sum::<f64>() / maxima.len() as f64,
        code_agreement: agreement as f64,
    }
}

fn assert_close(found: &Moments, expected: &Moments) {
    let close = |name: &str, a: f64, b: f64, scale: f64| {
        assert!(
            (a - b).abs() <= 1e-6 * scale.abs(),
            "{name}: {a}, expected {b}"
        );
    };
    assert_eq!(found.count, expected.count);
    // Signed terms cancel: rounding is relative to what was added up.
    close("sum", found.sum, expected.sum, expected.sum_abs);
    close("sum_abs", found.sum_abs, expected.sum_abs, expected.sum_abs);
    close(
        "sum_square",
        found.sum_square,
        expected.sum_square,
        expected.sum_square,
    );
    close(
        "sum_sqrt_abs",
        found.sum_sqrt_abs,
        expected.sum_sqrt_abs,
        expected.sum_sqrt_abs,
    );
    assert_eq!(found.min, expected.min);
    assert_eq!(found.max, expected.max);
    close(
        "confidence",
        found.confidence,
        expected.confidence,
        expected.max.max(-expected.min),
    );
    assert_eq!(found.code_agreement, expected.code_agreement);
}

/// Shapes around every boundary of lanes, blocks, rows and planes.
const SHAPES: [&[usize]; 19] = [
    &[1],
    &[7],
    &[768],
    &[1, 1],
    &[3, 5],
    &[5, 1],
    &[40, 5],
    &[17, 128],
    &[3, 1500],
    &[31, 1, 9],
    &[2, 3, 4],
    &[4, 64, 48],
    &[2, 5, 700],
    &[2, 2, 3, 3],
    &[2, 4, 33, 33],
    &[1, 1, 600, 1],
    &[100, 1000],
    &[1000, 7],
    &[3, 300, 100],
];

#[test]
fn moments_agree_with_their_definitions_on_every_shape() {
    for (seed, shape) in SHAPES.iter().enumerate() {
        let data = noise(shape.iter().product(), seed as u64, 3.0);
        assert_close(&Moments::of(&data, shape), &by_definition(&data, shape));
    }
}

#[test]
fn a_pair_has_the_moments_of_each_and_of_the_product() {
    for (seed, shape) in SHAPES.iter().enumerate() {
        let length = shape.iter().product();
        let left = noise(length, seed as u64, 0.02);
        let right = noise(length, 99 + seed as u64, 1e-4);
        let product: Vec<f32> = left.iter().zip(&right).map(|(a, b)| a * b).collect();
        let [of_left, of_right, of_product] = Moments::of_pair(&left, &right, shape);
        assert_eq!(of_left, Moments::of(&left, shape));
        assert_eq!(of_right, Moments::of(&right, shape));
        // Its roots are products of roots.
        assert_close(&of_product, &Moments::of(&product, shape));
    }
}

#[test]
fn squares_outside_the_range_of_f32_are_still_summed() {
    for scale in [1e-22, 1e-30, 1e25, 1e37] {
        let data = noise(3000, 5, scale);
        assert_close(
            &Moments::of(&data, &[30, 100]),
            &by_definition(&data, &[30, 100]),
        );
    }
}

#[test]
fn a_long_sum_of_equal_terms_keeps_seven_digits() {
    let data = vec![0.1_f32; 5_000_000];
    let moments = Moments::of(&data, &[5000, 1000]);
    let expected = 5e6 * f64::from(0.1_f32);
    assert!(
        (moments.sum / expected - 1.0).abs() < 2e-6,
        "{}",
        moments.sum
    );
    assert!((moments.mean_abs() / f64::from(0.1_f32) - 1.0).abs() < 2e-6);
    assert!(moments.variance() < 1e-7);
}

#[test]
fn a_nan_shows_in_every_sum() {
    let mut data = noise(2000, 1, 1.0);
    data[1234] = f32::NAN;
    let moments = Moments::of(&data, &[20, 100]);
    assert!(moments.sum.is_nan() && moments.sum_abs.is_nan() && moments.sum_square.is_nan());
    assert!(moments.min < 0.0 && moments.max > 0.0);
}

#[test]
fn an_infinity_shows_in_the_extremes() {
    let mut data = noise(2000, 1, 1.0);
    data[3] = f32::INFINITY;
    let moments = Moments::of(&data, &[20, 100]);
    assert_eq!(moments.sum_square, f64::INFINITY);
    assert_eq!(moments.max, f64::INFINITY);
}

#[test]
fn the_moments_of_nothing_are_zero() {
    let moments = Moments::of(&[], &[0, 8]);
    assert_eq!((moments.count, moments.sum, moments.max), (0, 0.0, 0.0));
}

#[test]
fn a_constant_code_agrees_with_itself_everywhere() {
    // 6 rows of 4 units: every pair of rows agrees on every unit.
    let moments = Moments::of(&[1.0; 24], &[2, 3, 4]);
    assert_eq!(moments.code_agreement, 6.0 * 6.0 * 4.0);
}
