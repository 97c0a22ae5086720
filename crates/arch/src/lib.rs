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
mod block;
mod count;
pub mod document;
mod error;
mod family;
mod mixer;
mod part;
mod role;
mod rotary;
pub mod space;
pub mod spec;
mod table;
mod validate;
mod variables;

pub use adapters::Adapters;
pub use architecture::{
    Architecture, Embedding, Head, Initialisation, NormKind, NormPlacement, PositionWidth,
};
pub use block::{Activation, Block, FeedForward};
pub use count::ParameterCounts;
pub use document::{Cursor, Document, Node};
pub use error::{Error, Invalid, Place, Problem};
pub use family::{
    Family, Reading, UnknownReading, flexibert, hugging_face, lts, read_architecture,
    read_architecture_and_family, read_value,
};
pub use mixer::{AttentionBiases, GroupedAttention, HeadNorms, Kind, Mixer, Transform};
pub use role::Role;
pub use rotary::{Rotary, RotaryScaling};
pub use space::{Genotype, Space};
pub use table::{BlockNorm, Map, Mixing, Side};
pub use validate::{Field, MAX_BLOCKS, MAX_HIDDEN_LAYERS, MAX_PARAMETERS, MAX_VOCABULARY};
pub use variables::{Read, Value, Variable, Variables};
