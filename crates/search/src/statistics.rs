//! Rank statistics: Kendall's tau-b, Spearman's rho and relatives.
//!
//! All of them refuse NaN ([`Error::NotANumber`]), columns of different length
//! and fewer than two values. Infinities are ordinary values: they have ranks.
//! A correlation with a constant column is undefined and returned as `None`.
//!
//! The free functions allocate; a [`Workspace`] keeps its buffers, for callers
//! that correlate thousands of columns.

use std::cmp::Ordering;

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::Error;

/// A rank correlation.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Correlation {
    /// Kendall's tau-b (Kendall 1945), which corrects for ties on both sides.
    Kendall,
    /// Spearman's rho: Pearson's correlation of average ranks.
    #[default]
    Spearman,
    /// Somers' d given the truth (Somers 1962): Kendall's tau that does not
    /// forgive a pair which the formula leaves tied.
    SomersD,
}

/// Buffers for rank statistics, reused from call to call.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    order: Vec<u32>,
    ranks_x: Vec<f64>,
    ranks_y: Vec<f64>,
    column: Vec<f64>,
    merged: Vec<f64>,
}

/// What Kendall's statistics count. All are whole numbers.
struct Pairs {
    /// Concordant pairs less discordant ones.
    score: f64,
    /// Pairs that differ in x.
    untied_x: f64,
    /// Pairs that differ in y.
    untied_y: f64,
}

impl Workspace {
    /// Empty buffers; they grow to the longest column seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// The named correlation of `x` and `y`.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn correlate(
        &mut self,
        correlation: Correlation,
        x: &[f64],
        y: &[f64],
    ) -> Result<Option<f64>, Error> {
        match correlation {
            Correlation::Kendall => self.tau(x, y),
            Correlation::Spearman => self.rho(x, y),
            Correlation::SomersD => self.somers_d(x, y),
        }
    }

    /// Kendall's tau-b in O(n log n) (Knight 1966).
    ///
    /// tau-b = (P - Q) / sqrt((n0 - n1)(n0 - n2)) with P concordant and Q
    /// discordant pairs, n0 all pairs, n1 and n2 the pairs tied in x and in y.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn tau(&mut self, x: &[f64], y: &[f64]) -> Result<Option<f64>, Error> {
        let pairs = self.pairs(x, y)?;
        if pairs.untied_x == 0.0 || pairs.untied_y == 0.0 {
            return Ok(None);
        }
        let tau = pairs.score / (pairs.untied_x * pairs.untied_y).sqrt();
        Ok(Some(tau.clamp(-1.0, 1.0)))
    }

    /// Somers' d of `x` given the truth `y` (Somers 1962): of the pairs that
    /// differ in truth, the share that `x` puts in order less the share that it
    /// reverses. Unlike tau-b it does not forgive a pair that `x` leaves tied.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn somers_d(&mut self, x: &[f64], y: &[f64]) -> Result<Option<f64>, Error> {
        let pairs = self.pairs(x, y)?;
        Ok((pairs.untied_y > 0.0).then(|| pairs.score / pairs.untied_y))
    }

    /// Knight's algorithm: sort by x, count the swaps that sorting y then takes.
    fn pairs(&mut self, x: &[f64], y: &[f64]) -> Result<Pairs, Error> {
        check_pair(x, y)?;
        self.order.clear();
        self.order.extend(0..x.len() as u32);
        self.order.sort_unstable_by(|&a, &b| {
            let (a, b) = (a as usize, b as usize);
            compare(x[a], x[b]).then(compare(y[a], y[b]))
        });

        let order = &self.order;
        let tied_x = tied_pairs(order, |a, b| x[a] == x[b]);
        let tied_both = tied_pairs(order, |a, b| x[a] == x[b] && y[a] == y[b]);
        self.column.clear();
        self.column.extend(order.iter().map(|&i| y[i as usize]));
        self.merged.clear();
        self.merged.resize(y.len(), 0.0);
        let discordant = sort_counting_swaps(&mut self.column, &mut self.merged);
        let tied_y = runs(&self.column, |a, b| a == b);

        let all = x.len() as u64 * (x.len() as u64 - 1) / 2;
        // Pairs tied in neither column are concordant or discordant.
        let comparable = (all - tied_x + tied_both) as f64 - tied_y as f64;
        Ok(Pairs {
            score: comparable - 2.0 * discordant as f64,
            untied_x: (all - tied_x) as f64,
            untied_y: (all - tied_y) as f64,
        })
    }

    /// Spearman's rho: Pearson's correlation of average ranks.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn rho(&mut self, x: &[f64], y: &[f64]) -> Result<Option<f64>, Error> {
        check_pair(x, y)?;
        rank_into(x, &mut self.order, &mut self.ranks_x);
        rank_into(y, &mut self.order, &mut self.ranks_y);
        Ok(correlate_ranks(&self.ranks_x, &self.ranks_y))
    }

    /// Spearman's rho of `x` with a column whose average ranks are known, the
    /// fast path of a search, whose truth never changes.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn rho_with_ranks(&mut self, x: &[f64], ranks: &[f64]) -> Result<Option<f64>, Error> {
        check_pair(x, ranks)?;
        rank_into(x, &mut self.order, &mut self.ranks_x);
        Ok(correlate_ranks(&self.ranks_x, ranks))
    }

    /// Average ranks of `x`, 1 for the smallest.
    ///
    /// # Errors
    /// NaN.
    pub fn rank(&mut self, x: &[f64]) -> Result<&[f64], Error> {
        check_numbers(x)?;
        rank_into(x, &mut self.order, &mut self.ranks_x);
        Ok(&self.ranks_x)
    }
}

