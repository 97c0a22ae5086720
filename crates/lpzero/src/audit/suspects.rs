//! Records to look at before trusting a ground truth.

use lpzero_truth::GroundTruth;
use serde::Serialize;

use super::ceiling::twin_groups;
use super::design::Design;
use crate::Error;

/// Robust standard deviations beyond which a score is an outlier.
const FAR: f64 = 5.0;

/// Records to look at.
#[derive(Clone, Debug, Serialize)]
pub struct Suspects {
    /// Scores far from what the variables say, farthest first.
    pub outliers: Vec<Outlier>,
    /// Equal networks with scores far apart, farthest first.
    pub conflicts: Vec<Conflict>,
    /// Networks whose parameters contradict a published count; `None` where no
    /// count is published.
    pub counts: Option<Vec<CountMismatch>>,
}

/// A score far from what the variables say.
#[derive(Clone, Debug, Serialize)]
pub struct Outlier {
    /// The record.
    pub id: String,
    /// Score of the record.
    pub score: f64,
    /// Score that the regression on all variables predicts.
    pub expected: f64,
    /// Difference in robust standard deviations (median absolute deviation).
    pub robust_z: f64,
    /// Difference in standard deviations of a regression without this record.
    pub studentised: f64,
}

/// Equal networks with scores far apart.
#[derive(Clone, Debug, Serialize)]
pub struct Conflict {
    /// The records.
    pub ids: [String; 2],
    /// Their scores.
    pub scores: [f64; 2],
    /// Difference in robust standard deviations of such differences.
    pub robust_z: f64,
}

/// A network whose parameters contradict its published count.
#[derive(Clone, Debug, Serialize)]
pub struct CountMismatch {
    /// The record.
    pub id: String,
    /// Parameters of the architecture, as counted here.
    pub counted: u128,
    /// Parameters as published.
    pub published: u128,
}

pub(super) fn suspects(
    truth: &GroundTruth,
    design: &Design,
    scores: &[f64],
    kinds: &[usize],
) -> Result<Suspects, Error> {
    let id = |i: usize| truth.entries[i].id.clone();
    let counts = truth.published_parameters()?.map(|published| {
        let entries = truth.entries.iter().zip(published);
        entries
            .filter_map(|(entry, published)| {
                let counted = entry.architecture.parameters().total();
                (counted != published).then(|| CountMismatch {
                    id: entry.id.clone(),
                    counted,
                    published,
                })
            })
            .collect()
    });

    let model = design.full_model();
    let residuals = model.residuals(scores);
    let leverages = model.leverages(scores.len());
    let left: f64 = residuals.iter().map(|r| r * r).sum();
    let freedom = (scores.len() - model.rank()) as f64;
    let scale = robust_deviation(&residuals);
    let mut outliers: Vec<Outlier> = (0..scores.len())
        .map(|i| {
            let room = (1.0 - leverages[i]).max(1e-12);
            // The variance that a fit without this record would leave.
            let without = (left - residuals[i].powi(2) / room) / (freedom - 1.0);
            Outlier {
                id: id(i),
                score: scores[i],
                expected: scores[i] - residuals[i],
                robust_z: residuals[i] / scale,
                studentised: residuals[i] / (without.max(0.0) * room).sqrt(),
            }
        })
        .filter(|outlier| outlier.robust_z.is_finite() && outlier.robust_z.abs() > FAR)
        .collect();
    outliers.sort_by(|a, b| b.robust_z.abs().total_cmp(&a.robust_z.abs()));

    let mut pairs = Vec::new();
    for group in twin_groups(kinds) {
        let by_score = |a: &&usize, b: &&usize| scores[**a].total_cmp(&scores[**b]);
        if let (Some(&low), Some(&high)) =
            (group.iter().min_by(by_score), group.iter().max_by(by_score))
        {
            pairs.push((low, high));
        }
    }
    let apart: Vec<f64> = pairs.iter().map(|&(a, b)| scores[b] - scores[a]).collect();
    // Differences are not centred: their size is their median.
    let scale = 1.4826 * median(apart.clone());
    let mut conflicts: Vec<Conflict> = (pairs.iter().zip(&apart))
        .filter(|(_, apart)| **apart > FAR * scale && scale > 0.0)
        .map(|(&(low, high), apart)| Conflict {
            ids: [id(low), id(high)],
            scores: [scores[low], scores[high]],
            robust_z: apart / scale,
        })
        .collect();
    conflicts.sort_by(|a, b| b.robust_z.total_cmp(&a.robust_z));
    Ok(Suspects {
        outliers,
        conflicts,
        counts,
    })
}

/// The standard deviation that normal values of this median absolute deviation
/// would have.
fn robust_deviation(values: &[f64]) -> f64 {
    let middle = median(values.to_vec());
    1.4826 * median(values.iter().map(|x| (x - middle).abs()).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}
