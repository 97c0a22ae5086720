//! How well proxies rank the architectures of a ground truth.

use std::collections::BTreeMap;
use std::time::Instant;

use lpzero_proxy::Evaluator;
use lpzero_proxy::named::RankProduct;
use lpzero_search::MINIMUM_GROUP;
use lpzero_search::stability::Movement;
use lpzero_stats::{
    Bootstrap, Correlation, Resamples, SameSize, Workspace, partial_tau, precision_at_top,
    rank as ranks, tau_among_top, tau_within_groups, ties,
};
use serde::Serialize;

use crate::subjects::Subjects;
use crate::{Error, Like, PassMoments, Proxy, Repeats};

/// One proxy against the trained scores. Correlations are `None` where they
/// are undefined: the proxy is constant, or not finite somewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankRow {
    /// Name that the user gave.
    pub proxy: String,
    /// Formula of the proxy.
    pub formula: String,
    /// Kendall's tau-b.
    pub tau: Option<f64>,
    /// 95 % bootstrap interval of `tau`: low, high.
    pub tau_ci: Option<[f64; 2]>,
    /// Spearman's rho.
    pub rho: Option<f64>,
    /// 95 % bootstrap interval of `rho`: low, high.
    pub rho_ci: Option<[f64; 2]>,
    /// Equal-size accuracy: share of pairs of like size that are ordered right.
    pub same_size: Option<f64>,
    /// 95 % bootstrap interval of `same_size`, over architectures: low, high.
    pub same_size_ci: Option<[f64; 2]>,
    /// Number of pairs of like size.
    pub same_size_pairs: usize,
    /// Gain in tau over the number of parameters.
    pub over_params: Option<Difference>,
    /// Gain in tau over depth² x width.
    pub over_depth2_width: Option<Difference>,
    /// Kendall's tau given the number of parameters.
    pub partial_tau_params: Option<f64>,
    /// Kendall's tau among architectures of equal depth and width, where there
    /// are at least [`MINIMUM_GROUP`].
    pub tau_within_group: BTreeMap<String, Option<f64>>,
    /// Kendall's tau among the true top 10 %.
    pub tau_top10: Option<f64>,
    /// Share of its own top 10 % that belongs to the true top 10 %.
    pub precision_top10: Option<f64>,
    /// Share of pairs that the proxy leaves tied.
    pub ties: Option<f64>,
    /// Whether a network takes part at all, or the score is a count.
    pub needs_network: bool,
    /// Whether the score stays the same when minibatch and objective change.
    pub data_free: bool,
    /// -1 where the proxy was turned so that larger is better.
    #[serde(skip_serializing_if = "is_positive")]
    pub sign: i8,
    /// Architectures on which the proxy is not a finite number.
    #[serde(skip_serializing_if = "is_zero")]
    pub undefined: usize,
    /// Why it is not, on the first of them, as the end of a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undefined_why: Option<String>,
    /// Time to evaluate it on all architectures: on their traces, or on whole
    /// tensors with the passes that this takes.
    pub seconds: f64,
    /// Time for one architecture. On traces it is `seconds` divided by their number. On whole
    /// tensors it is the time of this proxy alone on an architecture of median size, passes
    /// included.
    pub seconds_per_architecture: f64,
    /// Stability over several passes, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stability: Option<Stability>,
    /// How the ranking of the smallest networks moves with what must not matter, where that
    /// was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub movements: Vec<Movement>,
}

/// A paired difference of Kendall's taus: both on the same architectures, and in
/// the interval on the same resamples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Tau of the proxy less tau of what it is compared with.
    pub tau: f64,
    /// 95 % bootstrap interval of the difference: low, high.
    pub tau_ci: Option<[f64; 2]>,
}

