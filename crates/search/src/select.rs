//! After the search: which of the formulas found is the one to keep.
//!
//! Correlations on the search split flatter whatever was selected on it, and
//! a validation split of 20 to 50 architectures is too noisy to rank formulas
//! that differ by a hundredth. So candidates are compared on both together,
//! and complexity has a price. Where there are several ground truths, the one
//! on which a formula does worst decides.

use std::ops::Range;

use lpzero_proxy::Node;
use lpzero_stats::{Bootstrap, SameSize, Workspace, compare};
use serde::Serialize;

use crate::archive::Individual;
use crate::criterion::Known;
use crate::found::Found;
use crate::settings::Settings;
use crate::{Error, Problem};

/// Rank correlations on some architectures, `null` where undefined.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Correlations {
    /// Number of architectures.
    pub n: usize,
    /// Kendall's tau-b.
    pub tau: Option<f64>,
    /// Spearman's rho.
    pub rho: Option<f64>,
    /// Equal-size accuracy: share of pairs of like size that are ordered right.
    pub same_size: Option<f64>,
    /// Confidence interval of it, over architectures; only of what is reported.
    pub same_size_ci: Option<[f64; 2]>,
    /// Number of such pairs.
    pub same_size_pairs: usize,
}

impl Correlations {
    /// Correlates scores with truths of the same architectures, of which it also knows
    /// which are alike in size. Of fewer than two, nothing is defined.
    ///
    /// # Errors
    /// NaN, different lengths.
    pub fn of(
        scores: &[f64],
        truth: &[f64],
        (sizes, tolerance): (&[f64], f64),
    ) -> Result<Self, Error> {
        if scores.len() < 2 {
            return Ok(Self {
                n: scores.len(),
                tau: None,
                rho: None,
                same_size: None,
                same_size_ci: None,
                same_size_pairs: 0,
            });
        }
        let mut workspace = Workspace::new();
        let same = SameSize::new(sizes, truth, tolerance)?;
        Ok(Self {
            n: scores.len(),
            tau: workspace.tau(scores, truth)?,
            rho: workspace.rho(scores, truth)?,
            same_size: same.accuracy(scores)?,
            same_size_ci: None,
            same_size_pairs: same.count(),
        })
    }

    /// [`of`](Self::of) with the interval of the accuracy, by resamples of this seed.
    ///
    /// # Errors
    /// As there.
    pub fn with_interval(
        scores: &[f64],
        truth: &[f64],
        (sizes, tolerance): (&[f64], f64),
        seed: u64,
    ) -> Result<Self, Error> {
        let mut correlations = Self::of(scores, truth, (sizes, tolerance))?;
        if correlations.same_size_pairs > 0 {
            let bootstrap = Bootstrap {
                seed,
                ..Bootstrap::default()
            };
            let same = SameSize::new(sizes, truth, tolerance)?;
            let interval = same.interval(&bootstrap, scores)?;
            correlations.same_size_ci = interval.map(|found| [found.low, found.high]);
        }
        Ok(correlations)
    }
}

/// A formula that the validation split was asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Formula, turned so that larger scores are better.
    pub formula: Node,
    /// Complexity before it was turned.
    pub complexity: u32,
    /// Correlation that the search maximised, on the search split.
    pub fitness: f64,
    /// Performance on each ground truth.
    pub performances: Vec<Performance>,
    /// Whether the search knows that it is the one to keep.
    preferred: bool,
}

/// A formula on the splits of one ground truth that may be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Performance {
    /// On the search split.
    pub search: Correlations,
    /// On the validation split.
    pub validation: Correlations,
    /// On both together, by what the search maximised, as a share of what is attainable.
    pub merit: Option<f64>,
    /// Scores of the search split, then of the validation split.
    scores: Vec<f64>,
}

impl Performance {
    fn merit(&self) -> f64 {
        self.merit.unwrap_or(-1.0)
    }
}

impl Candidate {
    /// Merit on the ground truth where it does worst; -1 where that is undefined.
    fn merit(&self) -> f64 {
        let merits = self.performances.iter().map(Performance::merit);
        merits.fold(1.0, f64::min)
    }

    /// The ground truth on which it does worst, by number.
    pub fn weakest(&self) -> usize {
        let merit = |index: &usize| self.performances[*index].merit();
        let all = 0..self.performances.len();
        all.min_by(|a, b| compare(merit(a), merit(b)))
            .unwrap_or_default()
    }
}

/// Price of one unit of complexity, in standard errors of the correlation: ten more nodes must buy
/// six tenths of one. Half of it or twice of it chooses nearly as well on the published benchmarks.
pub const PENALTY: f64 = 0.06;

