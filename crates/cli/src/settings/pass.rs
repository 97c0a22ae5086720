//! The minibatch that networks see.

use std::path::PathBuf;

use anyhow::Result;
use lpzero::nn::Objective;
use lpzero::{Pass, text};
use serde::{Deserialize, Serialize};

use super::paths::absolute;
use crate::arguments::PassArguments;
use crate::failure::{Failure, failed};
use crate::output::Reporter;

/// Tokens that one minibatch may have: enough for any proxy, far from what
/// memory holds.
const MOST_TOKENS: usize = 1 << 20;

/// Tokens per sequence where no option says and networks have as many positions.
const POSITIONS: usize = 64;

/// Settings of the one pass: what networks see and minimise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassSettings {
    /// Sequences per minibatch.
    pub batch: usize,
    /// Tokens per sequence, where an option says.
    pub positions: Option<usize>,
    /// Bytes that networks may take together, where an option says.
    #[serde(default)]
    pub memory: Option<u64>,
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
            memory: arguments.memory,
            objective: arguments.objective.map(Objective::from),
            text: text.map(|(file, tokenizer)| TextSettings {
                file: absolute(file),
                tokenizer: absolute(tokenizer),
            }),
        };
        settings.check(settings.positions(None))?;
        Ok(settings)
    }

    /// Tokens per sequence, for networks of which the `shortest` has so many positions.
    pub fn positions(&self, shortest: Option<usize>) -> usize {
        let fits = POSITIONS.min(shortest.unwrap_or(POSITIONS));
        self.positions.unwrap_or(fits)
    }

    /// Refuses a minibatch without tokens, or of too many; settings may come from a file.
    fn check(&self, positions: usize) -> Result<()> {
        let batch = self.batch;
        match batch.saturating_mul(positions) {
            1..=MOST_TOKENS => Ok(()),
            _ => Err(Failure::typed(format_args!(
                "--batch {batch} x --positions {positions}: expected between 1 and {MOST_TOKENS} tokens"
            ))),
        }
    }

    /// Reads the text, if there is one; for networks of which the `shortest` has so many
    /// positions.
    ///
    /// # Errors
    /// A text or tokenizer that cannot be read.
    pub fn read(&self, shortest: Option<usize>, report: Reporter) -> Result<Pass> {
        let positions = self.positions(shortest);
        self.check(positions)?;
        let tokens = self.batch.saturating_mul(positions);
        let text = match &self.text {
            Some(TextSettings { file, tokenizer }) => {
                let tokens = text::tokens(file, tokenizer, tokens).map_err(lpzero::Error::from);
                let read = tokens.map_err(failed)?;
                read.remark.iter().for_each(|remark| report.warn(remark));
                Some(read.tokens.into())
            }
            None => None,
        };
        Ok(Pass {
            batch: self.batch,
            positions,
            objective: self.objective,
            text,
        })
    }
}
