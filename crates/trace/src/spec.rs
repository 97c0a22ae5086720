//! Settings that determine a set of traces.

use std::sync::Arc;

use lpzero_arch::Architecture;
use lpzero_nn::{Batch, Objective};
use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::store::ENDING;

/// Changes whenever the encoding, the sample, a reduction, or (between two
/// releases) what the engine computes does.
pub(crate) const FORMAT: u32 = 5;

/// Everything, beside the architectures themselves, that decides what their
/// traces are. Two equal specs give equal traces; a cache file belongs to one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceSpec {
    /// Source of the traces, for people: ground truth and reading (`flexibert as-trained`). Opens
    /// the name of the cache file.
    pub source: String,
    /// Objective of the networks; `None` means the one that each was made for
    /// ([`Objective::default_for`]).
    #[serde(serialize_with = "objective_name")]
    pub objective: Option<Objective>,
    /// Sequences per batch, B.
    pub batch: usize,
    /// Tokens per sequence, T. A next-token objective needs at least two.
    pub positions: usize,
    /// Where the tokens come from.
    pub tokens: Tokens,
    /// Seed of the initialisation and of masks and projections.
    pub seed: u64,
}

/// Where the tokens of the batch come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Tokens {
    /// A synthetic stream with Zipf's law over the vocabulary.
    Zipf {
        /// Seed of the stream.
        seed: u64,
    },
    /// The token ids of a text, of which the batch takes evenly spaced stretches.
    Text(Arc<[u32]>),
}

impl TraceSpec {
    /// Four sequences of 64 tokens with Zipf's law, all from one seed.
    pub fn new(source: impl Into<String>, seed: u64) -> Self {
        TraceSpec {
            source: source.into(),
            objective: None,
            batch: 4,
            positions: 64,
            tokens: Tokens::Zipf { seed },
            seed,
        }
    }

    /// The objective of one architecture.
    pub fn objective_for(&self, architecture: &Architecture) -> Objective {
        self.objective
            .unwrap_or_else(|| Objective::default_for(architecture))
    }

    /// The batch of one architecture. The sequences of a text start at equal
    /// distances, so that the batch sees all of it.
    ///
    /// # Errors
    ///
    /// Where a text is shorter than the batch or has a token outside the
    /// vocabulary.
    pub fn batch_for(&self, architecture: &Architecture) -> Result<Batch, lpzero_nn::Error> {
        let (batch, positions) = (self.batch, self.positions);
        match &self.tokens {
            Tokens::Zipf { seed } => Ok(Batch::zipf(
                architecture.vocabulary,
                batch,
                positions,
                *seed,
            )),
            Tokens::Text(text) => {
                let distance = text.len() / batch.max(1);
                let sequence = |start: usize| text.iter().skip(start).take(positions);
                let tokens = (0..batch).flat_map(|i| sequence(i * distance));
                Batch::from_tokens(
                    tokens.copied().collect(),
                    batch,
                    positions,
                    architecture.vocabulary,
                )
            }
        }
    }

    /// The spec as it stands in the header of a cache file, together with the
    /// version of the engine: all crates of the workspace share one.
    pub(crate) fn to_json(&self) -> String {
        let engine = env!("CARGO_PKG_VERSION");
        serde_json::json!({ "engine": engine, "spec": self }).to_string()
    }

    /// The name of the cache file: for people first, then exact.
    pub(crate) fn file_name(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&FORMAT.to_le_bytes());
        hasher.update(self.to_json().as_bytes());
        let hash = hasher.finalize().to_hex();
        let words = self
            .source
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty());
        let mut name = String::new();
        for word in words {
            if name.len() + word.len() < 48 {
                name.push_str(&word.to_ascii_lowercase());
                name.push('-');
            }
        }
        format!("{name}{}.{ENDING}", &hash[..16])
    }
}

impl Serialize for Tokens {
    /// A text is represented by its hash: it is part of what determines a
    /// trace, but not worth keeping twice.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Tokens::Zipf { seed } => {
                let mut fields = serializer.serialize_struct("zipf", 1)?;
                fields.serialize_field("zipf_seed", seed)?;
                fields.end()
            }
            Tokens::Text(tokens) => {
                let mut hasher = blake3::Hasher::new();
                for token in tokens.iter() {
                    hasher.update(&token.to_le_bytes());
                }
                let mut fields = serializer.serialize_struct("text", 2)?;
                fields.serialize_field("text_tokens", &tokens.len())?;
                fields.serialize_field("text_blake3", hasher.finalize().to_hex().as_str())?;
                fields.end()
            }
        }
    }
}

fn objective_name<S: Serializer>(
    objective: &Option<Objective>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(objective.map_or("default", Objective::name))
}