/// The candidates of a finished search: everything in its archive that has a
/// finite score on all architectures of the search and validation splits,
/// fittest on the search split first.
///
/// The archive holds as many simple formulas as complex ones. The fittest
/// alone would not do: they are the complex ones, and those that owe most to
/// chance.
///
/// # Errors
/// NaN among the truths.
pub fn candidates(
    problem: &Problem<'_>,
    settings: &Settings,
    found: &Found,
) -> Result<Vec<Candidate>, Error> {
    let ranked = found.archive.ranked().into_iter();
    let candidates = ranked.map(|individual| candidate(problem, settings, found, individual));
    candidates.filter_map(Result::transpose).collect()
}

fn candidate(
    problem: &Problem<'_>,
    settings: &Settings,
    found: &Found,
    individual: &Individual,
) -> Result<Option<Candidate>, Error> {
    let sign = if individual.reversed { -1.0 } else { 1.0 };
    let mut performances = Vec::with_capacity(problem.benchmarks.len());
    for (benchmark, attainable) in problem.benchmarks.iter().zip(&found.attainable) {
        let seen = benchmark.seen();
        let Some(scores) = benchmark.finite_scores(&individual.formula, &seen) else {
            return Ok(None);
        };
        let scores: Vec<f64> = scores.into_iter().map(|score| sign * score).collect();
        let truth = benchmark.truths(&seen);
        let searched = benchmark.split.search.len();
        let sizes = benchmark.sizes_of(&seen);
        let on = |part: Range<usize>| {
            let sizes = (&sizes[part.clone()], settings.tolerance);
            Correlations::of(&scores[part.clone()], &truth[part], sizes)
        };
        let known = Known {
            truth: &truth,
            sizes: &sizes,
            tolerance: settings.tolerance,
        };
        performances.push(Performance {
            search: on(0..searched)?,
            validation: on(searched..scores.len())?,
            merit: found
                .fitness
                .judge(&scores, known, &mut Workspace::new())?
                .map(|correlation| correlation / attainable),
            scores,
        });
    }
    Ok(Some(Candidate {
        formula: individual.turned(),
        complexity: individual.complexity,
        fitness: individual.fitness,
        performances,
        preferred: found.preferred.as_ref() == Some(&individual.formula),
    }))
}

/// The candidates, the one to keep first: what the search itself prefers, then by
/// what the search maximised, less [`PENALTY`] bootstrapped standard errors of it per unit of
/// complexity, all of it where a formula does worst. Of equals, the fittest on the search
/// split comes first.
///
/// # Errors
/// NaN among the truths.
pub fn ranked(
    problem: &Problem<'_>,
    settings: &Settings,
    found: &Found,
    mut candidates: Vec<Candidate>,
) -> Result<Vec<Candidate>, Error> {
    let strongest = candidates
        .iter()
        .max_by(|a, b| compare(a.merit(), b.merit()));
    let Some(strongest) = strongest else {
        return Ok(candidates);
    };
    let weakest = strongest.weakest();
    let benchmark = &problem.benchmarks[weakest];
    let scores = &strongest.performances[weakest].scores;
    let seen = benchmark.seen();
    let known = Known {
        truth: &benchmark.truths(&seen),
        sizes: &benchmark.sizes_of(&seen),
        tolerance: settings.tolerance,
    };
    let bootstrap = Bootstrap {
        seed: settings.seed,
        ..Bootstrap::default()
    };
    let error = (found.fitness).standard_error(&bootstrap, scores, known)?;
    let price = PENALTY * error.unwrap_or(0.0);
    let merit = |candidate: &Candidate| candidate.merit() - price * f64::from(candidate.complexity);
    // A stable sort: equals stay as they were.
    candidates.sort_by(|a, b| {
        let preferred = b.preferred.cmp(&a.preferred);
        preferred.then(compare(merit(b), merit(a)))
    });
    Ok(candidates)
}

/// The formulas that a report may be about: the front, and of all others those
/// that selection likes best, at most `count` of them.
///
/// # Errors
/// NaN among the truths.
pub fn shortlist(
    problem: &Problem<'_>,
    settings: &Settings,
    found: &Found,
    count: usize,
) -> Result<Vec<Individual>, Error> {
    let ranked = ranked(
        problem,
        settings,
        found,
        candidates(problem, settings, found)?,
    )?;
    let liked: Vec<&Node> = ranked
        .iter()
        .take(count)
        .map(|candidate| &candidate.formula)
        .collect();
    let front = found.archive.front();
    let wanted = |individual: &Individual| {
        front
            .iter()
            .any(|member| member.formula == individual.formula)
            || liked.contains(&&individual.turned())
    };
    let all = found.archive.ranked().into_iter();
    Ok(all
        .filter(|individual| wanted(individual))
        .cloned()
        .collect())
}
