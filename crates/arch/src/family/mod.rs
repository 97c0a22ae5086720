//! Families: dialects that read their own files into architectures.

pub mod flexibert;
pub mod lts;
mod reading;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use reading::{Reading, UnknownReading};

use crate::architecture::Architecture;
use crate::document::{Cursor, Document};
use crate::error::Error;
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
    /// What the files of the family let one choose, to be read from
    /// architectures in this reading. A FlexiBERT record is only in the declared
    /// reading what its keys say.
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
    /// Whether a file is of this dialect, by its outermost keys.
    matches: fn(&Cursor<'_>) -> bool,
    /// Reads it.
    read: fn(&Cursor<'_>, Reading) -> Result<Architecture, Error>,
}

/// Every dialect, in the order in which they are tried.
const DIALECTS: [Dialect; 5] = [
    Dialect {
        matches: |root| root.find("format").is_some(),
        read: |root, _| spec::read(root),
    },
    Dialect {
        matches: |root| flexibert::find_config(root).is_some(),
        read: flexibert::read,
    },
    Dialect {
        matches: |root| root.find("n_token").is_some() || root.find("d_model").is_some(),
        read: |root, _| lts::read(root),
    },
    Dialect {
        matches: |root| root.find("model_type").is_some() || root.find("architectures").is_some(),
        read: |root, _| Err(hugging_face(&root.place().file)),
    },
    Dialect {
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

/// Names of the file that holds an architecture, in a folder of one.
const FOLDER_FILES: [&str; 1] = ["model_config.yaml"];

/// Reads one architecture: the project's own file, a FlexiBERT config or
/// record (in the given reading), or a LiteTransformerSearch
/// `model_config.yaml` or its folder. The result is valid.
///
/// # Errors
/// [`Error`], naming file and key. A Hugging Face folder or `config.json` is
/// recognised and is [`Error::Unsupported`].
pub fn read_architecture(path: &Path, reading: Reading) -> Result<Architecture, Error> {
    if path.is_dir() {
        if let Some(file) = FOLDER_FILES
            .iter()
            .map(|name| path.join(name))
            .find(|file| file.exists())
        {
            return read_architecture(&file, reading);
        }
        if path.join("config.json").exists() {
            return Err(hugging_face(path));
        }
        return Err(Error::Unsupported {
            path: path.to_owned(),
            what: "a folder without an architecture: expected model_config.yaml in it".into(),
        });
    }
    let document = Document::read(path)?;
    let root = document.root();
    match DIALECTS.iter().find(|dialect| (dialect.matches)(&root)) {
        Some(dialect) => (dialect.read)(&root, reading),
        None => Err(Error::Unsupported {
            path: path.to_owned(),
            what: format!(
                "not a known kind of architecture: expected the keys `format` (this project's \
                 own file, {:?}), `nas_config` (FlexiBERT) or `d_model` and `n_token` \
                 (LiteTransformerSearch)",
                spec::FORMAT
            ),
        }),
    }
}

fn hugging_face(path: &Path) -> Error {
    Error::Unsupported {
        path: path.to_owned(),
        what: "a Hugging Face model, which is not supported yet: expected this project's own \
               file, a FlexiBERT config or a LiteTransformerSearch model_config.yaml"
            .into(),
    }
}
