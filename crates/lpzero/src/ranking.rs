//! How well proxies rank the architectures of a ground truth.

use std::time::Instant;

use lpzero_proxy::Evaluator;
use lpzero_search::bootstrap::Bootstrap;
use lpzero_search::statistics::{
    Correlation, Workspace, partial_tau, rank as ranks, tau_among_top, ties,
};
use lpzero_trace::{NetworkScalar, Trace};
use serde::Serialize;

use crate::{Error, PassMoments, Proxy, Repeats};

/// One proxy against the trained scores. Correlations are `None` where they
/// are undefined: the proxy is constant, or not finite somewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankRow {
    /// As the user named it.
    pub proxy: String,
    /// Its formula.
    pub formula: String,
    /// Kendall's tau-b.
    pub tau: Option<f64>,
    /// Its 95 % bootstrap interval.
    pub tau_ci: Option<[f64; 2]>,
    /// Spearman's rho.
    pub rho: Option<f64>,
    /// Its 95 % bootstrap interval.
    pub rho_ci: Option<[f64; 2]>,
    /// Kendall's tau given the number of parameters.
    pub partial_tau_params: Option<f64>,
    /// Kendall's tau among the true top 10 %.
    pub tau_top10: Option<f64>,
    /// Share of pairs that the proxy leaves tied.
    pub ties: Option<f64>,
    /// Whether the score follows from the architecture alone.
    pub data_free: bool,
    /// -1 where the proxy was turned so that larger is better.
    #[serde(skip_serializing_if = "is_positive")]
    pub sign: i8,
    /// Architectures on which the proxy is not a finite number.
    #[serde(skip_serializing_if = "is_zero")]
    pub undefined: usize,
    /// Time to evaluate it on all traces.
    pub seconds: f64,
    /// What several passes say, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stability: Option<Stability>,
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
    /// The same of rho.
    pub rho_spread: Option<f64>,
}

fn is_positive(sign: &i8) -> bool {
    *sign >= 0
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What every proxy says of one pass.
#[derive(Clone, Debug)]
pub struct PassScores {
    /// Scores by proxy, then architecture, turned so that larger is better.
    columns: Vec<Vec<f64>>,
    /// Time by proxy.
    seconds: Vec<f64>,
    /// Parameters by architecture.
    params: Vec<f64>,
}

impl PassScores {
    /// Evaluates proxies on the traces in `indices`.
    ///
    /// # Errors
    ///
    /// A formula that is not a score.
    pub fn new(proxies: &[Proxy], traces: &[Trace], indices: &[usize]) -> Result<Self, Error> {
        let evaluator = Evaluator::new(traces);
        let params = |&i: &usize| traces[i].scalars[NetworkScalar::Params as usize];
        let mut pass = PassScores {
            columns: Vec::with_capacity(proxies.len()),
            seconds: Vec::with_capacity(proxies.len()),
            params: indices.iter().map(params).collect(),
        };
        for proxy in proxies {
            let start = Instant::now();
            let mut scores = evaluator
                .scores(&proxy.formula, indices)
                .map_err(|error| Error::Formula(error.to_string()))?;
            pass.seconds.push(start.elapsed().as_secs_f64());
            let sign = f64::from(proxy.sign);
            scores.iter_mut().for_each(|score| *score *= sign);
            pass.columns.push(scores);
        }
        Ok(pass)
    }

    /// Puts exact scores, by architecture of the ground truth, in place of what
    /// traces cannot give of a proxy. `seconds` is what they took.
    pub fn replace(
        &mut self,
        proxy: usize,
        sign: i8,
        scores: &[f64],
        indices: &[usize],
        seconds: f64,
    ) {
        let sign = f64::from(sign);
        self.columns[proxy] = indices.iter().map(|&i| sign * scores[i]).collect();
        self.seconds[proxy] = seconds;
    }
}

/// One row per proxy, on the architectures in `indices`.
///
/// `truth` holds one trained score per trace, larger is better. Intervals of
/// all rows come from the same resamples, drawn by `seed`.
///
/// # Errors
///
/// Fewer than two architectures, or NaN among the trained scores.
pub fn rank(
    proxies: &[Proxy],
    traces: &[Trace],
    truth: &[f64],
    indices: &[usize],
    seed: u64,
    progress: impl FnMut(usize),
) -> Result<Vec<RankRow>, Error> {
    let pass = PassScores::new(proxies, traces, indices)?;
    let truth: Vec<f64> = indices.iter().map(|&i| truth[i]).collect();
    rank_passes(proxies, &[pass], Repeats::ONE, &truth, seed, progress)
}

/// [`rank`] by the mean of the scores of several passes. `passes` are those of
/// `repeats`, and `truth` holds one trained score per architecture in them.
///
/// # Errors
///
/// As [`rank`].
pub fn rank_passes(
    proxies: &[Proxy],
    passes: &[PassScores],
    repeats: Repeats,
    truth: &[f64],
    seed: u64,
    mut progress: impl FnMut(usize),
) -> Result<Vec<RankRow>, Error> {
    let bootstrap = Bootstrap {
        seed,
        ..Bootstrap::default()
    };
    let params = passes.first().map_or(&[][..], |pass| &pass.params);
    let mut rows = Vec::with_capacity(proxies.len());
    for (done, proxy) in proxies.iter().enumerate() {
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
        let mut row = RankRow {
            proxy: proxy.name.clone(),
            formula: proxy.formula.to_string(),
            tau: None,
            tau_ci: None,
            rho: None,
            rho_ci: None,
            partial_tau_params: None,
            tau_top10: None,
            ties: None,
            data_free: proxy.is_data_free(),
            sign: proxy.sign,
            undefined,
            seconds: passes.iter().map(|pass| pass.seconds[done]).sum(),
            stability: None,
        };
        if undefined == 0 {
            let interval = |correlation| -> Result<_, Error> {
                let interval = bootstrap.interval(correlation, scores, truth)?;
                Ok(interval.map(|interval| [interval.low, interval.high]))
            };
            let mut workspace = Workspace::new();
            row.tau = workspace.tau(scores, truth)?;
            row.tau_ci = interval(Correlation::Kendall)?;
            row.rho = workspace.rho(scores, truth)?;
            row.rho_ci = interval(Correlation::Spearman)?;
            row.partial_tau_params = partial_tau(scores, truth, params)?;
            row.tau_top10 = tau_among_top(scores, truth, 0.1)?;
            row.ties = Some(ties(scores)?);
        }
        if repeats.count() > 1 {
            row.stability = Some(stability(&columns, repeats, truth)?);
        }
        rows.push(row);
        progress(done + 1);
    }
    Ok(rows)
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
