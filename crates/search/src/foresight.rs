//! Foresight from the first few architectures of a ground truth. It knows how correlations move
//! from there to the end, and which formulas rank as a known one does.

use lpzero_stats::Workspace;
use lpzero_stats::rank_vector::{alike, doubled_ranks};

use crate::Problem;
use crate::archive::Individual;
use crate::fitness::{Fitness, Measured};
use crate::pruning::{self, PROBE};

pub(crate) const STAGES: usize = 5;

/// How many of `n` architectures a formula is evaluated on before it is decided
/// whether to go on.
pub(crate) fn stages(n: usize) -> [usize; STAGES] {
    [PROBE, n / 4, n / 2, 3 * n / 4, n].map(|stage| stage.min(n))
}

/// The first stage at which formulas are held to be alike. On a quarter of the
/// architectures too many are that differ on the others, and a search that drops them
/// misses the steps by which good formulas become better.
pub(crate) const LIKENESS: usize = 2;

/// Formulas below which their drift says too little.
const ENOUGH: usize = 20;

/// Experience with formulas that were evaluated to the end, applied to the next ones.
#[derive(Clone, Debug)]
pub(crate) struct Foresight {
    /// By stage, then ground truth.
    drifts: Vec<Vec<Drift>>,
    rivals: Vec<Rival>,
    /// By stage, how many architectures of each ground truth are seen.
    pieces: Vec<Vec<usize>>,
}

impl Foresight {
    /// Learns from these formulas; `None` where they are too few.
    pub(crate) fn of(
        known: &[Individual],
        problem: &Problem<'_>,
        fitness: &Fitness,
    ) -> Option<Self> {
        if known.len() < ENOUGH {
            return None;
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
                let seen = upto(columns, stage);
                let correlations = fitness.correlations(&seen, &mut workspace)?;
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
        let drifts = drifts.collect();
        let pieces = |stage| problem.searched().map(|n| stages(n)[stage]).collect();
        let rivals = known.iter().zip(&columns).map(|(individual, columns)| {
            let standing = |stage| Standing::of(&upto(columns, stage), fitness, &mut workspace);
            Rival {
                stages: (0..STAGES).map(standing).collect(),
                complexity: individual.complexity,
            }
        });
        Some(Self {
            rivals: rivals.collect(),
            drifts,
            pieces: (0..STAGES).map(pieces).collect(),
        })
    }

    /// By ground truth, how correlations of a stage move until the end.
    pub(crate) fn drifts(&self, stage: usize) -> &[Drift] {
        &self.drifts[stage]
    }

    /// Whether a known formula, no larger than this one, ranks as it does and does no
    /// worse.
    pub(crate) fn has_rival(&self, stage: usize, standing: &Standing, complexity: u32) -> bool {
        let repeats = |then: &Standing| {
            then.strength >= standing.strength
                && alike(&then.ranks, &standing.ranks, &self.pieces[stage])
        };
        let mut rivals = self.rivals.iter();
        rivals.any(|rival| {
            rival.complexity <= complexity && rival.stages[stage].as_ref().is_some_and(repeats)
        })
    }
}

/// The first architectures of every ground truth.
fn upto(columns: &[Vec<f64>], stage: usize) -> Vec<&[f64]> {
    let seen = columns.iter().map(|c| &c[..stages(c.len())[stage]]);
    seen.collect()
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
    /// Standard deviation of that difference.
    deviation: f64,
}

impl Drift {
    /// Mean and standard deviation of these differences.
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

/// A formula that was evaluated to the end.
#[derive(Clone, Debug)]
struct Rival {
    /// At every stage, where its correlations are defined there.
    stages: Vec<Option<Standing>>,
    complexity: u32,
}

/// How a formula stands on the first architectures.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    strength: f64,
    /// Ranks of the scores times two, see [`doubled_ranks`].
    ranks: Vec<u32>,
}

impl Standing {
    /// Standing of a formula with these scores, by ground truth; `None` where a correlation is
    /// undefined.
    pub(crate) fn of<C: AsRef<[f64]>>(
        columns: &[C],
        fitness: &Fitness,
        workspace: &mut Workspace,
    ) -> Option<Self> {
        let Measured { strength, reversed } = fitness.measure(columns, workspace)?;
        let ranks = doubled_ranks(columns, reversed, workspace).ok()?;
        Some(Self { strength, ranks })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use lpzero_stats::Correlation;

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

    #[test]
    fn what_is_like_a_known_formula_has_to_do_better_or_be_simpler() {
        let truth: Vec<f64> = (0..60).map(f64::from).collect();
        let fitness = Fitness::new(Correlation::Spearman, [truth]).unwrap();
        let standing = |scores: &dyn Fn(f64) -> f64| {
            let scores: Vec<f64> = (0..40).map(|i| scores(f64::from(i))).collect();
            Standing::of(&[scores], &fitness, &mut Workspace::new()).unwrap()
        };
        let swapped = |i: f64| if i < 2.0 { 1.0 - i } else { i };
        let (known, exact) = (standing(&swapped), standing(&|i| i));
        let upside_down = standing(&|i| -swapped(i));
        let other = standing(&|i| (i * 2.3).sin() + i / 10.0);
        let foresight = Foresight {
            drifts: Vec::new(),
            pieces: vec![vec![8], vec![40]],
            rivals: vec![Rival {
                stages: vec![None, Some(known.clone())],
                complexity: 7,
            }],
        };
        let repeats = |standing, complexity| foresight.has_rival(1, standing, complexity);
        assert!(repeats(&known, 7) && repeats(&upside_down, 9));
        assert!(!repeats(&known, 6), "simpler");
        assert!(!repeats(&exact, 9), "better");
        assert!(!repeats(&other, 9), "unlike");
        assert!(!foresight.has_rival(0, &known, 9), "unknown there");
    }
}
