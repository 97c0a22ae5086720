//! A journal of records that serialise.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{JournalError, Torn};
use super::kind::Kind;
use super::records::Record;
use super::writer::Journal;
use crate::ContentHash;

/// A finished piece of work as plain data, with finite numbers.
pub trait Piece: Serialize + DeserializeOwned {
    /// Fields that are measured, such as seconds, as JSON pointers: another machine
    /// measures something else, which is no contradiction.
    const MEASURED: &'static [&'static str];

    /// Names the piece among all of the run.
    fn piece(&self) -> String;
}

/// Finished pieces in memory, and the journal that takes the next ones.
#[derive(Debug)]
pub struct Pieces<R> {
    journal: Journal,
    records: Vec<R>,
    /// Position in `records` of each piece.
    positions: HashMap<String, usize>,
}

impl<R: Piece> Pieces<R> {
    /// Opens the journal of these inputs in a folder, or begins one where there is
    /// none.
    ///
    /// # Errors
    /// All that [`Journal::open`] and [`Journal::begin`] refuse; a record of another kind.
    pub fn open(
        folder: &Path,
        kind: Kind,
        writer: &str,
        inputs: ContentHash,
    ) -> Result<(Self, Option<Torn>), JournalError> {
        let (mut journal, torn) = Journal::open(folder, kind, writer)?;
        journal.begin(inputs)?;
        let mut pieces = Self {
            records: Vec::with_capacity(journal.len()),
            positions: HashMap::with_capacity(journal.len()),
            journal,
        };
        for position in 0..pieces.journal.len() {
            let decoded = decode::<R>(&pieces.journal.at(position)?);
            let record = decoded.map_err(|error| {
                let (path, record) = pieces.journal.source(position);
                JournalError::Unreadable {
                    path,
                    record,
                    message: error.to_string(),
                }
            })?;
            pieces.keep(record);
        }
        Ok((pieces, torn))
    }

    /// The file of this writer.
    pub fn path(&self) -> &Path {
        self.journal.path()
    }

    /// Finished pieces, by writer and in the order in which they were recorded.
    pub fn records(&self) -> &[R] {
        &self.records
    }

    /// The record of a piece, if it is finished.
    pub fn get(&self, piece: &str) -> Option<&R> {
        let position = self.positions.get(piece)?;
        Some(&self.records[*position])
    }

    /// Appends a finished piece, which survives the process when this returns.
    ///
    /// # Errors
    /// All that [`Journal::append`] refuses.
    pub fn append(&mut self, record: R) -> Result<(), JournalError> {
        let (value, note) = encode(&record);
        let piece = ContentHash::of_bytes(record.piece().as_bytes());
        self.journal.append(piece, &value, &note)?;
        self.keep(record);
        Ok(())
    }

    fn keep(&mut self, record: R) {
        let piece = record.piece();
        if !self.positions.contains_key(&piece) {
            self.positions.insert(piece, self.records.len());
            self.records.push(record);
        }
    }
}

/// A record without what is measured, and what is measured.
fn encode<R: Piece>(record: &R) -> (Vec<u8>, Vec<u8>) {
    // Plain data with finite numbers: this cannot fail.
    let mut value = serde_json::to_value(record).unwrap_or_default();
    let measured = R::MEASURED.iter().map(|pointer| {
        let field = value.pointer_mut(pointer);
        field.map(Value::take).unwrap_or_default()
    });
    let measured: Vec<Value> = measured.collect();
    let note = Value::from(measured).to_string();
    (value.to_string().into_bytes(), note.into_bytes())
}

fn decode<R: Piece>(record: &Record) -> Result<R, serde_json::Error> {
    let mut value: Value = serde_json::from_slice(&record.value)?;
    let measured: Vec<Value> = serde_json::from_slice(&record.note)?;
    for (pointer, measured) in R::MEASURED.iter().zip(measured) {
        if let Some(field) = value.pointer_mut(pointer) {
            *field = measured;
        }
    }
    serde_json::from_value(value)
}
