//! Rank statistics, splits, pruning and genetic programming over proxies.
#![forbid(unsafe_code)]

pub mod bootstrap;
mod error;
pub mod seed;
pub mod split;
pub mod statistics;

pub use error::Error;
