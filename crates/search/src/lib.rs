//! Rank statistics, splits, pruning and genetic programming over proxies.
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
