//! Runs on disk, as a page needs them.

use std::path::{Path, PathBuf};

use lpzero_arch::Reading;
use lpzero_run::input::{self, Limit};
use lpzero_truth::GroundTruth;
use serde_json::Value;

/// Size of the largest document and the largest table of a run.
const LIMIT: Limit = Limit::mebibytes("a document of a run", 256);
/// Architectures that are kept for download.
const MOST_ARCHITECTURES: usize = 200;

/// What is wrong with a run that is to be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing can be read there.
    #[error("{path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// A file that is no document, or one of another kind.
    #[error(
        "{path}: {message}; expected the folder of a finished run (search, nas, train, ablate, \
         truth build), or a file that `lpzero rank --save` or `lpzero truth audit --save` wrote"
    )]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

/// Kinds of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `lpzero search`.
    Search,
    /// `lpzero rank --save`.
    Rank,
    /// `lpzero nas`.
    Nas,
    /// `lpzero train`.
    Train,
    /// `lpzero ablate`.
    Ablate,
    /// `lpzero truth audit --save`.
    Audit,
    /// `lpzero truth build`.
    Build,
}

impl Kind {
    /// The kind of a document, by the keys that no other kind has.
    fn of(document: &Value) -> Option<Self> {
        let has = |keys: &[&str]| keys.iter().all(|key| document.get(key).is_some());
        match () {
            () if has(&["best", "front", "counts"]) => Some(Kind::Search),
            () if has(&["space", "front", "combinations"]) => Some(Kind::Nas),
            () if has(&["responses", "findings"]) => Some(Kind::Audit),
            () if has(&["validation_loss", "steps"]) => Some(Kind::Train),
            () if has(&["rows", "searches"]) => Some(Kind::Ablate),
            () if has(&["truth", "rows", "n"]) => Some(Kind::Rank),
            () if has(&["format", "entries", "metric"]) => Some(Kind::Build),
            () => None,
        }
    }

    /// The command that makes such runs.
    pub fn command(self) -> &'static str {
        match self {
            Kind::Search => "search",
            Kind::Rank => "rank",
            Kind::Nas => "nas",
            Kind::Train => "train",
            Kind::Ablate => "ablate",
            Kind::Audit => "truth audit",
            Kind::Build => "truth build",
        }
    }
}

/// A run: its document, and the files beside it that pictures are drawn from.
#[derive(Clone, Debug)]
pub struct Run {
    /// Name for a reader: that of its folder or file.
    pub name: String,
    /// Kind.
    pub kind: Kind,
    /// The document: `report.json` in most folders.
    pub document: Value,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub hash: String,
    /// `configuration.json`: the settings.
    pub settings: Option<Value>,
    /// `provenance.json`: who made it, with what.
    pub provenance: Option<Value>,
    /// `points.json`: networks under the formula of a search.
    pub points: Option<Value>,
    /// `history.json`: the best fitness over evaluations.
    pub history: Option<Value>,
    /// `sees.json`: how the score answers to each dimension.
    pub sees: Option<Value>,
    /// `evaluated.csv` of a search of architectures, `curve.csv` of a training.
    pub table: Option<String>,
    /// Files of architectures, by their names.
    pub architectures: Vec<(String, Value)>,
    /// The ground truth that was built.
    pub truth: Option<GroundTruth>,
}

impl Run {
    /// Reads a run from its folder, or from its document.
    ///
    /// # Errors
    /// Nothing there, or another kind of file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let (folder, file) = match path.is_dir() {
            true => (Some(path), document_in(path)),
            false => (None, path.to_owned()),
        };
        let text = input::read_text(&file, LIMIT);
        let text = text.map_err(|error| Error::Read {
            path: file.clone(),
            error,
        })?;
        let wrong = |message: String| Error::Document {
            path: file.clone(),
            message,
        };
        let document: Value =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let kind =
            Kind::of(&document).ok_or_else(|| wrong("not the document of a run".to_owned()))?;
        let name = path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        let mut run = Self::of(name, kind, document, &text);
        if kind == Kind::Build {
            let truth = GroundTruth::read(&file, Reading::default());
            run.truth = Some(truth.map_err(|error| wrong(error.to_string()))?);
        }
        if let Some(folder) = folder {
            run.read_beside(folder)?;
        }
        Ok(run)
    }

    /// A run that is not on disk.
    ///
    /// # Errors
    /// A document of no known kind.
    pub fn of_document(name: &str, text: &str) -> Result<Self, Error> {
        let wrong = |message: String| Error::Document {
            path: PathBuf::from(name),
            message,
        };
        let document: Value =
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let kind =
            Kind::of(&document).ok_or_else(|| wrong("not the document of a run".to_owned()))?;
        Ok(Self::of(name.to_owned(), kind, document, text))
    }

    fn of(name: String, kind: Kind, document: Value, text: &str) -> Self {
        Self {
            name,
            kind,
            hash: lpzero_run::ContentHash::of_bytes(text.as_bytes()).to_string(),
            settings: None,
            provenance: document.get("provenance").cloned(),
            points: document.get("points").cloned(),
            history: document.get("history").cloned(),
            sees: None,
            table: None,
            architectures: Vec::new(),
            truth: None,
            document,
        }
    }

    fn read_beside(&mut self, folder: &Path) -> Result<(), Error> {
        let text = |name: &str| -> Result<Option<String>, Error> {
            let path = folder.join(name);
            match input::read_text(&path, LIMIT) {
                Ok(text) => Ok(Some(text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Error::Read { path, error }),
            }
        };
        let json = |name: &str| -> Result<Option<Value>, Error> {
            let Some(text) = text(name)? else {
                return Ok(None);
            };
            let document = serde_json::from_str(&text);
            document.map(Some).map_err(|error| Error::Document {
                path: folder.join(name),
                message: error.to_string(),
            })
        };
        self.settings = json("configuration.json")?;
        self.provenance = json("provenance.json")?;
        self.points = json("points.json")?;
        self.history = json("history.json")?;
        self.sees = json("sees.json")?;
        self.table = match self.kind {
            Kind::Nas => text("evaluated.csv")?,
            Kind::Train => text("curve.csv")?,
            _ => None,
        };
        if self.kind == Kind::Nas {
            let members = self.document.get("front").and_then(Value::as_array);
            let ids = members
                .into_iter()
                .flatten()
                .filter_map(|member| member.get("id")?.as_str());
            // A name that a document gives leads nowhere else.
            let plain = |id: &&str| {
                !id.is_empty()
                    && id
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            };
            let ids: Vec<String> = ids
                .filter(plain)
                .take(MOST_ARCHITECTURES)
                .map(str::to_owned)
                .collect();
            for id in ids {
                let name = format!("architectures/{id}.json");
                if let Some(architecture) = json(&name)? {
                    self.architectures
                        .push((format!("{id}.json"), architecture));
                }
            }
        }
        Ok(())
    }
}

/// The document in a folder: a build of a ground truth has one of its own.
fn document_in(folder: &Path) -> PathBuf {
    let report = folder.join("report.json");
    let truth = folder.join("truth.json");
    match !report.exists() && truth.exists() {
        true => truth,
        false => report,
    }
}
