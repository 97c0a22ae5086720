//! Minibatches of tokens.

use lpzero_arch::Architecture;
use rand::Rng;
use rand_distr::{Distribution, Zipf};

use crate::{Error, Objective, random};

/// Share of positions that the masked-token objective masks.
const MASKED_SHARE: f64 = 0.15;

/// The vocabulary of `bert-base-uncased`, and its mask token.
const BERT_MASK: (usize, u32) = (30_522, 103);

/// Most tokens that a synthetic batch may have.
const MAX_TOKENS: usize = 1 << 28;

/// Sequences of token ids, all of one length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Token ids, (batch, positions), row-major.
    pub tokens: Vec<u32>,
    /// Number of sequences, B.
    pub batch: usize,
    /// Length of each, T.
    pub positions: usize,
}

impl Batch {
    /// A synthetic batch after Zipf's law with exponent 1: token `i` is drawn
    /// with probability proportional to `1 / (i + 1)`. A function of its
    /// arguments only. A vocabulary of 0 counts as 1. No more than 2^28 tokens
    /// are drawn; a larger batch stays incomplete, and every pass refuses it.
    pub fn zipf(vocabulary: usize, batch: usize, positions: usize, seed: u64) -> Batch {
        let mut generator = random::stream(seed, "batch.zipf", 0);
        let law = Zipf::new(vocabulary.max(1) as f64, 1.0)
            .expect("a positive number of ranks and a positive exponent");
        let tokens = (0..batch.saturating_mul(positions).min(MAX_TOKENS))
            .map(|_| law.sample(&mut generator) as u32 - 1)
            .collect();
        Batch {
            tokens,
            batch,
            positions,
        }
    }

    /// A batch of given tokens, row-major.
    ///
    /// # Errors
    /// Where the number of tokens is not `batch * positions`, is 0, or a token
    /// is outside the vocabulary.
    pub fn from_tokens(
        tokens: Vec<u32>,
        batch: usize,
        positions: usize,
        vocabulary: usize,
    ) -> Result<Batch, Error> {
        let batch = Batch {
            tokens,
            batch,
            positions,
        };
        batch.check_shape(1)?;
        batch.check_tokens(vocabulary)?;
        Ok(batch)
    }

    /// The positions, counted through the whole batch in increasing order,
    /// that the masked-token objective masks under this seed: 15 % of them,
    /// rounded, at least one.
    pub fn masked_positions(&self, seed: u64) -> Vec<usize> {
        let count = self.tokens.len();
        let wanted = ((count as f64 * MASKED_SHARE).round() as usize).clamp(1.min(count), count);
        let mut generator = random::stream(seed, "objective.mask", 0);
        let mut positions: Vec<usize> = (0..count).collect();
        for i in 0..wanted {
            positions.swap(i, generator.random_range(i..count));
        }
        positions.truncate(wanted);
        positions.sort_unstable();
        positions
    }

    /// Whether an architecture can run this batch under an objective.
    pub(crate) fn check(
        &self,
        architecture: &Architecture,
        objective: Objective,
    ) -> Result<(), Error> {
        let needed = match objective {
            Objective::NextToken => 2,
            _ => 1,
        };
        self.check_shape(needed)?;
        if self.positions > architecture.positions {
            return Err(Error::Positions {
                found: self.positions,
                limit: architecture.positions,
            });
        }
        self.check_tokens(architecture.vocabulary)
    }

    fn check_shape(&self, needed: usize) -> Result<(), Error> {
        let expected = self.batch as u128 * self.positions as u128;
        if expected != self.tokens.len() as u128 {
            return Err(Error::BatchShape {
                batch: self.batch,
                positions: self.positions,
                expected,
                found: self.tokens.len(),
            });
        }
        if self.batch == 0 || self.positions < needed {
            return Err(Error::BatchTooSmall {
                batch: self.batch,
                positions: self.positions,
                needed,
            });
        }
        Ok(())
    }

    fn check_tokens(&self, vocabulary: usize) -> Result<(), Error> {
        let outside = |&token: &u32| token as usize >= vocabulary;
        match self.tokens.iter().position(outside) {
            None => Ok(()),
            Some(index) => Err(Error::Token {
                index,
                token: self.tokens[index],
                vocabulary,
            }),
        }
    }
}

/// The token that stands where a token was masked: BERT's own, or the last id
/// of any other vocabulary.
pub(crate) fn mask_token(vocabulary: usize) -> u32 {
    match vocabulary == BERT_MASK.0 {
        true => BERT_MASK.1,
        false => (vocabulary - 1) as u32,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn zipf_batches_are_seeded_and_favour_low_token_ids() {
        let batch = Batch::zipf(1000, 20, 500, 7);
        assert_eq!(batch, Batch::zipf(1000, 20, 500, 7));
        assert_ne!(batch, Batch::zipf(1000, 20, 500, 8));
        assert!(batch.tokens.iter().all(|&t| t < 1000));
        let count = |token| batch.tokens.iter().filter(|&&t| t == token).count() as f64;
        // The harmonic number of 1000 is 7.485.
        assert!((count(0) / 10_000.0 - 1.0 / 7.485).abs() < 0.015);
        assert!((count(1) / 10_000.0 - 0.5 / 7.485).abs() < 0.01);
    }

    #[test]
    fn about_fifteen_percent_and_at_least_one_position_are_masked() {
        let masked = Batch::zipf(50, 4, 64, 0).masked_positions(0);
        assert_eq!(masked.len(), 38);
        assert!(masked.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(Batch::zipf(50, 1, 1, 0).masked_positions(0), [0]);
    }

    #[test]
    fn wrong_batches_are_refused_with_the_place_of_the_error() {
        let outside = Batch::from_tokens(vec![0, 5, 1], 1, 3, 5).unwrap_err();
        assert_eq!(
            outside.to_string(),
            "token 5 at position 1 of the batch is outside the vocabulary of 5"
        );
        assert!(matches!(
            Batch::from_tokens(vec![0; 5], 2, 3, 5),
            Err(Error::BatchShape {
                expected: 6,
                found: 5,
                ..
            })
        ));
        assert!(matches!(
            Batch::from_tokens(vec![], 0, 3, 5),
            Err(Error::BatchTooSmall { .. })
        ));
        assert!(Batch::from_tokens(vec![], usize::MAX, usize::MAX, 5).is_err());
    }
}
