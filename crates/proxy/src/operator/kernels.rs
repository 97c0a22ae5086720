//! The functions behind the rows of the table.
//!
//! Tensors are f32, as the network computed them; every sum is accumulated in
//! f64. Nothing is clamped and nothing gets an epsilon: what is undefined is
//! NaN or infinite, and the formula's score then counts as not finite.

use lpzero_trace::Moments;

use super::row::{Form, Sample};

/// A kernel from one expression, valid for f32 and f64.
macro_rules! elementwise {
    ($x:ident => $body:expr) => {
        Kernel::Elementwise {
            scalar: |$x: f64| $body,
            slice: |values: &mut [f32]| {
                let kernel = |$x: f32| -> f32 { $body };
                for value in values {
                    *value = kernel(*value);
                }
            },
        }
    };
}

/// A kernel from one expression in two variables, valid for f32 and f64.
macro_rules! binary {
    ($a:ident, $b:ident => $body:expr) => {
        Kernel::Binary {
            scalar: |$a: f64, $b: f64| $body,
            slices: |left: &mut [f32], right: &[f32]| {
                for (value, $b) in left.iter_mut().zip(right) {
                    let ($a, $b): (f32, f32) = (*value, *$b);
                    *value = $body;
                }
            },
            right: |left: &mut [f32], $b: f32| {
                for value in left {
                    let $a: f32 = *value;
                    *value = $body;
                }
            },
            left: |$a: f32, right: &mut [f32]| {
                for value in right {
                    let $b: f32 = *value;
                    *value = $body;
                }
            },
        }
    };
}

pub(super) use {binary, elementwise};

// Sums over a buffer run in eight lanes, so that the compiler may vectorise
// them and rounding does not grow with length.
const LANES: usize = 8;

fn sum_of(values: &[f32], f: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += f(f64::from(*value));
        }
    }
    let tail: f64 = rest.iter().map(|value| f(f64::from(*value))).sum();
    lanes.iter().sum::<f64>() + tail
}

/// Smallest and largest element; NaN if any element is, and for no elements.
fn extremes(values: &[f32]) -> (f32, f32) {
    let mut low = f32::INFINITY;
    let mut high = f32::NEG_INFINITY;
    let mut nan = values.is_empty();
    for value in values {
        nan |= value.is_nan();
        low = if *value < low { *value } else { low };
        high = if *value > high { *value } else { high };
    }
    if nan {
        (f32::NAN, f32::NAN)
    } else {
        (low, high)
    }
}

/// Mean and standard deviation in two passes.
fn mean_and_std(values: &[f32]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = sum_of(values, |x| x) / n;
    let variance = sum_of(values, |x| (x - mean) * (x - mean)) / n;
    (mean, variance.sqrt())
}

pub(super) fn normalize(values: &mut [f32], _columns: usize) {
    let (mean, std) = mean_and_std(values);
    for value in values {
        *value = ((f64::from(*value) - mean) / std) as f32;
    }
}

pub(super) fn min_max_normalize(values: &mut [f32], _columns: usize) {
    let (low, high) = extremes(values);
    for value in values {
        *value = (*value - low) / (high - low);
    }
}

/// Maximum and log of the summed exponentials of every column.
fn log_normalisers(values: &[f32], columns: usize) -> Vec<(f32, f64)> {
    let mut state = vec![(f32::NEG_INFINITY, 0.0f64); columns];
    for row in values.chunks_exact(columns) {
        for (column, value) in state.iter_mut().zip(row) {
            if *value > column.0 || value.is_nan() {
                column.0 = *value;
            }
        }
    }
    for row in values.chunks_exact(columns) {
        for (column, value) in state.iter_mut().zip(row) {
            column.1 += f64::from((*value - column.0).exp());
        }
    }
    for column in &mut state {
        column.1 = column.1.ln();
    }
    state
}

pub(super) fn softmax(values: &mut [f32], columns: usize) {
    log_softmax(values, columns);
    for value in values {
        *value = value.exp();
    }
}

pub(super) fn log_softmax(values: &mut [f32], columns: usize) {
    if columns == 0 {
        return;
    }
    let normalisers = log_normalisers(values, columns);
    for row in values.chunks_exact_mut(columns) {
        for (value, (max, log_sum)) in row.iter_mut().zip(&normalisers) {
            *value = (f64::from(*value - *max) - log_sum) as f32;
        }
    }
}

