//! Training: from an architecture to a network that has learned.
//!
//! [`Training`] is the loop: AdamW over the gradients that the engine shows, with
//! warm-up and cosine decay, gradient clipping and accumulation ([`Recipe`]).
//! [`Batches`] is where tokens come from: a synthetic language with a known
//! entropy floor ([`language`]), or a text. Everything is a function of the
//! architecture, the recipe and a seed, on any number of threads; a training that
//! is continued from a checkpoint ends with the same bits.
#![forbid(unsafe_code)]

mod batches;
pub mod build;
mod checkpoint;
mod curve;
mod error;
pub mod hugging_face;
pub mod language;
mod plan;
mod recipe;
mod supernet;
mod training;
mod validation;

pub use batches::{Batches, Synthetic, Text};
pub use checkpoint::{CHECKPOINT, CURVE};
pub use curve::{Curve, Point};
pub use error::Error;
pub use plan::{Plan, Ranges};
pub use recipe::Recipe;
pub use supernet::{Elastic, Inheritance};
pub use training::{Control, Training};
pub use validation::validation_floor;