/// How far a proxy depends on initialisation and minibatch. Numbers are `None`
/// where a pass leaves them undefined.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stability {
    /// Initialisations.
    pub inits: u32,
    /// Minibatches for each.
    pub batches: u32,
    /// Mean of Spearman's rho between the scores of two passes, over all pairs.
    pub rho_between_passes_mean: Option<f64>,
    /// Standard deviation over passes of tau with the trained scores.
    pub tau_spread: Option<f64>,
    /// Standard deviation over passes of rho with the trained scores.
    pub rho_spread: Option<f64>,
}

fn is_positive(sign: &i8) -> bool {
    *sign >= 0
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Subject of a row: a proxy, or the product of the ranks that several give.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Contestant {
    /// Name that the user gave.
    pub name: String,
    /// Formula, or the text that stands for one.
    pub formula: String,
    /// -1 where the proxy is turned so that larger is better.
    pub sign: i8,
    /// Whether a network takes part at all.
    pub needs_network: bool,
    /// Whether the score stays the same when minibatch and objective change.
    pub data_free: bool,
}

impl Contestant {
    /// A proxy, of which it is known whether it is data-free.
    pub fn proxy(proxy: &Proxy, data_free: bool) -> Self {
        Self {
            name: proxy.name.clone(),
            formula: proxy.formula.to_string(),
            sign: proxy.sign,
            needs_network: proxy.needs_network(),
            data_free,
        }
    }

    /// A product of the ranks that other contestants give.
    pub fn product(product: &RankProduct, parts: &[&Contestant]) -> Self {
        Self {
            name: product.name.to_owned(),
            formula: product.text(),
            sign: 1,
            needs_network: parts.iter().any(|part| part.needs_network),
            data_free: parts.iter().all(|part| part.data_free),
        }
    }
}

/// The networks that proxies are ranked on, and what is known of them without a pass.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    /// Trained scores, larger is better.
    scores: Vec<f64>,
    /// Depth and width, as text.
    groups: Vec<String>,
    params: Vec<f64>,
    depth2_width: Vec<f64>,
    /// Pairs of like size.
    same: SameSize,
}

impl Ranked {
    /// The networks in `indices`.
    ///
    /// # Errors
    ///
    /// Fewer than two networks.
    pub fn new(subjects: &Subjects, indices: &[usize], like: Like) -> Result<Self, Error> {
        let pick = |column: &[f64]| indices.iter().map(|&i| column[i]).collect::<Vec<_>>();
        let scores = pick(&subjects.scores);
        let sizes = pick(&subjects.sizes(like.size));
        Ok(Self {
            same: SameSize::new(&sizes, &scores, like.tolerance)?,
            scores,
            groups: indices
                .iter()
                .map(|&i| subjects.groups[i].clone())
                .collect(),
            params: pick(&subjects.count("params")?),
            depth2_width: pick(&subjects.count("depth2_width")?),
        })
    }
}

/// Scores of every proxy in one pass: by proxy, then architecture, turned so that larger is better.
/// Proxies are added in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct PassScores {
    columns: Vec<Vec<f64>>,
    /// Time by proxy.
    seconds: Vec<Seconds>,
}

/// Time that scoring took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Seconds {
    /// All architectures; a share, where proxies were scored together.
    pub total: f64,
    /// One architecture.
    pub each: f64,
}

impl Seconds {
    fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            each: self.each + other.each,
        }
    }
}

impl PassScores {
    /// Adds a proxy by the traces of the architectures in `indices`.
    ///
    /// # Errors
    ///
    /// A formula that is not a score.
    pub fn add_traced(
        &mut self,
        proxy: &Proxy,
        evaluator: &Evaluator<'_>,
        indices: &[usize],
    ) -> Result<(), Error> {
        let start = Instant::now();
        let scores = evaluator
            .scores(&proxy.formula, indices)
            .map_err(|error| Error::Formula(error.to_string()))?;
        let total = start.elapsed().as_secs_f64();
        let each = total / indices.len() as f64;
        self.add(proxy, scores, Seconds { total, each });
        Ok(())
    }

