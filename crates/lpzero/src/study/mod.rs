//! The front door: ground truths, and what can be asked about them.

mod ablate;
mod rank;
mod search;
#[cfg(test)]
mod tests;
mod traced;

use std::path::Path;
use std::sync::OnceLock;

use lpzero_run::{ContentHash, Hasher};
use lpzero_stats::Split;
use lpzero_trace::Trace;
use lpzero_truth::{GroundTruth, TruthSource};

pub use ablate::{Ablation, AblationOptions};
pub use rank::{RankOptions, Ranking};
pub use search::{
    DEFAULT_SEARCH, DefaultSearch, Keeping, SearchOptions, SearchReport, SearchSeconds, SplitSizes,
    Splits,
};
pub use traced::TracedNetworks;

use crate::variation::VariedTraces;
use crate::{Error, Networks, Proxy, Repeats, Scores, Workbench};

/// Ground truths with the workbench that runs their networks: search them for a proxy,
/// rank proxies on them, score their architectures.
///
/// Networks are run once, when first needed; the traces then serve every search and
/// ranking of this study.
///
/// ```
/// use lpzero::{Proxy, SearchOptions, Study, search::Budget};
///
/// # fn main() -> Result<(), lpzero::Error> {
/// let study = Study::open("tiny")?;
/// let mut options = SearchOptions::default();
/// options.settings.budget = Budget::Evaluations(200);
/// let found = study.search(&options)?;
/// let best = Proxy::parse(&found.report.best.formula)?;
/// let rows = study.rank(&[Proxy::parse("params")?, best])?.remove(0).rows;
/// assert!(rows[1].tau > rows[0].tau);
/// # Ok(())
/// # }
/// ```
pub struct Study {
    truths: Vec<GroundTruth>,
    workbench: Workbench,
    /// By ground truth, then entry.
    traces: OnceLock<Vec<Vec<Trace>>>,
    /// By ground truth, then further initialisation, then entry.
    further: OnceLock<Vec<Vec<Vec<Trace>>>>,
    /// By ground truth.
    varied: OnceLock<Vec<VariedTraces>>,
}

impl Study {
    /// A study of one ground truth, with the default workbench: every core, no cache.
    ///
    /// `truth` is the name of a built-in ground truth, such as `tiny`, or the path of
    /// one in a layout that [`GroundTruth::read`] knows.
    ///
    /// # Errors
    ///
    /// A ground truth that cannot be read, or no threads.
    pub fn open(truth: impl AsRef<Path>) -> Result<Self, Error> {
        let truth = TruthSource::new(truth.as_ref()).read(&[])?;
        Ok(Self::new(vec![truth], Workbench::new(0)?))
    }

    /// A study of ground truths that are there.
    pub fn new(truths: Vec<GroundTruth>, workbench: Workbench) -> Self {
        Self {
            truths,
            workbench,
            traces: OnceLock::new(),
            further: OnceLock::new(),
            varied: OnceLock::new(),
        }
    }

    /// A study of these ground truths on another workbench; they are traced anew.
    #[must_use]
    pub fn on(self, workbench: Workbench) -> Self {
        Self::new(self.truths, workbench)
    }

    /// The ground truths.
    pub fn truths(&self) -> &[GroundTruth] {
        &self.truths
    }

    /// Workbench that runs the networks.
    pub fn workbench(&self) -> &Workbench {
        &self.workbench
    }

    /// The hash of everything that scores of this study follow from: architectures and
    /// their trained scores, the pass, the tokens of its text, and the seed.
    pub fn inputs(&self) -> ContentHash {
        let mut hasher = Hasher::new();
        hasher.update(ContentHash::of(&self.workbench.spec("inputs")).as_bytes());
        for truth in &self.truths {
            let entries = truth.entries.iter();
            let entries = entries.map(|entry| (&entry.id, entry.score, &entry.architecture));
            let said = (&truth.name, entries.collect::<Vec<_>>());
            hasher.update(ContentHash::of(&said).as_bytes());
        }
        hasher.finish()
    }

    /// Traces by ground truth, then entry. Made on the first call, out of the cache
    /// where the workbench has one.
    ///
    /// # Errors
    ///
    /// As [`Workbench::traces`].
    pub fn traces(&self) -> Result<&[Vec<Trace>], Error> {
        if let Some(traces) = self.traces.get() {
            return Ok(traces);
        }
        let trace = |truth: &GroundTruth| {
            let networks = Networks::from(truth);
            self.workbench.traces(&source(truth), &networks)
        };
        let traces = self.truths.iter().map(trace);
        let traces = traces.collect::<Result<Vec<_>, _>>()?;
        Ok(self.traces.get_or_init(|| traces))
    }

    /// Traces of further initialisations: by ground truth, then initialisation, then entry.
    /// Entries of the test are not run: nobody judges by them. The first call decides how
    /// many there are, and of which splits.
    pub(crate) fn further(
        &self,
        inits: u32,
        splits: &[Split],
    ) -> Result<Vec<Vec<&[Trace]>>, Error> {
        if self.further.get().is_none() {
            let trace = |(truth, split): (&GroundTruth, &Split)| {
                let init = |init: u32| self.another_initialisation(truth, split, init);
                (1..=inits).map(init).collect::<Result<Vec<_>, _>>()
            };
            let further = self.truths.iter().zip(splits).map(trace);
            let further = further.collect::<Result<Vec<_>, _>>()?;
            self.further.get_or_init(|| further);
        }
        let further = self.further.get().into_iter().flatten();
        Ok(further
            .map(|truth| truth.iter().map(Vec::as_slice).collect())
            .collect())
    }

    /// Traces of other initial weights, of those entries that are searched on or selected
    /// with; of the others, counts alone.
    fn another_initialisation(
        &self,
        truth: &GroundTruth,
        split: &Split,
        init: u32,
    ) -> Result<Vec<Trace>, Error> {
        let seen: Vec<usize> = (split.search.iter())
            .chain(&split.validation)
            .copied()
            .collect();
        let found = self.workbench.initialised(init).trace_rows(truth, &seen)?;
        let entries = truth.entries.iter();
        let mut traces: Vec<Trace> = entries
            .map(|entry| Trace::data_free(&entry.architecture))
            .collect();
        for (index, trace) in seen.into_iter().zip(found) {
            traces[index] = trace;
        }
        Ok(traces)
    }

    /// Traces of the smallest networks with what must not matter changed, by ground truth.
    pub(crate) fn varied(&self) -> Result<&[VariedTraces], Error> {
        if let Some(varied) = self.varied.get() {
            return Ok(varied);
        }
        let trace = |truth: &GroundTruth| {
            let networks = Networks::from(truth);
            self.workbench.varied_traces(&source(truth), &networks)
        };
        let varied = self.truths.iter().map(trace);
        let varied = varied.collect::<Result<Vec<_>, _>>()?;
        Ok(self.varied.get_or_init(|| varied))
    }

    /// Exact scores of all architectures, by ground truth.
    ///
    /// # Errors
    ///
    /// As [`Workbench::score`].
    pub fn score(&self, proxies: &[Proxy], repeats: Repeats) -> Result<Vec<Scores>, Error> {
        let score = |truth| (self.workbench).score(&Networks::from(truth), proxies, repeats);
        self.truths.iter().map(score).collect()
    }
}

/// The name of a ground truth's traces in the cache, for people.
pub(crate) fn source(truth: &GroundTruth) -> String {
    match truth.reading {
        Some(reading) => format!("{} {reading}", truth.name),
        None => truth.name.clone(),
    }
}
