//! How a network is trained: everything but the network and the tokens.

use serde::{Deserialize, Serialize};

use crate::Error;

/// Steps, sizes and rates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Updates of the weights.
    pub steps: u64,
    /// Sequences per pass.
    pub batch: usize,
    /// Tokens per sequence.
    pub positions: usize,
    /// Passes per update, whose gradients are averaged.
    pub accumulate: u32,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// Updates until the rate has risen to its highest; from there it falls along
    /// half a cosine to a tenth.
    pub warm_up: u64,
    /// Betas of AdamW.
    pub betas: [f64; 2],
    /// Epsilon of AdamW.
    pub epsilon: f64,
    /// Decay of matrices and tables per update, over the rate.
    pub weight_decay: f64,
    /// Largest L2 norm of the gradient, 0 for no limit.
    pub clip: f64,
    /// Updates between two measurements of the validation loss, which is measured
    /// at the end in any case.
    pub validate_every: u64,
    /// Batches of the validation loss.
    pub validation_batches: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe {
            steps: 1000,
            batch: 16,
            positions: 64,
            accumulate: 1,
            learning_rate: 5e-3,
            warm_up: 50,
            betas: [0.9, 0.95],
            epsilon: 1e-8,
            weight_decay: 0.1,
            clip: 1.0,
            validate_every: 100,
            validation_batches: 16,
        }
    }
}

impl Recipe {
    /// For weights that have been trained: short, at a low rate, on longer sequences.
    pub fn going_on() -> Self {
        Recipe {
            steps: 300,
            batch: 8,
            positions: 256,
            learning_rate: 1e-4,
            warm_up: 15,
            weight_decay: 0.01,
            validate_every: 30,
            ..Recipe::default()
        }
    }
}

/// Learning rate of the last update, as a share of the highest.
const FINAL_RATE: f64 = 0.1;

/// Most tokens of one pass.
const MOST_TOKENS: u128 = 1 << 24;

/// Most passes of a training, its validations included: those of the smallest network
/// take days.
const MOST_PASSES: u128 = 10_000_000_000;

/// Most tokens of all these passes: what the largest language models were trained on.
const MOST_SEEN: u128 = 20_000_000_000_000;

impl Recipe {
    /// Checks every number.
    ///
    /// # Errors
    /// [`Error::Recipe`] with the key and what was expected.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |key, expected, found: String| {
            Err(Error::Recipe {
                key,
                expected,
                found,
            })
        };
        let tokens = self.batch as u128 * self.positions as u128;
        let counts = [
            ("steps", self.steps),
            ("batch", self.batch as u64),
            ("positions", self.positions as u64),
            ("accumulate", self.accumulate.into()),
            ("validate_every", self.validate_every),
            ("validation_batches", self.validation_batches),
        ];
        for (key, count) in counts {
            if count == 0 {
                return wrong(key, "at least 1", count.to_string());
            }
        }
        if tokens > MOST_TOKENS {
            let expected = "at most 16777216 tokens of batch x positions";
            return wrong("batch", expected, tokens.to_string());
        }
        if let Some((key, passes)) = self.endless() {
            let expected = "at most 10000000000 passes, validations included, and 20 million \
                            million tokens in them";
            return wrong(key, expected, format!("{passes} passes"));
        }
        let within = |x: f64, low: f64, high: f64| (low..=high).contains(&x);
        let numbers = [
            (
                "learning_rate",
                self.learning_rate,
                (f64::MIN_POSITIVE, 10.0),
                "above 0, up to 10",
            ),
            ("betas", self.betas[0], (0.0, 1.0 - 1e-9), "from 0, below 1"),
            ("betas", self.betas[1], (0.0, 1.0 - 1e-9), "from 0, below 1"),
            (
                "epsilon",
                self.epsilon,
                (f64::MIN_POSITIVE, 1.0),
                "above 0, up to 1",
            ),
            (
                "weight_decay",
                self.weight_decay,
                (0.0, 10.0),
                "between 0 and 10",
            ),
            (
                "clip",
                self.clip,
                (0.0, f64::MAX),
                "0 for no limit, or above",
            ),
        ];
        for (key, number, (low, high), expected) in numbers {
            if !within(number, low, high) {
                return wrong(key, expected, number.to_string());
            }
        }
        Ok(())
    }

    /// Passes of a training that would never end, with the key that most of them are due
    /// to.
    fn endless(&self) -> Option<(&'static str, u128)> {
        let updates = u128::from(self.steps) * u128::from(self.accumulate);
        let validations = u128::from(self.steps / self.validate_every) + 1;
        let validating = validations.saturating_mul(self.validation_batches.into());
        let passes = updates.saturating_add(validating);
        let tokens = passes.saturating_mul(self.batch as u128 * self.positions as u128);
        let key = match updates < validating {
            true => "validation_batches",
            false => "steps",
        };
        (passes > MOST_PASSES || tokens > MOST_SEEN).then_some((key, passes))
    }

    /// The learning rate of an update, counted from 0.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warm_up {
            return self.learning_rate * (step + 1) as f64 / self.warm_up as f64;
        }
        let falling = self.steps.saturating_sub(self.warm_up).max(1);
        let done = (step - self.warm_up) as f64 / falling as f64;
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos());
        self.learning_rate * (FINAL_RATE + (1.0 - FINAL_RATE) * cosine)
    }

    /// Tokens that all updates see.
    pub fn tokens(&self) -> u64 {
        let tokens = self.batch as u64 * self.positions as u64;
        (self.steps.saturating_mul(self.accumulate.into())).saturating_mul(tokens)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_rate_rises_then_falls_to_a_tenth() {
        let recipe = Recipe {
            steps: 110,
            warm_up: 10,
            learning_rate: 1.0,
            ..Recipe::default()
        };
        assert_eq!(recipe.rate(0), 0.1);
        assert_eq!(recipe.rate(9), 1.0);
        assert_eq!(recipe.rate(10), 1.0);
        assert!((recipe.rate(60) - 0.55).abs() < 1e-12);
        assert!((recipe.rate(109) - 0.1).abs() < 1e-3);
        assert!((10..109).all(|step| recipe.rate(step) > recipe.rate(step + 1)));
    }

    #[test]
    fn wrong_numbers_are_named() {
        let of = |change: fn(&mut Recipe)| {
            let mut recipe = Recipe::default();
            change(&mut recipe);
            recipe.check().unwrap_err().to_string()
        };
        assert!(Recipe::default().check().is_ok());
        assert_eq!(of(|r| r.steps = 0), "steps: found 0, expected at least 1");
        assert!(of(|r| r.learning_rate = f64::NAN).starts_with("learning_rate: found NaN"));
        assert!(of(|r| r.betas[1] = 1.0).starts_with("betas"));
        assert!(of(|r| r.batch = usize::MAX).contains("at most"));
        let endless = of(|r| r.validation_batches = 1_000_000_000_000);
        assert!(endless.starts_with("validation_batches: found 11000000001000 passes"));
        assert!(of(|r| r.steps = 1_000_000_000_000).starts_with("steps: found"));
        assert!(of(|r| r.steps = u64::MAX).starts_with("steps: found"));
        let all_at_once = of(|r| (r.steps, r.batch, r.positions) = (1 << 32, 256, 1 << 16));
        assert!(all_at_once.starts_with("steps: found"));
    }
}
