//! Ground truths that are part of this crate, as declared data.

use lpzero_arch::Document;

use crate::tokens::Tokens;
use crate::truth::GroundTruth;
use crate::{Error, TableOptions, format, gemstones, openlm};

/// A ground truth that needs no file.
#[derive(Clone, Copy, Debug)]
pub struct Embedded {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// One sentence: what was trained, on what, how it was scored.
    pub description: &'static str,
    /// Number of architectures.
    pub entries: usize,
    /// Score in words: its unit, and whether lower or higher is better.
    pub metric: &'static str,
    /// The command that made it; `None` where others published it.
    pub command: Option<&'static str>,
    read: fn(&TableOptions, Option<Tokens>) -> Result<GroundTruth, Error>,
}

/// Every ground truth that is built in.
pub const EMBEDDED: [Embedded; 3] = [
    Embedded {
        name: "openlm",
        description: "130 decoders like LLaMA of 10M to 412M parameters, trained on C4 with 20 \
                      tokens a parameter",
        entries: 130,
        metric: "loss in nats per token, lower is better",
        command: None,
        read: |options, tokens| {
            alone(options, tokens, "openlm")?;
            openlm::read_built_in(include_str!("published/openlm.csv"))
        },
    },
    Embedded {
        name: "gemstones",
        description: "22 decoders like Gemma of 48M to 2.0B parameters, at 35 budgets of 10B to \
                      350B tokens",
        entries: 22,
        metric: "loss in nats per token, lower is better, or the accuracy of a task",
        command: None,
        read: |options, tokens| {
            gemstones::read_built_in(include_str!("published/gemstones.csv"), options, tokens)
        },
    },
    Embedded {
        name: "tiny",
        description: "200 small decoders like GPT-2, trained on a synthetic language by this very \
                      command, with two seeds each",
        entries: 200,
        metric: "validation loss in nats per token, lower is better",
        command: Some("lpzero truth build --out DIR"),
        read: |options, tokens| {
            alone(options, tokens, "tiny")?;
            let document = Document::parse_json("tiny", include_str!("published/tiny.json"))?;
            format::read(&document.root())
        },
    },
];

/// The built-in ground truth of this name.
pub fn embedded(name: &str) -> Option<&'static Embedded> {
    EMBEDDED.iter().find(|embedded| embedded.name == name)
}

/// Refuses choices where there is one score per architecture.
pub(crate) fn alone(
    options: &TableOptions,
    tokens: Option<Tokens>,
    path: impl Into<std::path::PathBuf>,
) -> Result<(), Error> {
    match tokens.is_none() && *options == TableOptions::default() {
        true => Ok(()),
        false => Err(Error::NotATable { path: path.into() }),
    }
}

impl Embedded {
    /// The ground truth. Its path is its name.
    ///
    /// # Errors
    /// None that a test would not find.
    pub fn read(&self) -> Result<GroundTruth, Error> {
        self.read_with(&TableOptions::default(), None)
    }

    /// The ground truth of one score and one budget of tokens, where there are several.
    ///
    /// # Errors
    /// A choice that there is not.
    pub fn read_with(
        &self,
        options: &TableOptions,
        tokens: Option<Tokens>,
    ) -> Result<GroundTruth, Error> {
        let truth = (self.read)(options, tokens)?;
        truth.check()?;
        Ok(truth)
    }
}
