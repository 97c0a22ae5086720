//! A document that the user wants in a file, too.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use lpzero::run::Whole;
use serde::Serialize;

use super::failure::system;

/// A file that the user named. What it holds is kept until the document is on the disk.
pub struct Save<'a> {
    path: &'a Path,
    file: Whole,
}

impl<'a> Save<'a> {
    /// Looks whether the file can be written to: better now than after the work.
    pub fn begin(path: &'a Path) -> Result<Self> {
        let file = Whole::create_named(path).map_err(|error| {
            let place = format!("--save {}: cannot be written to", path.display());
            system(&place, error)
        })?;
        Ok(Self { path, file })
    }

    /// Writes the document.
    pub fn finish(mut self, document: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(document)?;
        let written = writeln!(self.file, "{text}").and_then(|()| self.file.commit());
        written.with_context(|| format!("--save {}", self.path.display()))
    }
}
