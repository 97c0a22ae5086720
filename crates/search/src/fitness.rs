//! Fitness, which a search maximises: the strength of a rank correlation with the truth on the
//! search split, or of the order of pairs of like size.

use lpzero_stats::{Correlation, Workspace, rank, rho};

use crate::criterion::Known;
use crate::foresight::Drift;
use crate::pruning;
use crate::settings::Settings;
use crate::{Error, Problem};

/// A correlation with fixed truths, of one ground truth or several. Its sign is
/// learned: a formula that ranks upside down is as good as its negation. But it
/// is one sign for all ground truths.
#[derive(Clone, Debug)]
pub struct Fitness {
    correlation: Correlation,
    targets: Vec<Target>,
}

/// The truths of one search split.
#[derive(Clone, Debug)]
struct Target {
    truth: Vec<f64>,
    ranks: Vec<f64>,
    /// Pairs of like size, the better one first, where they alone decide. A pair comes
    /// after all pairs of architectures before its later one, so that the first
    /// architectures have the first pairs.
    pairs: Option<Vec<[usize; 2]>>,
    /// Correlation that counts as 1.
    attainable: f64,
}

/// How well one formula does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Absolute correlation, 0 to 1; where there are several ground truths, the
    /// weakest one of their shares of what is attainable, and 0 where the signs
    /// disagree.
    pub strength: f64,
    /// Whether larger scores go with smaller truths.
    pub reversed: bool,
}

impl Measured {
    /// Combines correlations with every ground truth. The sign is the one with which the weakest is
    /// strongest.
    fn weakest(correlations: impl Iterator<Item = f64>) -> Self {
        let bounds = (f64::INFINITY, f64::NEG_INFINITY);
        let (lowest, highest) =
            correlations.fold(bounds, |(low, high), c| (low.min(c), high.max(c)));
        Self {
            strength: lowest.max(-highest).max(0.0),
            reversed: -highest > lowest,
        }
    }
}

impl Fitness {
    /// A fitness for the truths of each search split, in its order.
    ///
    /// # Errors
    /// NaN, fewer than two truths, or all of them equal.
    pub fn new(
        correlation: Correlation,
        truths: impl IntoIterator<Item = Vec<f64>>,
    ) -> Result<Self, Error> {
        let target = |truth: Vec<f64>| {
            let ranks = rank(&truth)?;
            if rho(&truth, &truth)?.is_none() {
                return Err(Error::ConstantTruth {
                    part: "search",
                    n: truth.len(),
                });
            }
            Ok(Target {
                truth,
                ranks,
                pairs: None,
                attainable: 1.0,
            })
        };
        let targets = truths.into_iter().map(target).collect::<Result<_, _>>()?;
        Ok(Self {
            correlation,
            targets,
        })
    }

    /// Turns correlations by ground truth into shares of what is attainable there. Noisy scores
    /// allow no correlation of 1. Without this, the weakest of several ground truths is the
    /// noisiest one, however little is left to gain on it.
    #[must_use]
    pub(crate) fn relative_to(mut self, attainable: &[f64]) -> Self {
        for (target, attainable) in self.targets.iter_mut().zip(attainable) {
            target.attainable = *attainable;
        }
        self
    }

    /// Correlations that count as 1, by ground truth.
    pub(crate) fn attainable(&self) -> Vec<f64> {
        self.targets
            .iter()
            .map(|target| target.attainable)
            .collect()
    }

    /// The fitness for the search splits of a problem.
    pub(crate) fn of(settings: &Settings, problem: &Problem<'_>) -> Result<Self, Error> {
        let benchmarks = problem.benchmarks.iter();
        let truths = benchmarks.map(|benchmark| benchmark.truths(&benchmark.split.search));
        let correlation = settings.fitness.correlation();
        let mut fitness = Self::new(correlation.unwrap_or_default(), truths)?;
        if correlation.is_some() {
            return Ok(fitness);
        }
        for (benchmark, target) in problem.benchmarks.iter().zip(&mut fitness.targets) {
            let known = Known {
                truth: &target.truth,
                sizes: &benchmark.sizes_of(&benchmark.split.search),
                tolerance: settings.tolerance,
            };
            let mut pairs = known.pairs()?.pairs().to_vec();
            if pairs.is_empty() {
                return Err(Error::NoPairs {
                    truth: benchmark.name.to_owned(),
                    tolerance: format!("{} %", 100.0 * settings.tolerance),
                });
            }
            pairs.sort_unstable_by_key(|[a, b]| (*a.max(b), *a.min(b)));
            target.pairs = Some(pairs);
        }
        Ok(fitness)
    }

