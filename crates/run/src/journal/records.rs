//! Everything that a journal holds, whoever wrote it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::error::JournalError;
use super::file::{self, Beginning, Head, Place, Scan};
use super::kind::Kind;
use crate::{ContentHash, read_own};

/// Whether a path holds no record: there is nothing, or a journal whose files have no
/// more than a head.
pub(crate) fn is_empty(path: &Path) -> bool {
    if fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return true;
    }
    let no_record = |entry: io::Result<fs::DirEntry>| {
        let file = read_own(&entry?.path())?;
        file::holds_no_record(&file)
    };
    let entries =
        fs::read_dir(path).map(|mut all| all.all(|entry| no_record(entry).unwrap_or(false)));
    !path.is_symlink() && entries.unwrap_or(false)
}

/// One finished piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Names the piece.
    pub piece: ContentHash,
    /// Outcome, the same whoever does the piece.
    pub value: Vec<u8>,
    /// Measurements taken meanwhile, such as seconds: another time, another note.
    pub note: Vec<u8>,
}

/// The records of all writers, by writer and in the order in which they were written.
/// Values stay on the disk until they are asked for.
#[derive(Debug)]
pub struct Records {
    pub(super) kind: Kind,
    pub(super) files: Vec<Written>,
    /// File and place of each record.
    order: Vec<(usize, Place)>,
    /// Position in `order` of each piece.
    pieces: HashMap<ContentHash, usize>,
}

/// Who wrote how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writer<'a> {
    /// The file, named as the writer.
    pub path: &'a Path,
    /// Whole records in it.
    pub records: u64,
}

/// The file of one writer.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) path: PathBuf,
    /// Shared by readers, who seek in it.
    file: Mutex<File>,
    /// `None` where not even the head is whole.
    pub(super) head: Option<Head>,
    /// End of the last intact record.
    pub(super) end: u64,
    /// Records in it.
    pub(super) count: u64,
}

impl Records {
    /// Reads the journal in a folder without writing to it: another process may be
    /// about to. A last record that is not whole is left alone and not counted.
    ///
    /// # Errors
    /// Files that cannot be read, are no journals of this kind or damaged before their
    /// end, or that contradict each other.
    pub fn read(folder: &Path, kind: Kind) -> Result<Self, JournalError> {
        let mut records = Self::none(kind);
        records.read_all(folder, None)?;
        Ok(records)
    }

    pub(super) fn none(kind: Kind) -> Self {
        Self {
            kind,
            files: Vec::new(),
            order: Vec::new(),
            pieces: HashMap::new(),
        }
    }

    /// Reads the files of a folder by name, but for `except`.
    pub(super) fn read_all(
        &mut self,
        folder: &Path,
        except: Option<&Path>,
    ) -> Result<(), JournalError> {
        let listed = |error| JournalError::file("read", folder)(error);
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(listed)? {
            let entry = entry.map_err(listed)?;
            // Network file systems keep files that were removed under such names.
            if !entry.file_name().to_string_lossy().starts_with('.') {
                paths.push(entry.path());
            }
        }
        paths.sort();
        for path in paths.iter().filter(|path| Some(&***path) != except) {
            self.add(path)?;
        }
        Ok(())
    }

    /// Reads one file; returns how many bytes behind its last intact record there are.
    pub(super) fn add(&mut self, path: &Path) -> Result<u64, JournalError> {
        let failed = || JournalError::file("read", path);
        let open = || read_own(path).map_err(JournalError::opened(path));
        // One to read from its beginning to its end, one to read single records again.
        let (file, again) = (open()?, open()?);
        let length = file.metadata().map_err(failed())?.len();
        let head = self.head(path, &file, length)?;
        let index = self.files.len();
        self.files.push(Written {
            path: path.to_owned(),
            file: Mutex::new(again),
            head,
            end: head.map_or(0, |head| head.length),
            count: 0,
        });
        if let Some(Head {
            seal,
            length: start,
            ..
        }) = head
        {
            let show = |place: Place, value: &[u8]| {
                self.files[index].count = place.number;
                self.note(index, path, place, value)
            };
            let outcome = file::scan(&file, start..length, seal, show);
            match outcome.map_err(failed())?? {
                Scan::Until(end) => self.files[index].end = end,
                Scan::Damaged(offset) => {
                    return Err(JournalError::Damaged {
                        path: path.to_owned(),
                        record: self.files[index].count + 1,
                        offset,
                    });
                }
            }
        }
        Ok(length.saturating_sub(self.files[index].end))
    }

