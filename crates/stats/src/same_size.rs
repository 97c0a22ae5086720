//! Equal-size accuracy: of two networks of like size, which is better?
//!
//! Whoever can afford a size asks for its best shape. A correlation over all sizes mostly
//! says that larger is better, which needs no proxy.

use crate::Error;
use crate::bootstrap::{Bootstrap, Interval, Range, Resamples};
use crate::column::{check_pair, compare};

/// Pairs of architectures whose sizes are alike and whose truths differ.
#[derive(Clone, Debug, PartialEq)]
pub struct SameSize {
    /// The better one first.
    pairs: Vec<[usize; 2]>,
    /// Number of architectures.
    n: usize,
}

/// Sizes that differ by less are alike, unless somebody says otherwise: 5 %.
pub const TOLERANCE: f64 = 0.05;

impl SameSize {
    /// All pairs of which the larger size is below `1 + tolerance` times the smaller.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn new(sizes: &[f64], truth: &[f64], tolerance: f64) -> Result<Self, Error> {
        check_pair(sizes, truth)?;
        let logarithms: Vec<f64> = sizes.iter().map(|size| size.ln()).collect();
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by(|&a, &b| compare(logarithms[a], logarithms[b]));
        let reach = tolerance.ln_1p();
        let mut pairs = Vec::new();
        for (place, &a) in order.iter().enumerate() {
            let larger = order[place + 1..].iter();
            let near = larger.take_while(|&&b| logarithms[b] - logarithms[a] < reach);
            for &b in near.filter(|&&b| truth[a] != truth[b]) {
                pairs.push(if truth[a] > truth[b] { [a, b] } else { [b, a] });
            }
        }
        let n = truth.len();
        Ok(Self { pairs, n })
    }

    /// Number of pairs.
    pub fn count(&self) -> usize {
        self.pairs.len()
    }

    /// The pairs, the better one first.
    pub fn pairs(&self) -> &[[usize; 2]] {
        &self.pairs
    }

    /// Share of the pairs that scores order as the truth does; a tie counts one half.
    /// `None` where there is no pair.
    ///
    /// # Errors
    /// NaN, or another number of scores than of architectures.
    pub fn accuracy(&self, scores: &[f64]) -> Result<Option<f64>, Error> {
        self.check(scores)?;
        Ok(self.share(scores, |_| 1.0))
    }

    /// The accuracy on every resample of the architectures, paired with all that the
    /// same bootstrap draws of as many.
    ///
    /// # Errors
    /// As [`accuracy`](Self::accuracy).
    pub fn resample(&self, bootstrap: &Bootstrap, scores: &[f64]) -> Result<Resamples, Error> {
        self.check(scores)?;
        let mut counts = vec![0.0; self.n];
        let range = Some(Range {
            all: [0.0, 1.0],
            independent: self.independent(),
        });
        bootstrap.draw(self.n, range, |indices| {
            counts.fill(0.0);
            indices.iter().for_each(|&index| counts[index] += 1.0);
            // Drawn twice, an architecture is in twice as many pairs.
            Ok(self.share(scores, |[a, b]| counts[a] * counts[b]))
        })
    }

    /// Bootstrap interval of the accuracy, over architectures. `None` where most
    /// resamples have no pair.
    ///
    /// # Errors
    /// As [`accuracy`](Self::accuracy).
    pub fn interval(
        &self,
        bootstrap: &Bootstrap,
        scores: &[f64],
    ) -> Result<Option<Interval>, Error> {
        Ok(self.resample(bootstrap, scores)?.interval())
    }

    /// Pairs without a common architecture, taken as they come.
    fn independent(&self) -> usize {
        let mut free = vec![true; self.n];
        let mut taken = 0;
        for &[better, worse] in &self.pairs {
            if free[better] && free[worse] {
                free[better] = false;
                free[worse] = false;
                taken += 1;
            }
        }
        taken
    }

    fn check(&self, scores: &[f64]) -> Result<(), Error> {
        let right = self.n;
        match scores.len() {
            left if left != right => Err(Error::Lengths { left, right }),
            _ => check_pair(scores, scores),
        }
    }

    fn share(&self, scores: &[f64], weight: impl Fn([usize; 2]) -> f64) -> Option<f64> {
        let (mut right, mut all) = (0.0, 0.0);
        for &[better, worse] in &self.pairs {
            let weight = weight([better, worse]);
            all += weight;
            if scores[better] > scores[worse] {
                right += weight;
            } else if scores[better] == scores[worse] {
                right += 0.5 * weight;
            }
        }
        (all > 0.0).then(|| right / all)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn one_pair_that_is_right_is_no_certainty() {
        let sizes = [100.0, 101.0, 102.0, 103.0];
        let truth = [1.0, 2.0, 3.0, 4.0];
        let same = SameSize::new(&sizes, &truth, 0.05).unwrap();
        let bootstrap = Bootstrap::default();
        let interval = |scores| same.interval(&bootstrap, scores).unwrap().unwrap();
        // Two pairs without a common network: scipy.stats.binomtest(2, 2).proportion_ci(.95).
        let right = interval(&truth);
        assert!((right.low - 0.158_113_883).abs() < 1e-8 && right.high == 1.0);
        let wrong = interval(&[4.0, 3.0, 2.0, 1.0]);
        assert!((wrong.high - 0.841_886_117).abs() < 1e-8 && wrong.low == 0.0);
    }

    #[test]
    fn pairs_are_of_like_size_and_ties_count_one_half() {
        let sizes = [100.0, 104.9, 105.2, 200.0];
        let truth = [1.0, 2.0, 3.0, 4.0];
        let same = SameSize::new(&sizes, &truth, 0.05).unwrap();
        assert_eq!(same.pairs(), [[1, 0], [2, 1]]);
        assert_eq!(same.accuracy(&[0.0, 1.0, 1.0, 0.0]).unwrap(), Some(0.75));
        let none = SameSize::new(&[1.0, 2.0], &[1.0, 2.0], 0.05).unwrap();
        assert_eq!(none.accuracy(&[1.0, 2.0]).unwrap(), None);
        assert!(same.accuracy(&[1.0]).is_err());
        assert!(same.accuracy(&[f64::NAN; 4]).is_err());
    }

    #[test]
    fn an_interval_holds_the_accuracy_and_is_that_of_its_seed() {
        let sizes = [1.0; 40];
        let truth: Vec<f64> = (0..40).map(f64::from).collect();
        let scores: Vec<f64> = (0..40).map(|i| f64::from(i + 13 * (i % 3))).collect();
        let same = SameSize::new(&sizes, &truth, 0.05).unwrap();
        let accuracy = same.accuracy(&scores).unwrap().unwrap();
        let bootstrap = Bootstrap::default();
        let interval = same.interval(&bootstrap, &scores).unwrap().unwrap();
        assert!(interval.low < accuracy && accuracy < interval.high);
        assert_eq!(same.interval(&bootstrap, &scores).unwrap(), Some(interval));
    }
}
