//! Confounding by size. Predictors that need no network are judged overall and among architectures
//! of one depth and width. Predictors that move together are listed.

use lpzero_stats::{Bootstrap, Correlation, rho, tau, tau_within_groups};
use lpzero_truth::GroundTruth;
use rayon::ThreadPool;
use rayon::prelude::*;
use serde::Serialize;

use super::design::Design;
use crate::Error;

/// Correlations between predictors below this are not listed.
const NOTABLE: f64 = 0.3;

/// A predictor that needs no network.
#[derive(Clone, Debug, Serialize)]
pub struct Baseline {
    /// Name of the predictor.
    pub baseline: String,
    /// Kendall's tau-b with the scores.
    pub tau: Option<f64>,
    /// 95 % bootstrap interval of `tau`: low, high.
    pub tau_ci: Option<[f64; 2]>,
    /// Spearman's rho.
    pub rho: Option<f64>,
    /// 95 % bootstrap interval of `rho`: low, high.
    pub rho_ci: Option<[f64; 2]>,
    /// Mean of tau inside groups of equal depth and width, weighted by pairs.
    pub tau_within_groups: Option<f64>,
    /// Pairs of architectures in those groups.
    pub pairs_within_groups: u64,
}

/// Two predictors that move together.
#[derive(Clone, Debug, Serialize)]
pub struct Correlated {
    /// One.
    pub first: String,
    /// The other.
    pub second: String,
    /// Spearman's rho between them.
    pub rho: f64,
}

pub(super) fn baselines(
    truth: &GroundTruth,
    scores: &[f64],
    seed: u64,
    pool: &ThreadPool,
) -> Result<Vec<Baseline>, Error> {
    let groups: Vec<String> = (truth.entries.iter())
        .map(|entry| entry.group().to_string())
        .collect();
    let bootstrap = Bootstrap {
        seed,
        ..Bootstrap::default()
    };
    let row = |baseline: lpzero_search::Baseline| -> Result<Baseline, Error> {
        let x = &baseline.scores;
        let interval = |correlation| -> Result<_, Error> {
            let found = bootstrap.interval(correlation, x, scores)?;
            Ok(found.map(|found| [found.low, found.high]))
        };
        let (mut sum, mut pairs) = (0.0, 0);
        for group in tau_within_groups(x, scores, &groups)? {
            if let Some(tau) = group.tau {
                let weight = group.n as u64 * (group.n as u64 - 1) / 2;
                sum += weight as f64 * tau;
                pairs += weight;
            }
        }
        Ok(Baseline {
            tau: tau(x, scores)?,
            tau_ci: interval(Correlation::Kendall)?,
            rho: rho(x, scores)?,
            rho_ci: interval(Correlation::Spearman)?,
            tau_within_groups: (pairs > 0).then(|| sum / pairs as f64),
            pairs_within_groups: pairs,
            baseline: baseline.name,
        })
    };
    let baselines = crate::baselines(truth)?;
    pool.install(|| baselines.into_par_iter().map(row).collect())
}

pub(super) fn correlated(truth: &GroundTruth, design: &Design) -> Result<Vec<Correlated>, Error> {
    let mut predictors = design.named_features();
    let wanted = ["#Params", "decoder params"];
    let counts = crate::baselines(truth)?.into_iter();
    predictors.extend(
        counts
            .filter(|baseline| wanted.contains(&baseline.name.as_str()))
            .map(|baseline| (baseline.name, baseline.scores)),
    );
    let mut found = Vec::new();
    for (i, (first, x)) in predictors.iter().enumerate() {
        for (second, y) in &predictors[i + 1..] {
            if let Some(rho) = rho(x, y)?.filter(|rho| rho.abs() > NOTABLE) {
                found.push(Correlated {
                    first: first.clone(),
                    second: second.clone(),
                    rho,
                });
            }
        }
    }
    found.sort_by(|a, b| b.rho.abs().total_cmp(&a.rho.abs()));
    Ok(found)
}
