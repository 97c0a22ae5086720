//! The element types of the engine.

use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{AddAssign, DivAssign, MulAssign, SubAssign};

use num_traits::Signed;

use crate::kernels::matrix::Multiply;

/// The element types of the engine: `f32` to work, `f64` to check, and
/// [`Dual`](crate::Dual) numbers of either for second derivatives.
///
/// Arithmetic, `zero()`, `one()` and `abs()` come with [`Signed`]. The
/// functions here are the ones that dominate the time outside matrix products;
/// for `f32` they are branch-free approximations that the compiler vectorises
/// (relative error about 1e-7), for `f64` they are the exact library functions.
pub trait Real:
    Multiply
    + Signed
    + Copy
    + Send
    + Sync
    + 'static
    + PartialOrd
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
    + Default
    + Display
    + Debug
{
    /// The nearest value to `x`.
    fn of(x: f64) -> Self;
    /// The exact value as `f64`.
    fn to_f64(self) -> f64;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Exponential. For `f32` it saturates at e^88 instead of overflowing.
    fn exp(self) -> Self;
    /// Standard normal distribution function, accurate in the lower tail too.
    fn normal_cdf(self) -> Self;
    /// Standard normal distribution function and density: together cheaper.
    #[inline(always)]
    fn normal(self) -> (Self, Self) {
        let peak = Self::of(0.398_942_280_401_432_7);
        let bell = (Self::of(-0.5) * self * self).exp();
        (self.normal_cdf(), peak * bell)
    }
    /// The larger of two values; `self` where `other` is NaN.
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
}

impl Real for f32 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }

    /// Range reduction by ln 2 and the degree-6 minimax polynomial of Cephes.
    #[inline(always)]
    fn exp(self) -> Self {
        // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
        const ROUND: f32 = 12_582_912.0;
        const LOWEST: f32 = -87.33;
        const HIGHEST: f32 = 88.02;
        let x = if self < LOWEST { LOWEST } else { self };
        let x = if x > HIGHEST { HIGHEST } else { x };
        let shifted = x * std::f32::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
        let p = 1.987_569_1e-4;
        let p = p * r + 1.398_2e-3;
        let p = p * r + 8.333_452e-3;
        let p = p * r + 4.166_579_6e-2;
        let p = p * r + 1.666_666_5e-1;
        let p = p * r + 0.5;
        let mantissa = p * r * r + r + 1.0;
        let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
        let scale = f32::from_bits((exponent.wrapping_add(127) as u32) << 23);
        if self < LOWEST { 0.0 } else { mantissa * scale }
    }

    #[inline(always)]
    fn normal_cdf(self) -> Self {
        self.normal().0
    }

    /// The tail is the density times t times a polynomial in
    /// t = 1 / (1 + 0.3 |x|), which is smooth: a minimax fit of degree 7 to
    /// Mills' ratio; the tests say how accurate it is.
    #[inline(always)]
    fn normal(self) -> (Self, Self) {
        let bell = Real::exp(-0.5 * self * self);
        let t = 1.0 / (1.0 + 0.3 * self.abs());
        let p = 0.036_036_227;
        let p = p * t - 0.158_713_33;
        let p = p * t + 0.208_964_12;
        let p = p * t - 0.056_095_485;
        let p = p * t + 0.129_843_22;
        let p = p * t + 0.099_523_12;
        let p = p * t + 0.120_816_89;
        let p = p * t + 0.119_625_166;
        let tail = bell * t * p;
        let below = if self < 0.0 { tail } else { 1.0 - tail };
        (below, 0.398_942_3 * bell)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }

    #[inline(always)]
    fn exp(self) -> Self {
        f64::exp(self)
    }

    #[inline(always)]
    fn normal_cdf(self) -> Self {
        0.5 * libm::erfc(-self * std::f64::consts::FRAC_1_SQRT_2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_exponential_is_accurate_to_single_precision() {
        for i in -8700..=8800 {
            let x = i as f32 * 0.01;
            let exact = f64::from(x).exp();
            let error = (f64::from(Real::exp(x)) - exact).abs() / exact;
            assert!(error < 2e-7, "exp({x}) is off by {error:e}");
        }
        assert_eq!(Real::exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(Real::exp(0.0f32), 1.0);
        assert!(Real::exp(f32::NAN).is_nan());
    }

    #[test]
    fn the_fast_normal_distribution_is_accurate_in_the_tail() {
        for i in -500..=500 {
            let x = i as f32 * 0.01;
            let exact = f64::from(x).normal_cdf();
            let error = (f64::from(x.normal_cdf()) - exact).abs() / exact;
            assert!(error < 2e-6, "Phi({x}) is off by {error:e}");
            if x > -1.0 {
                assert!(error < 4e-7, "Phi({x}) is off by {error:e}");
            }
        }
    }
}