/// [`Workspace::tau`] with buffers of its own.
///
/// # Errors
/// NaN, different lengths, fewer than two values.
pub fn tau(x: &[f64], y: &[f64]) -> Result<Option<f64>, Error> {
    Workspace::new().tau(x, y)
}

/// [`Workspace::rho`] with buffers of its own.
///
/// # Errors
/// NaN, different lengths, fewer than two values.
pub fn rho(x: &[f64], y: &[f64]) -> Result<Option<f64>, Error> {
    Workspace::new().rho(x, y)
}

/// Average ranks, 1 for the smallest value; equal values share the mean of
/// their ranks.
///
/// # Errors
/// NaN.
pub fn rank(x: &[f64]) -> Result<Vec<f64>, Error> {
    let mut workspace = Workspace::new();
    workspace.rank(x)?;
    Ok(workspace.ranks_x)
}

/// Kendall's partial tau of `x` and `y` given `covariate` (Kendall 1942):
/// (t_xy - t_xz t_yz) / sqrt((1 - t_xz^2)(1 - t_yz^2)).
///
/// `None` where one of the three taus is undefined or the covariate ranks `x`
/// or `y` perfectly, which leaves nothing to explain.
///
/// # Errors
/// NaN, different lengths, fewer than two values.
pub fn partial_tau(x: &[f64], y: &[f64], covariate: &[f64]) -> Result<Option<f64>, Error> {
    let mut workspace = Workspace::new();
    let xy = workspace.tau(x, y)?;
    let xz = workspace.tau(x, covariate)?;
    let yz = workspace.tau(y, covariate)?;
    let (Some(xy), Some(xz), Some(yz)) = (xy, xz, yz) else {
        return Ok(None);
    };
    let unexplained = (1.0 - xz * xz) * (1.0 - yz * yz);
    // Rounding may leave a perfect tau a few ulps short of 1.
    if unexplained < 1e-12 {
        return Ok(None);
    }
    Ok(Some(((xy - xz * yz) / unexplained.sqrt()).clamp(-1.0, 1.0)))
}

/// The fraction of pairs that `x` leaves tied: 0 for a strict ranking, 1 for a
/// constant.
///
/// # Errors
/// NaN, fewer than two values.
pub fn ties(x: &[f64]) -> Result<f64, Error> {
    check_pair(x, x)?;
    let mut sorted = x.to_vec();
    sorted.sort_unstable_by(|a, b| compare(*a, *b));
    let pairs = x.len() as u64 * (x.len() as u64 - 1) / 2;
    Ok(runs(&sorted, |a, b| a == b) as f64 / pairs as f64)
}

