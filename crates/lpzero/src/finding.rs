//! Searching for a proxy on the traces of a ground truth.

use std::collections::HashMap;

use lpzero_arch::Architecture;
use lpzero_proxy::named::NAMED;
use lpzero_proxy::{Evaluator, Node};
use lpzero_search::budget::Control;
use lpzero_search::split::Split;
use lpzero_search::{Baseline, Method, Problem, Report, Settings, Vocabulary};
use lpzero_trace::{ArchitectureKey, Trace};
use lpzero_truth::GroundTruth;

use crate::Error;

/// A number that needs no network, by name.
pub type ClosedForm = (&'static str, fn(&Architecture) -> f64);

/// What any proxy must justify itself against.
pub const BASELINES: [ClosedForm; 5] = [
    ("#Params", |a| a.parameters().total() as f64),
    ("decoder params", |a| a.parameters().decoder() as f64),
    ("attention params", |a| a.parameters().mixers as f64),
    ("depth", |a| a.blocks.len() as f64),
    ("depth^2 x width", |a| {
        (a.blocks.len() as f64).powi(2) * a.width as f64
    }),
];

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
    let mut known = HashMap::new();
    let kinds: Vec<usize> = truth
        .entries
        .iter()
        .map(|entry| {
            let next = known.len();
            *known
                .entry(ArchitectureKey::of(&entry.architecture))
                .or_insert(next)
        })
        .collect();
    Ok(Split::draw(&kinds, search, validation, seed)?)
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
    let baselines: Vec<Baseline> = BASELINES
        .iter()
        .map(|(name, of)| Baseline {
            name: (*name).to_owned(),
            scores: truth
                .entries
                .iter()
                .map(|entry| of(&entry.architecture))
                .collect(),
        })
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
        baselines: &baselines,
    };
    Ok(method.run(problem, settings, control)?)
}
