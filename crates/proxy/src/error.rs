//! Errors in a formula's text, and where they stand.

use std::fmt;
use std::ops::Range;

use strsim::osa_distance;

use crate::{MAX_DEPTH, TypeError};

/// The longest formula that the parser reads, in bytes.
pub const MAX_LENGTH: usize = 1 << 16;

/// A formula that cannot be read, with the place that is at fault.
///
/// `Display` is one sentence with the column; [`render`](Self::render) shows
/// the formula with a caret under it.
#[derive(Clone, Debug, PartialEq)]
pub struct ParseError {
    /// The error itself.
    pub kind: ParseErrorKind,
    /// Bytes of the source that are at fault.
    pub span: Range<usize>,
    /// Column of the first of them in its line, counted in characters from 1.
    pub column: usize,
}

/// Error in a formula's text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ParseErrorKind {
    /// Nothing but white space.
    #[error("the formula is empty")]
    Empty,
    /// Longer than [`MAX_LENGTH`].
    #[error("the formula is {length} bytes long; at most {MAX_LENGTH} are read")]
    TooLong {
        /// Length of the text in bytes.
        length: usize,
    },
    /// Deeper than [`MAX_DEPTH`].
    #[error("the formula is nested more than {MAX_DEPTH} deep here")]
    TooDeep,
    /// A token that cannot stand where it stands.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// Words for what could stand there.
        expected: &'static str,
        /// Words for what stands there.
        found: String,
    },
    /// A number that f64 cannot hold.
    #[error("`{text}` is not a finite number")]
    Number {
        /// The number as written.
        text: String,
    },
    /// A name that means nothing.
    #[error("unknown {what} `{name}`{}", did_you_mean(.suggestion))]
    UnknownName {
        /// Kind of name that was looked for.
        what: &'static str,
        /// The name as written.
        name: String,
        /// A name that exists and looks similar.
        suggestion: Option<String>,
    },
    /// An operator's name without its arguments.
    #[error("`{name}` is an operator and needs its argument(s) in parentheses")]
    MissingArguments {
        /// The operator.
        name: String,
    },
    /// Brackets after something that is no aggregator.
    #[error("`{name}` takes no filter in brackets; only aggregates over sites do")]
    NoAggregator {
        /// The operator.
        name: String,
    },
    /// Text that reads well but has no type.
    #[error("{0}")]
    Type(#[from] TypeError),
}

impl ParseError {
    pub(crate) fn new(kind: impl Into<ParseErrorKind>, span: Range<usize>, source: &str) -> Self {
        let start = floor(source, span.start);
        let line = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        ParseError {
            kind: kind.into(),
            column: source[line..start].chars().count() + 1,
            span,
        }
    }

    /// The message, then the line of the source with carets under the place:
    ///
    /// ```text
    /// unknown operator `squrae` (did you mean `square`?) at column 9
    ///   sum(sum(squrae(W)))
    ///           ^^^^^^
    /// ```
    ///
    /// A line longer than 120 characters is cut to the part around the place.
    pub fn render(&self, source: &str) -> String {
        const BEFORE: usize = 60;
        const SHOWN: usize = 120;
        let start = floor(source, self.span.start);
        let begin = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = source[begin..].lines().next().unwrap_or_default();
        let place = self.column - 1;
        let skipped = if line.chars().count() > SHOWN {
            place.saturating_sub(BEFORE)
        } else {
            0
        };
        let shown: String = line.chars().skip(skipped).take(SHOWN).collect();
        let end = floor(source, self.span.end).max(start);
        let width = source[start..end].lines().next().unwrap_or_default();
        let width = width.chars().count();
        let carets = width.clamp(1, SHOWN.saturating_sub(place - skipped).max(1));
        let indent = " ".repeat(place - skipped);
        format!("{self}\n  {shown}\n  {indent}{}", "^".repeat(carets))
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ParseErrorKind::Empty | ParseErrorKind::TooLong { .. } => self.kind.fmt(f),
            _ => write!(f, "{} at column {}", self.kind, self.column),
        }
    }
}

impl std::error::Error for ParseError {}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion
        .as_ref()
        .map(|name| format!(" (did you mean `{name}`?)"))
        .unwrap_or_default()
}

/// The largest character boundary not after `index`.
fn floor(source: &str, index: usize) -> usize {
    let mut index = index.min(source.len());
    while !source.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// The candidate closest to `name`, if it is close enough to be what was meant.
pub fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    // Names in the language are short; there is no use in comparing essays.
    if name.len() > 64 {
        return None;
    }
    let lower = name.to_lowercase();
    candidates
        .map(|candidate| (osa_distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            let shorter = name.chars().count().min(candidate.len());
            *distance <= 1 + shorter / 4 && *distance < shorter
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}
