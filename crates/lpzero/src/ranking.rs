//! How well proxies rank the architectures of a ground truth.

use std::time::Instant;

use lpzero_proxy::Evaluator;
use lpzero_search::bootstrap::Bootstrap;
use lpzero_search::statistics::{Correlation, Workspace, partial_tau, tau_among_top, ties};
use lpzero_trace::{NetworkScalar, Trace};
use serde::Serialize;

use crate::{Error, Proxy};

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
}

fn is_positive(sign: &i8) -> bool {
    *sign >= 0
}

fn is_zero(count: &usize) -> bool {
    *count == 0
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
    mut progress: impl FnMut(usize),
) -> Result<Vec<RankRow>, Error> {
    let evaluator = Evaluator::new(traces);
    let bootstrap = Bootstrap {
        seed,
        ..Bootstrap::default()
    };
    let truth: Vec<f64> = indices.iter().map(|&i| truth[i]).collect();
    let params: Vec<f64> = indices
        .iter()
        .map(|&i| traces[i].scalars[NetworkScalar::Params as usize])
        .collect();
    let mut rows = Vec::with_capacity(proxies.len());
    for (done, proxy) in proxies.iter().enumerate() {
        let start = Instant::now();
        let scores = evaluator
            .scores(&proxy.formula, indices)
            .map_err(|error| Error::Formula(error.to_string()))?;
        let seconds = start.elapsed().as_secs_f64();
        let scores: Vec<f64> = scores
            .iter()
            .map(|score| f64::from(proxy.sign) * score)
            .collect();
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
            seconds,
        };
        if undefined == 0 {
            let interval = |correlation| -> Result<_, Error> {
                let interval = bootstrap.interval(correlation, &scores, &truth)?;
                Ok(interval.map(|interval| [interval.low, interval.high]))
            };
            let mut workspace = Workspace::new();
            row.tau = workspace.tau(&scores, &truth)?;
            row.tau_ci = interval(Correlation::Kendall)?;
            row.rho = workspace.rho(&scores, &truth)?;
            row.rho_ci = interval(Correlation::Spearman)?;
            row.partial_tau_params = partial_tau(&scores, &truth, &params)?;
            row.tau_top10 = tau_among_top(&scores, &truth, 0.1)?;
            row.ties = Some(ties(&scores)?);
        }
        rows.push(row);
        progress(done + 1);
    }
    Ok(rows)
}
