//! Percentile bootstrap intervals (Efron 1979) for rank correlations.
//!
//! Where every pair is ordered right, every resample is, too, and percentiles would claim
//! certainty, of three networks as of three hundred. The interval is then that of a share of
//! independent pairs that are all right (Clopper and Pearson 1934).

use lpzero_run::seed;
use rand::Rng;

use crate::Error;
use crate::column::compare;
use crate::correlation::{Correlation, Workspace};

/// How to resample. Two calls with the same seed and the same number of
/// architectures draw the same resamples, so their results are paired.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// Number of resamples.
    pub resamples: usize,
    /// Coverage of the interval, between 0 and 1.
    pub level: f64,
    /// Run seed.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            resamples: 1000,
            level: 0.95,
            seed: 0,
        }
    }
}

/// A confidence interval with the spread it was read from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower percentile.
    pub low: f64,
    /// Upper percentile.
    pub high: f64,
    /// Standard deviation over the resamples: the bootstrap standard error.
    pub standard_error: f64,
}

/// A correlation on every resample of some architectures, in the order in which
/// they were drawn; `None` where it is undefined on one.
#[derive(Clone, Debug, PartialEq)]
pub struct Resamples {
    values: Vec<Option<f64>>,
    level: f64,
    /// What the statistic ranges over; `None` of a difference.
    range: Option<Range>,
}

/// What a statistic of pairs ranges over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    /// Its values where all pairs are wrong and where all are right.
    pub all: [f64; 2],
    /// How many pairs have no architecture in common.
    pub independent: usize,
}

impl Bootstrap {
    /// The interval of a correlation of `x` and `y`.
    ///
    /// `None` where the correlation is undefined on the data or on more than
    /// half of the resamples (nearly constant columns).
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn interval(
        &self,
        correlation: Correlation,
        x: &[f64],
        y: &[f64],
    ) -> Result<Option<Interval>, Error> {
        let resamples = self.resample(correlation, x, y)?;
        Ok(resamples.and_then(|resamples| resamples.interval()))
    }

    /// The interval of the paired difference: the correlation of `a` with `y`
    /// minus the correlation of `b` with `y`, both on the same resample.
    ///
    /// `None` where either correlation is undefined on the data or on more than
    /// half of the resamples.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn difference(
        &self,
        correlation: Correlation,
        a: &[f64],
        b: &[f64],
        y: &[f64],
    ) -> Result<Option<Interval>, Error> {
        let a = self.resample(correlation, a, y)?;
        let b = self.resample(correlation, b, y)?;
        Ok(a.zip(b).and_then(|(a, b)| a.minus(&b).interval()))
    }

    /// The correlation of `x` and `y` on every resample, for callers that take
    /// several differences. `None` where it is undefined on the data.
    ///
    /// # Errors
    /// NaN, different lengths, fewer than two values.
    pub fn resample(
        &self,
        correlation: Correlation,
        x: &[f64],
        y: &[f64],
    ) -> Result<Option<Resamples>, Error> {
        let mut workspace = Workspace::new();
        if workspace.correlate(correlation, x, y)?.is_none() {
            return Ok(None);
        }
        let mut columns = [Vec::new(), Vec::new()];
        let range = Some(Range {
            all: [-1.0, 1.0],
            independent: x.len() / 2,
        });
        let resamples = self.draw(x.len(), range, |indices| {
            gather(indices, [x, y], &mut columns);
            workspace.correlate(correlation, &columns[0], &columns[1])
        });
        resamples.map(Some)
    }

    /// A statistic of every resample of `n` architectures, which are named by number.
    pub(crate) fn draw(
        &self,
        n: usize,
        range: Option<Range>,
        mut statistic: impl FnMut(&[usize]) -> Result<Option<f64>, Error>,
    ) -> Result<Resamples, Error> {
        let mut random = seed::stream(self.seed, "bootstrap");
        let mut indices = vec![0; n];
        let mut values = Vec::with_capacity(self.resamples);
        for _ in 0..self.resamples {
            indices.fill_with(|| random.random_range(0..n));
            values.push(statistic(&indices)?);
        }
        Ok(Resamples {
            range,
            ..Resamples::new(values, self.level)
        })
    }
}

impl Resamples {
    /// Values of resamples, in the order in which they were drawn.
    pub(crate) fn new(values: Vec<Option<f64>>, level: f64) -> Self {
        Self {
            values,
            level,
            range: None,
        }
    }

    /// The difference on every resample. Both must come from the same bootstrap
    /// and the same architectures, or the pairs mean nothing.
    pub fn minus(&self, other: &Self) -> Self {
        let pairs = self.values.iter().zip(&other.values);
        Self {
            values: pairs.map(|(a, b)| Some((*a)? - (*b)?)).collect(),
            level: self.level,
            range: None,
        }
    }

    /// The percentile interval; `None` where more than half of the resamples are
    /// undefined.
    pub fn interval(&self) -> Option<Interval> {
        let mut values: Vec<f64> = self.values.iter().flatten().copied().collect();
        if values.len() < 2 || values.len() * 2 <= self.values.len() {
            return None;
        }
        values.sort_unstable_by(|a, b| compare(*a, *b));
        let tail = (1.0 - self.level) / 2.0;
        let (low, high) = (percentile(&values, tail), percentile(&values, 1.0 - tail));
        let [low, high] = match self.range {
            Some(range) if low == high => range.around(low, tail),
            _ => [low, high],
        };
        Some(Interval {
            low,
            high,
            standard_error: standard_deviation(&values),
        })
    }
}

impl Range {
    /// The interval where every resample has this value: wider where it is the best or the
    /// worst there is.
    fn around(self, value: f64, tail: f64) -> [f64; 2] {
        let [worst, best] = self.all;
        // The share of right pairs at which all would be right with this probability.
        let share = tail.powf(1.0 / self.independent.max(1) as f64);
        let reach = (best - worst) * share;
        match value {
            value if value == best => [worst + reach, best],
            value if value == worst => [worst, best - reach],
            value => [value, value],
        }
    }
}

fn gather<const N: usize>(indices: &[usize], from: [&[f64]; N], into: &mut [Vec<f64>; N]) {
    for (from, into) in from.iter().zip(into) {
        into.clear();
        into.extend(indices.iter().map(|&i| from[i]));
    }
}

/// Percentile of sorted values with linear interpolation (NumPy's default).
fn percentile(sorted: &[f64], fraction: f64) -> f64 {
    let position = fraction.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let weight = position - below as f64;
    sorted[below] * (1.0 - weight) + sorted[above] * weight
}

fn standard_deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
    (squares / (n - 1.0)).sqrt()
}
