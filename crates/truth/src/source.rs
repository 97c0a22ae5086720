//! Where a ground truth is asked for: by name or by path.

use std::path::{Path, PathBuf};

use lpzero_arch::Reading;
use serde::{Deserialize, Serialize};

use crate::{Embedded, Entry, Error, GroundTruth, TableOptions, Tokens, embedded, known};

/// A ground truth as it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TruthSource {
    /// The name of a built-in or published ground truth, or a path; perhaps with a budget
    /// of tokens behind it, as in `gemstones@10B`.
    pub name: PathBuf,
    /// The meaning of FlexiBERT records.
    pub reading: Reading,
    /// Columns of a table.
    pub table: TableOptions,
    /// Most parameters of a network; larger ones are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<f64>,
}

impl TruthSource {
    /// A ground truth by name or path, as trained, whose table has one column of numbers.
    pub fn new(name: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            reading: Reading::AsTrained,
            table: TableOptions::default(),
            up_to: None,
        }
    }

    /// Name or path without the budget, and the budget.
    fn parts(&self) -> (PathBuf, Option<Tokens>) {
        let parts = (self.name.to_str().filter(|_| !self.name.exists()))
            .and_then(|name| name.rsplit_once('@'))
            .and_then(|(name, tokens)| Some((name.into(), tokens.parse().ok()?)));
        match parts {
            Some((name, tokens)) => (name, Some(tokens)),
            None => (self.name.clone(), None),
        }
    }

    /// The built-in ground truth of this name, unless there is a file called so.
    pub fn embedded(&self) -> Option<&'static Embedded> {
        let (name, _) = self.parts();
        embedded(name.to_str()?).filter(|_| !name.exists())
    }

    /// The path: that of a published ground truth below the first of the `data` folders
    /// that has it, or the name itself. A budget of tokens is not part of it.
    pub fn path(&self, data: &[PathBuf]) -> PathBuf {
        let (name, _) = self.parts();
        let named = || {
            let known = known(name.to_str()?)?;
            let mut places = data.iter().map(|folder| folder.join(known.location));
            places.find(|place| place.exists())
        };
        match name.exists() {
            true => name,
            false => named().unwrap_or(name),
        }
    }

    /// The source with another name or path and the budget of tokens of this one.
    #[must_use]
    pub fn at(self, path: PathBuf) -> Self {
        let name = match self.parts() {
            (_, None) => path,
            (_, Some(tokens)) => {
                let mut name = path.into_os_string();
                name.push(format!("@{}", tokens.0));
                name.into()
            }
        };
        Self { name, ..self }
    }

    /// Reads the ground truth. Published ones are looked for below the `data` folders.
    ///
    /// # Errors
    /// As [`GroundTruth::read_with`], [`Error::NotHere`] for a published one that no folder
    /// has, and [`Error::NoneUpTo`] where every network is too large.
    pub fn read(&self, data: &[PathBuf]) -> Result<GroundTruth, Error> {
        let mut truth = self.read_whole(data)?;
        if let Some(parameters) = self.up_to {
            let counts = truth.entries.iter().map(Entry::parameters);
            let smallest = counts.fold(f64::INFINITY, f64::min);
            if smallest > parameters {
                return Err(Error::NoneUpTo {
                    path: self.name.clone(),
                    parameters,
                    smallest,
                });
            }
            truth.keep_up_to(parameters);
        }
        Ok(truth)
    }

    /// Reads networks of all sizes.
    fn read_whole(&self, data: &[PathBuf]) -> Result<GroundTruth, Error> {
        let (_, tokens) = self.parts();
        if let Some(embedded) = self.embedded() {
            return embedded.read_with(&self.table, tokens);
        }
        let path: &Path = &self.path(data);
        let read = GroundTruth::read_with(path, self.reading, &self.table, tokens);
        // A published name is not a path yet.
        match (&read, known(&path.to_string_lossy())) {
            (Err(_), Some(known)) if !path.exists() => Err(Error::NotHere { known }),
            _ => read,
        }
    }
}
