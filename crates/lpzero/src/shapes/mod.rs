//! The best architectures of a space by a proxy, under constraints.

mod front;
mod options;
mod parts;
mod report;
mod scorer;

use std::cell::Cell;
use std::path::Path;

use lpzero_nas::{History, Load, Method, Problem, Record, Snapshot, Strategy, search};
use lpzero_run::Pieces;

pub use front::verify;
pub use options::{ARCHITECTURES, NasMethod, NasOptions};
pub use report::{Choices, Hypervolume, Member, NasReport, Reranked, SubNetworks, choices, pairs};
pub(crate) use scorer::check;
pub use scorer::{LATENCY_PASSES, ProxyScorer, latency};

use crate::{Error, Study, Workbench};
use parts::Parts;

/// Places where an architecture search keeps results; none, by default.
#[derive(Default)]
pub struct NasKeeping<'a> {
    /// Where scores are recorded and taken from.
    pub journal: Option<&'a mut Pieces<Record>>,
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
    ) -> Result<(NasReport, History), Error> {
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
        journal: Option<&mut Pieces<Record>>,
    ) -> Result<(History, Vec<Reranked>), Error> {
        let problem = Problem {
            space: &options.space,
            cost: options.cost,
            bounds: &options.bounds,
            load: Load {
                batch: (self.pass().batch, self.pass().positions),
                served: options.served,
            },
            table: options.table.as_ref(),
        };
        let strategy = Strategy {
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
        let mut progress = |progress: Snapshot<'_>| {
            evaluated.set(progress.evaluated);
            task.at(progress.spent, &detail(&progress));
        };
        let mut reranked = Vec::new();
        let found = match (parts, options.method) {
            (Some(parts), NasMethod::Exact) => parts.solve(problem, journal, &mut reranked),
            (Some(parts), _) => {
                let mut scorer = parts.scorer(options.restricted);
                search(problem, strategy, &mut scorer, journal, &mut progress)
            }
            (None, _) => {
                let mut scorer = ProxyScorer {
                    workbench: self,
                    proxy: &options.proxy,
                };
                search(problem, strategy, &mut scorer, journal, &mut progress)
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
fn detail(progress: &Snapshot<'_>) -> String {
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
