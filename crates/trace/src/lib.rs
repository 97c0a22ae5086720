//! Traces: records of one forward and backward pass.
//!
//! A network is run once, and every formula is evaluated on its [`Trace`]: per
//! site and symbol exact reductions ([`Moments`]) and a fixed sample
//! ([`Sketch`]), and the scalars of the whole network ([`NetworkScalar`]).
//! [`build_traces`] makes the traces of many architectures side by side,
//! within a memory limit, and keeps them in a [`TraceCache`] that a second run
//! reuses without touching a network. A [`TraceSpec`] is all that decides what
//! the traces are.
//!
//! ```
//! use std::sync::Arc;
//! use lpzero_arch::{Document, Reading, flexibert};
//! use lpzero_trace::{
//!     DEFAULT_MEMORY, NetworkScalar, Resources, TraceCache, TraceSpec, build_traces,
//! };
//!
//! let config = r#"{"hidden_size": 128, "nas_config": {"encoder_layers": [
//!     {"operation_type": "SA", "operation_parameter": "SDP", "num_operation_heads": 2,
//!      "feed_forward_dimension": 512, "num_feed_forward": 1}]}}"#;
//! let document = Document::parse_json("example.json", config)?;
//! let encoder = flexibert::read(&document.root(), Reading::AsTrained)?;
//!
//! let spec = TraceSpec::new("example as-trained", 0);
//! let folder = tempfile::tempdir()?;
//! let (cache, _warnings) = TraceCache::open(folder.path(), &spec)?;
//! let resources = Resources {
//!     pool: &Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build()?),
//!     cache: Some(&cache),
//!     memory: DEFAULT_MEMORY,
//!     weights: &[],
//!     progress: &|progress| assert!(progress.finished <= progress.total),
//!     bands: false,
//!     beside: &|_| 0,
//!     cancel: &lpzero_run::Cancel::new(),
//! };
//! let traces = build_traces(&[encoder], &spec, resources)?;
//! assert_eq!(traces[0].scalar(NetworkScalar::Layers), 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
mod shaped;
mod sketch;
mod spec;
mod store;
mod trace;

pub use build::{
    DEFAULT_MEMORY, Need, Progress, Resources, Weights, build_traces, memory_estimate,
    streamed_estimate, visit_networks, visit_passes,
};
pub use cache::{ArchitectureKey, TraceCache};
pub use error::{CacheWarning, Error};
pub use moments::PairSums;
pub use recorder::Recorder;
pub use scalar::ScalarRow;
pub use shaped::{ShapedMoment, ShapedSweep};
pub use sketch::{MOST_FIBRE_ROWS, POINTS, Sketch, kept};
pub use spec::{Tokens, TraceSpec};
pub use store::{DEFAULT_LIMIT, Stored, TraceStore};
pub use trace::{Moments, NetworkScalar, SiteTrace, TensorTrace, Trace};

pub use lpzero_nn::{Role, Site, Symbol};
