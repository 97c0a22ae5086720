//! Find zero-cost proxies for language models: formulas over weights, gradients and
//! activations of an untrained transformer that rank architectures by the quality they
//! reach once trained.
//!
//! ```
//! use lpzero::{Proxy, SearchOptions, Study, search::Budget};
//!
//! fn main() -> Result<(), lpzero::Error> {
//!     let study = Study::open("tiny")?; // a name, or the path of a benchmark
//!     let mut options = SearchOptions::default();
//!     options.settings.budget = Budget::Evaluations(200);
//!     let found = study.search(&options)?.report;
//!     println!("{}  test tau {:?}", found.best.formula, found.verdict.test.tau);
//!     let proxies = [Proxy::parse("params")?, Proxy::parse(&found.best.formula)?];
//!     for row in &study.rank(&proxies)?[0].rows {
//!         println!("{}  tau {:?}", row.proxy, row.tau);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! [`Study`] is the front door: ground truths, and what can be asked about them. Every
//! network is run once, by a [`Workbench`]; every formula is evaluated on what that one
//! run left behind. The crates below are re-exported under their names.
#![forbid(unsafe_code)]

pub mod ablation;
pub mod audit;
pub mod compare;
mod elsewhere;
mod error;
mod exact;
mod finding;
mod like;
pub mod likelihood;
mod networks;
mod order;
pub mod points;
mod proxy;
mod ranking;
mod repeats;
pub mod saved;
pub mod scored;
mod scores;
mod scoring;
pub mod sees;
mod sensitivity;
pub mod shapes;
mod study;
mod subjects;
pub mod supernet;
pub mod text;
pub mod variation;
mod watch;
mod workbench;

pub use error::Error;
pub use exact::run_passes;
pub use finding::{Withheld, split, unfitted_proxies};
pub use like::{Like, Size};
pub use lpzero_arch as arch;
pub use lpzero_nas as nas;
pub use lpzero_nn as nn;
pub use lpzero_proxy as language;
pub use lpzero_run as run;
pub use lpzero_search as search;
pub use lpzero_stats as stats;
pub use lpzero_trace as trace;
pub use lpzero_train as train;
pub use lpzero_truth as truth;
pub use networks::Networks;
pub use proxy::Proxy;
pub use ranking::{Difference, RankRow, Stability};
pub use repeats::{PassMoments, Repeats, Repetition};
pub use scores::{Scores, Undefined};
pub use study::{
    Ablation, AblationOptions, DEFAULT_SEARCH, DefaultSearch, Keeping, RankOptions, Ranking,
    SearchOptions, SearchReport, SearchSeconds, SplitSizes, Splits, Study, TracedNetworks,
};
pub use subjects::{baselines, kinds};
pub use watch::{Event, Task, Watch};
pub use workbench::{Pass, Workbench};
