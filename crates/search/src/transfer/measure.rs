//! How well a product orders networks: of like size, and at all.

use lpzero_proxy::Node;
use lpzero_run::seed;
use lpzero_stats::SameSize;
use rand::seq::SliceRandom;

use crate::{Benchmark, Error};

/// Pairs of one kind that decide at most: more say little more, and take time.
const PAIRS: usize = 2000;

/// Share of a formula's worth that pairs of like size decide. The rest is for all pairs,
/// or a formula that knows no size would do.
const SAME_SIZE: f64 = 0.75;

/// A ground truth, ready to judge factors.
pub(super) struct Ground<'a> {
    benchmark: &'a Benchmark<'a>,
    /// Architectures whose truth is known.
    seen: Vec<usize>,
    /// Pairs of like size, then any pairs, by place in `seen`, the better one first.
    pairs: [Vec<[usize; 2]>; 2],
}

/// Logarithms of a factor: what the better network of a pair has more than the worse,
/// by trace, then kind of pairs.
pub(super) type Differences = Vec<[Vec<f32>; 2]>;

impl<'a> Ground<'a> {
    /// Draws the pairs by the seed.
    ///
    /// # Errors
    /// NaN among the truths, or fewer than two of them.
    pub(super) fn new(
        benchmark: &'a Benchmark<'a>,
        tolerance: f64,
        seed: u64,
    ) -> Result<Self, Error> {
        let seen = benchmark.seen();
        let truth = benchmark.truths(&seen);
        let sizes = benchmark.sizes_of(&seen);
        let any = vec![1.0; seen.len()];
        let mut random = seed::stream(seed, &format!("pairs of {}", benchmark.name));
        let mut draw = |sizes: &[f64]| {
            let mut pairs = SameSize::new(sizes, &truth, tolerance)?.pairs().to_vec();
            pairs.shuffle(&mut random);
            pairs.truncate(PAIRS);
            Ok::<_, Error>(pairs)
        };
        Ok(Self {
            pairs: [draw(&sizes)?, draw(&any)?],
            benchmark,
            seen,
        })
    }

    /// Differences of a factor's logarithms; `None` where it is not positive somewhere.
    pub(super) fn differences(&self, factor: &Node) -> Option<Differences> {
        let traces = std::iter::once(&self.benchmark.scorer).chain(self.benchmark.further);
        let of = |scorer: &&dyn crate::score::Score| {
            let scores = scorer.scores(factor, &self.seen)?;
            let positive = scores.iter().all(|score| *score > 0.0 && score.is_finite());
            let logarithms: Vec<f64> = scores.iter().map(|score| score.ln()).collect();
            let apart =
                |&[better, worse]: &[usize; 2]| (logarithms[better] - logarithms[worse]) as f32;
            let of_kind = |pairs: &Vec<[usize; 2]>| pairs.iter().map(apart).collect();
            positive.then(|| [of_kind(&self.pairs[0]), of_kind(&self.pairs[1])])
        };
        traces.map(of).collect()
    }

    /// Worth of `lead^sign * other^exponent`, 0 to 1: the mean over traces of the share of
    /// pairs that it orders right.
    pub(super) fn worth(
        &self,
        (lead, sign): (&Differences, f32),
        other: Option<(&Differences, f32)>,
    ) -> f64 {
        let weights = match self.pairs[0].is_empty() {
            true => [0.0, 1.0],
            false => [SAME_SIZE, 1.0 - SAME_SIZE],
        };
        let mut worth = 0.0;
        for (trace, kinds) in lead.iter().enumerate() {
            for (kind, weight) in weights.iter().enumerate() {
                let share = match other {
                    None => right(kinds[kind].iter().map(|x| sign * x)),
                    Some((other, exponent)) => {
                        let other = &other[trace][kind];
                        let both = kinds[kind].iter().zip(other);
                        right(both.map(|(x, y)| sign * x + exponent * y))
                    }
                };
                worth += weight * share;
            }
        }
        worth / lead.len() as f64
    }
}

/// Logarithms that differ by less are rounding: a tie.
const TIE: f32 = 1e-6;

/// Share of differences above 0; a tie counts one half.
fn right(differences: impl ExactSizeIterator<Item = f32>) -> f64 {
    let count = differences.len();
    let mut sum = 0.0f32;
    for difference in differences {
        sum += f32::from(u8::from(difference > TIE)) + f32::from(u8::from(difference > -TIE));
    }
    if count == 0 {
        return 0.0;
    }
    f64::from(sum) / (2 * count) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_counts_one_half() {
        let differences = [1.0f32, -1.0, 0.0, 1e-9];
        assert_eq!(right(differences.into_iter()), 0.5);
    }
}
