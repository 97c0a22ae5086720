//! Searching again and again, with one thing changed.

use std::time::Instant;

use lpzero_run::Shard;
use lpzero_search::{Budget, Method, Settings};
use lpzero_stats::Split;
use serde::Serialize;

use super::{Keeping, SearchOptions, SplitSizes, Study};
use crate::ablation::{Axis, Outcome, Setup, Summary, Variant, summaries};
use crate::{Error, Watch, Withheld};

/// Options of an ablation: its axes, and how it searches.
#[derive(Clone, Debug)]
pub struct AblationOptions {
    /// Axes that are changed, one at a time.
    pub axes: Vec<&'static Axis>,
    /// Sizes of the splits; sensible ones where there are none.
    pub split: Option<SplitSizes>,
    /// Seed of the first search; the next ones have the seeds after it.
    pub seed: u64,
    /// Searches per variant, each with a split and a seed of its own.
    pub seeds: u64,
    /// Budget of every search.
    pub budget: Budget,
    /// The share of the searches that is done here; all where there is none.
    pub shard: Option<Shard>,
}

/// Result of an ablation. Serialised, it is the JSON document of `lpzero ablate`.
#[derive(Clone, Debug, Serialize)]
pub struct Ablation {
    /// Name of the ground truth.
    pub truth: String,
    /// The reading of its architectures, where the layout leaves a choice.
    pub reading: Option<String>,
    /// Number of architectures.
    pub n: usize,
    /// Architectures that are searched on and selected with.
    pub split: [usize; 2],
    /// Seed of the first search.
    pub seed: u64,
    /// Searches per variant.
    pub seeds: u64,
    /// A line per variant, axis by axis.
    pub rows: Vec<Summary>,
    /// Every search, seed by seed, or those that are known where a share was done.
    pub searches: Vec<Outcome>,
    /// How many searches the whole ablation has.
    #[serde(skip)]
    pub all: usize,
}

impl Study {
    /// Searches the first ground truth again and again, with one thing changed, on the
    /// same splits seed by seed. Outcomes that are `known` are not searched for again;
    /// every other is shown to `record` as soon as it is there.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search), what `record` says, and
    /// [`Error::AblationInterrupted`].
    pub fn ablate(
        &self,
        options: &AblationOptions,
        known: Vec<Outcome>,
        record: &mut dyn FnMut(&Outcome) -> Result<(), Error>,
    ) -> Result<Ablation, Error> {
        let [truth] = &self.truths[..] else {
            let given = self.truths.len();
            return Err(Error::OneTruth { given });
        };
        let n = truth.entries.len();
        let sizes = options.split.unwrap_or_else(|| SplitSizes::sensible(n));
        let seeds = || (0..options.seeds).map(|number| options.seed.wrapping_add(number));
        let splits = seeds().map(|seed| sizes.draw(truth, seed));
        let splits: Vec<Split> = splits.collect::<Result<_, _>>()?;
        let settings = Settings {
            budget: options.budget,
            ..Settings::default()
        };
        let base = Setup::new(settings, sizes.search);
        let axes: Vec<(&Axis, Vec<Variant>)> = (options.axes.iter())
            .map(|axis| (*axis, axis.variants(&base)))
            .collect();
        let variants: usize = axes.iter().map(|(_, variants)| variants.len()).sum();
        let total = variants * splits.len();

        self.traces()?;
        let task = self.workbench.watch().task("searching");
        let mut searches = Vec::new();
        let mut begun = 0;
        // Seed by seed, so that what is interrupted has something to say of all.
        for (seed, split) in seeds().zip(&splits) {
            for (axis, variants) in &axes {
                for variant in variants {
                    begun += 1;
                    let is_known = |o: &&Outcome| {
                        o.axis == axis.name && o.variant == variant.name && o.seed == seed
                    };
                    if let Some(known) = known.iter().find(is_known) {
                        searches.push(known.clone());
                        continue;
                    }
                    if options.shard.is_some_and(|shard| !shard.takes(begun - 1)) {
                        continue;
                    }
                    let detail = format!("{} {}, seed {seed}", axis.name, variant.name);
                    task.at(begun as f64 / total as f64, &detail);
                    let outcome = self.vary(axis, variant, split, seed);
                    let outcome = outcome.map_err(|error| match error {
                        Error::SearchInterrupted { .. } => Error::AblationInterrupted {
                            finished: searches.len(),
                            total,
                        },
                        error => error,
                    })?;
                    record(&outcome)?;
                    searches.push(outcome);
                }
            }
        }
        let rows = (axes.iter())
            .flat_map(|(axis, variants)| summaries(axis.name, variants, &searches))
            .collect();
        Ok(Ablation {
            truth: truth.name.clone(),
            reading: truth.reading.map(|reading| reading.to_string()),
            n,
            split: [sizes.search, sizes.validation],
            seed: options.seed,
            seeds: options.seeds,
            rows,
            searches,
            all: total,
        })
    }

    /// One search of an ablation.
    fn vary(
        &self,
        axis: &Axis,
        variant: &Variant,
        split: &Split,
        seed: u64,
    ) -> Result<Outcome, Error> {
        let setup = &variant.setup;
        let options = SearchOptions {
            method: Method::Genetic,
            settings: Settings {
                seed,
                ..setup.settings.clone()
            },
            withheld: Withheld {
                symbols: setup.symbols.clone(),
                scalars: setup.scalars,
            },
            ..SearchOptions::default()
        };
        let start = Instant::now();
        let watch: Watch = self.workbench.watch().silent();
        let splits = [setup.split(split)];
        let report = self.find(&options, &splits, Keeping::default(), &watch)?;
        Ok(Outcome {
            axis: axis.name.to_owned(),
            variant: variant.name.clone(),
            seed,
            formula: report.best.formula,
            search_tau: report.verdict.search.tau,
            test_tau: report.verdict.test.tau,
            test_rho: report.verdict.test.rho,
            evaluated: report.counts.evaluated,
            pruned: report.counts.pruned.values().sum(),
            seconds: start.elapsed().as_secs_f64(),
        })
    }
}
