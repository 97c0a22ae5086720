//! Ground truths: benchmarks of architectures with trained scores.
//!
//! [`GroundTruth::read`] takes a published layout as it was published, or the
//! project's own file. Nothing is skipped in silence: a record that cannot be read is
//! an error that names it, and [`GroundTruth::remarks`] say what was left out. [`KNOWN`] lists the published ground truths.
//!
//! ```no_run
//! use std::path::Path;
//! use lpzero_arch::Reading;
//! use lpzero_truth::GroundTruth;
//!
//! let truth = GroundTruth::read(Path::new("BERT_benchmark.json"), Reading::AsTrained)?;
//! assert_eq!(truth.entries.len(), 500);
//! # Ok::<(), lpzero_truth::Error>(())
//! ```
#![forbid(unsafe_code)]

mod columns;
mod decoder;
mod embedded;
mod error;
mod fetch;
mod flexibert;
mod format;
mod gemstones;
mod known;
mod lts;
mod openlm;
mod read;
mod rows;
mod source;
mod table;
mod tokens;
mod truth;

pub use embedded::{EMBEDDED, Embedded, embedded};
pub use error::Error;
pub use fetch::{FetchError, FetchOptions, Fetching, Published, fetch};
pub use format::{FORMAT, VERSION};
pub use known::{KNOWN, Known, known};
pub use source::TruthSource;
pub use table::TableOptions;
pub use tokens::Tokens;
pub use truth::{Entry, GroundTruth, Group, Trained};