/// (rows, left columns)ᵀ (rows, right columns) -> (left columns, right columns).
pub(super) fn transposed_product(
    left: &[f32],
    right: &[f32],
    [left_columns, right_columns]: [usize; 2],
    product: &mut Vec<f32>,
) {
    product.clear();
    product.resize(left_columns * right_columns, 0.0);
    if left_columns == 0 || right_columns == 0 {
        return;
    }
    let rows = left
        .chunks_exact(left_columns)
        .zip(right.chunks_exact(right_columns));
    for (left, right) in rows {
        for (a, out) in left.iter().zip(product.chunks_exact_mut(right_columns)) {
            for (b, out) in right.iter().zip(out) {
                *out += a * b;
            }
        }
    }
}

pub(super) fn mean(sample: Sample<'_>) -> f64 {
    sum_of(sample.values, |x| x) / sample.values.len() as f64
}

pub(super) fn sum(sample: Sample<'_>) -> f64 {
    mean(sample) * sample.count
}

pub(super) fn std_sample(sample: Sample<'_>) -> f64 {
    mean_and_std(sample.values).1
}

pub(super) fn min_sample(sample: Sample<'_>) -> f64 {
    f64::from(extremes(sample.values).0)
}

pub(super) fn max_sample(sample: Sample<'_>) -> f64 {
    f64::from(extremes(sample.values).1)
}

pub(super) fn l1(sample: Sample<'_>) -> f64 {
    sum_of(sample.values, f64::abs) / sample.values.len() as f64
}

pub(super) fn l2(sample: Sample<'_>) -> f64 {
    let mean_square = sum_of(sample.values, |x| x * x) / sample.values.len() as f64;
    (mean_square * sample.count).sqrt()
}

/// Sum of a form of x.
pub(super) fn form_sum(m: &Moments, form: Form) -> Option<f64> {
    Some(match form {
        Form::Identity => m.sum,
        Form::Abs => m.sum_abs,
        Form::Square => m.sum_square,
        Form::SqrtAbs => m.sum_sqrt_abs,
        Form::Relu => 0.5 * (m.sum + m.sum_abs),
    })
}

/// Sum of the absolute value of a form of x.
pub(super) fn form_sum_abs(m: &Moments, form: Form) -> Option<f64> {
    match form {
        Form::Identity => Some(m.sum_abs),
        // The other forms are non-negative.
        form => form_sum(m, form),
    }
}

/// Sum of the square of a form of x.
pub(super) fn form_sum_square(m: &Moments, form: Form) -> Option<f64> {
    match form {
        Form::Identity | Form::Abs => Some(m.sum_square),
        Form::SqrtAbs => Some(m.sum_abs),
        Form::Square | Form::Relu => None,
    }
}

/// Standard deviation of a form of x.
pub(super) fn form_std(m: &Moments, form: Form) -> Option<f64> {
    let n = m.count as f64;
    let sum = form_sum(m, form)?;
    let centred = form_sum_square(m, form)? - sum * sum / n;
    Some((centred.max(0.0) / n).sqrt())
}

/// Smallest element of a form of x. What is smallest in absolute value does
/// not follow, even where all signs agree: whether it follows must not depend
/// on the network.
pub(super) fn form_min(m: &Moments, form: Form) -> Option<f64> {
    match form {
        Form::Identity => Some(m.min),
        Form::Relu => Some(m.min.max(0.0)),
        Form::Abs | Form::Square | Form::SqrtAbs => None,
    }
}

/// Largest element of a form of x.
pub(super) fn form_max(m: &Moments, form: Form) -> Option<f64> {
    let largest = m.min.abs().max(m.max.abs());
    Some(match form {
        Form::Identity => m.max,
        Form::Abs => largest,
        Form::Square => largest * largest,
        Form::SqrtAbs => largest.sqrt(),
        Form::Relu => m.max.max(0.0),
    })
}

pub(super) fn sum_all(values: &[f64]) -> f64 {
    // Not `sum()`, whose empty case is -0.0.
    values.iter().fold(0.0, |total, value| total + value)
}

pub(super) fn mean_all(values: &[f64]) -> f64 {
    sum_all(values) / values.len() as f64
}

pub(super) fn std_all(values: &[f64]) -> f64 {
    let mean = mean_all(values);
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    (squares / values.len() as f64).sqrt()
}

pub(super) fn max_all(values: &[f64]) -> f64 {
    let larger = |a: f64, b: f64| if a > b || a.is_nan() { a } else { b };
    values.iter().copied().reduce(larger).unwrap_or(f64::NAN)
}

pub(super) fn min_all(values: &[f64]) -> f64 {
    let smaller = |a: f64, b: f64| if a < b || a.is_nan() { a } else { b };
    values.iter().copied().reduce(smaller).unwrap_or(f64::NAN)
}

pub(super) fn last(values: &[f64]) -> f64 {
    values.last().copied().unwrap_or(f64::NAN)
}

pub(super) fn first(values: &[f64]) -> f64 {
    values.first().copied().unwrap_or(f64::NAN)
}
