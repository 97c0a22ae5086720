//! Find zero-cost proxies for language models.
//!
//! This crate ties the others together: a [`Workbench`] runs every network of
//! a ground truth once and keeps what that left (its *traces*); [`rank`] says
//! how well proxies rank the architectures; [`lpzero_search`] finds better
//! ones. The `lpzero` command is a thin layer over this crate.
#![forbid(unsafe_code)]

pub mod ablation;
mod architecture_search;
pub mod audit;
mod error;
mod exact;
mod finding;
pub mod likelihood;
mod proxy;
mod ranking;
mod repeats;
mod sensitivity;
mod supernet;
pub mod text;
mod workbench;

pub use architecture_search::{LATENCY_PASSES, ProxyScorer, latency, verify};
pub use error::Error;
pub use exact::run_passes;
pub use finding::{
    ExactScores, Finder, Ground, Withheld, baselines, kinds, split, unfitted_proxies,
};
pub use lpzero_arch as arch;
pub use lpzero_nas as nas;
pub use lpzero_nn as nn;
pub use lpzero_proxy as language;
pub use lpzero_search as search;
pub use lpzero_stats as stats;
pub use lpzero_trace as trace;
pub use lpzero_train as train;
pub use lpzero_truth as truth;
pub use proxy::Proxy;
pub use ranking::{
    Contestant, Difference, PassScores, RankRow, Seconds, Stability, Subjects, rank, rank_passes,
};
pub use repeats::{PassMoments, Repeats, Repetition};
pub use supernet::{Restricted, SubNetworkScorer, Supernet, SupernetWeights, one_budget};
pub use workbench::{Candidates, Pass, Traced, Workbench};
