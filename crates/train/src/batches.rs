//! Where tokens come from. A batch is a function of its number, so a training
//! that is continued needs to know no more than how far it was.

use std::sync::Arc;

use lpzero_nn::Batch;
use lpzero_run::seed;
use rand::Rng;

use crate::Error;
use crate::language::{Language, VOCABULARY};

/// An endless row of batches, and a fixed row of validation batches.
pub trait Batches: Sync {
    /// Number of different tokens.
    fn vocabulary(&self) -> usize;

    /// Training batch `number` from 0, of the shape (sequences, positions).
    fn training(&self, number: u64, shape: (usize, usize)) -> Batch;

    /// Validation batch `number` from 0. No sequence of it is trained on, and it
    /// does not depend on the seed.
    fn validation(&self, number: u64, shape: (usize, usize)) -> Batch;

    /// Seed of the positions that are masked in a training batch.
    fn mask_seed(&self, number: u64) -> u64;

    /// Cross-entropy of a batch's next tokens under the process that drew them,
    /// where it is known.
    fn floor(&self, batch: &Batch) -> Option<f64> {
        let _ = batch;
        None
    }
}

/// Documents of the synthetic [`Language`].
#[derive(Clone, Debug)]
pub struct Synthetic {
    language: Arc<Language>,
    seed: u64,
}

impl Synthetic {
    /// Training documents of a seed.
    pub fn new(seed: u64) -> Self {
        Synthetic {
            language: Arc::new(Language::new()),
            seed,
        }
    }

    fn batch(&self, stream: (u64, &str), number: u64, (batch, positions): (usize, usize)) -> Batch {
        let first = number * batch as u64;
        let documents = first..first + batch as u64;
        let tokens = documents.flat_map(|number| self.language.document(stream, number, positions));
        Batch {
            tokens: tokens.collect(),
            batch,
            positions,
        }
    }
}

impl Batches for Synthetic {
    fn vocabulary(&self) -> usize {
        VOCABULARY
    }

    fn training(&self, number: u64, shape: (usize, usize)) -> Batch {
        self.batch((self.seed, "training"), number, shape)
    }

    fn validation(&self, number: u64, shape: (usize, usize)) -> Batch {
        self.batch((0, "validation"), number, shape)
    }

    fn mask_seed(&self, number: u64) -> u64 {
        seed::derived(self.seed, "mask", number)
    }

    fn floor(&self, batch: &Batch) -> Option<f64> {
        let documents = batch.tokens.chunks(batch.positions);
        let losses: Vec<f64> = documents
            .map(|document| self.language.floor(document))
            .collect();
        Some(losses.iter().sum::<f64>() / losses.len() as f64)
    }
}

/// Tokens of a real text: the last twentieth is for validation, training batches
/// are drawn from anywhere before it.
#[derive(Clone, Debug)]
pub struct Text {
    training: Vec<u32>,
    validation: Vec<u32>,
    vocabulary: usize,
    seed: u64,
    /// First token of every sequence, where the network expects one.
    start: Option<u32>,
}

/// The share of validation: one part of so many.
const VALIDATION_PART: usize = 20;

impl Text {
    /// Divides a text that will be read in sequences of `positions`.
    ///
    /// # Errors
    /// [`Error::Tokens`] where a part is shorter than one sequence.
    pub fn new(mut tokens: Vec<u32>, positions: usize, seed: u64) -> Result<Self, Error> {
        let training = tokens.len() - tokens.len() / VALIDATION_PART;
        if tokens.len() - training < positions || training < positions {
            let needed = positions.saturating_mul(VALIDATION_PART);
            return Err(Error::Tokens(format!(
                "the text has {} tokens, but a twentieth of it, for validation, needs one sequence \
                 of {positions}: expected {needed} tokens or more",
                tokens.len()
            )));
        }
        let vocabulary = tokens.iter().max().map_or(0, |&most| most as usize + 1);
        let validation = tokens.split_off(training);
        Ok(Text {
            training: tokens,
            validation,
            vocabulary,
            seed,
            start: None,
        })
    }

    /// With this token before every sequence, which has one less of the text then.
    #[must_use]
    pub fn with_start(mut self, token: Option<u32>) -> Self {
        self.start = token;
        self.vocabulary = self
            .vocabulary
            .max(token.map_or(0, |token| token as usize + 1));
        self
    }

    /// A sequence of a part of the text.
    fn sequence<'a>(&self, part: &'a [u32], positions: usize) -> impl Iterator<Item = u32> + 'a {
        let all = self.start.into_iter().chain(part.iter().copied());
        all.take(positions)
    }
}

impl Batches for Text {
    fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    fn training(&self, number: u64, (batch, positions): (usize, usize)) -> Batch {
        let mut generator = seed::numbered(self.seed, "text", number);
        let last = self.training.len() - positions.min(self.training.len());
        let tokens = (0..batch).flat_map(|_| {
            let start = generator.random_range(0..=last);
            self.sequence(&self.training[start..], positions)
        });
        Batch {
            tokens: tokens.collect(),
            batch,
            positions,
        }
    }

    fn validation(&self, number: u64, (batch, positions): (usize, usize)) -> Batch {
        // From the start again where the text ends.
        let sequences = (self.validation.len() / positions.max(1)).max(1) as u64;
        let first = number * batch as u64;
        let tokens = (first..first + batch as u64).flat_map(|sequence| {
            let start = (sequence % sequences) as usize * positions;
            self.sequence(&self.validation[start..], positions)
        });
        Batch {
            tokens: tokens.collect(),
            batch,
            positions,
        }
    }

    fn mask_seed(&self, number: u64) -> u64 {
        seed::derived(self.seed, "mask", number)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_start_stands_before_as_much_of_the_text_as_there_is_room_for() {
        let text = Text::new((0..100).collect(), 4, 0).unwrap();
        let with = text.clone().with_start(Some(500));
        assert_eq!((text.vocabulary(), with.vocabulary()), (100, 501));
        let batches = [(text.training(3, (5, 4)), with.training(3, (5, 4)))];
        let validations = [(text.validation(0, (1, 4)), with.validation(0, (1, 4)))];
        for (plain, begun) in batches.iter().chain(&validations) {
            let pairs = plain.tokens.chunks(4).zip(begun.tokens.chunks(4));
            for (plain, begun) in pairs {
                assert_eq!((begun[0], &begun[1..]), (500, &plain[..3]));
            }
        }
    }
}
