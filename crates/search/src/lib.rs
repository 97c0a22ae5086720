//! Searching for proxies: pruning, genetic programming, random search, enumeration,
//! and the journal that lets a search survive its process.
#![forbid(unsafe_code)]

pub mod archive;
mod assess;
pub mod budget;
mod error;
pub mod exhaustive;
mod factors;
pub mod fitness;
mod foresight;
pub mod generate;
pub mod genetic;
mod journal;
mod language;
pub mod paper;
pub mod powers;
mod problem;
pub mod pruning;
pub mod random;
mod record;
mod report;
mod run;
pub mod score;
pub mod seed;
pub mod select;
mod space;
pub mod template;
mod tree;
pub mod vary;
mod vocabulary;

pub use error::Error;
pub use journal::{Journal, JournalError, Torn};
pub use problem::{Baseline, Benchmark, Problem};
pub use report::{
    Best, Comparison, FrontEntry, MINIMUM_GROUP, Method, Optimism, Report, Test, Verdict,
};
pub use run::{Found, Settings};
pub use vocabulary::Vocabulary;