    /// Adds a proxy by its scores, which took `seconds`.
    pub fn add(&mut self, proxy: &Proxy, mut scores: Vec<f64>, seconds: Seconds) {
        let sign = f64::from(proxy.sign);
        scores.iter_mut().for_each(|score| *score *= sign);
        self.columns.push(scores);
        self.seconds.push(seconds);
    }

    /// Scores of a contestant, by architecture.
    pub fn of(&self, contestant: usize) -> Option<&[f64]> {
        self.columns.get(contestant).map(Vec::as_slice)
    }

    /// The first architecture on which a contestant is not a finite number.
    pub fn first_undefined(&self, contestant: usize) -> Option<usize> {
        let mut scores = self.columns.get(contestant)?.iter();
        scores.position(|score| !score.is_finite())
    }

    /// Adds the product of the ranks that the columns `parts` give, as the sum of
    /// `ln(rank / n)`, the worst having rank 1; NaN throughout where a part is not
    /// finite somewhere, and so ranks nothing.
    ///
    /// # Errors
    ///
    /// Fewer than two architectures.
    pub fn add_product(&mut self, parts: &[usize]) -> Result<(), Error> {
        let count = parts.first().map_or(0, |&part| self.columns[part].len());
        let mut sums = vec![0.0; count];
        for &part in parts {
            let scores = &self.columns[part];
            if !scores.iter().all(|score| score.is_finite()) {
                sums.fill(f64::NAN);
                break;
            }
            for (sum, rank) in sums.iter_mut().zip(ranks(scores)?) {
                *sum += (rank / count as f64).ln();
            }
        }
        let seconds = parts.iter().map(|&part| self.seconds[part]);
        self.seconds
            .push(seconds.fold(Seconds::default(), Seconds::plus));
        self.columns.push(sums);
        Ok(())
    }
}

/// One row per contestant by the mean of the scores of several passes, which are those
/// of the repeats; contestants are in the order of their columns. Intervals of all rows
/// come from the same resamples, drawn by `seed`.
///
/// # Errors
///
/// Fewer than two architectures.
pub(crate) fn rank_passes(
    contestants: &[Contestant],
    (passes, repeats): (&[PassScores], Repeats),
    subjects: &Ranked,
    seed: u64,
    mut progress: impl FnMut(usize),
) -> Result<Vec<RankRow>, Error> {
    let bootstrap = Bootstrap {
        seed,
        ..Bootstrap::default()
    };
    let baselines = [&subjects.params, &subjects.depth2_width];
    let baselines = baselines.map(|scores| Measured::new(&bootstrap, scores, &subjects.scores));
    let [params, depth2_width] = baselines;
    let (params, depth2_width) = (params?, depth2_width?);
    let mut rows = Vec::with_capacity(contestants.len());
    for (done, contestant) in contestants.iter().enumerate() {
        let columns: Vec<&[f64]> = passes.iter().map(|pass| &pass.columns[done][..]).collect();
        let mean;
        let scores = match columns[..] {
            [scores] => scores,
            _ => {
                mean = mean_scores(&columns);
                &mean
            }
        };
        let undefined = scores.iter().filter(|score| !score.is_finite()).count();
        let seconds = passes.iter().map(|pass| pass.seconds[done]);
        let seconds = seconds.fold(Seconds::default(), Seconds::plus);
        let mut row = RankRow {
            proxy: contestant.name.clone(),
            formula: contestant.formula.clone(),
            tau: None,
            tau_ci: None,
            rho: None,
            rho_ci: None,
            same_size: None,
            same_size_ci: None,
            same_size_pairs: subjects.same.count(),
            over_params: None,
            over_depth2_width: None,
            partial_tau_params: None,
            tau_within_group: BTreeMap::new(),
            tau_top10: None,
            precision_top10: None,
            ties: None,
            needs_network: contestant.needs_network,
            data_free: contestant.data_free,
            sign: contestant.sign,
            undefined,
            undefined_why: None,
            seconds: seconds.total,
            seconds_per_architecture: seconds.each,
            stability: None,
            movements: Vec::new(),
        };
        if undefined == 0 {
            correlate(
                &mut row,
                scores,
                subjects,
                (&bootstrap, [&params, &depth2_width]),
            )?;
        }
        if repeats.count() > 1 {
            row.stability = Some(stability(&columns, repeats, &subjects.scores)?);
        }
        rows.push(row);
        progress(done + 1);
    }
    Ok(rows)
}

