//! What a formula is worth on the search split, found out in stages: on the
//! first few architectures, on more of them, on all.

use lpzero_proxy::Node;

use crate::archive::{Archive, Individual};
use crate::fitness::{Fitness, Measured};
use crate::pruning::{self, PROBE, Rule};
use crate::run::{Found, Settings};
use crate::statistics::Workspace;
use crate::{Error, Problem};

const STAGES: usize = 5;

/// How many of `n` architectures a formula is evaluated on before it is decided
/// whether to go on.
fn stages(n: usize) -> [usize; STAGES] {
    [PROBE, n / 4, n / 2, 3 * n / 4, n].map(|stage| stage.min(n))
}

/// Members below which their drift says too little.
const ENOUGH: usize = 20;

/// What a formula has to promise to be evaluated to the end.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The fitness that it has to exceed.
    threshold: f64,
    /// By stage, then ground truth: how the correlations of formulas that were
    /// evaluated to the end have moved since; empty where nothing is known.
    drifts: Vec<Vec<Drift>>,
}

/// How Fisher's z moves between a stage and the end.
///
/// Most of what makes a correlation on a few architectures differ from that on all
/// is the noise of their trained scores, which all good formulas share. So what
/// happened to formulas that are known to the end tells what will happen to the
/// next, and far better than the error of a single correlation does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drift {
    /// Mean of z at the end less z at the stage.
    mean: f64,
    /// Its standard deviation.
    deviation: f64,
}

impl Drift {
    /// Of these differences.
    fn of(differences: &[f64]) -> Self {
        let n = differences.len() as f64;
        let mean = differences.iter().sum::<f64>() / n;
        let squares = differences.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        Self {
            mean,
            deviation: (squares / (n - 1.0)).sqrt(),
        }
    }

    /// Upper confidence bound of the full correlation.
    pub(crate) fn upper_bound(&self, correlation: f64) -> f64 {
        let moved = self.mean + pruning::CONFIDENCE * self.deviation;
        (pruning::fisher(correlation) + moved).tanh()
    }
}

impl Wanted {
    /// Whatever is finite and not constant.
    pub(crate) const ANY: Wanted = Wanted::above(0.0);

    /// What exceeds a fitness.
    pub(crate) const fn above(threshold: f64) -> Self {
        Self {
            threshold,
            drifts: Vec::new(),
        }
    }

    /// What exceeds a fitness, foreseen by what became of these formulas.
    pub(crate) fn foreseen(
        threshold: f64,
        known: &[Individual],
        problem: &Problem<'_>,
        fitness: &Fitness,
    ) -> Self {
        if known.len() < ENOUGH {
            return Self::above(threshold);
        }
        let mut workspace = Workspace::new();
        // By formula: the ranks of each search split.
        let columns: Vec<Vec<Vec<f64>>> = known
            .iter()
            .map(|individual| {
                let mut left = individual.ranks.iter().map(|rank| f64::from(*rank));
                let lengths = problem.searched();
                lengths.map(|n| left.by_ref().take(n).collect()).collect()
            })
            .collect();
        let mut transformed = |stage: usize| -> Vec<Option<Vec<f64>>> {
            let upto = |columns: &Vec<Vec<f64>>| {
                let seen = columns.iter().map(|c| &c[..stages(c.len())[stage]]);
                let correlations =
                    fitness.correlations(&seen.collect::<Vec<_>>(), &mut workspace)?;
                Some(correlations.into_iter().map(pruning::fisher).collect())
            };
            columns.iter().map(upto).collect()
        };
        let last = transformed(STAGES - 1);
        let drifts = (0..STAGES).map(|stage| {
            let then = transformed(stage);
            let truths = 0..problem.benchmarks.len();
            let drift = |truth: usize| {
                let pairs = last.iter().zip(&then);
                let differences = pairs
                    .filter_map(|(last, then)| Some(last.as_ref()?[truth] - then.as_ref()?[truth]));
                Drift::of(&differences.collect::<Vec<_>>())
            };
            truths.map(drift).collect()
        });
        Self {
            threshold,
            drifts: drifts.collect(),
        }
    }

    /// The same with another fitness to exceed.
    pub(crate) fn raised(&self, threshold: f64) -> Self {
        Self {
            threshold,
            drifts: self.drifts.clone(),
        }
    }

