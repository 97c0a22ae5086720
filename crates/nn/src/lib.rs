//! The engine: networks with an explicit forward and backward pass.
//!
//! A [`Network`] is an architecture with weights and an [`Objective`].
//! [`Network::pass`] runs it forward and backward once, on the calling thread,
//! and shows a [`Visitor`] every weight, activation and gradient on the way.
//! Nothing is kept that the backward pass does not need, and weight gradients
//! exist only while the visitor looks at them.
//!
//! ```
//! use lpzero_arch::{Reading, Document, flexibert};
//! use lpzero_nn::{Batch, Network, Objective, NoVisitor};
//!
//! let config = r#"{"hidden_size": 128, "nas_config": {"encoder_layers": [
//!     {"operation_type": "SA", "operation_parameter": "SDP", "num_operation_heads": 2,
//!      "feed_forward_dimension": 512, "num_feed_forward": 1}]}}"#;
//! let document = Document::parse_json("example.json", config)?;
//! let encoder = flexibert::read(&document.root(), Reading::AsTrained)?;
//!
//! let network = Network::<f32>::seeded(&encoder, Objective::default_for(&encoder), 0)?;
//! let batch = Batch::zipf(encoder.vocabulary, 2, 16, 0);
//! let loss = network.pass(&batch, &mut NoVisitor)?;
//! // An untrained network guesses: the logarithm of the vocabulary.
//! assert!((loss - (encoder.vocabulary as f64).ln()).abs() < 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod checkpoint;
mod dual;
mod error;
mod kernels;
mod layers;
pub mod names;
mod network;
mod objective;
mod optimiser;
mod parameters;
mod pass;
mod prefix;
#[cfg(feature = "profile")]
pub mod profile;
#[cfg(not(feature = "profile"))]
mod profile;
mod random;
mod real;
mod scale;
mod site;
mod source;
mod visitor;
mod workspace;

pub use batch::Batch;
pub use checkpoint::{read_metadata, read_safetensors, write_safetensors};
pub use dual::Dual;
pub use error::{Error, room_for};
pub use kernels::allocator::Allocator;
pub use kernels::dispatch::InstructionSet;
pub use kernels::matrix::add_inner_products;
pub use kernels::memory::return_large_buffers;
pub use kernels::reduce::{Sums, Wanted, count_positives, largest, multiply, raise_maxima};
pub use network::{
    Curvature, Engine, Flow, MAX_ACTIVATIONS, Network, evaluation_activations, rademacher,
    streamed_pass, streamed_weights,
};
pub use objective::Objective;
pub use optimiser::{AdamW, Gradients, clip_factor};
pub use parameters::{MAX_WEIGHTS, Parameter, Tensors};
pub use pass::PIECE;
pub use prefix::BlockPrefix;
pub use real::Real;
pub use site::{Role, Site, Symbol};
pub use source::{
    Adapted, BlockOrder, Fill, Initial, Layout, Lost, Ordered, Precision, Prefixes, Renumbered,
    Request, Resident, Seeded, Source, Stored, export_weights, head_parameters, missing_head,
};
pub use visitor::{NoVisitor, TensorRows, TensorView, Visitor};
pub use workspace::Workspace;
