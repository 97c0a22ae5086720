//! The folder that a command works in, with failures that name the option.

use std::path::Path;

use anyhow::Result;
use lpzero::run::{ContentHash, Folder, FolderError, Kind, MAIN, Piece, Pieces, Torn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::{Failure, failed};
use super::output::Reporter;

/// A new folder; one that exists already is never touched.
pub fn create(path: &Path, configuration: &impl Serialize) -> Result<Folder> {
    Folder::create(path, configuration).map_err(|error| {
        let hint = match error {
            FolderError::Exists { .. } => "; give a new folder, or continue that run with --resume",
            _ => "",
        };
        Failure::input(format_args!("--out {error}{hint}"))
    })
}

/// The folder of a run of `what` that was started before.
pub fn open<C: DeserializeOwned>(path: &Path, what: &str) -> Result<(C, Folder)> {
    Folder::open(path, what).map_err(to_resume)
}

/// The folder of a run whose layout has a version; another version is an error.
pub fn open_versioned<C: DeserializeOwned>(
    path: &Path,
    what: &str,
    expected: u32,
) -> Result<(C, Folder)> {
    Folder::open_versioned(path, what, expected).map_err(to_resume)
}

fn to_resume(error: FolderError) -> anyhow::Error {
    Failure::input(format_args!("--resume {error}"))
}

/// The journal of a run, ready to be continued. `pieces` is what its records are about.
pub fn journal<R: Piece>(
    (folder, name): (&Folder, &str),
    kind: Kind,
    inputs: ContentHash,
    pieces: &str,
    report: Reporter,
) -> Result<Pieces<R>> {
    let opened = Pieces::open(&folder.path().join(name), kind, MAIN, inputs);
    let (journal, torn) = opened.map_err(|error| failed(error.into()))?;
    tell(torn, journal.records().len(), pieces, report);
    Ok(journal)
}

/// Says what was lost of a journal, and what is there.
pub fn tell(torn: Option<Torn>, recorded: usize, pieces: &str, report: Reporter) {
    if let Some(torn) = torn {
        report.warn(torn);
    }
    if recorded > 0 {
        report.note(format_args!("continuing after {recorded} {pieces}"));
    }
}
