//! Report of an architecture search.

use std::collections::BTreeMap;

use lpzero_arch::{Genotype, Space};
use lpzero_nas::{Bound, Candidate, Cost, Costs, History, Recount, hypervolume};
use serde::Serialize;

use super::options::{NasMethod, NasOptions};
use crate::Workbench;

/// The outcome of an architecture search. Serialised, it is the JSON document of
/// `lpzero nas`.
#[derive(Clone, Debug, Serialize)]
pub struct NasReport {
    /// Name of the space.
    pub space: String,
    /// Architectures in the space, invalid ones included.
    pub combinations: f64,
    /// How architectures were found.
    pub method: NasMethod,
    /// Name of the proxy.
    pub proxy: String,
    /// Formula of the proxy.
    pub formula: String,
    /// -1 where scores are the formula's turned round, so that larger is better.
    pub sign: i8,
    /// Seed of the search.
    pub seed: u64,
    /// Sequences per minibatch.
    pub batch: usize,
    /// Tokens per sequence.
    pub positions: usize,
    /// The cost that the front trades against the score.
    pub cost: Cost,
    /// Bounds by cost: least, most.
    pub bounds: BTreeMap<&'static str, [Option<f64>; 2]>,
    /// Architectures scored.
    pub evaluated: u64,
    /// Architectures whose score is not finite.
    pub without_score: u64,
    /// Architectures that a count showed to miss a bound.
    pub rejected: u64,
    /// Architectures that were measured and found too slow.
    pub too_slow: u64,
    /// Whether nothing new was left before the budget was spent.
    pub exhausted: bool,
    /// How sub-networks of a super-network were scored; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supernet: Option<SubNetworks>,
    /// Area that the front dominates.
    pub hypervolume: Option<Hypervolume>,
    /// Architectures that nothing dominates, by increasing cost.
    pub front: Vec<Member>,
    /// Time taken, by all processes that searched.
    pub seconds: f64,
}

/// Scores of parts of one network.
#[derive(Clone, Debug, Serialize)]
pub struct SubNetworks {
    /// Parameters of the super-network.
    pub params: f64,
    /// Whether scores were read off one pass of the super-network.
    pub restricted: bool,
    /// Whether the proxy adds over sites; absent where scores are direct.
    pub adds: Option<bool>,
    /// Seconds of that pass.
    pub pass_seconds: Option<f64>,
    /// Seconds of finding the best choices.
    pub solve_seconds: Option<f64>,
    /// The best by restricted scores that were scored directly.
    pub reranked: Vec<Reranked>,
}

/// One sub-network, scored twice.
#[derive(Clone, Debug, Serialize)]
pub struct Reranked {
    /// The sub-network.
    pub id: String,
    /// Score from the pass of the super-network.
    pub restricted: f64,
    /// Score from a pass of its own.
    pub direct: f64,
}

/// The area that the front dominates, up to a reference: the lowest score and the
/// highest cost that were scored.
#[derive(Clone, Debug, Serialize)]
pub struct Hypervolume {
    /// The area.
    pub value: f64,
    /// Score of the reference.
    pub score: f64,
    /// Cost of the reference.
    pub cost: f64,
}

/// Labels by variable, in the order of the space.
pub type Choices = serde_json::Map<String, serde_json::Value>;

/// An architecture of the front.
#[derive(Clone, Debug, Serialize)]
pub struct Member {
    /// A hash of the architecture.
    pub id: String,
    /// Score of the architecture; larger is better.
    pub score: f64,
    /// Costs of the architecture.
    #[serde(flatten)]
    pub costs: Costs,
    /// Label of each choice, by variable.
    pub choices: Choices,
    /// The second count; equal, or there would be no report.
    pub recount: Recount,
    /// The second measurement.
    pub latency_again: Option<f64>,
    /// Below the folder.
    pub file: Option<String>,
}

/// Bounds as the document has them.
fn bounds(bounds: &[Bound]) -> BTreeMap<&'static str, [Option<f64>; 2]> {
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let bound = |bound: &Bound| (bound.cost.name(), [finite(bound.least), finite(bound.most)]);
    bounds.iter().map(bound).collect()
}

/// The choices of an architecture by variable, those of blocks joined by commas.
pub fn choices(space: &Space, genotype: &Genotype) -> Choices {
    let choices = space.choices(genotype).into_iter();
    let choices = choices.map(|(name, labels)| (name.to_owned(), labels.join(",").into()));
    choices.collect()
}

/// Score and cost of everything that was scored.
pub fn pairs(found: &History, cost: Cost) -> Vec<(f64, f64)> {
    let pair = |candidate: &Candidate| {
        let cost = candidate.costs.get(cost).unwrap_or(f64::NAN);
        let score = match candidate.violation > 0.0 {
            true => f64::NAN,
            false => candidate.score,
        };
        (score, cost)
    };
    found.candidates.iter().map(pair).collect()
}

impl NasReport {
    /// The report of what was found, with the members of its front.
    pub(super) fn new(
        options: &NasOptions,
        workbench: &Workbench,
        found: &History,
        front: Vec<Member>,
        supernet: Option<SubNetworks>,
    ) -> Self {
        let pairs = pairs(found, options.cost);
        let finite = pairs.iter().filter(|pair| pair.0.is_finite());
        let lowest = finite.clone().map(|pair| pair.0).reduce(f64::min);
        let highest = finite.map(|pair| pair.1).reduce(f64::max);
        let hypervolume = lowest.zip(highest).map(|reference| Hypervolume {
            value: hypervolume(&pairs, reference),
            score: reference.0,
            cost: reference.1,
        });
        let not_scored = found.candidates.iter();
        let without = not_scored.filter(|c| c.violation == 0.0 && !c.score.is_finite());
        Self {
            space: options.space.name.clone(),
            combinations: options.space.combinations(),
            method: options.method,
            proxy: options.proxy.name.clone(),
            formula: options.proxy.formula.to_string(),
            sign: options.proxy.sign,
            seed: options.seed,
            batch: workbench.pass().batch,
            positions: workbench.pass().positions,
            cost: options.cost,
            bounds: bounds(&options.bounds),
            evaluated: found.evaluated,
            without_score: without.count() as u64,
            rejected: found.rejected,
            too_slow: found.too_slow,
            exhausted: found.exhausted,
            supernet,
            hypervolume,
            front,
            seconds: found.seconds,
        }
    }
}
