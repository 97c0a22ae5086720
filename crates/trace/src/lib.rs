//! What one forward and backward pass leaves behind.
#![forbid(unsafe_code)]

mod trace;

pub use trace::{Moments, NetworkScalar, SiteTrace, TensorTrace, Trace};

pub use lpzero_nn::{Role, Site, Symbol};
