//! Searching for proxies: rank statistics, splits, pruning, genetic programming,
//! enumeration, and the journal that lets a search survive its process.
#![forbid(unsafe_code)]

pub mod archive;
pub mod bootstrap;
pub mod budget;
mod error;
pub mod exhaustive;
pub mod fitness;
pub mod generate;
pub mod genetic;
mod journal;
mod language;
pub mod paper;
pub mod pruning;
pub mod random;
mod record;
mod report;
mod run;
pub mod score;
pub mod seed;
pub mod select;
pub mod split;
pub mod statistics;
mod tree;
pub mod vary;
mod vocabulary;

pub use error::Error;
pub use journal::{Journal, JournalError, Torn};
pub use report::{Best, Comparison, FrontEntry, MINIMUM_GROUP, Method, Report, Test};
pub use run::{Baseline, Found, Problem, Settings};
pub use vocabulary::Vocabulary;
