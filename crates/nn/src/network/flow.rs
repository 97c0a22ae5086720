//! A sum that may be too large for a floating-point number.

/// Sum of the last hidden state in a pass of synaptic flow: `value * 2^exponent`.
///
/// The exponent is 0 where values fit into floating point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    /// The sum in units of the power of two.
    pub value: f64,
    /// A whole number.
    pub exponent: f64,
}

impl Flow {
    /// The sum itself, which may be infinite.
    pub fn sum(self) -> f64 {
        self.value * self.exponent.exp2()
    }

    /// Its natural logarithm.
    pub fn ln(self) -> f64 {
        self.value.ln() + self.exponent * std::f64::consts::LN_2
    }
}