/// Kendall's tau among the architectures whose truth is in the top `fraction`
/// (0.1 for the top 10 %), rounded up, with everything tied with the last of
/// them.
///
/// `None` where fewer than two remain or either column is constant there.
///
/// # Errors
/// NaN, different lengths, fewer than two values.
pub fn tau_among_top(x: &[f64], truth: &[f64], fraction: f64) -> Result<Option<f64>, Error> {
    check_pair(x, truth)?;
    let (_, threshold) = top(truth, fraction);
    let (x, truth): (Vec<f64>, Vec<f64>) = x
        .iter()
        .zip(truth)
        .filter(|&(_, &truth)| truth >= threshold)
        .unzip();
    if x.len() < 2 {
        return Ok(None);
    }
    tau(&x, &truth)
}

/// Of the architectures that `x` puts in its top `fraction` (rounded up), the
/// share that belongs to the true top, which takes in everything tied with its
/// last one. Where `x` leaves several tied at its own threshold, the expected
/// share when they are drawn at random.
///
/// # Errors
/// NaN, different lengths, fewer than two values.
pub fn precision_at_top(x: &[f64], truth: &[f64], fraction: f64) -> Result<f64, Error> {
    check_pair(x, truth)?;
    let (_, good) = top(truth, fraction);
    let (count, threshold) = top(x, fraction);
    let (mut above, mut hits) = (0, 0);
    let (mut tied, mut tied_hits) = (0, 0);
    for (&x, &truth) in x.iter().zip(truth) {
        let hit = usize::from(truth >= good);
        match compare(x, threshold) {
            Ordering::Greater => (above, hits) = (above + 1, hits + hit),
            Ordering::Equal => (tied, tied_hits) = (tied + 1, tied_hits + hit),
            Ordering::Less => {}
        }
    }
    let drawn = (count - above) as f64 / tied as f64;
    Ok((hits as f64 + drawn * tied_hits as f64) / count as f64)
}

/// How many values the top `fraction` has, rounded up, and the last of them.
fn top(x: &[f64], fraction: f64) -> (usize, f64) {
    let count = ((x.len() as f64 * fraction).ceil() as usize).clamp(1, x.len());
    let mut descending = x.to_vec();
    descending.sort_unstable_by(|a, b| compare(*b, *a));
    (count, descending[count - 1])
}

/// Kendall's tau inside one group of architectures.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct GroupTau {
    /// What the members have in common, for example `4 x 256`.
    pub group: String,
    /// Number of members.
    pub n: usize,
    /// Their tau; `None` where either column is constant inside the group.
    pub tau: Option<f64>,
}

/// Kendall's tau inside every group of at least two members, in the order of
/// the group names' first appearance once sorted by name.
///
/// # Errors
/// NaN, different lengths, fewer than two values.
pub fn tau_within_groups(
    x: &[f64],
    truth: &[f64],
    groups: &[String],
) -> Result<Vec<GroupTau>, Error> {
    check_pair(x, truth)?;
    if groups.len() != x.len() {
        return Err(Error::Lengths {
            left: x.len(),
            right: groups.len(),
        });
    }
    let mut members = std::collections::BTreeMap::<&str, (Vec<f64>, Vec<f64>)>::new();
    for ((group, &x), &truth) in groups.iter().zip(x).zip(truth) {
        let (xs, truths) = members.entry(group).or_default();
        xs.push(x);
        truths.push(truth);
    }
    let mut workspace = Workspace::new();
    members
        .into_iter()
        .filter(|(_, (xs, _))| xs.len() >= 2)
        .map(|(group, (xs, truths))| {
            Ok(GroupTau {
                group: group.to_owned(),
                n: xs.len(),
                tau: workspace.tau(&xs, &truths)?,
            })
        })
        .collect()
}

/// Student's confidence interval of a mean; `None` for fewer than two values, or
/// where one is not finite.
pub fn mean_interval(values: &[f64], confidence: f64) -> Option<[f64; 2]> {
    let (n, freedom) = (values.len() as f64, values.len() as f64 - 1.0);
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
    let half = student.inverse_cdf(0.5 + 0.5 * confidence) * (squares / freedom / n).sqrt();
    half.is_finite().then_some([mean - half, mean + half])
}

