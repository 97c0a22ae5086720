//! Architecture search: the best architectures of a declared [`Space`] by a score,
//! under constraints on what they cost.
//!
//! [`search`] draws and varies genotypes of the space ([`Method`]: NSGA-II,
//! regularised evolution, random search), throws away what a count says to be
//! beyond a bound before anything is scored, has a [`Scorer`] score the rest, and
//! returns everything scored with its Pareto front of score against cost. Who scores
//! is the caller's matter. [`recount`] counts a network once more, from its tensors and
//! from the shapes that the engine shows in a pass, to check what was promised.
//!
//! The result is a function of problem, strategy and scores, on any number of
//! threads. With a journal, a search that was stopped goes on where it was.
//!
//! [`Space`]: lpzero_arch::Space
#![forbid(unsafe_code)]

mod cost;
mod error;
mod evolution;
mod exact;
mod front;
mod genotype;
mod hypervolume;
mod nsga2;
mod picture;
mod problem;
mod random;
mod recount;
mod run;
mod search;
mod strategy;
mod table;

pub use cost::{Bound, Cost, Costs, Load};
pub use error::Error;
pub use exact::{BlockChoices, Solution};
pub use front::front;
pub use hypervolume::hypervolume;
pub use lpzero_run::Budget;
pub use nsga2::{Point, crowding_distances, non_dominated_fronts};
pub use picture::picture;
pub use problem::{Candidate, Problem, Scorer};
pub use recount::{Recount, recount};
pub use run::architecture_id;
pub use search::search;
pub use strategy::{History, JOURNAL_KIND, Method, Record, Snapshot, Strategy};
pub use table::Table;
