//! Statistics of rankings: how well scores rank what is known, and how sure that is.
//!
//! Rank correlations and bootstrap intervals judge a ranking, a [`Split`] says on
//! which data. Regression, ridge and Gaussian processes tell what a description says
//! about scores. Nothing here knows architectures or formulas.
//!
//! ```
//! use lpzero_stats::{Bootstrap, Correlation, tau};
//!
//! let scores = [0.1, 0.4, 0.2, 0.8, 0.7];
//! let truth = [61.0, 70.0, 65.0, 74.0, 75.0];
//! assert_eq!(tau(&scores, &truth)?, Some(0.8));
//! let interval = Bootstrap::default().interval(Correlation::Kendall, &scores, &truth)?;
//! assert!(interval.is_some_and(|interval| interval.low < 0.8));
//! # Ok::<(), lpzero_stats::Error>(())
//! ```
#![forbid(unsafe_code)]

mod bootstrap;
pub mod calibration;
mod cholesky;
mod column;
mod correlation;
mod error;
pub mod gaussian_process;
mod mean;
pub mod multiple_testing;
mod pairs;
mod parts;
pub mod rank_vector;
mod ranks;
pub mod regression;
pub mod ridge;
mod same_size;
mod split;
pub mod vector;

pub use bootstrap::{Bootstrap, Interval, Resamples};
pub use cholesky::Cholesky;
pub use column::compare;
pub use correlation::{Correlation, Workspace, partial_tau, rho, tau};
pub use error::Error;
pub use mean::mean_interval;
pub use pairs::ties;
pub use parts::{GroupTau, precision_at_top, tau_among_top, tau_within_groups};
pub use ranks::rank;
pub use same_size::{SameSize, TOLERANCE};
pub use split::{MINIMUM_PART, Split};
