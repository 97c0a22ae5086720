//! Correlates millions of score columns with one truth.

use lpzero_stats::{Workspace, rank};

use crate::Error;
use crate::criterion::Criterion;
use crate::fitness::Fitness;
use crate::pruning::{self, Rule};
use crate::seed;
use rand::RngCore;

/// How a column of scores ranks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ranked {
    /// Absolute correlation with the truth.
    pub(super) strength: f64,
    /// Identifies the ranking, read in either direction.
    pub(super) hash: u64,
}

/// Truth and constants that stay fixed while columns change.
pub(super) struct Ranker<'a> {
    fitness: &'a Fitness,
    spearman: bool,
    /// Ranks of the truth times two, average ranks being multiples of 1/2.
    truth: Vec<u64>,
    /// Sum of squares of `truth` around its mean.
    truth_square: f64,
    /// Random odd weights: the weighted sum of ranks identifies a ranking.
    weights: Vec<u64>,
    /// Low bits of a key that hold an index.
    index_bits: u32,
}

/// Buffers of one thread.
#[derive(Default)]
pub(super) struct Buffers {
    keys: Vec<u64>,
    workspace: Workspace,
}

impl<'a> Ranker<'a> {
    pub(super) fn new(
        criterion: Criterion,
        fitness: &'a Fitness,
        truth: &[f64],
    ) -> Result<Self, Error> {
        let truth: Vec<u64> = rank(truth)?.iter().map(|r| (2.0 * r) as u64).collect();
        let mut random = seed::stream(0, "exhaustive/ranking");
        let squares: u64 = truth.iter().map(|r| r * r).sum();
        Ok(Self {
            fitness,
            spearman: criterion == Criterion::Spearman,
            truth_square: centred(squares, truth.len()),
            weights: truth.iter().map(|_| random.next_u64() | 1).collect(),
            index_bits: (usize::BITS - truth.len().leading_zeros()).max(1),
            truth,
        })
    }

    /// Ranks one column, without allocation.
    ///
    /// Scores are compared after their last [`index_bits`](Self::index_bits) bits are cut off: what
    /// differs by less than 1 in 10^12 is rounding, and counts as tied.
    pub(super) fn rank(&self, scores: &[f64], buffers: &mut Buffers) -> Result<Ranked, Rule> {
        let n = self.truth.len();
        let mask = (1u64 << self.index_bits) - 1;
        let keys = &mut buffers.keys;
        keys.clear();
        let mut finite = true;
        keys.extend(scores.iter().enumerate().map(|(index, score)| {
            finite &= score.is_finite();
            (ordered(*score) & !mask) | index as u64
        }));
        if !finite {
            return Err(pruning::NOT_FINITE);
        }
        keys.sort_unstable();

        let (mut xx, mut xy, mut hash) = (0u64, 0u64, 0u64);
        let mut start = 0;
        while start < n {
            let value = keys[start] >> self.index_bits;
            let mut end = start + 1;
            while end < n && keys[end] >> self.index_bits == value {
                end += 1;
            }
            // Ranks start + 1 ..= end have this mean, doubled.
            let rank = (start + end + 1) as u64;
            for key in &keys[start..end] {
                let index = (key & mask) as usize;
                xx += rank * rank;
                xy += rank * self.truth[index];
                hash = hash.wrapping_add(rank.wrapping_mul(self.weights[index]));
            }
            start = end;
        }
        let xx = centred(xx, n);
        if xx <= 0.0 {
            return Err(pruning::CONSTANT);
        }
        let strength = if self.spearman {
            (centred(xy, n) / (xx * self.truth_square).sqrt()).abs()
        } else {
            let measured = self.fitness.measure(&[scores], &mut buffers.workspace);
            measured.ok_or(pruning::CONSTANT)?.strength
        };
        // Upside down, rank r is 2 (n + 1) - r.
        let all = self.weights.iter().fold(0u64, |a, b| a.wrapping_add(*b));
        let reversed = (2 * (n as u64 + 1)).wrapping_mul(all).wrapping_sub(hash);
        Ok(Ranked {
            strength: strength.min(1.0),
            hash: hash.min(reversed),
        })
    }
}

/// A sum of products of doubled ranks, around their mean n + 1. All numbers are
/// whole and small enough to be exact.
fn centred(sum: u64, n: usize) -> f64 {
    let n = n as u64;
    sum as f64 - (n * (n + 1) * (n + 1)) as f64
}

/// Bits that order as numbers do; -0 is 0.
fn ordered(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use lpzero_stats::{Correlation, rho};

    fn ranked(truth: &[f64], scores: &[f64]) -> Result<Ranked, Rule> {
        let fitness = Fitness::new(Correlation::Spearman, [truth.to_vec()]).unwrap();
        let ranker = Ranker::new(Criterion::Spearman, &fitness, truth).unwrap();
        ranker.rank(scores, &mut Buffers::default())
    }

    #[test]
    fn strength_is_the_absolute_rho_with_and_without_ties() {
        let truth = [3.0, 1.0, 2.0, 2.0, 5.0, -1.0, 0.5];
        for scores in [
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
            [-0.0, 0.0, -3.0, -3.0, 1e300, 1e-300, -1e-300],
            [2.0, 2.0, 1.0, 1.0, 2.0, 1.0, 1.0],
        ] {
            let expected = rho(&scores, &truth).unwrap().unwrap().abs();
            let found = ranked(&truth, &scores).unwrap().strength;
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn a_ranking_and_its_reverse_are_one() {
        let truth = [3.0, 1.0, 2.0, 4.0];
        let hash = |scores: [f64; 4]| ranked(&truth, &scores).unwrap().hash;
        assert_eq!(
            hash([1.0, 2.0, 2.0, 9.0]),
            hash([-10.0, -20.0, -20.0, -30.0])
        );
        assert_ne!(hash([1.0, 2.0, 2.0, 9.0]), hash([1.0, 2.0, 3.0, 9.0]));
    }

    #[test]
    fn what_has_no_ranking_is_named() {
        let truth = [3.0, 1.0, 2.0];
        assert_eq!(ranked(&truth, &[1.0; 3]), Err(pruning::CONSTANT));
        assert_eq!(
            ranked(&truth, &[1.0, f64::INFINITY, 0.0]),
            Err(pruning::NOT_FINITE)
        );
    }
}
