//! What one forward and backward pass leaves behind.
#![forbid(unsafe_code)]

mod moments;
mod recorder;
mod scalar;
mod sketch;
mod trace;

pub use recorder::Recorder;
pub use scalar::ScalarRow;
pub use sketch::{MOST_FIBRE_ROWS, POINTS, Sketch};
pub use trace::{Moments, NetworkScalar, SiteTrace, TensorTrace, Trace};

pub use lpzero_nn::{Role, Site, Symbol};
