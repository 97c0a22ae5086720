//! Searching for proxies: pruning, genetic programming, random search, enumeration,
//! and the journal that lets a search survive its process.
#![forbid(unsafe_code)]

pub mod archive;
mod assess;
mod control;
mod criterion;
mod error;
pub mod exhaustive;
mod factors;
pub mod fitness;
mod foresight;
mod found;
pub mod generate;
pub mod genetic;
mod journal;
mod language;
mod like_size;
pub mod paper;
pub mod powers;
mod problem;
pub mod pruning;
pub mod random;
mod record;
mod report;
mod run;
pub mod score;
pub mod select;
mod settings;
mod space;
pub mod stability;
pub mod template;
pub mod transfer;
mod tree;
pub mod vary;
mod vocabulary;

pub use control::{Control, Snapshot};
pub use criterion::Criterion;
pub use error::Error;
pub use found::Found;
pub use journal::{JOURNAL_KIND, Journal};
pub use lpzero_run::{Budget, JournalError, Torn, seed};
pub use problem::{Baseline, Benchmark, Problem};
pub use report::{
    Best, Comparison, FrontEntry, LeftOutReport, MINIMUM_GROUP, Method, OfCounts, Optimism, Report,
    StabilityOn, Tally, Test, Verdict,
};
pub use settings::Settings;
pub use vocabulary::Vocabulary;
