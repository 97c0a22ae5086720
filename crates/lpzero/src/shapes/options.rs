//! Which architectures are wanted, and how they are found.

use lpzero_arch::Space;
use lpzero_nas::{Bound, Budget, Cost, Table};
use serde::{Deserialize, Serialize};

use crate::Proxy;
use crate::supernet::SupernetWeights;

/// The folder, below that of a search, of the architectures of its front.
pub const ARCHITECTURES: &str = "architectures";

/// A way to find architectures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NasMethod {
    /// NSGA-II: a front of score against cost.
    #[default]
    Nsga2,
    /// Regularised evolution, by the score alone.
    Evolution,
    /// Random architectures that keep the bounds.
    Random,
    /// The best choice of every block of a super-network, solved for.
    Exact,
}

/// Which architectures are wanted, and how they are found.
#[derive(Clone)]
pub struct NasOptions {
    /// Where architectures are from.
    pub space: Space,
    /// Proxy that scores architectures.
    pub proxy: Proxy,
    /// How they are found.
    pub method: NasMethod,
    /// Cost that the front trades against the score.
    pub cost: Cost,
    /// Bounds that every architecture must keep.
    pub bounds: Vec<Bound>,
    /// Costs of choices; needed where cost or a bound is [`Cost::Table`].
    pub table: Option<Table>,
    /// Sequences that are served at once, and tokens of each, for [`Cost::Serving`]; `None` for
    /// one sequence of as many tokens as a network takes.
    pub served: Option<(usize, usize)>,
    /// When to stop.
    pub budget: Budget,
    /// Members of a population.
    pub population: usize,
    /// Run seed.
    pub seed: u64,
    /// The weights of the super-network whose parts are scored; networks of their own
    /// where there are none.
    pub supernet: Option<SupernetWeights>,
    /// Whether scores of parts are read off one pass of the super-network.
    pub restricted: bool,
    /// How many of the best by restricted scores are scored directly.
    pub rerank: usize,
}

impl NasOptions {
    /// NSGA-II with 200 evaluations: score against parameters, without bounds.
    pub fn new(space: Space, proxy: Proxy) -> Self {
        Self {
            space,
            proxy,
            method: NasMethod::default(),
            cost: Cost::Params,
            bounds: Vec::new(),
            table: None,
            served: None,
            budget: Budget::Evaluations(200),
            population: 16,
            seed: 0,
            supernet: None,
            restricted: false,
            rerank: 0,
        }
    }
}
