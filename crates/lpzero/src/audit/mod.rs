//! Auditing a ground truth: what its trained scores respond to, how well they
//! could be predicted at all, and which records to distrust. No network is run.

mod ceiling;
mod confounding;
mod design;
mod response;
mod suspects;

use lpzero_run::Cancel;
use lpzero_stats::rank as ranks;
use lpzero_truth::GroundTruth;
use rayon::ThreadPool;
use serde::Serialize;

pub use ceiling::{Ceiling, Regression, Twins};
pub use confounding::{Baseline, Correlated};
use design::Design;
pub use design::Summary;
pub use response::{Response, Verdict};
pub use suspects::{Conflict, CountMismatch, Outlier, Suspects};

use crate::{Error, kinds};

/// How to audit.
#[derive(Clone, Copy, Debug)]
pub struct AuditSettings {
    /// Permutations per test.
    pub permutations: usize,
    /// Seed of permutations, folds and resamples.
    pub seed: u64,
}

impl Default for AuditSettings {
    /// 2000 permutations.
    fn default() -> Self {
        Self {
            permutations: 2000,
            seed: 0,
        }
    }
}

/// Findings of an audit.
#[derive(Clone, Debug, Serialize)]
pub struct Audit {
    /// Name of the ground truth.
    pub truth: String,
    /// Architectures.
    pub n: usize,
    /// Different networks among them, as they were read.
    pub different_networks: usize,
    /// The reading of the networks, where the layout leaves a choice.
    pub reading: Option<String>,
    /// Metric that the scores measure.
    pub metric: String,
    /// The declared variables and how they vary.
    pub variables: Vec<Summary>,
    /// Whether every variable acts with slopes of its own per depth and width,
    /// which takes enough architectures.
    pub interactions: bool,
    /// How many p-values were corrected for together.
    pub p_values: usize,
    /// One row per variable, then one per variable inside a part of the blocks.
    pub responses: Vec<Response>,
    /// Predictors that need no network.
    pub baselines: Vec<Baseline>,
    /// Predictors that move together: |rho| above 0.3.
    pub correlated: Vec<Correlated>,
    /// How well scores could be predicted at all.
    pub ceiling: Ceiling,
    /// Records to look at.
    pub suspects: Suspects,
    /// The findings in words.
    pub findings: Vec<String>,
}

/// Audits `truth`, whose architectures are the networks as trained. `declared` is
/// the same ground truth with the architectures that its files declare, where
/// that is not the same.
///
/// # Errors
/// Too few architectures for their variables, or scores that are all equal;
/// [`Error::Cancelled`].
pub fn audit(
    truth: &GroundTruth,
    declared: &GroundTruth,
    settings: AuditSettings,
    pool: &ThreadPool,
    cancel: &Cancel,
) -> Result<Audit, Error> {
    let scores: Vec<f64> = truth.entries.iter().map(|entry| entry.score).collect();
    if scores.iter().all(|score| *score == scores[0]) {
        return Err(Error::Audit(format!(
            "{}: all scores are equal, so there is nothing to respond to",
            truth.path.display()
        )));
    }
    let kinds = kinds(truth);
    let design = Design::new(declared)?;
    let rank_scores = ranks(&scores)?;
    let (responses, p_values) = pool.install(|| {
        let test = |y: &[f64], what: &str| response::tests(&design, y, settings, what, cancel);
        let (raw, ranked) = rayon::join(|| test(&scores, "scores"), || test(&rank_scores, "ranks"));
        response::judge(raw, ranked)
    });
    check(cancel)?;
    let baselines = confounding::baselines(truth, &scores, settings.seed, pool)?;
    let correlated = confounding::correlated(truth, &design)?;
    check(cancel)?;
    let ceiling = ceiling::ceiling(truth, &design, &scores, &kinds, settings.seed, pool)?;
    check(cancel)?;
    let suspects = suspects::suspects(truth, &design, &scores, &kinds)?;
    let mut different = kinds.clone();
    different.sort_unstable();
    different.dedup();
    let findings = response::findings(&responses, design.depth_name(), design.width_name());
    Ok(Audit {
        truth: truth.name.clone(),
        n: scores.len(),
        different_networks: different.len(),
        reading: truth.reading.map(|reading| reading.to_string()),
        metric: truth.metric.clone(),
        variables: design.summaries(),
        interactions: design.interactions(),
        p_values,
        responses,
        baselines,
        correlated,
        ceiling,
        suspects,
        findings,
    })
}

fn check(cancel: &Cancel) -> Result<(), Error> {
    match cancel.is_cancelled() {
        true => Err(Error::Cancelled),
        false => Ok(()),
    }
}
