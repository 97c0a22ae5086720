//! How probable it is that of two networks of like size the one with the higher score is
//! the better one.
//!
//! The model is a logistic curve through one half: with scores `a` and `b`, the first is
//! better with probability `1 / (1 + exp(-k ln(a / b)))`. Its one number, the slope k, is
//! fitted by maximum likelihood.

use crate::bootstrap::{Bootstrap, Interval, Resamples};
use crate::column::check_pair;
use crate::{Error, SameSize};

/// Steps of a bisection: as many as a double has bits, and the doublings before.
const STEPS: usize = 128;

/// Bins of a reliability table, of equal width from one half to 1.
pub const BINS: usize = 5;

/// Pairs of like size of one ground truth, with what is to order them.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    same: SameSize,
    /// Logarithms of scores, by architecture.
    logarithms: Vec<f64>,
}

/// The pairs that were predicted with like probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Pairs.
    pub pairs: usize,
    /// Mean probability that the one with the higher score is better.
    pub predicted: f64,
    /// Share of the pairs in which it is.
    pub observed: f64,
}

/// Probability that the first of two is better, by the logarithm of the ratio of their
/// scores.
pub fn probability(slope: f64, log_ratio: f64) -> f64 {
    1.0 / (1.0 + (-slope * log_ratio).exp())
}

impl Evidence {
    /// The pairs with the scores of their architectures.
    ///
    /// # Errors
    /// Scores that are not positive numbers, or another number of them than of architectures.
    pub fn new(same: SameSize, scores: &[f64]) -> Result<Self, Error> {
        if let Some(index) = scores.iter().position(|&score| score <= 0.0) {
            return Err(Error::NotPositive { index });
        }
        same.accuracy(scores)?;
        let logarithms: Vec<f64> = scores.iter().map(|score| score.ln()).collect();
        check_pair(&logarithms, &logarithms)?;
        Ok(Self { same, logarithms })
    }

    /// The pairs.
    pub fn pairs(&self) -> &SameSize {
        &self.same
    }

    /// Share of the pairs that the scores order right; `None` without pairs.
    pub fn accuracy(&self) -> Option<f64> {
        self.same.accuracy(&self.logarithms).ok().flatten()
    }

    /// Logarithm of the better one's score over that of the worse, by pair.
    fn log_ratios(&self) -> impl Iterator<Item = f64> {
        let ratio = |&[better, worse]: &[usize; 2]| self.log_ratio(better, worse);
        self.same.pairs().iter().map(ratio)
    }

    fn log_ratio(&self, a: usize, b: usize) -> f64 {
        self.logarithms[a] - self.logarithms[b]
    }

    /// Mean square of what a slope's probabilities miss (Brier 1950): 0 where all are right
    /// and sure, one quarter where all are one half. `None` without pairs.
    pub fn brier(&self, slope: f64) -> Option<f64> {
        let misses = |ratio| (1.0 - probability(slope, ratio)).powi(2);
        let sum: f64 = self.log_ratios().map(misses).sum();
        let pairs = self.same.count();
        (pairs > 0).then(|| sum / pairs as f64)
    }

    /// Predicted and observed shares, by how sure the prediction is: from one half to 1 in
    /// [`BINS`] steps, `None` where a bin is empty. A tie is predicted with one half, and
    /// counts as half right.
    pub fn reliability(&self, slope: f64) -> [Option<Bin>; BINS] {
        let mut sums = [(0, 0.0, 0.0); BINS];
        for ratio in self.log_ratios() {
            let better = probability(slope, ratio);
            let sure = better.max(1.0 - better);
            let bin = ((sure - 0.5) * 2.0 * BINS as f64) as usize;
            let (pairs, predicted, observed) = &mut sums[bin.min(BINS - 1)];
            *pairs += 1;
            *predicted += sure;
            *observed += match better {
                0.5 => 0.5,
                better if better > 0.5 => 1.0,
                _ => 0.0,
            };
        }
        sums.map(|(pairs, predicted, observed)| {
            let count = f64::from(u32::try_from(pairs).unwrap_or(u32::MAX));
            (pairs > 0).then(|| Bin {
                pairs,
                predicted: predicted / count,
                observed: observed / count,
            })
        })
    }

    /// The pairs with weights, for a fit.
    fn weighed(&self, weight: impl Fn([usize; 2]) -> f64) -> Weighed {
        let weights = self.same.pairs().iter().map(|&pair| weight(pair));
        let pairs: Vec<(f64, f64)> = self.log_ratios().zip(weights).collect();
        // Platt's targets (1999): with few pairs, also such as are all ordered right, the
        // slope stays finite.
        let count = pairs.len() as f64;
        Weighed {
            target: (count + 1.0) / (count + 2.0),
            total: pairs.iter().map(|(_, weight)| weight).sum(),
            pairs,
        }
    }
}

/// Pairs of one ground truth, as a fit sees them.
struct Weighed {
    /// Logarithm of the ratio, and weight.
    pairs: Vec<(f64, f64)>,
    /// Probability that is aimed at, slightly below 1.
    target: f64,
    /// Sum of the weights.
    total: f64,
}

impl Weighed {
    /// Derivative of the mean logarithm of the likelihood by the slope.
    fn derivative(&self, slope: f64) -> f64 {
        let pair = |(ratio, weight): &(f64, f64)| {
            let missing = self.target - probability(slope, *ratio);
            weight * ratio * missing
        };
        self.pairs.iter().map(pair).sum::<f64>() / self.total
    }
}

/// The slope of highest likelihood over the pairs of all ground truths, each of which has
/// the same weight. `None` where no pair differs in score.
pub fn slope(truths: &[Evidence]) -> Option<f64> {
    let all = truths.iter().map(|truth| truth.weighed(|_| 1.0));
    fit(&all.collect::<Vec<_>>())
}