    /// Measures scores by ground truth, each of the first architectures of its
    /// search split. `None` where a correlation is undefined.
    pub fn measure<C: AsRef<[f64]>>(
        &self,
        columns: &[C],
        workspace: &mut Workspace,
    ) -> Option<Measured> {
        let correlations = self.correlations(columns, workspace)?;
        let shares = correlations.iter().zip(&self.targets);
        Some(Measured::weakest(
            shares.map(|(c, target)| c / target.attainable),
        ))
    }

    /// Upper confidence bound of what the strength on all architectures can be,
    /// given scores of the first ones and, where it is known, the drift of each
    /// ground truth from there; 0 where a correlation is undefined.
    pub(crate) fn upper_bound<C: AsRef<[f64]>>(
        &self,
        columns: &[C],
        drifts: &[Drift],
        workspace: &mut Workspace,
    ) -> f64 {
        let Some(correlations) = self.correlations(columns, workspace) else {
            return 0.0;
        };
        let with = |sign: f64| {
            let targets = correlations.iter().zip(columns).zip(&self.targets);
            targets
                .enumerate()
                .map(|(index, ((c, column), target))| {
                    let (mut seen, mut all) = (column.as_ref().len(), target.truth.len());
                    // A handful of pairs says less than their many architectures.
                    if let (Some(pairs), Some(whole)) = (target.pairs_of(seen), &target.pairs) {
                        (seen, all) = (seen.min(pairs.len()), all.min(whole.len()));
                    }
                    let bound = match drifts.get(index) {
                        Some(drift) => drift.upper_bound(sign * c),
                        None => pruning::upper_bound(sign * c, seen, all),
                    };
                    bound / target.attainable
                })
                .fold(f64::INFINITY, f64::min)
        };
        with(1.0).max(with(-1.0))
    }

    /// One correlation per ground truth, of those that have a column.
    pub(crate) fn correlations<C: AsRef<[f64]>>(
        &self,
        columns: &[C],
        workspace: &mut Workspace,
    ) -> Option<Vec<f64>> {
        let targets = self.targets.iter().zip(columns);
        let correlations = targets.map(|(target, scores)| {
            let scores = scores.as_ref();
            let truth = target.truth.get(..scores.len())?;
            if let Some(pairs) = target.pairs_of(scores.len()) {
                return order(pairs, scores);
            }
            let correlation = match self.correlation {
                Correlation::Spearman if scores.len() == target.truth.len() => {
                    workspace.rho_with_ranks(scores, &target.ranks)
                }
                correlation => workspace.correlate(correlation, scores, truth),
            };
            correlation.ok().flatten()
        });
        correlations.collect()
    }
}

impl Target {
    /// Pairs of like size among the first so many architectures, where they decide.
    fn pairs_of(&self, architectures: usize) -> Option<&[[usize; 2]]> {
        let pairs = self.pairs.as_ref()?;
        let before = pairs.partition_point(|[a, b]| *a.max(b) < architectures);
        Some(&pairs[..before])
    }
}

/// Share of the pairs in order less the share in reverse; 0, which says nothing, of no
/// pairs. `None` where a score is NaN.
fn order(pairs: &[[usize; 2]], scores: &[f64]) -> Option<f64> {
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let sum: i64 = (pairs.iter())
        .map(|&[better, worse]| {
            let (better, worse) = (scores[better], scores[worse]);
            i64::from(better > worse) - i64::from(better < worse)
        })
        .sum();
    Some(sum as f64 / pairs.len().max(1) as f64)
}
