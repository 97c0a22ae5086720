//! Searching for a proxy on the traces of a ground truth.

use std::collections::HashMap;

use lpzero_proxy::named::NAMED;
use lpzero_proxy::{Evaluator, Node, known};
use lpzero_search::budget::Control;
use lpzero_search::score::Score;
use lpzero_search::select;
use lpzero_search::split::Split;
use lpzero_search::{Baseline, Method, Problem, Report, Settings, Vocabulary};
use lpzero_trace::{ArchitectureKey, Trace};
use lpzero_truth::{Entry, GroundTruth};

use crate::{Error, Proxy};

/// What any proxy must justify itself against: labels and named proxies that
/// need no network, or are a scalar of the language.
const BASELINES: [(&str, &str); 5] = [
    ("#Params", "params"),
    ("decoder params", "decoder_params"),
    ("attention params", "attention_params"),
    ("depth", "layers"),
    ("depth^2 x width", "depth2_width"),
];

/// The baselines that need no network, on every architecture of a ground truth.
///
/// # Errors
///
/// None but a baseline that is no formula.
pub fn baselines(truth: &GroundTruth) -> Result<Vec<Baseline>, Error> {
    let architectures = truth.entries.iter().map(|entry| &entry.architecture);
    let free: Vec<Trace> = architectures.map(Trace::data_free).collect();
    let evaluator = Evaluator::new(&free);
    BASELINES
        .iter()
        .map(|(name, proxy)| {
            let scores = evaluator.all_scores(&Proxy::parse(proxy)?.formula);
            Ok(Baseline {
                name: (*name).to_owned(),
                scores: scores.map_err(|error| Error::Formula(error.to_string()))?,
            })
        })
        .collect()
}

/// One number per entry of a ground truth, the same for equal networks.
pub fn kinds(truth: &GroundTruth) -> Vec<usize> {
    let mut known = HashMap::new();
    let kind = |entry: &Entry| {
        let next = known.len();
        *known
            .entry(ArchitectureKey::of(&entry.architecture))
            .or_insert(next)
    };
    truth.entries.iter().map(kind).collect()
}

/// Draws a split of a ground truth by the seed, equal networks in one part.
///
/// # Errors
///
/// Where the ground truth is too small for it.
pub fn split(
    truth: &GroundTruth,
    search: usize,
    validation: usize,
    seed: u64,
) -> Result<Split, Error> {
    Ok(Split::draw(&kinds(truth), search, validation, seed)?)
}

/// The named proxies that a search may honestly start from: all but those that
/// were themselves chosen on a ground truth.
pub fn unfitted_proxies() -> Vec<Node> {
    let unfitted = NAMED.iter().filter(|named| !named.fitted);
    unfitted.map(|named| named.node()).collect()
}

/// Formulas besides the front whose exact scores decide which one is reported.
const SHORTLIST: usize = 24;

/// A search for a proxy on a ground truth.
#[derive(Clone, Copy)]
pub struct Finder<'a> {
    /// Architectures and their trained scores.
    pub truth: &'a GroundTruth,
    /// One trace per entry of the ground truth.
    pub traces: &'a [Trace],
    /// What to search on, select with and test on.
    pub split: &'a Split,
    /// Formulas to start from, beside random ones.
    pub seeds: &'a [Node],
    /// How to search.
    pub settings: &'a Settings,
}

/// Scores formulas on whole tensors: by formula, then entry of the ground truth.
pub type ExactScores<'a> = dyn FnMut(&[Node]) -> Result<Vec<Vec<f64>>, Error> + 'a;

impl Finder<'_> {
    /// Searches on one part of the ground truth, selects with another and tests
    /// the winner once on the rest.
    ///
    /// The search reads traces, where some formulas are computed on a sample of
    /// each tensor. Those that the report may be about are scored once more by
    /// `exact` before anything is selected. A search that was cancelled does
    /// without.
    ///
    /// # Errors
    ///
    /// Settings out of range, a ground truth on which nothing can be ranked, or
    /// what `exact` says.
    pub fn find(
        &self,
        method: Method,
        control: &mut Control<'_>,
        exact: &mut ExactScores<'_>,
    ) -> Result<Report, Error> {
        let Self { truth, traces, .. } = *self;
        let scores: Vec<f64> = truth.entries.iter().map(|entry| entry.score).collect();
        let groups: Vec<String> = truth
            .entries
            .iter()
            .map(|entry| entry.group().to_string())
            .collect();
        let searched = self.split.search.iter().map(|&index| &traces[index]);
        let evaluator = Evaluator::new(traces);
        let problem = Problem {
            scorer: &evaluator,
            truth: &scores,
            split: self.split,
            vocabulary: &Vocabulary::of(searched),
            seeds: self.seeds,
            groups: &groups,
            baselines: &baselines(truth)?,
        };
        let found = method.search(problem, self.settings, control)?;
        if found.interrupted {
            return Ok(Report::conclude(method, &problem, self.settings, &found)?);
        }
        let shortlist = select::shortlist(&problem, self.settings, &found, SHORTLIST)?;
        let sampled = shortlist.iter().map(|individual| &individual.formula);
        let is_sampled = |formula: &&Node| {
            let prepared = evaluator.prepare(formula);
            prepared.is_ok_and(|prepared| !prepared.is_exact())
        };
        let sampled: Vec<Node> = sampled.filter(is_sampled).cloned().collect();
        if sampled.is_empty() {
            return Ok(Report::conclude(method, &problem, self.settings, &found)?);
        }
        let columns = exact(&sampled)?;
        let known = sampled.iter().map(Node::to_string).zip(columns).collect();
        let scorer = Exact {
            evaluator: &evaluator,
            known,
        };
        let problem = Problem {
            scorer: &scorer,
            ..problem
        };
        let found = found.remeasured(&problem, self.settings, &shortlist)?;
        Ok(Report::conclude(method, &problem, self.settings, &found)?)
    }
}

/// Exact scores where traces hold a sample only.
struct Exact<'a> {
    evaluator: &'a Evaluator<'a>,
    /// Scores of all architectures, by formula.
    known: HashMap<String, Vec<f64>>,
}

impl Score for Exact<'_> {
    fn scores(&self, formula: &Node, indices: &[usize]) -> Option<Vec<f64>> {
        // A formula that ranked in reverse has been turned.
        let turned = match formula {
            Node::Apply(known::NEG, parts) => parts.first(),
            _ => None,
        };
        for (formula, sign) in [(Some(formula), 1.0), (turned, -1.0)] {
            let known = formula.and_then(|formula| self.known.get(&formula.to_string()));
            if let Some(column) = known {
                return Some(indices.iter().map(|&index| sign * column[index]).collect());
            }
        }
        Score::scores(self.evaluator, formula, indices)
    }
}