/// Bootstrap interval of the [`slope`], over the architectures of every ground truth.
/// `None` where most resamples have none.
///
/// # Errors
/// None that the evidence does not exclude.
pub fn slope_interval(
    truths: &[Evidence],
    bootstrap: &Bootstrap,
) -> Result<Option<Interval>, Error> {
    // By ground truth, then resample: how often each architecture was drawn.
    let mut drawn = Vec::new();
    for (truth, number) in truths.iter().zip(0..) {
        let mut counts = Vec::with_capacity(bootstrap.resamples);
        let bootstrap = Bootstrap {
            seed: bootstrap.seed.wrapping_add(number),
            ..*bootstrap
        };
        let n = truth.logarithms.len();
        bootstrap.draw(n, None, |indices| {
            let mut times = vec![0.0; n];
            indices.iter().for_each(|&index| times[index] += 1.0);
            counts.push(times);
            Ok(None)
        })?;
        drawn.push(counts);
    }
    let slopes = (0..bootstrap.resamples).map(|resample| {
        let all = truths.iter().zip(&drawn).map(|(truth, counts)| {
            let times = &counts[resample];
            truth.weighed(|[a, b]| times[a] * times[b])
        });
        fit(&all.collect::<Vec<_>>())
    });
    Ok(Resamples::new(slopes.collect(), bootstrap.level).interval())
}

/// Where the derivatives add up to 0. The likelihood is concave, so that there is one place.
fn fit(truths: &[Weighed]) -> Option<f64> {
    let truths: Vec<&Weighed> = truths.iter().filter(|truth| truth.total > 0.0).collect();
    let tells = |truth: &&Weighed| {
        truth
            .pairs
            .iter()
            .any(|(ratio, w)| *ratio != 0.0 && *w > 0.0)
    };
    if !truths.iter().any(tells) {
        return None;
    }
    let derivative = |slope: f64| truths.iter().map(|t| t.derivative(slope)).sum::<f64>();
    let side = derivative(0.0).signum();
    let (mut near, mut far) = (0.0, side);
    for _ in 0..STEPS {
        if derivative(far) * side <= 0.0 {
            break;
        }
        (near, far) = (far, 2.0 * far);
    }
    for _ in 0..STEPS {
        let middle = 0.5 * (near + far);
        match derivative(middle) * side > 0.0 {
            true => near = middle,
            false => far = middle,
        }
    }
    Some(0.5 * (near + far))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Architectures of one size, each better than the one before.
    fn evidence(scores: &[f64]) -> Evidence {
        let truth: Vec<f64> = (0..scores.len()).map(|i| i as f64).collect();
        let same = SameSize::new(&vec![1.0; scores.len()], &truth, 0.05).unwrap();
        Evidence::new(same, scores).unwrap()
    }

    #[test]
    fn the_slope_is_where_the_likelihood_is_highest() {
        let truths = [
            evidence(&[1.0, 1.5, 1.2, 2.0, 1.9, 3.0]),
            evidence(&[2.0, 1.0, 4.0]),
        ];
        let found = slope(&truths).unwrap();
        let likelihood = |slope: f64| -> f64 {
            let of = |truth: &Evidence| {
                let n = truth.pairs().count() as f64;
                let target = (n + 1.0) / (n + 2.0);
                let pairs = truth.log_ratios().map(|ratio| {
                    let p = probability(slope, ratio);
                    target * p.ln() + (1.0 - target) * (1.0 - p).ln()
                });
                pairs.sum::<f64>() / n
            };
            truths.iter().map(of).sum()
        };
        let highest = likelihood(found);
        assert!(found > 0.0);
        for other in [0.9 * found, 0.99 * found, 1.01 * found, 1.1 * found] {
            assert!(likelihood(other) < highest, "{other}");
        }
        let interval = slope_interval(&truths, &Bootstrap::default()).unwrap();
        let interval = interval.unwrap();
        assert!(interval.low < found && found < interval.high);
    }

    #[test]
    fn the_slope_is_finite_where_all_is_right_negative_where_all_is_wrong() {
        let right = slope(&[evidence(&[1.0, 2.0, 3.0])]).unwrap();
        let wrong = slope(&[evidence(&[3.0, 2.0, 1.0])]).unwrap();
        assert!(right > 0.0 && right.is_finite());
        assert!((right + wrong).abs() < 1e-9);
        assert_eq!(slope(&[evidence(&[2.0, 2.0])]), None);
        assert_eq!(slope(&[]), None);
    }

    #[test]
    fn reliability_counts_every_pair_once() {
        let evidence = evidence(&[1.0, 2.0, 1.9, 8.0]);
        let bins = evidence.reliability(1.0);
        let pairs: usize = bins.iter().flatten().map(|bin| bin.pairs).sum();
        assert_eq!(pairs, evidence.pairs().count());
        // One pair in six is ordered wrongly, by a ratio near 1.
        let first = bins[0].unwrap();
        assert_eq!((first.pairs, first.observed), (1, 0.0));
        assert!((first.predicted - 2.0 / 3.9).abs() < 1e-12);
        assert_eq!(evidence.brier(0.0), Some(0.25));
        assert!(evidence.brier(1.0).unwrap() < 0.25);
    }

    #[test]
    fn scores_must_be_positive() {
        let same = SameSize::new(&[1.0, 1.0], &[1.0, 2.0], 0.05).unwrap();
        let zero = Evidence::new(same.clone(), &[1.0, 0.0]);
        assert_eq!(zero, Err(Error::NotPositive { index: 1 }));
        assert!(Evidence::new(same, &[1.0, f64::NAN]).is_err());
    }
}