/// Pearson's correlation of two rank vectors, `None` where one is constant.
///
/// Average ranks are multiples of 1/2 with mean (n + 1) / 2, so every sum is
/// exact and the result does not depend on the order of the architectures.
pub(crate) fn correlate_ranks(x: &[f64], y: &[f64]) -> Option<f64> {
    let mean = (x.len() as f64 + 1.0) / 2.0;
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (&x, &y) in x.iter().zip(y) {
        let (x, y) = (x - mean, y - mean);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    (xx > 0.0 && yy > 0.0).then(|| (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0))
}

fn rank_into(x: &[f64], order: &mut Vec<u32>, ranks: &mut Vec<f64>) {
    order.clear();
    order.extend(0..x.len() as u32);
    order.sort_unstable_by(|&a, &b| compare(x[a as usize], x[b as usize]));
    ranks.clear();
    ranks.resize(x.len(), 0.0);
    let mut start = 0;
    for run in order.chunk_by(|&a, &b| x[a as usize] == x[b as usize]) {
        // Ranks start+1 ..= start+len have this mean.
        let shared = start as f64 + (run.len() as f64 + 1.0) / 2.0;
        for &i in run {
            ranks[i as usize] = shared;
        }
        start += run.len();
    }
}

/// Merge sort that returns the number of pairs it had to put in order.
fn sort_counting_swaps(values: &mut [f64], buffer: &mut [f64]) -> u64 {
    /// Below this length insertion sort is faster than merging.
    const SMALL: usize = 16;
    let n = values.len();
    if n <= SMALL {
        let mut swaps = 0;
        for i in 1..n {
            let value = values[i];
            let mut j = i;
            while j > 0 && values[j - 1] > value {
                values[j] = values[j - 1];
                j -= 1;
            }
            values[j] = value;
            swaps += (i - j) as u64;
        }
        return swaps;
    }
    let middle = n / 2;
    let mut swaps = sort_counting_swaps(&mut values[..middle], &mut buffer[..middle]);
    swaps += sort_counting_swaps(&mut values[middle..], &mut buffer[middle..]);
    buffer.copy_from_slice(values);
    let (left, right) = buffer.split_at(middle);
    let (mut i, mut j) = (0, 0);
    for slot in values.iter_mut() {
        if j == right.len() || (i < left.len() && left[i] <= right[j]) {
            *slot = left[i];
            i += 1;
        } else {
            *slot = right[j];
            j += 1;
            swaps += (left.len() - i) as u64;
        }
    }
    swaps
}

/// Number of pairs inside runs of equal neighbours.
fn runs<T>(sorted: &[T], equal: impl Fn(&T, &T) -> bool) -> u64 {
    sorted
        .chunk_by(equal)
        .map(|run| run.len() as u64 * (run.len() as u64 - 1) / 2)
        .sum()
}

fn tied_pairs(order: &[u32], equal: impl Fn(usize, usize) -> bool) -> u64 {
    runs(order, |&a, &b| equal(a as usize, b as usize))
}

/// Total order of numbers that are not NaN, with -0 equal to 0.
pub(crate) fn compare(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

fn check_numbers(x: &[f64]) -> Result<(), Error> {
    match x.iter().position(|x| x.is_nan()) {
        Some(index) => Err(Error::NotANumber { index }),
        None => Ok(()),
    }
}

fn check_pair(x: &[f64], y: &[f64]) -> Result<(), Error> {
    if x.len() != y.len() {
        return Err(Error::Lengths {
            left: x.len(),
            right: y.len(),
        });
    }
    if x.len() < 2 {
        return Err(Error::TooFew { n: x.len() });
    }
    check_numbers(x)?;
    check_numbers(y)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn intervals_of_means_are_those_of_scipy() {
        // scipy.stats.t.interval(0.95, 2, mean, scipy.stats.sem([1, 2, 4]))
        let [low, high] = mean_interval(&[1.0, 2.0, 4.0], 0.95).unwrap();
        assert!((low + 1.461249700406131).abs() < 1e-9, "{low}");
        assert!((high - 6.127916367072798).abs() < 1e-9, "{high}");
        assert_eq!(mean_interval(&[1.0], 0.95), None);
        assert_eq!(mean_interval(&[1.0, f64::NAN], 0.95), None);
    }
}