    /// The head of a file, if it is whole.
    fn head(&self, path: &Path, file: &File, length: u64) -> Result<Option<Head>, JournalError> {
        let path = path.to_owned();
        let Kind {
            work,
            format,
            version: expected,
            ..
        } = self.kind;
        let begins = file::beginning(&mut file.take(length), self.kind);
        match begins.map_err(JournalError::file("read", &path))? {
            Beginning::Torn => Ok(None),
            Beginning::Whole(head) => Ok(Some(head)),
            Beginning::Foreign => Err(JournalError::Foreign { path, work, format }),
            Beginning::OtherVersion(found) => Err(JournalError::OtherVersion {
                path,
                found,
                expected,
            }),
            Beginning::Damaged => Err(JournalError::Damaged {
                path,
                record: 0,
                offset: 0,
            }),
        }
    }

    /// Notes where a record is. A piece may have been done twice, to the same end.
    pub(super) fn note(
        &mut self,
        index: usize,
        path: &Path,
        place: Place,
        value: &[u8],
    ) -> Result<(), JournalError> {
        let Some(&known) = self.pieces.get(&place.piece) else {
            self.pieces.insert(place.piece, self.order.len());
            self.order.push((index, place));
            return Ok(());
        };
        self.same(known, value, path, place.number)
    }

    /// Refuses a value that is another than the known one.
    fn same(
        &self,
        known: usize,
        value: &[u8],
        path: &Path,
        record: u64,
    ) -> Result<(), JournalError> {
        if self.at(known)?.value == value {
            return Ok(());
        }
        let (other, other_record) = self.source(known);
        Err(JournalError::Contradiction {
            path: path.to_owned(),
            record,
            other,
            other_record,
        })
    }

    /// The writers, by name, with the records of each: one that two wrote counts twice.
    pub fn writers(&self) -> impl Iterator<Item = Writer<'_>> {
        self.files.iter().map(|file| Writer {
            path: &file.path,
            records: file.count,
        })
    }

    /// Number of pieces that are finished.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether nothing is finished.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Whether a piece is finished.
    pub fn contains(&self, piece: &ContentHash) -> bool {
        self.pieces.contains_key(piece)
    }

    /// The hash of the inputs that all files are bound to; `None` where nothing is
    /// written yet.
    pub fn inputs(&self) -> Option<ContentHash> {
        let mut heads = self.files.iter().filter_map(|file| file.head.as_ref());
        heads.next().map(|head| head.inputs)
    }

    /// Position of a piece among [all](Self::iter), if it is finished.
    pub fn find(&self, piece: &ContentHash) -> Option<usize> {
        self.pieces.get(piece).copied()
    }

    /// Record of a piece, if it is finished.
    ///
    /// # Errors
    /// A file that can no longer be read.
    pub fn get(&self, piece: &ContentHash) -> Result<Option<Record>, JournalError> {
        self.find(piece)
            .map(|position| self.at(position))
            .transpose()
    }

    /// All records, one at a time.
    pub fn iter(&self) -> impl Iterator<Item = Result<Record, JournalError>> {
        (0..self.len()).map(|position| self.at(position))
    }

    /// The record at a position among [all](Self::iter).
    ///
    /// # Errors
    /// A file that can no longer be read.
    ///
    /// # Panics
    /// Where there are fewer.
    pub fn at(&self, position: usize) -> Result<Record, JournalError> {
        let (index, place) = self.order[position];
        let Written {
            path, file, head, ..
        } = &self.files[index];
        let read = match head {
            Some(head) => place.read(
                &file.lock().unwrap_or_else(PoisonError::into_inner),
                head.seal,
            ),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        };
        let (value, note) = read.map_err(JournalError::file("read", path))?;
        Ok(Record {
            piece: place.piece,
            value,
            note,
        })
    }

    /// File and number of the record at a position, for errors about it.
    ///
    /// # Panics
    /// Where there are fewer.
    pub fn source(&self, position: usize) -> (PathBuf, u64) {
        let (index, place) = self.order[position];
        (self.files[index].path.clone(), place.number)
    }

    /// Error for a record that is about another piece than the run arrives at.
    ///
    /// # Panics
    /// Where there are fewer.
    pub fn other_piece(&self, position: usize) -> JournalError {
        let (path, record) = self.source(position);
        JournalError::OtherPiece {
            path,
            record,
            work: self.kind.work,
        }
    }

    /// Refuses files that are bound to other inputs.
    pub(super) fn check(&self, inputs: ContentHash) -> Result<(), JournalError> {
        for Written { path, head, .. } in &self.files {
            if head.is_some_and(|head| head.inputs != inputs) {
                return Err(JournalError::OtherInputs {
                    path: path.clone(),
                    work: self.kind.work,
                    inputs: self.kind.inputs,
                });
            }
        }
        Ok(())
    }
}
