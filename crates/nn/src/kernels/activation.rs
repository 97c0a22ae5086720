//! The nonlinearities of feed-forward networks.

use lpzero_arch::Activation;

use super::dispatch::vectorised;
use super::threads::{Read, Threads, Write};
use crate::Real;

/// Cost of an exponential, in additions.
const EXPONENTIAL: usize = 8;

/// `out = f(x)`.
pub(crate) fn forward<F: Real>(threads: Threads, activation: Activation, x: &[F], out: &mut [F]) {
    let kernel = match activation {
        Activation::Gelu => gelu,
        Activation::GeluTanh => gelu_tanh,
        Activation::Relu => relu,
        Activation::Silu => silu,
    };
    let tensors = (Read(x, 1), Write(out, 1));
    threads.for_rows(x.len(), EXPONENTIAL, tensors, |(x, out)| kernel(x.0, out.0));
}

/// `out = f(x)` and `x = f'(x)`: what a backward pass needs, which together
/// costs little more than one of them.
pub(crate) fn with_slope<F: Real>(
    threads: Threads,
    activation: Activation,
    x: &mut [F],
    out: &mut [F],
) {
    let kernel = match activation {
        Activation::Gelu => gelu_with_slope,
        Activation::GeluTanh => gelu_tanh_with_slope,
        Activation::Relu => relu_with_slope,
        Activation::Silu => silu_with_slope,
    };
    let elements = x.len();
    let tensors = (Write(x, 1), Write(out, 1));
    threads.for_rows(elements, EXPONENTIAL, tensors, |(x, out)| {
        kernel(x.0, out.0)
    });
}

/// The inner function of the tanh approximation, doubled:
/// `2 sqrt(2/pi) (x + 0.044715 x^3)`. Since `(1 + tanh u) / 2` is the logistic
/// function of `2u`, the approximation is `x * logistic(inner)`.
#[inline(always)]
fn inner<F: Real>(x: F) -> F {
    let root = F::of(2.0 * 0.797_884_560_802_865_4);
    root * x * (F::one() + F::of(0.044_715) * x * x)
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
fn logistic<F: Real>(x: F) -> F {
    F::one() / (F::one() + (-x).exp())
}

vectorised! {
    /// `x Phi(x)`.
    fn gelu<F>(x: &[F], out: &mut [F]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x * x.normal_cdf();
        }
    }

    /// [`gelu`], and `x = Phi(x) + x phi(x)`.
    fn gelu_with_slope<F>(x: &mut [F], out: &mut [F]) {
        for (out, x) in out.iter_mut().zip(x) {
            let (below, density) = x.normal();
            *out = *x * below;
            *x = below + *x * density;
        }
    }

    /// `x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2`.
    fn gelu_tanh<F>(x: &[F], out: &mut [F]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x * logistic(inner(x));
        }
    }

    /// [`gelu_tanh`], and `x` becomes its derivative.
    fn gelu_tanh_with_slope<F>(x: &mut [F], out: &mut [F]) {
        let root = F::of(2.0 * 0.797_884_560_802_865_4);
        for (out, x) in out.iter_mut().zip(x) {
            let s = logistic(inner(*x));
            let slope = root * (F::one() + F::of(3.0 * 0.044_715) * *x * *x);
            *out = *x * s;
            *x = s + *x * s * (F::one() - s) * slope;
        }
    }

    /// `max(x, 0)`.
    fn relu<F>(x: &[F], out: &mut [F]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = if x > F::zero() { x } else { F::zero() };
        }
    }

    /// [`relu`], and `x` becomes 1 where it was positive, 0 elsewhere.
    fn relu_with_slope<F>(x: &mut [F], out: &mut [F]) {
        for (out, x) in out.iter_mut().zip(x) {
            let positive = *x > F::zero();
            *out = if positive { *x } else { F::zero() };
            *x = if positive { F::one() } else { F::zero() };
        }
    }

    /// `x / (1 + e^-x)`.
    fn silu<F>(x: &[F], out: &mut [F]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x * logistic(x);
        }
    }

    /// [`silu`], and `x` becomes its derivative.
    fn silu_with_slope<F>(x: &mut [F], out: &mut [F]) {
        for (out, x) in out.iter_mut().zip(x) {
            let s = logistic(*x);
            *out = *x * s;
            *x = s + *x * s * (F::one() - s);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 4] = [
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Relu,
        Activation::Silu,
    ];

    #[test]
    fn the_values_at_one_are_the_published_ones() {
        for (activation, expected) in ALL.into_iter().zip([
            0.841_344_746_068_543,
            0.841_191_990_608,
            1.0,
            0.731_058_578_630_005,
        ]) {
            let mut y = [0.0f64];
            forward(Threads::ONE, activation, &[1.0], &mut y);
            assert!((y[0] - expected).abs() < 1e-11, "{activation:?}: {}", y[0]);
        }
    }

    #[test]
    fn derivatives_equal_finite_differences_in_both_precisions() {
        let step = 1e-6;
        for activation in ALL {
            for i in -60..=60 {
                let x = f64::from(i) * 0.1 + 0.01;
                let (mut above, mut below) = ([0.0], [0.0]);
                forward(Threads::ONE, activation, &[x + step], &mut above);
                forward(Threads::ONE, activation, &[x - step], &mut below);
                let expected = (above[0] - below[0]) / (2.0 * step);
                let (mut double, mut single) = ([x], [x as f32]);
                let (mut value, mut single_value) = ([0.0], [0.0]);
                with_slope(Threads::ONE, activation, &mut double, &mut value);
                with_slope(Threads::ONE, activation, &mut single, &mut single_value);
                let mut plain = [0.0];
                forward(Threads::ONE, activation, &[x], &mut plain);
                assert_eq!(value, plain);
                assert!((double[0] - expected).abs() < 1e-8, "{activation:?}({x})");
                assert!(
                    (f64::from(single[0]) - expected).abs() < 2e-6,
                    "{activation:?}({x})"
                );
            }
        }
    }
}
