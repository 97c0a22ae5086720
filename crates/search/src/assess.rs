//! Measurement of a formula on the search split, in stages: on the first few architectures, on more
//! of them, on all.

use std::sync::Arc;

use lpzero_proxy::Node;
use lpzero_stats::Workspace;
use lpzero_stats::rank_vector::doubled_ranks;

use crate::Problem;
use crate::archive::Individual;
use crate::fitness::{Fitness, Measured};
use crate::foresight::{Foresight, LIKENESS, STAGES, Standing, stages};
use crate::pruning::{self, PROBE, Rule};

/// Threshold and foresight by which a formula is given up before the end.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Fitness that it has to exceed.
    threshold: f64,
    /// Course that correlations take from stage to stage, where it is known.
    foresight: Option<Arc<Foresight>>,
}

impl Wanted {
    /// Demands nothing but scores that are finite and not constant.
    pub(crate) const ANY: Wanted = Wanted {
        threshold: 0.0,
        foresight: None,
    };

    /// Demands a fitness above `threshold`.
    pub(crate) fn above(threshold: f64, foresight: Option<Arc<Foresight>>) -> Self {
        Self {
            threshold,
            foresight,
        }
    }

    /// Lowers the demand to `threshold`, where that is less.
    pub(crate) fn or(&self, threshold: f64) -> Self {
        Self {
            threshold: self.threshold.min(threshold),
            foresight: self.foresight.clone(),
        }
    }

    /// The rule that gives a formula up, given its scores on the first architectures.
    fn given_up(
        &self,
        (stage, columns): (usize, &[Vec<f64>]),
        complexity: u32,
        fitness: &Fitness,
        workspace: &mut Workspace,
    ) -> Option<Rule> {
        let foresight = self.foresight.as_deref();
        let drifts = foresight.map_or(&[][..], |foresight| foresight.drifts(stage));
        if fitness.upper_bound(columns, drifts, workspace) < self.threshold {
            return Some(pruning::UPPER_BOUND);
        }
        let foresight = foresight.filter(|_| stage >= LIKENESS)?;
        let standing = Standing::of(columns, fitness, workspace)?;
        let repeats = foresight.has_rival(stage, &standing, complexity);
        repeats.then_some(pruning::LIKE_MEMBER)
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
            let (seen, complexity) = ((stage, &columns[..]), formula.complexity());
            if let Some(rule) = wanted.given_up(seen, complexity, fitness, workspace) {
                return Err(rule);
            }
        }
    }
    let measured = fitness.measure(&columns, workspace);
    let Measured { strength, reversed } = measured.ok_or(pruning::CONSTANT)?;
    let ranks = doubled_ranks(&columns, reversed, workspace).map_err(|_| pruning::NOT_FINITE)?;
    Ok(Individual::measured(formula, strength, reversed, ranks))
}
