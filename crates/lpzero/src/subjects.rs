//! Trained networks as a ranking sees them: names, scores and counts, no architecture.

use std::collections::HashMap;
use std::hash::Hash;

use lpzero_proxy::Evaluator;
use lpzero_search::Baseline;
use lpzero_trace::{ArchitectureKey, NetworkScalar, Trace};
use lpzero_truth::{Entry, GroundTruth, Group};

use crate::{Error, Proxy, Size};

/// Baselines that any proxy must justify itself against: a label, and a named proxy. The proxies
/// need no network, or are a scalar of the language.
const BASELINES: [(&str, &str); 5] = [
    ("#Params", "params"),
    ("decoder params", "decoder_params"),
    ("attention params", "attention_params"),
    ("depth", "layers"),
    ("depth^2 x width", "depth2_width"),
];

/// Trained networks of a ground truth, or of somebody who ran them elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Subjects {
    /// Name of the ground truth.
    pub name: String,
    /// Trained scores, larger is better.
    pub scores: Vec<f64>,
    /// Depth and width, as text.
    pub groups: Vec<String>,
    /// One number per network, the same for equal networks.
    pub kinds: Vec<usize>,
    /// Traces without sites: all that counts read.
    counts: Vec<Trace>,
}

impl From<&GroundTruth> for Subjects {
    fn from(truth: &GroundTruth) -> Self {
        let entries = || truth.entries.iter();
        Self {
            name: truth.name.clone(),
            scores: entries().map(|entry| entry.score).collect(),
            groups: entries().map(|entry| entry.group().to_string()).collect(),
            kinds: kinds(truth),
            counts: entries()
                .map(|entry| Trace::data_free(&entry.architecture))
                .collect(),
        }
    }
}

impl Subjects {
    /// Networks of which there are only traces, in the order of their scores.
    pub fn traced(name: &str, scores: &[f64], traces: &[Trace]) -> Self {
        let group = |trace: &Trace| Group {
            layers: trace.scalar(NetworkScalar::Layers) as usize,
            width: trace.scalar(NetworkScalar::Width) as usize,
        };
        let counts = |trace: &Trace| Trace {
            scalars: trace.scalars.clone(),
            sites: Vec::new(),
        };
        Self {
            name: name.to_owned(),
            scores: scores.to_vec(),
            groups: traces
                .iter()
                .map(|trace| group(trace).to_string())
                .collect(),
            kinds: numbered(traces.iter().map(Trace::to_bytes)),
            counts: traces.iter().map(counts).collect(),
        }
    }

    /// Number of networks.
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Sizes of all networks.
    pub fn sizes(&self, size: Size) -> Vec<f64> {
        let sizes = self.counts.iter();
        sizes.map(|counts| counts.scalar(size.scalar())).collect()
    }

    /// A proxy of counts on all networks.
    ///
    /// # Errors
    ///
    /// No proxy of this name.
    pub fn count(&self, proxy: &str) -> Result<Vec<f64>, Error> {
        let formula = Proxy::parse(proxy)?.formula;
        let scores = Evaluator::new(&self.counts).all_scores(&formula);
        scores.map_err(|error| Error::Formula(error.to_string()))
    }

    /// The baselines that need no network, on all networks.
    pub fn baselines(&self) -> Result<Vec<Baseline>, Error> {
        let baseline = |(name, proxy): &(&str, &str)| {
            Ok(Baseline {
                name: (*name).to_owned(),
                scores: self.count(proxy)?,
            })
        };
        BASELINES.iter().map(baseline).collect()
    }
}

/// The baselines that need no network, on every architecture of a ground truth.
///
/// # Errors
///
/// None but a baseline that is no formula.
pub fn baselines(truth: &GroundTruth) -> Result<Vec<Baseline>, Error> {
    Subjects::from(truth).baselines()
}

/// One number per entry of a ground truth, the same for equal networks.
pub fn kinds(truth: &GroundTruth) -> Vec<usize> {
    let key = |entry: &Entry| ArchitectureKey::of(&entry.architecture);
    numbered(truth.entries.iter().map(key))
}

/// One number per key, the same for equal keys, in the order of their first appearance.
fn numbered<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut known = HashMap::new();
    let number = |key| {
        let next = known.len();
        *known.entry(key).or_insert(next)
    };
    keys.map(number).collect()
}
