//! Activations that outgrow floating point.
//!
//! Without norms, activations grow by orders of magnitude per block; a gate even
//! squares them. So a pass without norms keeps them divided by a power of two, whose
//! exponent it knows, and which grows from sublayer to sublayer. A power of two loses no
//! digit.
//!
//! Layers see scaled activations in three ways. Constants, such as biases, are divided
//! by the same power. A product of two activations has twice the exponent. And where
//! activations are that large, every nonlinearity is at its limit: it is a ReLU, and a
//! softmax picks the largest score and has no slope.

use lpzero_arch::Activation;

use crate::Real;

/// Binary exponent of the largest activation that is left as it is: its square is far
/// from the limit of single precision, and a nonlinearity of it is at its limit to
/// nearly all digits of double precision.
const LARGE: f64 = 48.0;

/// Factor of scores that are at their limit: a softmax of such scores picks the largest,
/// and no score overflows.
const LIMIT: f64 = 2.0 * LARGE;

/// The power of two, by its exponent, that what is in memory is to be multiplied by. It
/// is 0, or larger than [`LARGE`]. Doubled by every gate, it may itself be huge.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Exponent(f64);

impl Exponent {
    /// The exponent itself.
    pub(crate) fn get(self) -> f64 {
        self.0
    }

    /// Whether what is in memory is what it stands for.
    pub(crate) fn is_zero(self) -> bool {
        self.0 == 0.0
    }

    /// The exponent of a product of two activations.
    pub(crate) fn squared(self) -> Self {
        Exponent(2.0 * self.0)
    }

    /// By how much it should rise for a tensor that has it: then the largest element is
    /// between 1 and 2 in memory, unless it need not be scaled at all.
    pub(crate) fn rise<F: Real>(self, x: &[F]) -> f64 {
        let largest = x.iter().map(|x| x.abs().to_f64()).fold(0.0, f64::max);
        if !largest.is_finite() {
            return 0.0;
        }
        let rise = largest.log2().floor();
        match self.0 + rise > LARGE {
            true => rise,
            false => -self.0,
        }
    }

    /// The exponent after a rise. A huge one does not feel it, and need not: its own
    /// digits are then those of the logarithm of what it stands for.
    pub(crate) fn risen(self, rise: f64) -> Self {
        Exponent(self.0 + rise)
    }

    /// The factor that takes what is in memory from this exponent to another.
    pub(crate) fn factor_to<F: Real>(self, other: Self) -> F {
        F::of((self.0 - other.0).exp2())
    }

    /// The factor of a constant that meets such activations.
    pub(crate) fn of_constants<F: Real>(self) -> F {
        Exponent(0.0).factor_to(self)
    }

    /// A nonlinearity of such activations.
    pub(crate) fn nonlinearity(self, activation: Activation) -> Activation {
        match self.is_zero() {
            true => activation,
            false => Activation::Relu,
        }
    }

    /// The factor of scores whose exponent this is.
    pub(crate) fn of_scores<F: Real>(self) -> F {
        F::of(self.0.min(LIMIT).exp2())
    }

    /// Share of the slope of a softmax that is left.
    pub(crate) fn slope<F: Real>(self) -> F {
        match self.is_zero() {
            true => F::one(),
            false => F::zero(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_tensors_stay_as_they_are_and_large_ones_are_between_one_and_two() {
        let exponent = Exponent::default();
        assert_eq!(exponent.rise(&[1e14f64, -3.0]), 0.0);
        assert_eq!(exponent.rise(&[3.0, -1.5 * 2f64.powi(60)]), 60.0);
        let risen = exponent.risen(60.0);
        assert_eq!(exponent.factor_to::<f64>(risen), 2f64.powi(-60));
        assert_eq!(risen.rise(&[3.0f64]), 1.0);
        assert_eq!(risen.rise(&[1e-9f64]), -60.0);
        assert_eq!(risen.rise(&[f64::INFINITY]), 0.0);
        assert_eq!(Exponent(1e60).rise(&[40.0f64]), 5.0);
    }
}
