//! The folder that a command works in, with failures that name the option.

use std::path::Path;

use anyhow::Result;
use lpzero::run::{
    ContentHash, Folder, FolderError, Hold, Kind, MAIN, PIECES, Piece, Pieces, Shard, Torn,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::arguments::ShardArguments;
use super::failure::{Failure, failed, sentence};
use super::output::{Reporter, print_json};
use super::session::Session;

/// The folder of a run that begins: a new one, or for a share of a run the one that other
/// shares may have begun.
pub fn begin(path: &Path, configuration: &impl Serialize, shard: Option<Shard>) -> Result<Folder> {
    match shard {
        None => create(path, configuration),
        Some(_) => Folder::join(path, configuration)
            .map_err(|error| refused(&error, format!("--out {error}"))),
    }
}

/// The share of a run that options name, where they name its folder, too.
pub fn share(
    arguments: ShardArguments,
    (out, resume): (Option<&Path>, Option<&Path>),
) -> Result<Option<Shard>> {
    match (arguments.shard, out.or(resume)) {
        (Some(_), None) => Err(Failure::typed(
            "--shard: expected --out DIR beside it, the folder that all shares work in",
        )),
        (shard, _) => Ok(shard),
    }
}

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

/// What a share of a run came to.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Which one it is.
    pub shard: Shard,
    /// Pieces that are recorded, by this share and others, and all that the run has.
    pub pieces: [usize; 2],
}

/// End of the name of the file that says that a share is done.
pub const DONE: &str = ".done.json";

/// A kind of run that a folder keeps.
pub struct RunKind {
    /// The command that begins one, without the program: `truth build`.
    pub command: &'static str,
    /// Everything that it writes before its report, by name.
    pub writes: &'static [&'static str],
    /// Name of the file that says that it is finished.
    pub report: &'static str,
    /// The journal: its folder, its kind, and what its records are about, in the plural.
    /// `None` where there is a checkpoint instead.
    pub journal: Option<(&'static str, Kind, &'static str)>,
}

/// Says how many pieces a run has, for `lpzero status`. Where there is no room for that, the
/// work itself will say so.
pub fn tell_pieces(folder: &Folder, all: usize) {
    let _ = folder.write(PIECES, &PieceCount { all });
}

/// How many pieces a run has.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct PieceCount {
    pub all: usize,
}

impl RunKind {
    /// How the run in a folder is continued, with these further `options`.
    pub fn next(&self, folder: &Path, options: &str) -> String {
        let (command, path) = (self.command, folder.display());
        format!("`lpzero {command} --resume {path}{options}` continues")
    }

    /// Says what a share of a run came to, and how the run gets its result.
    pub fn shared(&self, session: &Session, folder: &Folder, share: Share) -> Result<()> {
        let Share {
            shard,
            pieces: [done, all],
        } = share;
        let what = self.journal.map_or("pieces", |(_, _, what)| what);
        // Says that the share is done: whatever becomes of its process.
        tell_pieces(folder, all);
        folder.write(
            &format!("{}{DONE}", shard.writer()),
            &json!({"recorded": done}),
        )?;
        session.stop.finished();
        if session.json {
            let shard = shard.to_string();
            let run = folder.path();
            return print_json(&json!({"shard": shard, "recorded": done, "all": all, "run": run}));
        }
        let next = self.next(folder.path(), "");
        session.report.note(format_args!(
            "share {shard} is done, and with it at least {done} of {all} {what}; {next} and writes \
             the result"
        ));
        Ok(())
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

/// The folder of a run of `what` that was started before, alone or for a share of it.
pub fn open<C: DeserializeOwned>(
    path: &Path,
    what: &str,
    shard: Option<Shard>,
) -> Result<(C, Folder)> {
    Folder::open_for(path, what, hold(shard)).map_err(to_resume)
}

/// The folder of a run whose layout has a version; another version is an error.
pub fn open_versioned<C: DeserializeOwned>(
    path: &Path,
    what: &str,
    expected: u32,
    shard: Option<Shard>,
) -> Result<(C, Folder)> {
    Folder::open_versioned(path, what, expected, hold(shard)).map_err(to_resume)
}

fn hold(shard: Option<Shard>) -> Hold {
    match shard {
        None => Hold::Alone,
        Some(_) => Hold::Shared,
    }
}

/// Name of this process among the writers of a journal.
pub fn writer(shard: Option<Shard>) -> String {
    shard.map_or_else(|| MAIN.to_owned(), Shard::writer)
}

fn to_resume(error: FolderError) -> anyhow::Error {
    refused(&error, format!("--resume {error}"))
}

/// The journal of a run, ready to be continued. `pieces` is what its records are about.
pub fn journal<R: Piece>(
    (folder, name): (&Folder, &str),
    shard: Option<Shard>,
    kind: Kind,
    inputs: ContentHash,
    pieces: &str,
    report: Reporter,
) -> Result<Pieces<R>> {
    let opened = Pieces::open(&folder.path().join(name), kind, &writer(shard), inputs);
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
