//! Perplexity of a long text, window by window.

use super::{Evaluator, Sequence};
use crate::{Error, Task};

/// Windows over a text: each of `positions` tokens, `stride` behind the one before it.
///
/// Every token but the first of the text is scored in exactly one window, the first
/// that holds it with a token before it: so it has at least `positions - stride`
/// tokens before it, those near the start of the text aside. A stride of `positions - 1`
/// costs one pass over the text; a smaller one costs more and gives every token more
/// to go by. `transformers` calls this a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    positions: usize,
    stride: usize,
}

impl Windows {
    /// `None` where a window would have fewer than two tokens, or the stride is not
    /// between 1 and `positions - 1`.
    pub fn new(positions: usize, stride: usize) -> Option<Self> {
        let possible = positions >= 2 && (1..positions).contains(&stride);
        possible.then_some(Windows { positions, stride })
    }

    /// Tokens of a window.
    pub fn positions(self) -> usize {
        self.positions
    }

    /// How far apart windows begin.
    pub fn stride(self) -> usize {
        self.stride
    }

    /// The windows of a text; none where it has fewer than two tokens.
    pub fn of(self, tokens: &[u32]) -> Vec<Sequence<'_>> {
        let mut sequences = Vec::new();
        let (mut start, mut scored) = (0, 1);
        while scored < tokens.len() {
            let end = (start + self.positions).min(tokens.len());
            sequences.push(Sequence {
                tokens: &tokens[start..end],
                scored: end - scored,
            });
            scored = end;
            start += self.stride;
        }
        sequences
    }
}

/// How well a network predicts a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Perplexity {
    /// Tokens that were predicted.
    pub scored: usize,
    /// Mean cross-entropy of a token in nats.
    pub nats_per_token: f64,
}

impl Perplexity {
    /// The exponential of the cross-entropy.
    pub fn perplexity(self) -> f64 {
        self.nats_per_token.exp()
    }

    /// The cross-entropy of a byte in bits, where a token is so many bytes of the
    /// text: comparable between tokenizers.
    pub fn bits_per_byte(self, bytes_per_token: f64) -> f64 {
        self.nats_per_token / std::f64::consts::LN_2 / bytes_per_token
    }
}

/// The perplexity of a text of at least two tokens.
///
/// # Errors
/// As [`Evaluator::log_likelihoods`].
pub fn perplexity(
    evaluator: &mut Evaluator,
    tokens: &[u32],
    windows: Windows,
    task: &Task<'_>,
) -> Result<Perplexity, Error> {
    let found = evaluator.log_likelihoods(&windows.of(tokens), task)?;
    let scored = found.iter().map(Vec::len).sum();
    let sum: f64 = found.iter().map(|window| window.iter().sum::<f64>()).sum();
    Ok(Perplexity {
        scored,
        nats_per_token: -sum / scored as f64,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_token_but_the_first_is_scored_once_with_enough_before_it() {
        for length in 0..40 {
            let tokens: Vec<u32> = (0..length).collect();
            for (positions, stride) in [(2, 1), (5, 4), (5, 1), (8, 3), (50, 49)] {
                let windows = Windows::new(positions, stride).unwrap();
                let mut scored = Vec::new();
                for Sequence { tokens, scored: n } in windows.of(&tokens) {
                    assert!(n >= 1 && n < tokens.len() && tokens.len() <= positions);
                    for &token in &tokens[tokens.len() - n..] {
                        let before = (token - tokens[0]) as usize;
                        assert!(before >= (positions - stride).min(token as usize));
                        scored.push(token);
                    }
                }
                assert_eq!(scored, (1..length.max(1)).collect::<Vec<_>>());
            }
        }
        assert!(Windows::new(5, 5).is_none() && Windows::new(1, 1).is_none());
        assert!(Windows::new(5, 0).is_none());
    }
}
