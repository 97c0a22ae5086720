//! Errors of files that describe architectures.

use std::fmt;
use std::path::PathBuf;

/// Why a file could not be read into an architecture. One clear sentence each.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is none, too large, or the operating system would not give its contents.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The file is not valid JSON or YAML.
    #[error("{}: line {line}, column {column}: not valid {format}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// "JSON" or "YAML".
        format: &'static str,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
        /// Message of the parser, without the line and the column.
        message: String,
    },
    /// One value of the file is not what it must be.
    #[error("{place}: {problem}")]
    Value {
        /// Where the value stands.
        place: Box<Place>,
        /// Problem with the value.
        problem: Box<Problem>,
    },
    /// The file is of a known kind that this reader does not take.
    #[error("{}: {what}", path.display())]
    Unsupported {
        /// The file or folder.
        path: PathBuf,
        /// Kind of file that it is, and the kind that was expected.
        what: String,
    },
    /// The file could not be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether what the user gave is wrong, as opposed to the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Error::Read { source, .. } => !lpzero_run::is_machines_fault(source),
            Error::Write { .. } => false,
            Error::Syntax { .. } | Error::Value { .. } | Error::Unsupported { .. } => true,
        }
    }
}

/// Where in a file a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The id of the record, in a file that holds many.
    pub record: Option<String>,
    /// The path of keys inside the record or file, such as
    /// `encoder_layers[2].num_operation_heads`; empty for the whole.
    pub key: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(record) = &self.record {
            write!(f, ": record \"{record}\"")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        Ok(())
    }
}

impl Place {
    /// The error that an invalid architecture read from this place is.
    /// The key of `invalid` is taken relative to this place.
    pub fn invalid(mut self, invalid: Invalid) -> Error {
        self.key = join(&self.key, &invalid.key);
        self.error(*invalid.problem)
    }

    /// An error at this place.
    pub fn error(self, problem: Problem) -> Error {
        Error::Value {
            place: Box::new(self),
            problem: Box::new(problem),
        }
    }
}

/// Joins two paths of keys: `a` and `b` to `a.b`, `a` and `[0]` to `a[0]`.
pub(crate) fn join(outer: &str, inner: &str) -> String {
    let separated = !outer.is_empty() && !inner.is_empty() && !inner.starts_with('[');
    format!("{outer}{}{inner}", if separated { "." } else { "" })
}

/// Problem with a value; a [`Place`] says where the value stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The key is not there.
    #[error("missing, expected {expected}")]
    Missing {
        /// Description of the value that should stand there.
        expected: String,
    },
    /// The value is of another type or outside its domain.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// Description of the value that should stand there.
        expected: String,
        /// Value that stands there.
        found: String,
    },
    /// A number of heads that does not cut the width into equal parts.
    #[error("{value} does not divide {whole_key} = {whole}")]
    NotDivisor {
        /// The number of heads.
        value: usize,
        /// The key of the width.
        whole_key: String,
        /// The width.
        whole: usize,
    },
    /// Two values that contradict each other.
    #[error("{found} does not fit {other_key} = {other}: expected {expected}")]
    Mismatch {
        /// Value that stands there.
        found: String,
        /// The key of the other value.
        other_key: String,
        /// The other value.
        other: String,
        /// Description of the value that should stand there.
        expected: String,
    },
    /// The description has too many of something.
    #[error("{count} {what}, more than the limit of {limit}")]
    TooMany {
        /// How many.
        count: u128,
        /// Name of the things that are counted, in the plural.
        what: &'static str,
        /// How many are allowed.
        limit: u128,
    },
    /// Anything else, as a sentence.
    #[error("{0}")]
    Malformed(String),
}

/// Why an architecture is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Invalid {
    /// The key of the wrong value; empty for the architecture as a whole.
    pub key: String,
    /// Problem with the value.
    pub problem: Box<Problem>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.problem)
    }
}

impl Problem {
    /// "expected `expected`, found `found`".
    pub fn unexpected(expected: impl Into<String>, found: impl fmt::Display) -> Self {
        Problem::Unexpected {
            expected: expected.into(),
            found: found.to_string(),
        }
    }
}
