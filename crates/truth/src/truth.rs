//! The one type of ground truth, whatever layout it was published in.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use lpzero_arch::{Architecture, Family, Reading, Variables};

use crate::error::Error;

/// Architectures with their trained scores.
#[derive(Clone, Debug, PartialEq)]
pub struct GroundTruth {
    /// Short name, such as `flexibert`.
    pub name: String,
    /// The file or folder that it was read from.
    pub path: PathBuf,
    /// Metric that was measured, such as `glue` or `valid_ppl`.
    pub metric: String,
    /// Whether a smaller value of the metric is better. Scores are already
    /// turned (see [`Entry::score`]).
    pub lower_is_better: bool,
    /// The reading in which the architectures were read, where the layout
    /// leaves a choice.
    pub reading: Option<Reading>,
    /// In whose files the architectures were described.
    pub family: Family,
    /// How the scores came about, where the file says so: the command, its plan,
    /// the machine.
    pub provenance: Option<serde_json::Value>,
    /// The architectures, in published order, ids unique, at least one.
    pub entries: Vec<Entry>,
    /// Records that were left out, a sentence for each kind.
    pub remarks: Vec<String>,
}

/// One architecture of a ground truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The id that the published data give it.
    pub id: String,
    /// The network that was trained.
    pub architecture: Architecture,
    /// Finite; larger is better. A perplexity p is scored as -ln p, the
    /// negative cross-entropy.
    pub score: f64,
    /// The trainings that the score is the mean of, where they are known.
    pub trainings: Vec<Trained>,
}

/// One training of one architecture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    /// Seed of weights and batches.
    pub seed: u64,
    /// The metric, as it was measured.
    pub metric: f64,
    /// Time of the training in seconds.
    pub seconds: f64,
}

/// Depth and width: what every proxy should be judged within, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group {
    /// Number of blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
}

impl std::fmt::Display for Group {
    /// `4 x 256`: blocks, then width.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} x {}", self.layers, self.width)
    }
}

impl Entry {
    /// All parameters of the network, as a number to compare.
    pub fn parameters(&self) -> f64 {
        self.architecture.parameters().total() as f64
    }

    /// Standard deviation of the metric over its trainings; `None` with fewer than
    /// two.
    pub fn spread(&self) -> Option<f64> {
        let count = self.trainings.len() as f64;
        let mean = self
            .trainings
            .iter()
            .map(|training| training.metric)
            .sum::<f64>()
            / count;
        let squares = self
            .trainings
            .iter()
            .map(|training| (training.metric - mean).powi(2));
        (count > 1.0).then(|| (squares.sum::<f64>() / (count - 1.0)).sqrt())
    }

    /// The group of architectures of the same depth and width.
    pub fn group(&self) -> Group {
        Group {
            layers: self.architecture.blocks.len(),
            width: self.architecture.width,
        }
    }
}

impl GroundTruth {
    /// Variables that the files of this ground truth let one choose.
    pub fn variables(&self) -> &'static Variables {
        self.family.variables(self.reading)
    }

    /// Checks that hold for every reader: at least one entry, and unique ids.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.entries.is_empty() {
            return Err(Error::Empty {
                path: self.path.clone(),
            });
        }
        let mut seen = HashSet::new();
        match self.entries.iter().find(|entry| !seen.insert(&entry.id)) {
            None => Ok(()),
            Some(entry) => Err(Error::DuplicateId {
                path: self.path.clone(),
                id: entry.id.clone(),
            }),
        }
    }

    /// Keeps networks of at most so many parameters; says how many are left out.
    pub fn keep_up_to(&mut self, parameters: f64) -> usize {
        let all = self.entries.len();
        self.entries
            .retain(|entry| entry.parameters() <= parameters);
        let left_out = all - self.entries.len();
        if left_out > 0 {
            self.remarks.push(format!(
                "{left_out} of {all} networks have more than {parameters} parameters and are left out"
            ));
        }
        left_out
    }

    /// A hash (hexadecimal, BLAKE3) of everything that determines the
    /// networks: the architectures in their order. Ids and scores do not
    /// take part, so that what was computed from the networks alone stays
    /// valid when they change.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"lpzero ground truth 1\n");
        for entry in &self.entries {
            // Writing plain data with finite numbers to memory cannot fail.
            serde_json::to_writer(&mut hasher, &entry.architecture)
                .expect("an architecture is plain data");
            hasher.update(b"\n");
        }
        hasher.finalize().to_hex().to_string()
    }
}
