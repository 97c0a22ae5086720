//! Trained networks that another framework ran: only their traces are known.

use std::collections::HashSet;
use std::time::Instant;

use lpzero_proxy::Evaluator;
use lpzero_search::{Control, Method, Snapshot};
use lpzero_stats::Split;
use lpzero_trace::{NetworkScalar, Trace};

use super::rank::contestants;
use super::search::detail;
use super::{RankOptions, Ranking, SearchOptions, SearchReport, SearchSeconds, SplitSizes, Splits};
use crate::finding::{Finder, TracedTruth};
use crate::ranking::{PassScores, Ranked, rank_passes};
use crate::subjects::Subjects;
use crate::{Error, Repeats, Workbench, unfitted_proxies};

/// Trained networks with their traces, in any framework: a ground truth to search and
/// rank on. No network is run, so that formulas over samples stay what samples say.
///
/// ```
/// use lpzero::{Proxy, RankOptions, Study, TracedNetworks, Workbench};
///
/// # fn main() -> Result<(), lpzero::Error> {
/// // Whoever has traces and scores; here, those of a ground truth.
/// let study = Study::open("tiny")?;
/// let entries = &study.truths()[0].entries;
/// let ids = entries.iter().map(|entry| entry.id.clone()).collect();
/// let scores = entries.iter().map(|entry| entry.score).collect();
/// let traces = study.traces()?[0].clone();
///
/// let own = TracedNetworks::new("mine", ids, scores, traces)?;
/// let options = RankOptions::new(vec![Proxy::parse("snip")?]);
/// let ranking = own.rank(&options, &Workbench::new(1)?)?;
/// assert_eq!(ranking.rows[0].tau, study.rank_with(&options)?[0].rows[0].tau);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TracedNetworks {
    name: String,
    ids: Vec<String>,
    scores: Vec<f64>,
    traces: Vec<Trace>,
}

impl TracedNetworks {
    /// Networks with unique ids, finite scores (larger is better) and traces, in one order.
    ///
    /// # Errors
    ///
    /// [`Error::Traces`] where lengths differ, an id stands twice, a score is not finite,
    /// or there are fewer than two networks.
    pub fn new(
        name: impl Into<String>,
        ids: Vec<String>,
        scores: Vec<f64>,
        traces: Vec<Trace>,
    ) -> Result<Self, Error> {
        let name = name.into();
        let refuse = |reason: String| {
            let name = name.clone();
            Err(Error::Traces { name, reason })
        };
        let counts = (traces.len(), scores.len(), ids.len());
        if counts.0 != counts.1 || counts.0 != counts.2 {
            let (traces, scores, ids) = counts;
            return refuse(format!(
                "{traces} traces, {scores} scores and {ids} ids; expected one of each per network"
            ));
        }
        if counts.0 < 2 {
            return refuse(format!("{} networks; expected at least two", counts.0));
        }
        if let Some((id, score)) = ids
            .iter()
            .zip(&scores)
            .find(|(_, score)| !score.is_finite())
        {
            return refuse(format!("{id} has score {score}; expected a finite number"));
        }
        let mut seen = HashSet::new();
        if let Some(id) = ids.iter().find(|id| !seen.insert(*id)) {
            return refuse(format!("id {id} stands twice"));
        }
        let all = NetworkScalar::ALL.len();
        if let Some((id, _)) = (ids.iter().zip(&traces)).find(|(_, t)| t.scalars.len() != all) {
            return refuse(format!("the trace of {id} has not all {all} scalars"));
        }
        Ok(Self {
            name,
            ids,
            scores,
            traces,
        })
    }

    /// Name of this ground truth.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the networks.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Trained scores, larger is better.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Traces in the order of the networks.
    pub fn traces(&self) -> &[Trace] {
        &self.traces
    }

    fn subjects(&self) -> Subjects {
        Subjects::traced(&self.name, &self.scores, &self.traces)
    }

    /// How well proxies rank the networks.
    ///
    /// # Errors
    ///
    /// A formula that no trace can answer, a split that is too large, and repeats, since
    /// no network is run.
    pub fn rank(&self, options: &RankOptions, workbench: &Workbench) -> Result<Ranking, Error> {
        self.answers(options)?;
        let subjects = self.subjects();
        let indices: Vec<usize> = match options.split {
            Some(SplitSizes { search, validation }) => {
                Split::draw(&subjects.kinds, search, validation, options.seed)?.test
            }
            None => (0..subjects.len()).collect(),
        };
        let data_free: Vec<bool> = (options.proxies.iter())
            .map(|proxy| !proxy.needs_network())
            .collect();
        let evaluator = Evaluator::new(&self.traces);
        let mut scores = PassScores::default();
        for proxy in &options.proxies {
            scores.add_traced(proxy, &evaluator, &indices)?;
        }
        let mut passes = [scores];
        let contestants = contestants(options, &data_free, &mut passes)?;
        let task = workbench.watch().task("ranking");
        let progress = |done| task.step(done, contestants.len());
        let ranked = Ranked::new(&subjects, &indices, options.like)?;
        let passes = (&passes[..], Repeats::ONE);
        let mut rows = rank_passes(&contestants, passes, &ranked, options.seed, progress)?;
        for (row, proxy) in rows.iter_mut().zip(&options.proxies) {
            if row.undefined > 0 {
                row.undefined_why = self.why(&evaluator, proxy, &indices);
            }
        }
        Ok(Ranking {
            points: None,
            truth: self.name.clone(),
            n: indices.len(),
            reading: None,
            exact: false,
            rows,
        })
    }

