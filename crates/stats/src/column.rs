//! Checks of columns for rank statistics: numbers, equal lengths, at least two values.

use std::cmp::Ordering;

use crate::Error;

/// Compares numbers that are not NaN, with -0 equal to 0.
pub fn compare(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

pub(crate) fn check_numbers(x: &[f64]) -> Result<(), Error> {
    match x.iter().position(|x| x.is_nan()) {
        Some(index) => Err(Error::NotANumber { index }),
        None => Ok(()),
    }
}

pub(crate) fn check_pair(x: &[f64], y: &[f64]) -> Result<(), Error> {
    if x.len() != y.len() {
        return Err(Error::Lengths {
            left: x.len(),
            right: y.len(),
        });
    }
    if x.len() < 2 {
        return Err(Error::TooFew { n: x.len() });
    }
    check_numbers(x)?;
    check_numbers(y)
}
