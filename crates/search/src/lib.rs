//! Searching for proxies: rank statistics, splits, pruning, genetic programming,
//! enumeration, and the journal that lets a search survive its process.
#![forbid(unsafe_code)]

pub mod archive;
mod assess;
pub mod bootstrap;
pub mod budget;
mod error;
pub mod exhaustive;
mod factors;
pub mod fitness;
mod foresight;
pub mod gaussian_process;
pub mod generate;
pub mod genetic;
mod journal;
mod language;
pub mod paper;
pub mod powers;
mod problem;
pub mod pruning;
pub mod random;
mod rank_vector;
mod record;
pub mod regression;
mod report;
mod ridge;
mod run;
pub mod score;
pub mod seed;
pub mod select;
mod space;
pub mod split;
pub mod statistics;
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
