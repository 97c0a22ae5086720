//! Why a journal cannot be used, one sentence each.

use std::io;
use std::path::{Path, PathBuf};

/// The last record of a file was not whole and has been cut off: its piece of work is
/// done again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: the last record was not written to its end; {bytes} bytes are cut off and its work \
     done again",
    path.display()
)]
pub struct Torn {
    /// The file.
    pub path: PathBuf,
    /// Length of what was cut off.
    pub bytes: u64,
}

/// Why a journal cannot be used. Records are numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A file cannot be opened, read or written. What it holds stays valid.
    #[error("{}: cannot be {action}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `opened`, `read` or `written`.
        action: &'static str,
        /// Reason that the system gives.
        message: String,
    },
    /// There is no regular file where one is read or written.
    #[error("{}: {message}", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What there is, and what was expected.
        message: String,
    },
    /// Another process appends to the file.
    #[error(
        "{}: another process works on this run; wait for it or stop it first",
        path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The name of a writer cannot be the name of a file.
    #[error("writer `{name}`: expected letters, digits, `-` and `_`")]
    Writer {
        /// The name.
        name: String,
    },
    /// A journal is a folder with a file per writer, and here is a file.
    #[error(
        "{}: a journal of an earlier version, which this one does not read; continue with the \
         version that wrote it, or remove the file to begin anew",
        path.display()
    )]
    Earlier {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error(
        "{}: not the journal of a {work}; expected a file that starts with LPZJRNAL and says \
         {format}",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Name of the work.
        work: &'static str,
        /// Format that was expected.
        format: &'static str,
    },
    /// The records are of another version.
    #[error(
        "{}: a journal of version {found}; expected version {expected}; continue with the \
         version that wrote it, or remove the file to begin anew",
        path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: u32,
        /// The version that can be read.
        expected: u32,
    },
    /// A record is damaged although others follow, which no interruption does.
    #[error(
        "{}: record {record} at byte {offset} is damaged, though more follows; restore the file, \
         or remove it to begin anew",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Number of the record; 0 is the head of the file.
        record: u64,
        /// Where it starts.
        offset: u64,
    },
    /// The journal belongs to work with other inputs.
    #[error(
        "{}: of a {work} with {inputs}; continue with the files, the version and the kind of \
         machine that it was started with, or remove the file to begin anew",
        path.display()
    )]
    OtherInputs {
        /// The file.
        path: PathBuf,
        /// Name of the work.
        work: &'static str,
        /// Inputs that may be other than they were, as words.
        inputs: &'static str,
    },
    /// A record is about another piece of work than the run arrives at.
    #[error(
        "{}: record {record} is about another piece of work than the {work} arrives at; continue \
         with the version that wrote it, or remove the file to begin anew",
        path.display()
    )]
    OtherPiece {
        /// The file.
        path: PathBuf,
        /// Number of the record.
        record: u64,
        /// Name of the work.
        work: &'static str,
    },
    /// A record is intact and does not say what this version writes.
    #[error(
        "{}: record {record} cannot be understood: {message}; continue with the version that \
         wrote it, or remove the file to begin anew",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Number of the record.
        record: u64,
        /// Reason, as the decoder gives it.
        message: String,
    },
    /// Two records about one piece of work say different things.
    #[error(
        "{}: record {record} contradicts record {other_record} of {} about the same piece of \
         work; remove the file whose machine or version is not to be trusted",
        path.display(),
        other.display()
    )]
    Contradiction {
        /// The file that was read later.
        path: PathBuf,
        /// Number of its record.
        record: u64,
        /// The file that was read earlier.
        other: PathBuf,
        /// Number of its record.
        other_record: u64,
    },
}

impl JournalError {
    /// Whether the files are wrong, as opposed to the machine.
    pub fn is_input(&self) -> bool {
        !matches!(self, Self::File { .. })
    }

    /// For `map_err` where a file is opened.
    pub(super) fn opened(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| match error.kind() {
            io::ErrorKind::InvalidInput => Self::NotAFile {
                path: path.to_owned(),
                message: error.to_string(),
            },
            _ => Self::file("opened", path)(error),
        }
    }

    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::File {
            path: path.to_owned(),
            action,
            message: error.to_string(),
        }
    }
}