    /// The same, but no more than another fitness is asked for.
    pub(crate) fn or(&self, threshold: f64) -> Self {
        Self {
            threshold: self.threshold.min(threshold),
            drifts: self.drifts.clone(),
        }
    }
}

/// Measures one formula on the search split, or names what discards it. Without
/// `wanted`, nothing is predicted and all architectures are evaluated at once.
pub(crate) fn assess(
    problem: &Problem<'_>,
    fitness: &Fitness,
    formula: &Node,
    wanted: Option<&Wanted>,
    workspace: &mut Workspace,
) -> Result<Individual, Rule> {
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); problem.benchmarks.len()];
    let first = if wanted.is_some() { 0 } else { STAGES - 1 };
    for stage in first..STAGES {
        let mut partial = false;
        for (benchmark, scores) in problem.benchmarks.iter().zip(&mut columns) {
            let all = &benchmark.split.search[..];
            let upto = stages(all.len())[stage];
            partial |= upto < all.len();
            if upto <= scores.len() {
                continue;
            }
            let next = benchmark.scorer.scores(formula, &all[scores.len()..upto]);
            scores.extend(next.ok_or(pruning::UNDEFINED)?);
            if scores.iter().any(|score| !score.is_finite()) {
                return Err(pruning::NOT_FINITE);
            }
            // Two architectures of a small search split may well agree.
            let constant = scores.iter().all(|score| *score == scores[0]);
            if constant && (upto >= PROBE || upto == all.len()) {
                return Err(pruning::CONSTANT);
            }
        }
        // The first few architectures say nothing about a correlation.
        if let Some(wanted) = wanted
            && partial
            && stage > 0
        {
            let drifts = wanted
                .drifts
                .get(stage)
                .map_or(&[][..], |drifts| &drifts[..]);
            if fitness.upper_bound(&columns, drifts, workspace) >= wanted.threshold {
                continue;
            }
            return Err(pruning::UPPER_BOUND);
        }
    }
    let measured = fitness.measure(&columns, workspace);
    let Measured { strength, reversed } = measured.ok_or(pruning::CONSTANT)?;
    let mut ranks = Vec::with_capacity(problem.searched().sum());
    for scores in &columns {
        let found = workspace.rank(scores).map_err(|_| pruning::NOT_FINITE)?;
        let highest = scores.len() as f64 + 1.0;
        let turned = |rank: &f64| if reversed { highest - rank } else { *rank };
        ranks.extend(found.iter().map(|rank| (2.0 * turned(rank)) as u32));
    }
    Ok(Individual::measured(formula, strength, reversed, ranks))
}

impl Found {
    /// The same search with these formulas alone, measured by the scorers of
    /// `problem`, which may be more exact ones than the search had. What is
    /// not finite there is left out.
    ///
    /// # Errors
    /// A constant truth.
    pub fn remeasured(
        &self,
        problem: &Problem<'_>,
        settings: &Settings,
        formulas: &[Individual],
    ) -> Result<Found, Error> {
        let fitness = Fitness::of(settings.fitness, problem)?.relative_to(&self.attainable);
        let mut workspace = Workspace::new();
        let mut archive = Archive::new(formulas.len());
        for individual in formulas {
            let formula = &individual.formula;
            if let Ok(measured) = assess(problem, &fitness, formula, None, &mut workspace) {
                archive.offer(&measured);
            }
        }
        Ok(Found {
            archive,
            counts: self.counts.clone(),
            interrupted: self.interrupted,
            space: self.space.clone(),
            attainable: self.attainable.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_that_all_moved_alike_leave_little_doubt_about_the_next() {
        let moved = [0.30, 0.31, 0.29, 0.30];
        let drift = Drift::of(&moved);
        let bound = drift.upper_bound(0.5);
        // Fisher's z of 0.5, 0.30 further and twice the deviation of 0.0082.
        let expected = (0.549_306_f64 + 0.30 + 2.0 * 0.008_165).tanh();
        assert!((bound - expected).abs() < 1e-5, "{bound} {expected}");
        // One correlation of 25 alone could mean nearly anything.
        assert!(bound < pruning::upper_bound(0.5, 25, 100));
    }
}
