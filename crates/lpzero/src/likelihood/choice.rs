//! Multiple choice by log-likelihood: the answer that is most probable behind its prompt.

use super::{Evaluator, Item, Sequence};
use crate::text::{TextError, Tokenizer};
use crate::{Error, Task};

/// Log-likelihoods that a network gives to the answers of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct ChoiceSums {
    /// The summed log-likelihood of each answer in nats.
    pub sums: Vec<f64>,
    /// Bytes of each answer.
    pub bytes: Vec<usize>,
    /// Which one is right.
    pub answer: usize,
}

impl ChoiceSums {
    /// Whether the most probable answer is right; of equal ones the first counts.
    pub fn is_right(&self) -> bool {
        first_largest(&self.sums) == self.answer
    }

    /// Whether the answer of most log-likelihood per byte is right. This does not favour short
    /// answers.
    pub fn is_right_normalised(&self) -> bool {
        let pairs = self.sums.iter().zip(&self.bytes);
        let means: Vec<f64> = pairs.map(|(sum, &bytes)| sum / bytes as f64).collect();
        first_largest(&means) == self.answer
    }
}

fn first_largest(values: &[f64]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

/// A share with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// Items that were right, and all.
    pub right: usize,
    /// All items.
    pub items: usize,
}

impl Accuracy {
    /// The share that was right.
    pub fn share(self) -> f64 {
        self.right as f64 / self.items as f64
    }

    /// Wilson interval of the share at 95 %, see [`wilson`].
    pub fn interval(self) -> [f64; 2] {
        wilson(self.right, self.items)
    }
}

/// The score interval (Wilson 1927) at 95 % of a share of `right` in `items`.
pub fn wilson(right: usize, items: usize) -> [f64; 2] {
    /// The 97.5 % quantile of the normal law.
    const Z: f64 = 1.959_963_984_540_054;
    let n = items as f64;
    let share = right as f64 / n;
    let z2 = Z * Z / n;
    let middle = share + z2 / 2.0;
    let half = Z * (share * (1.0 - share) / n + z2 / (4.0 * n)).sqrt();
    [-half, half].map(|side| ((middle + side) / (1.0 + z2)).clamp(0.0, 1.0))
}

/// Log-likelihoods that a network gives to the items of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct ChoiceReport {
    /// Each item, in order.
    pub items: Vec<ChoiceSums>,
    /// Items whose prompt was longer than the network has positions, and lost its start.
    pub cut: usize,
}

impl ChoiceReport {
    /// By summed log-likelihood.
    pub fn accuracy(&self) -> Accuracy {
        self.count(ChoiceSums::is_right)
    }

    /// By log-likelihood per byte.
    pub fn accuracy_normalised(&self) -> Accuracy {
        self.count(ChoiceSums::is_right_normalised)
    }

    fn count(&self, is_right: impl Fn(&ChoiceSums) -> bool) -> Accuracy {
        Accuracy {
            right: self.items.iter().filter(|&item| is_right(item)).count(),
            items: self.items.len(),
        }
    }
}

/// Scores every answer of every item behind its prompt: the tokens of both together,
/// of which those that reach behind the prompt are the answer's. Special tokens are
/// added as the tokenizer's file says (a token for the start of a text, for llama).
///
/// # Errors
/// As [`Evaluator::log_likelihoods`]; where a prompt has no token, or an answer alone is
/// longer than `positions`.
pub fn choose(
    evaluator: &mut Evaluator,
    tokenizer: &Tokenizer,
    items: &[Item],
    positions: usize,
    task: &Task<'_>,
) -> Result<ChoiceReport, Error> {
    let mut encoded = Vec::new();
    let mut cut = 0;
    for (index, item) in items.iter().enumerate() {
        let mut was_cut = false;
        for choice in &item.choices {
            let (mut ids, scored) = tokenizer.continuation(&item.prompt, choice)?;
            let most = positions.min(ids.len());
            if scored == 0 || scored >= most {
                return Err(Error::Text(TextError::Answer {
                    index,
                    choice: choice.clone(),
                    tokens: scored,
                    all: ids.len(),
                    positions,
                }));
            }
            was_cut |= ids.len() > positions;
            ids.drain(..ids.len() - most);
            encoded.push((ids, scored));
        }
        cut += usize::from(was_cut);
    }
    let sequences = encoded.iter().map(|(ids, scored)| Sequence {
        tokens: ids,
        scored: *scored,
    });
    let sequences: Vec<_> = sequences.collect();
    let found = evaluator.log_likelihoods(&sequences, task)?;
    let mut sums = found.iter().map(|tokens| tokens.iter().sum::<f64>());
    let items = items.iter().map(|item| ChoiceSums {
        sums: sums.by_ref().take(item.choices.len()).collect(),
        bytes: item.choices.iter().map(String::len).collect(),
        answer: item.answer,
    });
    Ok(ChoiceReport {
        items: items.collect(),
        cut,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_share_is_wilsons() {
        // Its ends are the shares p from which 7 of 10 is 1.96 deviations away.
        for end in wilson(7, 10) {
            let deviation = (end * (1.0 - end) / 10.0).sqrt();
            assert!(((end - 0.7).abs() / deviation - 1.959_964).abs() < 1e-5);
        }
        assert!(wilson(7, 10)[0] < 0.7 && wilson(7, 10)[1] > 0.7);
        assert_eq!(wilson(0, 5)[0], 0.0);
        assert_eq!(wilson(5, 5)[1], 1.0);
    }

    #[test]
    fn a_long_answer_may_win_by_the_byte() {
        let sums = ChoiceSums {
            sums: vec![-3.0, -4.0],
            bytes: vec![3, 8],
            answer: 1,
        };
        assert!(!sums.is_right() && sums.is_right_normalised());
        let equal = ChoiceSums {
            sums: vec![-1.0, -1.0],
            bytes: vec![1, 1],
            answer: 0,
        };
        assert!(equal.is_right() && equal.is_right_normalised());
    }
}
