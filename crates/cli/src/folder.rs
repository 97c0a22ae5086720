//! The folder that a command works in, with failures that name the option.

use std::path::Path;

use anyhow::Result;
use lpzero::run::{ContentHash, Folder, FolderError, Kind, MAIN, Piece, Pieces, Torn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::{Failure, failed, sentence};
use super::output::Reporter;

/// A new folder; one that exists already is never touched.
pub fn create(path: &Path, configuration: &impl Serialize) -> Result<Folder> {
    Folder::create(path, configuration).map_err(|error| {
        let hint = match error {
            FolderError::Exists { .. } => "; give a new folder, or continue that run with --resume",
            _ => "",
        };
        refused(&error, format!("--out {error}{hint}"))
    })
}

fn refused(error: &FolderError, message: String) -> anyhow::Error {
    match error.is_input() {
        true => Failure::input(message),
        false => anyhow::Error::msg(message),
    }
}

/// A kind of run that a folder keeps.
pub struct RunKind {
    /// The command that begins one, without the program: `truth build`.
    pub command: &'static str,
    /// Everything that it writes before its report, by name.
    pub writes: &'static [&'static str],
    /// Name of the file that says that it is finished.
    pub report: &'static str,
}

impl RunKind {
    /// How the run in a folder is continued, with these further `options`.
    pub fn next(&self, folder: &Path, options: &str) -> String {
        let (command, path) = (self.command, folder.display());
        format!("`lpzero {command} --resume {path}{options}` continues")
    }

    /// Says of a run that ended early how to go on, with these further `options`.
    ///
    /// Where the input was wrong and nothing is recorded, the folder is removed again, so
    /// that the corrected command can use the same name. Whatever is recorded stays.
    pub fn ended(&self, outcome: Result<()>, folder: Option<Folder>, options: &str) -> Result<()> {
        let (error, folder) = match (outcome, folder) {
            (Err(error), Some(folder)) => (error, folder),
            (outcome, _) => return outcome,
        };
        if folder.path().join(self.report).exists() {
            return Err(error);
        }
        let next = self.next(folder.path(), options);
        Err(match error.downcast::<Failure>() {
            Ok(Failure::Interrupted { message, .. }) => {
                Failure::Interrupted { message, next }.into()
            }
            Ok(Failure::Stopped { message, .. }) => Failure::Stopped { message, next }.into(),
            Ok(wrong @ (Failure::Typed(_) | Failure::Input(_))) if folder.is_new() => {
                match folder.discard(self.writes) {
                    true => wrong.into(),
                    false => {
                        Failure::input(format_args!("{wrong}; what is recorded is kept: {next}"))
                    }
                }
            }
            Ok(wrong) => wrong.into(),
            Err(error) => {
                let message = sentence(&error);
                Failure::Stopped { message, next }.into()
            }
        })
    }
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
    refused(&error, format!("--resume {error}"))
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
