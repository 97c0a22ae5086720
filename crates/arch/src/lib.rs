//! Architectures of language models as plain data.
//!
//! An [`Architecture`] describes one network of any family without holding a
//! single weight. Families ([`read_architecture`], [`flexibert`], [`lts`])
//! read their own files into it, [`Architecture::validate`] says in one
//! sentence what is wrong with it, and [`Architecture::parameters`],
//! [`Architecture::flops`] and [`Architecture::activation_memory`] count
//! without building a network.
//!
//! ```
//! use lpzero_arch::{Document, Reading, flexibert};
//!
//! let config = r#"{"hidden_size": 128, "nas_config": {"encoder_layers": [
//!     {"operation_type": "SA", "operation_parameter": "SDP", "num_operation_heads": 2,
//!      "feed_forward_dimension": 512, "num_feed_forward": 1}]}}"#;
//! let document = Document::parse_json("example.json", config)?;
//! let encoder = flexibert::read(&document.root(), Reading::AsTrained)?;
//! assert_eq!(encoder.parameters().decoder(), 197_760);
//! # Ok::<(), lpzero_arch::Error>(())
//! ```
#![forbid(unsafe_code)]

mod adapters;
mod architecture;
mod count;
pub mod document;
mod error;
mod family;
pub mod space;
pub mod spec;
mod validate;
mod variables;

pub use adapters::Adapters;
pub use architecture::{
    Activation, Architecture, AttentionBiases, Block, Embedding, FeedForward, Head, Initialisation,
    Kind, Mixer, NormKind, NormPlacement, PositionWidth, Rotary, RotaryScaling, Transform,
};
pub use count::ParameterCounts;
pub use document::{Cursor, Document, Node};
pub use error::{Error, Place, Problem};
pub use family::{
    Family, Reading, UnknownReading, flexibert, hugging_face, lts, read_architecture,
    read_architecture_and_family, read_value,
};
pub use space::{Genotype, Space};
pub use validate::{Field, Invalid, MAX_BLOCKS, MAX_HIDDEN_LAYERS, MAX_PARAMETERS, MAX_VOCABULARY};
pub use variables::{Read, Value, Variable, Variables};
