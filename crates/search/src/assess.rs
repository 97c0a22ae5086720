//! What a formula is worth on the search split, found out in stages: on the
//! first few architectures, on more of them, on all.

use lpzero_proxy::Node;

use crate::archive::{Archive, Individual};
use crate::fitness::{Fitness, Measured};
use crate::pruning::{self, PROBE, Rule};
use crate::run::{Found, Settings};
use crate::statistics::Workspace;
use crate::{Error, Problem};

const STAGES: usize = 4;

/// How many of `n` architectures a formula is evaluated on before it is decided
/// whether to go on.
fn stages(n: usize) -> [usize; STAGES] {
    [PROBE, n / 4, n / 2, n].map(|stage| stage.min(n))
}

/// Measures one formula on the search split, or names what discards it.
/// `threshold` is the fitness below which nothing is wanted; without one,
/// nothing is predicted and all architectures are evaluated at once.
pub(crate) fn assess(
    problem: &Problem<'_>,
    fitness: &Fitness,
    formula: &Node,
    threshold: Option<f64>,
    workspace: &mut Workspace,
) -> Result<Individual, Rule> {
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); problem.benchmarks.len()];
    let first = if threshold.is_some() { 0 } else { STAGES - 1 };
    for stage in first..STAGES {
        let mut partial = false;
        for (benchmark, scores) in problem.benchmarks.iter().zip(&mut columns) {
            let all = &benchmark.split.search[..];
            let wanted = stages(all.len())[stage];
            partial |= wanted < all.len();
            if wanted <= scores.len() {
                continue;
            }
            let next = benchmark.scorer.scores(formula, &all[scores.len()..wanted]);
            scores.extend(next.ok_or(pruning::UNDEFINED)?);
            if scores.iter().any(|score| !score.is_finite()) {
                return Err(pruning::NOT_FINITE);
            }
            // Two architectures of a small search split may well agree.
            let constant = scores.iter().all(|score| *score == scores[0]);
            if constant && (wanted >= PROBE || wanted == all.len()) {
                return Err(pruning::CONSTANT);
            }
        }
        // The first few architectures say nothing about a correlation.
        if let Some(threshold) = threshold
            && partial
            && stage > 0
            && fitness.upper_bound(&columns, workspace) < threshold
        {
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
        let fitness = Fitness::of(settings.fitness, problem)?;
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
        })
    }
}
