//! Ground truths that are part of this crate, as declared data.

use lpzero_arch::Document;

use crate::truth::GroundTruth;
use crate::{Error, format};

/// A ground truth that needs no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// One sentence: what was trained, on what, how it was scored.
    pub description: &'static str,
    /// Number of architectures.
    pub entries: usize,
    /// Score in words: its unit, and whether lower or higher is better.
    pub metric: &'static str,
    /// The command that made it.
    pub command: &'static str,
    /// The file, in the project's own format.
    text: &'static str,
}

/// Every ground truth that is built in; the first one is what commands use where
/// none is named.
pub const EMBEDDED: [Embedded; 1] = [Embedded {
    name: "tiny",
    description: "200 small decoders like GPT-2, trained on a synthetic language by this very \
                  command, with two seeds each",
    entries: 200,
    metric: "validation loss in nats per token, lower is better",
    command: "lpzero truth build --out DIR",
    text: include_str!("published/tiny.json"),
}];

/// The built-in ground truth of this name.
pub fn embedded(name: &str) -> Option<&'static Embedded> {
    EMBEDDED.iter().find(|embedded| embedded.name == name)
}

impl Embedded {
    /// The ground truth. Its path is its name.
    ///
    /// # Errors
    /// None that a test would not find.
    pub fn read(&self) -> Result<GroundTruth, Error> {
        let document = Document::parse_json(self.name, self.text)?;
        let truth = format::read(&document.root())?;
        truth.check()?;
        Ok(truth)
    }
}
