//! Families: dialects that read their own files into architectures.

pub mod flexibert;
pub mod hugging_face;
pub mod lts;
mod reading;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use reading::{Reading, UnknownReading};

use crate::architecture::Architecture;
use crate::document::{Cursor, Document};
use crate::error::{Error, Problem};
use crate::spec;
use crate::variables::{self, Variables};

/// In whose files architectures were described.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Any other, or several.
    #[default]
    General,
    /// FlexiBERT records.
    Flexibert,
    /// LiteTransformerSearch configurations.
    Lts,
}

impl Family {
    /// Variables that the files of the family let one choose, to be read from architectures in
    /// this reading.
    ///
    /// A FlexiBERT record has variables of its own in the declared reading only. In no other
    /// reading is it what its keys say.
    pub fn variables(self, reading: Option<Reading>) -> &'static Variables {
        match (self, reading) {
            (Family::Flexibert, Some(Reading::Declared)) => &variables::FLEXIBERT,
            (Family::Lts, _) => &variables::LTS,
            _ => &variables::GENERAL,
        }
    }
}

/// A kind of file that holds one architecture, and how it is recognised.
struct Dialect {
    family: Family,
    /// Whether a file is of this dialect, by its outermost keys.
    matches: fn(&Cursor<'_>) -> bool,
    /// Reads it.
    read: fn(&Cursor<'_>, Reading) -> Result<Architecture, Error>,
}

/// Every dialect, in the order in which they are tried.
const DIALECTS: [Dialect; 6] = [
    Dialect {
        family: Family::General,
        matches: |root| root.find("format").is_some(),
        read: |root, _| spec::read(root),
    },
    Dialect {
        family: Family::General,
        matches: |root| root.find("kind").is_some() && root.find("blocks").is_some(),
        read: |root, _| spec::read_body(root),
    },
    Dialect {
        family: Family::Flexibert,
        matches: |root| flexibert::find_config(root).is_some(),
        read: flexibert::read,
    },
    Dialect {
        family: Family::Lts,
        matches: |root| {
            // Hugging Face has models with a d_model too.
            let theirs = ["model_type", "architectures"];
            let theirs = theirs.iter().any(|key| root.find(key).is_some());
            root.find("n_token").is_some() || (root.find("d_model").is_some() && !theirs)
        },
        read: |root, _| read_lts(root),
    },
    Dialect {
        family: Family::General,
        matches: |root| root.find("model_type").is_some() || root.find("architectures").is_some(),
        read: |root, _| hugging_face::read(root),
    },
    Dialect {
        family: Family::General,
        matches: |root| root.items().is_ok(),
        read: |root, _| {
            Err(Error::Unsupported {
                path: root.place().file,
                what: "a list of records: expected a file of one architecture \
                       (a list is read as a ground truth)"
                    .into(),
            })
        },
    },
];

/// Reads a configuration of LiteTransformerSearch; where its width alone makes it one, the
/// error says what it was taken for.
fn read_lts(root: &Cursor<'_>) -> Result<Architecture, Error> {
    let taken = |error| match error {
        Error::Value { place, problem } if root.find("n_token").is_none() => {
            place.error(Problem::Malformed(format!(
                "{problem} (taken for a LiteTransformerSearch configuration, because it has \
                 `d_model` and no `model_type`)"
            )))
        }
        error => error,
    };
    lts::read(root).map_err(taken)
}

/// Names of the file that holds an architecture, in a folder of one.
const FOLDER_FILES: [&str; 3] = ["model_config.yaml", "config.json", "architecture.json"];

/// How files of weights end, which are no architectures.
const WEIGHTS: [&str; 5] = ["safetensors", "bin", "pt", "pth", "gguf"];

/// Reads one architecture: the project's own file, a FlexiBERT config or
/// record (in the given reading), a LiteTransformerSearch `model_config.yaml` or
/// a Hugging Face `config.json` (a model type of [`hugging_face`]),
/// or the folder of one of the latter two or of a finished training. The result is
/// valid.
///
/// # Errors
/// [`Error`], naming file and key.
pub fn read_architecture(path: &Path, reading: Reading) -> Result<Architecture, Error> {
    Ok(read_architecture_and_family(path, reading)?.0)
}

/// [`read_architecture`], and in whose files it was described.
///
/// # Errors
/// [`Error`], naming file and key.
pub fn read_architecture_and_family(
    path: &Path,
    reading: Reading,
) -> Result<(Architecture, Family), Error> {
    if path.is_dir() {
        let mut files = FOLDER_FILES.iter().map(|name| path.join(name));
        // A link that leads nowhere is there, and reading it says so.
        let is_there = |file: &PathBuf| file.symlink_metadata().is_ok();
        let file = files.find(is_there).ok_or(Error::Unsupported {
            path: path.to_owned(),
            what: format!(
                "a folder without an architecture: expected {} in it",
                FOLDER_FILES.join(" or ")
            ),
        })?;
        return read_architecture_and_family(&file, reading);
    }
    let extension = path.extension().and_then(|extension| extension.to_str());
    if extension.is_some_and(|extension| WEIGHTS.contains(&extension)) {
        return Err(Error::Unsupported {
            path: path.to_owned(),
            what: "a file of weights: expected the folder that it is in, with its config.json"
                .to_owned(),
        });
    }
    let document = Document::read(path)?;
    read_value(&document.root(), reading)
}

/// Reads one architecture in any dialect from a value, which may be part of a
/// file, and says whose dialect it is.
///
/// # Errors
/// [`Error`], naming file and key.
pub fn read_value(root: &Cursor<'_>, reading: Reading) -> Result<(Architecture, Family), Error> {
    match DIALECTS.iter().find(|dialect| (dialect.matches)(root)) {
        Some(dialect) => Ok(((dialect.read)(root, reading)?, dialect.family)),
        None => Err(Error::Unsupported {
            path: root.place().file,
            what: format!(
                "{}not a known kind of architecture: expected the keys `format` (this project's \
                 own file, {:?}), `nas_config` (FlexiBERT), `d_model` and `n_token` \
                 (LiteTransformerSearch) or `model_type` (Hugging Face)",
                match root.place().record {
                    Some(record) => format!("{record}: "),
                    None => String::new(),
                },
                spec::FORMAT
            ),
        }),
    }
}
