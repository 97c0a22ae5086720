//! What one forward and backward pass leaves behind.
#![forbid(unsafe_code)]

mod build;
mod cache;
mod codec;
mod error;
mod moments;
mod recorder;
#[cfg(test)]
mod samples;
mod scalar;
mod schedule;
mod sketch;
mod spec;
mod trace;

pub use build::{DEFAULT_MEMORY, Progress, Resources, build_traces, memory_estimate};
pub use cache::{ArchitectureKey, TraceCache};
pub use error::{CacheWarning, Error};
pub use recorder::Recorder;
pub use scalar::ScalarRow;
pub use sketch::{MOST_FIBRE_ROWS, POINTS, Sketch};
pub use spec::{Tokens, TraceSpec};
pub use trace::{Moments, NetworkScalar, SiteTrace, TensorTrace, Trace};

pub use lpzero_nn::{Role, Site, Symbol};