/// Enters what finite scores say of the truth, and what they add to two counts.
fn correlate(
    row: &mut RankRow,
    scores: &[f64],
    subjects: &Ranked,
    (bootstrap, [params, depth2_width]): (&Bootstrap, [&Measured; 2]),
) -> Result<(), Error> {
    let truth = &subjects.scores;
    let tau = Measured::new(bootstrap, scores, truth)?;
    let rho = bootstrap.interval(Correlation::Spearman, scores, truth)?;
    row.tau = tau.tau;
    row.tau_ci = interval(tau.resamples.as_ref());
    row.rho = Workspace::new().rho(scores, truth)?;
    row.rho_ci = rho.map(|interval| [interval.low, interval.high]);
    row.same_size = subjects.same.accuracy(scores)?;
    let same = subjects.same.interval(bootstrap, scores)?;
    row.same_size_ci = same.map(|interval| [interval.low, interval.high]);
    row.over_params = tau.minus(params);
    row.over_depth2_width = tau.minus(depth2_width);
    row.partial_tau_params = partial_tau(scores, truth, &subjects.params)?;
    let groups = tau_within_groups(scores, truth, &subjects.groups)?.into_iter();
    row.tau_within_group = groups
        .filter(|group| group.n >= MINIMUM_GROUP)
        .map(|group| (group.group, group.tau))
        .collect();
    row.tau_top10 = tau_among_top(scores, truth, 0.1)?;
    row.precision_top10 = Some(precision_at_top(scores, truth, 0.1)?);
    row.ties = Some(ties(scores)?);
    Ok(())
}

/// Kendall's tau with its resamples.
struct Measured {
    tau: Option<f64>,
    resamples: Option<Resamples>,
}

impl Measured {
    fn new(bootstrap: &Bootstrap, scores: &[f64], truth: &[f64]) -> Result<Self, Error> {
        Ok(Self {
            tau: Workspace::new().tau(scores, truth)?,
            resamples: bootstrap.resample(Correlation::Kendall, scores, truth)?,
        })
    }

    /// `None` where one of the two taus is undefined.
    fn minus(&self, other: &Self) -> Option<Difference> {
        let tau = self.tau? - other.tau?;
        let resamples = self.resamples.as_ref().zip(other.resamples.as_ref());
        let difference = resamples.map(|(own, theirs)| own.minus(theirs));
        Some(Difference {
            tau,
            tau_ci: interval(difference.as_ref()),
        })
    }
}

fn interval(resamples: Option<&Resamples>) -> Option<[f64; 2]> {
    let interval = resamples?.interval()?;
    Some([interval.low, interval.high])
}

fn mean_scores(columns: &[&[f64]]) -> Vec<f64> {
    let mut moments = PassMoments::default();
    for column in columns {
        moments.add(&[column.to_vec()]);
    }
    moments.mean().pop().unwrap_or_default()
}

