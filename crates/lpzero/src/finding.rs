//! Searching for a proxy on the traces of a ground truth.

use std::collections::HashMap;

use lpzero_proxy::named::NAMED;
use lpzero_proxy::{Evaluator, Node};
use lpzero_search::budget::Control;
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

/// Searches on one part of a ground truth, selects with another and tests the
/// winner once on the rest.
///
/// `traces` holds one trace per entry of the ground truth. The search starts
/// from a random population and the named proxies, but for those that were
/// themselves chosen on a ground truth.
///
/// # Errors
///
/// Settings out of range, or a ground truth on which nothing can be ranked.
pub fn find(
    method: Method,
    truth: &GroundTruth,
    traces: &[Trace],
    split: &Split,
    settings: &Settings,
    control: &mut Control<'_>,
) -> Result<Report, Error> {
    let scores: Vec<f64> = truth.entries.iter().map(|entry| entry.score).collect();
    let groups: Vec<String> = truth
        .entries
        .iter()
        .map(|entry| entry.group().to_string())
        .collect();
    let seeds: Vec<Node> = NAMED
        .iter()
        .filter(|named| !named.fitted)
        .map(|named| named.node())
        .collect();
    let searched = split.search.iter().map(|&index| &traces[index]);
    let problem = Problem {
        scorer: &Evaluator::new(traces),
        truth: &scores,
        split,
        vocabulary: &Vocabulary::of(searched),
        seeds: &seeds,
        groups: &groups,
        baselines: &baselines(truth)?,
    };
    Ok(method.run(problem, settings, control)?)
}