    /// Refuses what takes a network to answer.
    fn answers(&self, options: &RankOptions) -> Result<(), Error> {
        let whole = |proxy: &&crate::Proxy| proxy.formula.needs_whole_tensors();
        let reason = match options.proxies.iter().find(whole) {
            Some(proxy) => format!(
                "{} reads whole tensors or a further pass, and there are only traces",
                proxy.name
            ),
            None if options.exact => {
                "whole tensors are asked for, and there are only traces".into()
            }
            None if options.repeats.count() > 1 => "there is one trace per network".into(),
            None => return Ok(()),
        };
        let name = self.name.clone();
        Err(Error::Traces { name, reason })
    }

    /// Why a proxy is not finite, on the first network where it is not.
    fn why(
        &self,
        evaluator: &Evaluator<'_>,
        proxy: &crate::Proxy,
        indices: &[usize],
    ) -> Option<String> {
        let prepared = evaluator.prepare(&proxy.formula).ok()?;
        let mut undefined = indices.iter().filter(|&&i| !prepared.score(i).is_finite());
        let first = *undefined.next()?;
        let why = prepared.why(first).unwrap_or_default();
        Some(format!("on {}, {why}", self.ids[first]))
    }

    /// Searches one part of the networks for a proxy, selects with another, and tests the
    /// winner once on the rest.
    ///
    /// # Errors
    ///
    /// Options out of range, networks on which nothing can be ranked, and
    /// [`Error::SearchInterrupted`].
    pub fn search(
        &self,
        options: &SearchOptions,
        workbench: &Workbench,
    ) -> Result<SearchReport, Error> {
        let start = Instant::now();
        let subjects = self.subjects();
        let split = self.split(&subjects, options)?;
        let traced = TracedTruth {
            subjects: &subjects,
            traces: &self.traces,
            further: &[],
            varied: None,
            split: &split,
        };
        let finder = Finder {
            truths: &[traced],
            seeds: &options.start.clone().unwrap_or_else(unfitted_proxies),
            settings: &options.settings,
            size: options.size,
            withheld: &options.withheld,
        };
        let watch = workbench.watch();
        let task = watch.task("searching");
        let mut control = Control {
            pool: workbench.pool(),
            cancel: watch.flag(),
            progress: &mut |progress: Snapshot<'_>| task.at(progress.spent, &detail(&progress)),
            journal: None,
        };
        let report = finder.find(options.method, &mut control, None);
        if watch.is_cancelled() {
            return Err(Error::SearchInterrupted {
                report: report.ok().map(Box::new),
            });
        }
        let seconds = start.elapsed().as_secs_f64();
        Ok(SearchReport {
            truth: self.name.clone(),
            reading: None,
            n: self.traces.len(),
            report: report?,
            held_out: Vec::new(),
            seconds: SearchSeconds {
                trace: 0.0,
                search: seconds,
                total: seconds,
                formulas_per_second: None,
            },
        })
    }

    /// The split that the options ask for.
    fn split(&self, subjects: &Subjects, options: &SearchOptions) -> Result<Split, Error> {
        let n = subjects.len();
        let draw = |SplitSizes { search, validation }: SplitSizes| {
            let seed = options.settings.seed;
            Ok(Split::draw(&subjects.kinds, search, validation, seed)?)
        };
        let up_to = |parameters: f64| {
            let sizes = subjects.sizes(crate::Size::Params);
            let (search, test) = (0..n).partition(|&i| sizes[i] <= parameters);
            Ok(Split {
                search,
                validation: Vec::new(),
                test,
            })
        };
        match &options.splits {
            Splits::Whole => up_to(f64::INFINITY),
            Splits::Sensible if options.method == Method::Transfer => up_to(f64::INFINITY),
            Splits::UpTo(parameters) => up_to(*parameters),
            Splits::Sensible => draw(SplitSizes::sensible(n)),
            Splits::Sizes(sizes) if sizes.len() == 1 => draw(sizes[0]),
            Splits::Drawn(splits) if splits.len() == 1 => Ok(splits[0].clone()),
            Splits::Sizes(_) | Splits::Drawn(_) => Err(Error::Splits {
                given: match &options.splits {
                    Splits::Drawn(splits) => splits.len(),
                    Splits::Sizes(sizes) => sizes.len(),
                    _ => 0,
                },
                expected: 1,
            }),
        }
    }
}
