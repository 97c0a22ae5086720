//! After the search: which of the formulas found is the one to keep.
//!
//! Correlations on the search split flatter whatever was selected on it, and
//! a validation split of 20 to 50 architectures is too noisy to rank formulas
//! that differ by a hundredth. So candidates are compared on both together,
//! and complexity has a price.

use lpzero_proxy::Node;
use serde::Serialize;

use crate::archive::Individual;
use crate::bootstrap::Bootstrap;
use crate::run::{Found, Problem, Settings};
use crate::statistics::{Correlation, Workspace, compare};
use crate::{Error, vary};

/// Rank correlations on some architectures, `null` where undefined.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Correlations {
    /// Number of architectures.
    pub n: usize,
    /// Kendall's tau-b.
    pub tau: Option<f64>,
    /// Spearman's rho.
    pub rho: Option<f64>,
}

impl Correlations {
    /// Of scores and truths of the same architectures.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn of(scores: &[f64], truth: &[f64]) -> Result<Self, Error> {
        let mut workspace = Workspace::new();
        Ok(Self {
            n: scores.len(),
            tau: workspace.tau(scores, truth)?,
            rho: workspace.rho(scores, truth)?,
        })
    }
}

/// A formula that the validation split was asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Turned so that larger scores are better.
    pub formula: Node,
    /// Its complexity before it was turned.
    pub complexity: u32,
    /// Scores of every architecture of the ground truth.
    pub scores: Vec<f64>,
    /// On the search split.
    pub search: Correlations,
    /// On the validation split.
    pub validation: Correlations,
    /// On both together.
    pub pooled: Correlations,
}

/// What one unit of complexity has to be worth, in standard errors of the
/// correlation: ten more nodes must buy four tenths of one. Half of it or
/// twice of it chooses nearly as well on the published benchmarks.
pub const PENALTY: f64 = 0.04;

/// The candidates of a finished search: the Pareto front and the fittest of
/// the archive, as far as they have a finite score on every architecture
/// (scores of the test split are computed, its truths are not looked at).
/// Fittest on the search split first.
///
/// # Errors
/// NaN among the truths.
pub fn candidates(
    problem: &Problem<'_>,
    settings: &Settings,
    found: &Found,
) -> Result<Vec<Candidate>, Error> {
    let ranked = found.archive.ranked();
    let front = found.archive.front();
    let mut chosen: Vec<&Individual> = ranked.into_iter().take(settings.candidates).collect();
    for individual in front {
        if !chosen.contains(&individual) {
            chosen.push(individual);
        }
    }
    chosen
        .into_iter()
        .filter_map(|individual| candidate(problem, individual).transpose())
        .collect()
}

fn candidate(problem: &Problem<'_>, individual: &Individual) -> Result<Option<Candidate>, Error> {
    let all: Vec<usize> = (0..problem.truth.len()).collect();
    let Some(mut scores) = problem.scorer.scores(&individual.formula, &all) else {
        return Ok(None);
    };
    if scores.iter().any(|score| !score.is_finite()) {
        return Ok(None);
    }
    if individual.reversed {
        scores.iter_mut().for_each(|score| *score = -*score);
    }
    let split = problem.split;
    let both = [&split.search[..], &split.validation[..]].concat();
    let on = |indices: &[usize]| {
        let (scores, truth) = columns(&scores, problem.truth, indices);
        Correlations::of(&scores, &truth)
    };
    Ok(Some(Candidate {
        formula: if individual.reversed {
            vary::negated(&individual.formula)
        } else {
            individual.formula.clone()
        },
        complexity: individual.complexity,
        search: on(&split.search)?,
        validation: on(&split.validation)?,
        pooled: on(&both)?,
        scores,
    }))
}

/// Index of the candidate to keep: the best tau on search and validation split
/// together, less [`PENALTY`] bootstrapped standard errors of it per unit of
/// complexity. `None` without candidates.
///
/// # Errors
/// NaN among the truths.
pub fn choose(
    problem: &Problem<'_>,
    settings: &Settings,
    candidates: &[Candidate],
) -> Result<Option<usize>, Error> {
    let pooled = |candidate: &Candidate| candidate.pooled.tau.unwrap_or(-1.0);
    let best = candidates
        .iter()
        .max_by(|a, b| compare(pooled(a), pooled(b)));
    let Some(best) = best else {
        return Ok(None);
    };
    let both = [&problem.split.search[..], &problem.split.validation[..]].concat();
    let (scores, truth) = columns(&best.scores, problem.truth, &both);
    let bootstrap = Bootstrap {
        seed: settings.seed,
        ..Bootstrap::default()
    };
    let interval = bootstrap.interval(Correlation::Kendall, &scores, &truth)?;
    let price = PENALTY * interval.map_or(0.0, |interval| interval.standard_error);
    let merit = |index: &usize| {
        let candidate = &candidates[*index];
        pooled(candidate) - price * f64::from(candidate.complexity)
    };
    // Reversed, so that of equals the fittest on the search split is kept.
    let indices = (0..candidates.len()).rev();
    Ok(indices.max_by(|a, b| compare(merit(a), merit(b))))
}

/// Scores and truths of some architectures.
pub(crate) fn columns(scores: &[f64], truth: &[f64], indices: &[usize]) -> (Vec<f64>, Vec<f64>) {
    indices.iter().map(|&i| (scores[i], truth[i])).unzip()
}
