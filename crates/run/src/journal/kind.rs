//! Kinds of work that journals keep.

/// Kind of work that a journal is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Name that its files bear, at most 255 bytes.
    pub format: &'static str,
    /// Changes whenever values or notes do.
    pub version: u32,
    /// Name of the work in errors.
    pub work: &'static str,
    /// Inputs that may have changed, as errors name them: "other inputs".
    pub inputs: &'static str,
}
