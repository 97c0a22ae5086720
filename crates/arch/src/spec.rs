//! The project's own file of one architecture.
//!
//! ```json
//! {"format": "lpzero-architecture", "version": 1, "architecture": {"kind": "decoder", ...}}
//! ```
//!
//! `architecture` holds the fields of [`Architecture`] under their own names.
//! What is written and read again is equal.

use std::path::Path;

use lpzero_run::write_whole;
use serde::Serialize;

use crate::architecture::Architecture;
use crate::document::Cursor;
use crate::error::Error;

/// The value of `format`.
pub const FORMAT: &str = "lpzero-architecture";
/// The version that is written, and the newest that is read.
pub const VERSION: usize = 1;

#[derive(Serialize)]
struct File<'a> {
    format: &'static str,
    version: usize,
    architecture: &'a Architecture,
}

/// Checks the header that the project's own files start with.
///
/// # Errors
/// [`Error::Value`] where `format` is another or `version` is unknown.
pub fn check_header(root: &Cursor<'_>, format: &str, version: usize) -> Result<(), Error> {
    let found = root.get("format", format)?;
    if found.text()? != format {
        return Err(found.unexpected(format!("{format:?}")));
    }
    let found = root.get("version", "the version of the file's format")?;
    match found.size()? {
        known if known <= version => Ok(()),
        _ => Err(found.unexpected(format!("a version up to {version}"))),
    }
}

/// Reads a whole file of the project's own format.
///
/// # Errors
/// [`Error::Value`] with the exact key.
pub fn read(root: &Cursor<'_>) -> Result<Architecture, Error> {
    check_header(root, FORMAT, VERSION)?;
    read_body(&root.get("architecture", "an architecture")?)
}

/// Reads what stands under `architecture`, here or in a ground truth.
///
/// # Errors
/// [`Error::Value`] with the exact key.
pub fn read_body(cursor: &Cursor<'_>) -> Result<Architecture, Error> {
    let architecture: Architecture = cursor.deserialize()?;
    architecture
        .validate()
        .map_err(|invalid| cursor.place().invalid(invalid))?;
    Ok(architecture)
}

/// The text of a file of the project's own format, in one line.
pub fn to_json(architecture: &Architecture) -> String {
    document(architecture, false)
}

fn document(architecture: &Architecture, pretty: bool) -> String {
    let file = File {
        format: FORMAT,
        version: VERSION,
        architecture,
    };
    let text = match pretty {
        true => serde_json::to_string_pretty(&file),
        false => serde_json::to_string(&file),
    };
    // Plain data with finite numbers: this cannot fail.
    text.unwrap_or_default()
}

/// Writes an architecture to a file of the project's own format, whole or not at all.
///
/// # Errors
/// [`Error::Value`] where the architecture is not valid (what is written can
/// be read), [`Error::Write`] where the file cannot be written.
pub fn write(path: &Path, architecture: &Architecture) -> Result<(), Error> {
    let place = || crate::Place {
        file: path.to_owned(),
        record: None,
        key: "architecture".into(),
    };
    architecture
        .validate()
        .map_err(|invalid| place().invalid(invalid))?;
    let mut text = document(architecture, true);
    text.push('\n');
    write_whole(path, text.as_bytes()).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}
