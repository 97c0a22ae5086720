//! Architectures of language models as plain data.
#![forbid(unsafe_code)]

mod architecture;

pub use architecture::{
    Activation, Architecture, Block, Embedding, FeedForward, Head, Initialisation, Kind, Mixer,
    NormPlacement, PositionWidth, Transform,
};
