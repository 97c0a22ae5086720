//! Scores that survive their process: a record a network.

use lpzero_run::{Kind, Piece, Pieces, Shard};
use serde::{Deserialize, Serialize};

use crate::Scores;

/// The journal of a scoring, one [`Scored`] each.
pub const SCORES: Kind = Kind {
    format: "lpzero-scores",
    version: 1,
    each: false,
    work: "scoring",
    inputs: "other networks, weights, proxies or settings",
};

/// Scores of one network, by proxy, to the bit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scored {
    row: usize,
    id: String,
    /// Bits of the scores, since decimals have no NaN.
    scores: Vec<u64>,
    /// Bits of their standard deviations over several passes; empty where there was one.
    spread: Vec<u64>,
    /// Why a score is not finite.
    reasons: Vec<Option<String>>,
}

impl Piece for Scored {
    const MEASURED: &'static [&'static str] = &[];

    fn piece(&self) -> String {
        name(self.row, &self.id)
    }
}

/// Names a network of a list, in which two may have one id.
pub(crate) fn name(row: usize, id: &str) -> String {
    format!("{row} {id}")
}

impl Scored {
    /// Scores of the network in a row, given column by column with their spread, if any.
    pub(crate) fn new(
        (row, id): (usize, &str),
        scores: impl Iterator<Item = f64>,
        spread: impl Iterator<Item = f64>,
        reasons: impl Iterator<Item = Option<String>>,
    ) -> Self {
        Self {
            row,
            id: id.to_owned(),
            scores: scores.map(f64::to_bits).collect(),
            spread: spread.map(f64::to_bits).collect(),
            reasons: reasons.collect(),
        }
    }

    /// Scores by proxy.
    pub(crate) fn scores(&self) -> impl Iterator<Item = f64> {
        self.scores.iter().copied().map(f64::from_bits)
    }

    /// Standard deviations by proxy; none where there was one pass.
    pub(crate) fn spread(&self) -> impl Iterator<Item = f64> {
        self.spread.iter().copied().map(f64::from_bits)
    }

    /// Reasons by proxy.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = Option<String>> {
        self.reasons.iter().cloned()
    }
}

/// The records of a scoring, and which share of it is done here.
pub struct Kept<'a> {
    /// Networks that are scored already, and where the next ones go.
    pub journal: &'a mut Pieces<Scored>,
    /// The share; all networks where there is none.
    pub shard: Option<Shard>,
}

/// What a scoring, or a share of one, came to.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoresSoFar {
    /// Scores, NaN of the networks that other shares have.
    pub scores: Scores,
    /// How many networks are scored, here or in what was kept.
    pub recorded: usize,
}
