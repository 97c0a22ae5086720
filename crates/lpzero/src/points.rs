//! Networks as a formula and their training place them: the points of a picture.

use lpzero_search::{LeftOutReport, Snapshot};
use lpzero_stats::Split;
use lpzero_truth::GroundTruth;
use serde::{Deserialize, Serialize};

use crate::{Error, SearchOptions, SearchReport, Size, Study};

/// The networks of one ground truth under one formula.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Points {
    /// Name of the ground truth.
    pub truth: String,
    /// What the trained scores measure.
    pub metric: String,
    /// The formula, or its name.
    pub proxy: String,
    /// Networks are of like size whose sizes differ by less than this share.
    pub tolerance: f64,
    /// A row per network.
    pub rows: Vec<Point>,
}

/// One network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Name of the network.
    pub id: String,
    /// What it was used for.
    pub part: Part,
    /// The size that networks are alike by, parameters where nothing else was asked for.
    pub size: f64,
    /// Trained score, turned so that larger is better.
    pub trained: f64,
    /// Score of the formula; larger is better.
    #[serde(deserialize_with = "or_nan")]
    pub score: f64,
}

/// A number that JSON may lack: not a number there is `null`.
fn or_nan<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Parts of a ground truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Searched on.
    #[serde(rename = "search")]
    Search,
    /// Chosen with.
    #[serde(rename = "validation")]
    Validation,
    /// Tested on, once.
    #[serde(rename = "test")]
    Test,
    /// Of a ground truth that took no part.
    #[serde(rename = "held out")]
    HeldOut,
    /// Of a ground truth that was not divided.
    #[serde(rename = "all")]
    All,
}

/// The best fitness after so many evaluations: a point wherever it grew, and the last.
#[derive(Debug, Default)]
pub struct History {
    points: Vec<(u64, f64)>,
    last: Option<(u64, f64)>,
}

impl History {
    /// Takes note of what a search says of itself.
    pub fn add(&mut self, snapshot: &Snapshot<'_>) {
        let point = (snapshot.evaluated, snapshot.best);
        let grew = self.points.last().is_none_or(|last| point.1 > last.1);
        if point.0 > 0 && grew {
            self.points.push(point);
        }
        self.last = Some(point);
    }

    /// Points (evaluated, best fitness), in order.
    pub fn points(&self) -> Vec<(u64, f64)> {
        let last = self.last.filter(|last| self.points.last() != Some(last));
        self.points.iter().copied().chain(last).collect()
    }
}

impl Study {
    /// The networks of a search, a table per ground truth.
    ///
    /// # Errors
    ///
    /// As [`splits`](Self::splits).
    pub fn points(
        &self,
        found: &SearchReport,
        options: &SearchOptions,
    ) -> Result<Vec<Points>, Error> {
        let splits = self.splits(options)?;
        let truths = self.truths().iter().zip(&splits).zip(&found.report.scores);
        let formula = &found.report.best.formula;
        let points = truths.map(|((truth, split), scores)| {
            let part = |index: usize| part_of(split, index);
            points(truth, (formula, scores), options, part)
        });
        Ok(points.collect())
    }

    /// The networks of ground truths that were held out, a table per ground truth.
    pub fn held_out_points(
        &self,
        held_out: &[LeftOutReport],
        options: &SearchOptions,
    ) -> Vec<Points> {
        let truths = self.truths().iter().zip(held_out);
        let points = truths.map(|(truth, left)| {
            let of = (&left.formula[..], &left.scores[..]);
            points(truth, of, options, |_| Part::HeldOut)
        });
        points.collect()
    }
}

fn part_of(split: &Split, index: usize) -> Part {
    match () {
        () if split.search.contains(&index) => Part::Search,
        () if split.validation.contains(&index) => Part::Validation,
        () => Part::Test,
    }
}

fn points(
    truth: &GroundTruth,
    (formula, scores): (&str, &[f64]),
    options: &SearchOptions,
    part: impl Fn(usize) -> Part,
) -> Points {
    let size: Size = options.size;
    let rows = truth.entries.iter().zip(scores).enumerate();
    let rows = rows.map(|(index, (entry, &score))| Point {
        id: entry.id.clone(),
        part: part(index),
        size: size.of(&entry.architecture),
        trained: entry.score,
        score,
    });
    Points {
        truth: truth.name.clone(),
        metric: truth.metric.to_string(),
        proxy: formula.to_owned(),
        tolerance: options.settings.tolerance,
        rows: rows.collect(),
    }
}
