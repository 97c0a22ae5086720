//! How well scores could be predicted at all: by regression on the description,
//! and by how much equal networks differ.

use std::collections::BTreeMap;

use lpzero_search::seed;
use lpzero_stats::{Bootstrap, Correlation, Workspace, gaussian_process, rank as ranks};
use lpzero_truth::GroundTruth;
use rand::Rng;
use rand::seq::SliceRandom;
use rayon::ThreadPool;
use rayon::prelude::*;
use serde::Serialize;

use super::design::Design;
use crate::Error;

const FOLDS: usize = 10;
/// Random pairings of equal networks that are averaged.
const PAIRINGS: usize = 200;

/// Bounds of what a proxy can reach.
#[derive(Clone, Debug, Serialize)]
pub struct Ceiling {
    /// Gaussian process regression on the scores.
    pub regression: Option<Regression>,
    /// Gaussian process regression on the ranks of the scores.
    pub regression_on_ranks: Option<Regression>,
    /// Bounds from equal networks that were trained more than once; `None` without such.
    pub twins: Option<Twins>,
}

/// Predictions for architectures that the regression did not see.
#[derive(Clone, Debug, Serialize)]
pub struct Regression {
    /// Parts, each predicted from all others; equal networks are in one.
    pub folds: usize,
    /// Kendall's tau-b of predictions and scores.
    pub tau: Option<f64>,
    /// 95 % bootstrap interval of `tau`: low, high.
    pub tau_ci: Option<[f64; 2]>,
    /// Spearman's rho.
    pub rho: Option<f64>,
    /// 95 % bootstrap interval of `rho`: low, high.
    pub rho_ci: Option<[f64; 2]>,
    /// Share of variance that the predictions explain.
    pub r2: f64,
}

/// Architectures that are one network but were trained more than once.
#[derive(Clone, Debug, Serialize)]
pub struct Twins {
    /// Networks that were trained more than once.
    pub networks: usize,
    /// Records of these.
    pub records: usize,
    /// Standard deviation of the scores of one network.
    pub noise: f64,
    /// Standard deviation of all scores of these records.
    pub spread: f64,
    /// Share of the variance among these records that is not noise (the
    /// intraclass correlation): a correlation with the scores above its root
    /// is luck.
    pub reliability: f64,
    /// Kendall's tau-b between a network's score and its twin's, over random
    /// pairings: how well the trained network predicts itself.
    pub tau: Option<f64>,
    /// Spearman's rho of the same.
    pub rho: Option<f64>,
}

pub(super) fn ceiling(
    truth: &GroundTruth,
    design: &Design,
    scores: &[f64],
    kinds: &[usize],
    seed: u64,
    pool: &ThreadPool,
) -> Result<Ceiling, Error> {
    let mut features = design.features();
    for (row, entry) in features.iter_mut().zip(&truth.entries) {
        let counts = entry.architecture.parameters();
        let parts = [counts.embedding(), counts.mixers, counts.feed_forwards];
        row.extend(parts.map(|count| (count.max(1) as f64).ln()));
    }
    let folds = folds(kinds, seed);
    let ranked = ranks(scores)?;
    pool.install(|| {
        let regress = |y: &[f64]| regression(&features, y, scores, &folds, seed);
        let (raw, by_rank) = rayon::join(|| regress(scores), || regress(&ranked));
        Ok(Ceiling {
            regression: raw?,
            regression_on_ranks: by_rank?,
            twins: twins(scores, kinds, seed)?,
        })
    })
}

/// The fold of each architecture, equal networks in one.
fn folds(kinds: &[usize], seed: u64) -> Vec<usize> {
    let mut different = kinds.to_vec();
    different.sort_unstable();
    different.dedup();
    different.shuffle(&mut seed::stream(seed, "folds"));
    let place: BTreeMap<usize, usize> = different.iter().copied().zip(0..).collect();
    kinds.iter().map(|kind| place[kind] % FOLDS).collect()
}

