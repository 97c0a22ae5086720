//! Dual numbers: values with their derivative along one direction.

use std::cmp::Ordering;
use std::fmt;
use std::iter::Sum;
use std::ops::{
    Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Rem, RemAssign, Sub, SubAssign,
};

use num_traits::{Num, One, Signed, Zero};

use crate::Real;

/// `value + derivative e` with `e * e = 0`: forward-mode differentiation as an
/// element type.
///
/// A pass over dual weights `w + v e` leaves, beside every gradient, how that
/// gradient changes along v, which is a product with the Hessian; see
/// [`Network::hessian_vector`](crate::Network::hessian_vector). No layer knows
/// of it.
///
/// Comparisons look at the value only, and a number made by [`Real::of`] is a
/// constant. [`Real::to_f64`] drops the derivative: nothing but the reported
/// loss is computed through it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Dual<F> {
    /// The number itself.
    pub value: F,
    /// Derivative along the direction.
    pub derivative: F,
}

impl<F: Real> Dual<F> {
    /// A number that does not change.
    #[inline(always)]
    fn constant(value: F) -> Self {
        Dual {
            value,
            derivative: F::zero(),
        }
    }

    /// The image of a function with this value and slope here.
    #[inline(always)]
    fn image(self, value: F, slope: F) -> Self {
        Dual {
            value,
            derivative: slope * self.derivative,
        }
    }
}

impl<F: Real> Real for Dual<F> {
    #[inline(always)]
    fn of(x: f64) -> Self {
        Self::constant(F::of(x))
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.value.to_f64()
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        self.image(root, F::one() / (root + root))
    }

    /// Where the exponential of `F` saturates it is flat, and so the derivative
    /// is zero.
    #[inline(always)]
    fn exp(self) -> Self {
        let value = self.value.exp();
        let saturated = (self.value + F::one()).exp() <= value;
        self.image(value, if saturated { F::zero() } else { value })
    }

    #[inline(always)]
    fn normal_cdf(self) -> Self {
        let (below, density) = self.value.normal();
        self.image(below, density)
    }
}

impl<F: Real> Add for Dual<F> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Dual {
            value: self.value + other.value,
            derivative: self.derivative + other.derivative,
        }
    }
}

impl<F: Real> Sub for Dual<F> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Dual {
            value: self.value - other.value,
            derivative: self.derivative - other.derivative,
        }
    }
}

impl<F: Real> Mul for Dual<F> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Dual {
            value: self.value * other.value,
            derivative: self.value * other.derivative + self.derivative * other.value,
        }
    }
}

impl<F: Real> Div for Dual<F> {
    type Output = Self;

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Dual {
            value,
            derivative: (self.derivative - value * other.derivative) / other.value,
        }
    }
}

impl<F: Real> Rem for Dual<F> {
    type Output = Self;

    #[inline(always)]
    fn rem(self, other: Self) -> Self {
        let value = self.value % other.value;
        let times = (self.value - value) / other.value;
        Dual {
            value,
            derivative: self.derivative - times * other.derivative,
        }
    }
}

impl<F: Real> Neg for Dual<F> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        Dual {
            value: -self.value,
            derivative: -self.derivative,
        }
    }
}

macro_rules! assign {
    ($($trait:ident $method:ident $operator:tt)*) => {$(
        impl<F: Real> $trait for Dual<F> {
            #[inline(always)]
            fn $method(&mut self, other: Self) {
                *self = *self $operator other;
            }
        }
    )*};
}

assign! {
    AddAssign add_assign +
    SubAssign sub_assign -
    MulAssign mul_assign *
    DivAssign div_assign /
    RemAssign rem_assign %
}

impl<F: Real> Sum for Dual<F> {
    #[inline(always)]
    fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
        numbers.fold(Self::zero(), |sum, x| sum + x)
    }
}

impl<F: Real> PartialEq for Dual<F> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<F: Real> PartialOrd for Dual<F> {
    #[inline(always)]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<F: Real> Zero for Dual<F> {
    #[inline(always)]
    fn zero() -> Self {
        Self::constant(F::zero())
    }

    /// Whether the value is zero, whatever its derivative.
    #[inline(always)]
    fn is_zero(&self) -> bool {
        self.value.is_zero()
    }
}

impl<F: Real> One for Dual<F> {
    #[inline(always)]
    fn one() -> Self {
        Self::constant(F::one())
    }
}

impl<F: Real> Num for Dual<F> {
    type FromStrRadixErr = F::FromStrRadixErr;

    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        F::from_str_radix(text, radix).map(Self::constant)
    }
}

impl<F: Real> Signed for Dual<F> {
    /// With derivative 0 at 0.
    #[inline(always)]
    fn abs(&self) -> Self {
        let slope = match self.value.is_zero() {
            true => F::zero(),
            false => self.value.signum(),
        };
        self.image(self.value.abs(), slope)
    }

    #[inline(always)]
    fn abs_sub(&self, other: &Self) -> Self {
        match self <= other {
            true => Self::zero(),
            false => *self - *other,
        }
    }

    #[inline(always)]
    fn signum(&self) -> Self {
        Self::constant(self.value.signum())
    }

    #[inline(always)]
    fn is_positive(&self) -> bool {
        self.value.is_positive()
    }

    #[inline(always)]
    fn is_negative(&self) -> bool {
        self.value.is_negative()
    }
}

impl<F: Real> fmt::Display for Dual<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} + {} e", self.value, self.derivative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The derivative of `f` at `x` as dual numbers have it.
    fn slope(f: impl Fn(Dual<f64>) -> Dual<f64>, x: f64) -> f64 {
        f(Dual {
            value: x,
            derivative: 1.0,
        })
        .derivative
    }

    #[test]
    fn every_operation_has_the_derivative_of_its_central_difference() {
        type Function = fn(Dual<f64>) -> Dual<f64>;
        let constant = |x| Dual::<f64>::of(x);
        let functions: [(&str, Function); 9] = [
            ("x^3 - x", |x| x * x * x - x),
            ("1 / (1 + x^2)", |x| Dual::one() / (Dual::one() + x * x)),
            ("sqrt(1 + x^2)", |x| (Dual::one() + x * x).sqrt()),
            ("exp(-x)", |x| (-x).exp()),
            ("Phi(x)", |x| x.normal_cdf()),
            ("|x|", |x| x.abs()),
            ("max(x, x^2)", |x| x.larger(x * x)),
            ("x mod 0.3", |x| x % Dual::of(0.3)),
            ("2 mod x", |x| Dual::of(2.0) % x),
        ];
        let step = 1e-5;
        for (name, function) in functions {
            for x in [-1.37, -0.41, 0.26, 0.83, 2.21] {
                let at = |x| function(constant(x)).value;
                let expected = (at(x + step) - at(x - step)) / (2.0 * step);
                let found = slope(function, x);
                assert!(
                    (found - expected).abs() < 1e-8,
                    "{name} at {x}: {found}, {expected}"
                );
            }
        }
    }

    #[test]
    fn a_saturated_exponential_is_flat() {
        let exp = |value| {
            Real::exp(Dual {
                value,
                derivative: 3.0f32,
            })
        };
        for x in [100.0, -100.0, f32::NEG_INFINITY] {
            assert_eq!(exp(x).derivative, 0.0, "at {x}");
        }
        let at_one = exp(1.0);
        assert!((at_one.derivative - 3.0 * std::f32::consts::E).abs() < 1e-5);
    }
}