fn stability(columns: &[&[f64]], repeats: Repeats, truth: &[f64]) -> Result<Stability, Error> {
    let mut stability = Stability {
        inits: repeats.inits,
        batches: repeats.batches,
        rho_between_passes_mean: None,
        tau_spread: None,
        rho_spread: None,
    };
    if columns
        .iter()
        .any(|scores| !scores.iter().all(|x| x.is_finite()))
    {
        return Ok(stability);
    }
    stability.rho_between_passes_mean = mean_rho(columns)?;
    let mut workspace = Workspace::new();
    let (mut taus, mut rhos) = (Some(PassMoments::default()), Some(PassMoments::default()));
    for scores in columns {
        for (moments, correlation) in [
            (&mut taus, workspace.tau(scores, truth)?),
            (&mut rhos, workspace.rho(scores, truth)?),
        ] {
            match (moments.as_mut(), correlation) {
                (Some(moments), Some(correlation)) => moments.add(&[vec![correlation]]),
                _ => *moments = None,
            }
        }
    }
    stability.tau_spread = taus.map(|moments| moments.spread()[0][0]);
    stability.rho_spread = rhos.map(|moments| moments.spread()[0][0]);
    Ok(stability)
}

/// Mean of Spearman's rho over all pairs of vectors; `None` where one is
/// constant.
///
/// Rho is the inner product of ranks, centred and scaled to norm 1, so the sum
/// over all pairs is `|sum of them|^2`, less one per vector.
fn mean_rho(columns: &[&[f64]]) -> Result<Option<f64>, Error> {
    let mut sum = vec![0.0; columns.first().map_or(0, |column| column.len())];
    for column in columns {
        let mut ranks = ranks(column)?;
        let mean = ranks.iter().sum::<f64>() / ranks.len() as f64;
        ranks.iter_mut().for_each(|rank| *rank -= mean);
        let norm = ranks.iter().map(|rank| rank * rank).sum::<f64>().sqrt();
        if norm == 0.0 {
            return Ok(None);
        }
        for (sum, rank) in sum.iter_mut().zip(ranks) {
            *sum += rank / norm;
        }
    }
    let (square, count) = (sum.iter().map(|x| x * x).sum::<f64>(), columns.len() as f64);
    // Rounding must not report more than perfect agreement.
    Ok(Some(((square - count) / (count * (count - 1.0))).min(1.0)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_product_of_ranks_is_the_sum_of_their_logarithms() {
        let proxy = Proxy::parse("params").unwrap();
        let mut pass = PassScores::default();
        let second = Seconds {
            total: 1.0,
            each: 0.25,
        };
        pass.add(&proxy, vec![1.0, 5.0, 3.0, 3.0], second);
        pass.add(&proxy, vec![0.1, 0.2, 0.4, 0.3], second);
        pass.add_product(&[0, 1]).unwrap();
        // Ranks 1 4 2.5 2.5 and 1 2 4 3, of 4.
        for (found, product) in pass.columns[2].iter().zip([1.0, 8.0, 10.0, 7.5]) {
            assert!((found - f64::ln(product / 16.0)).abs() < 1e-14);
        }
        assert_eq!(pass.seconds[2], second.plus(second));
        pass.add(&proxy, vec![0.0, f64::NAN, 1.0, 2.0], second);
        pass.add_product(&[0, 3]).unwrap();
        assert!(pass.columns[4].iter().all(|score| score.is_nan()));
    }

    #[test]
    fn the_mean_over_all_pairs_is_the_mean_over_all_pairs() {
        let columns: Vec<Vec<f64>> = (1..=4)
            .map(|seed| (0..9).map(|i| f64::from(i * seed * seed % 7)).collect())
            .collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let mut rhos = Vec::new();
        for (i, a) in columns.iter().enumerate() {
            for b in &columns[..i] {
                rhos.push(Workspace::new().rho(a, b).unwrap().unwrap());
            }
        }
        let expected = rhos.iter().sum::<f64>() / rhos.len() as f64;
        let found = mean_rho(&columns).unwrap().unwrap();
        assert!((found - expected).abs() < 1e-12, "{found}, {expected}");
        assert_eq!(mean_rho(&[columns[0], &[1.0; 9]]).unwrap(), None);
    }
}
