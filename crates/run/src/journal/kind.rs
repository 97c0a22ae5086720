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
    /// Whether every record reaches the disk before the next piece begins. Otherwise
    /// records are forced there every ten seconds.
    pub each: bool,
    /// Inputs that may have changed, as errors name them: "other inputs".
    pub inputs: &'static str,
}
