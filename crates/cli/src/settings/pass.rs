//! The minibatch that networks see.

use std::path::PathBuf;

use anyhow::Result;
use lpzero::nn::Objective;
use lpzero::{Pass, text};
use serde::{Deserialize, Serialize};

use super::paths::absolute;
use crate::arguments::PassArguments;
use crate::failure::{Failure, failed};

/// Tokens that one minibatch may have: enough for any proxy, far from what
/// memory holds.
const MOST_TOKENS: usize = 1 << 20;

/// Settings of the one pass: what networks see and minimise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassSettings {
    /// Sequences per minibatch.
    pub batch: usize,
    /// Tokens per sequence.
    pub positions: usize,
    objective: Option<Objective>,
    text: Option<TextSettings>,
}

/// A real text, in place of a synthetic stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TextSettings {
    file: PathBuf,
    tokenizer: PathBuf,
}

impl PassSettings {
    /// The minibatch that options describe.
    ///
    /// # Errors
    /// No tokens, or too many.
    pub fn new(arguments: &PassArguments) -> Result<Self> {
        let text = arguments.text.clone().zip(arguments.tokenizer.clone());
        let settings = Self {
            batch: arguments.batch,
            positions: arguments.positions,
            objective: arguments.objective.map(Objective::from),
            text: text.map(|(file, tokenizer)| TextSettings {
                file: absolute(file),
                tokenizer: absolute(tokenizer),
            }),
        };
        settings.check()?;
        Ok(settings)
    }

    /// Refuses a minibatch without tokens, or of too many; settings may come from a file.
    fn check(&self) -> Result<()> {
        let Self {
            batch, positions, ..
        } = *self;
        match batch.saturating_mul(positions) {
            1..=MOST_TOKENS => Ok(()),
            _ => Err(Failure::input(format_args!(
                "--batch {batch} x --positions {positions}: expected between 1 and {MOST_TOKENS} tokens"
            ))),
        }
    }

    /// Reads the text, if there is one.
    ///
    /// # Errors
    /// A text or tokenizer that cannot be read.
    pub fn read(&self) -> Result<Pass> {
        self.check()?;
        let tokens = self.batch.saturating_mul(self.positions);
        let text = match &self.text {
            Some(TextSettings { file, tokenizer }) => {
                let tokens = text::tokens(file, tokenizer, tokens).map_err(lpzero::Error::from);
                Some(tokens.map_err(failed)?.into())
            }
            None => None,
        };
        Ok(Pass {
            batch: self.batch,
            positions: self.positions,
            objective: self.objective,
            text,
        })
    }
}
