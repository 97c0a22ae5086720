//! The best architectures of a space by a proxy, under constraints.

mod front;
mod parts;
mod report;
mod scorer;

use std::cell::Cell;
use std::path::Path;

use lpzero_arch::Space;
use lpzero_nas::{
    Bound, Budget, Cost, Found, Method, Problem, Progress, Record, Settings, Table, search,
};
use lpzero_train::Journal;
use serde::{Deserialize, Serialize};

pub use front::verify;
pub use report::{Choices, Hypervolume, Member, NasReport, Reranked, SubNetworks, choices, pairs};
pub(crate) use scorer::check;
pub use scorer::{LATENCY_PASSES, ProxyScorer, latency};

use crate::{Error, Proxy, Study, SupernetWeights, Workbench};
use parts::Parts;

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
    /// What they are scored by.
    pub proxy: Proxy,
    /// How they are found.
    pub method: NasMethod,
    /// What the front trades against the score.
    pub cost: Cost,
    /// What every architecture must keep to.
    pub bounds: Vec<Bound>,
    /// Costs of choices; needed where cost or a bound is [`Cost::Table`].
    pub table: Option<Table>,
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
            budget: Budget::Evaluations(200),
            population: 16,
            seed: 0,
            supernet: None,
            restricted: false,
            rerank: 0,
        }
    }
}

/// What an architecture search keeps; nothing, by default.
#[derive(Default)]
pub struct NasKeeping<'a> {
    /// Where scores are recorded and taken from.
    pub journal: Option<&'a mut Journal<Record>>,
    /// Where the architectures of the front are written.
    pub folder: Option<&'a Path>,
}

impl Study {
    /// [`Workbench::nas`] on the workbench of this study.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn nas(&self, options: &NasOptions) -> Result<NasReport, Error> {
        self.workbench().nas(options)
    }
}

impl Workbench {
    /// The best architectures of a space by a proxy, under constraints. Every
    /// architecture of the front is counted a second time, from its network.
    ///
    /// # Errors
    ///
    /// Options out of range, bounds that nothing keeps, networks that cannot be run.
    pub fn nas(&self, options: &NasOptions) -> Result<NasReport, Error> {
        Ok(self.nas_keeping(options, NasKeeping::default())?.0)
    }

    /// [`nas`](Self::nas) that keeps scores and architectures; with everything that was
    /// scored.
    ///
    /// # Errors
    ///
    /// As [`nas`](Self::nas), and what the journal says.
    pub fn nas_keeping(
        &self,
        options: &NasOptions,
        keeping: NasKeeping<'_>,
    ) -> Result<(NasReport, Found), Error> {
        let NasKeeping { journal, folder } = keeping;
        let parts = Parts::prepare(self, options)?;
        let (found, reranked) = self.find_shapes(options, parts.as_ref(), journal)?;
        let members = self.members(options, &found, folder)?;
        let supernet = parts.map(|parts| parts.report(reranked));
        let report = NasReport::new(options, self, &found, members, supernet);
        Ok((report, found))
    }

    fn find_shapes(
        &self,
        options: &NasOptions,
        parts: Option<&Parts<'_>>,
        journal: Option<&mut Journal<Record>>,
    ) -> Result<(Found, Vec<Reranked>), Error> {
        let problem = Problem {
            space: &options.space,
            cost: options.cost,
            bounds: &options.bounds,
            batch: (self.pass().batch, self.pass().positions),
            table: options.table.as_ref(),
        };
        let settings = Settings {
            method: match options.method {
                NasMethod::Evolution => Method::Evolution,
                NasMethod::Random => Method::Random,
                // Solved for, and not searched.
                NasMethod::Nsga2 | NasMethod::Exact => Method::Nsga2,
            },
            population: options.population,
            seed: options.seed,
            budget: options.budget,
        };
        let task = self.watch().task("searching");
        let evaluated = Cell::new(0);
        let mut progress = |progress: Progress<'_>| {
            evaluated.set(progress.evaluated);
            task.at(progress.spent, &detail(&progress));
        };
        let mut reranked = Vec::new();
        let found = match (parts, options.method) {
            (Some(parts), NasMethod::Exact) => parts.solve(problem, journal, &mut reranked),
            (Some(parts), _) => {
                let mut scorer = parts.scorer(options.restricted);
                search(problem, settings, &mut scorer, journal, &mut progress)
            }
            (None, _) => {
                let mut scorer = ProxyScorer {
                    workbench: self,
                    proxy: &options.proxy,
                };
                search(problem, settings, &mut scorer, journal, &mut progress)
            }
        };
        let found = found.map_err(|error| match error.is_cancelled() {
            true => Error::NasInterrupted {
                evaluated: evaluated.get(),
            },
            false => error,
        })?;
        Ok((found, reranked))
    }
}

/// How far a search is, for people.
fn detail(progress: &Progress<'_>) -> String {
    let best = progress.best.map(|best| {
        let params = best.costs.params;
        format!(", best score {:.4e} with {params} parameters", best.score)
    });
    format!(
        "{} architectures{}",
        progress.evaluated,
        best.unwrap_or_default()
    )
}
