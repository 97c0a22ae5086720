//! Where a ground truth is asked for: by name or by path.

use std::path::{Path, PathBuf};

use lpzero_arch::Reading;
use serde::{Deserialize, Serialize};

use crate::{Embedded, Error, GroundTruth, TableOptions, embedded, known};

/// A ground truth as it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TruthSource {
    /// The name of a built-in or published ground truth, or a path.
    pub name: PathBuf,
    /// The meaning of FlexiBERT records.
    pub reading: Reading,
    /// Columns of a table.
    pub table: TableOptions,
}

impl TruthSource {
    /// A ground truth by name or path, as trained, whose table has one column of numbers.
    pub fn new(name: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            reading: Reading::AsTrained,
            table: TableOptions::default(),
        }
    }

    /// The built-in ground truth of this name, unless there is a file called so.
    pub fn embedded(&self) -> Option<&'static Embedded> {
        embedded(self.name.to_str()?).filter(|_| !self.name.exists())
    }

    /// The path: that of a published ground truth below the first of the `data` folders
    /// that has it, or the name itself.
    pub fn path(&self, data: &[PathBuf]) -> PathBuf {
        let named = || {
            let known = known(self.name.to_str()?)?;
            let mut places = data.iter().map(|folder| folder.join(known.location));
            places.find(|place| place.exists())
        };
        match self.name.exists() {
            true => self.name.clone(),
            false => named().unwrap_or_else(|| self.name.clone()),
        }
    }

    /// Reads the ground truth. Published ones are looked for below the `data` folders.
    ///
    /// # Errors
    /// As [`GroundTruth::read_with`], and [`Error::NotHere`] for a published one that no
    /// folder has.
    pub fn read(&self, data: &[PathBuf]) -> Result<GroundTruth, Error> {
        if let Some(embedded) = self.embedded()
            && self.table == TableOptions::default()
        {
            return embedded.read();
        }
        let path: &Path = &self.path(data);
        let read = GroundTruth::read_with(path, self.reading, &self.table);
        // A published name is not a path yet.
        match (&read, known(&path.to_string_lossy())) {
            (Err(_), Some(known)) if !path.exists() => Err(Error::NotHere { known }),
            _ => read,
        }
    }
}
