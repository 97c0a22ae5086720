//! Searching for a proxy on the traces of a ground truth.

use lpzero_arch::Architecture;
use lpzero_proxy::{Evaluator, Node};
use lpzero_search::budget::Control;
use lpzero_search::split::Split;
use lpzero_search::{Baseline, Method, Problem, Report, Settings, Vocabulary};
use lpzero_trace::Trace;
use lpzero_truth::GroundTruth;

use crate::{Error, Proxy};

/// A number that needs no network, by name.
pub type ClosedForm = (&'static str, fn(&Architecture) -> f64);

/// What any proxy must justify itself against.
pub const BASELINES: [ClosedForm; 3] = [
    ("#Params", |a| a.parameters().total() as f64),
    ("depth", |a| a.blocks.len() as f64),
    ("depth^2 x width", |a| {
        (a.blocks.len() as f64).powi(2) * a.width as f64
    }),
];

/// Searches on one part of a ground truth, selects with another and tests the
/// winner once on the rest.
///
/// `traces` holds one trace per entry of the ground truth. The search starts
/// from the named proxies and from a random population.
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
    let seeds: Vec<Node> = Proxy::all_named()
        .into_iter()
        .map(|proxy| proxy.formula)
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