fn regression(
    features: &[Vec<f64>],
    y: &[f64],
    scores: &[f64],
    folds: &[usize],
    seed: u64,
) -> Result<Option<Regression>, Error> {
    let used = folds.iter().max().map_or(0, |last| last + 1);
    let parts: Option<Vec<(Vec<usize>, Vec<f64>)>> = (0..used)
        .into_par_iter()
        .map(|fold| {
            let (asked, known): (Vec<usize>, Vec<usize>) =
                (0..y.len()).partition(|&i| folds[i] == fold);
            let rows = |of: &[usize]| -> Vec<Vec<f64>> {
                of.iter().map(|&i| features[i].clone()).collect()
            };
            let values: Vec<f64> = known.iter().map(|&i| y[i]).collect();
            let predicted = gaussian_process::predict(&rows(&known), &values, &rows(&asked))?;
            Some((asked, predicted))
        })
        .collect();
    let Some(parts) = parts else { return Ok(None) };
    let mut predictions = vec![0.0; y.len()];
    for (asked, predicted) in parts {
        for (i, prediction) in asked.into_iter().zip(predicted) {
            predictions[i] = prediction;
        }
    }
    let bootstrap = Bootstrap {
        seed,
        ..Bootstrap::default()
    };
    let mut workspace = Workspace::new();
    let mut measure = |correlation| -> Result<_, Error> {
        let value = workspace.correlate(correlation, &predictions, scores)?;
        let interval = bootstrap.interval(correlation, &predictions, scores)?;
        Ok((value, interval.map(|found| [found.low, found.high])))
    };
    let (tau, tau_ci) = measure(Correlation::Kendall)?;
    let (rho, rho_ci) = measure(Correlation::Spearman)?;
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    let left: f64 = y
        .iter()
        .zip(&predictions)
        .map(|(y, p)| (y - p).powi(2))
        .sum();
    let total: f64 = y.iter().map(|y| (y - mean).powi(2)).sum();
    Ok(Some(Regression {
        folds: used,
        tau,
        tau_ci,
        rho,
        rho_ci,
        r2: 1.0 - left / total,
    }))
}

/// Architectures by network, those with twins only.
pub(super) fn twin_groups(kinds: &[usize]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, kind) in kinds.iter().enumerate() {
        groups.entry(*kind).or_default().push(i);
    }
    groups
        .into_values()
        .filter(|group| group.len() > 1)
        .collect()
}

fn twins(scores: &[f64], kinds: &[usize], seed: u64) -> Result<Option<Twins>, Error> {
    let groups = twin_groups(kinds);
    let records: usize = groups.iter().map(Vec::len).sum();
    if groups.len() < 3 {
        return Ok(None);
    }
    let mean = |of: &[usize]| of.iter().map(|&i| scores[i]).sum::<f64>() / of.len() as f64;
    let all: Vec<usize> = groups.iter().flatten().copied().collect();
    let squares = |of: &[usize]| {
        let mean = mean(of);
        of.iter().map(|&i| (scores[i] - mean).powi(2)).sum::<f64>()
    };
    let within: f64 = groups.iter().map(|group| squares(group)).sum();
    let (k, n) = (groups.len() as f64, records as f64);
    let noise = within / (n - k);
    let between = (squares(&all) - within) / (k - 1.0);
    // Members per group where groups differ in size (Snedecor's n0).
    let members: f64 = groups
        .iter()
        .map(|group| (group.len() as f64).powi(2))
        .sum();
    let members = (n - members / n) / (k - 1.0);
    let reliability = (between - noise) / (between + (members - 1.0) * noise);

    let mut random = seed::stream(seed, "twins");
    let mut workspace = Workspace::new();
    let (mut taus, mut rhos) = (Vec::new(), Vec::new());
    for _ in 0..PAIRINGS {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for group in &groups {
            let first = random.random_range(0..group.len());
            let second = (first + random.random_range(1..group.len())) % group.len();
            x.push(scores[group[first]]);
            y.push(scores[group[second]]);
        }
        taus.extend(workspace.tau(&x, &y)?);
        rhos.extend(workspace.rho(&x, &y)?);
    }
    let average = |values: &[f64]| {
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    Ok(Some(Twins {
        networks: groups.len(),
        records,
        noise: noise.sqrt(),
        spread: (squares(&all) / (n - 1.0)).sqrt(),
        reliability,
        tau: average(&taus),
        rho: average(&rhos),
    }))
}
