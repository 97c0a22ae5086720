//! The one who appends.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::{JournalError, Torn};
use super::file::{self, Place};
use super::kind::Kind;
use super::records::Records;
use crate::{ContentHash, open_own};

/// The writer of a run that is one process.
pub const MAIN: &str = "main";

/// How often a file is forced to the disk whose kind does not ask for each record. A
/// killed process loses nothing that it wrote. A machine that goes down loses what was
/// written since.
const SYNC: Duration = Duration::from_secs(10);

/// The pieces that are finished, by whomever, and the file that takes this writer's.
///
/// It reads as [`Records`].
pub struct Journal {
    path: PathBuf,
    records: Records,
    /// Position in `records.files` of the own file.
    own: usize,
    output: Box<dyn Write + Send>,
    /// The own file once more, to cut off what was written by half.
    file: Option<File>,
    /// Why nothing can be appended any more.
    failed: Option<JournalError>,
}

impl Journal {
    /// Opens the journal in a folder, or begins one where there is none. A torn last
    /// record of the own file is cut off and reported. Another writer's is left alone:
    /// it may be about to be whole.
    ///
    /// # Errors
    /// Files that cannot be opened, read or written, that are no journals of this kind
    /// or damaged before their end, or that contradict each other; a `writer` that
    /// another process is.
    pub fn open(
        folder: &Path,
        kind: Kind,
        writer: &str,
    ) -> Result<(Self, Option<Torn>), JournalError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if writer.is_empty() || !writer.chars().all(allowed) {
            let name = writer.to_owned();
            return Err(JournalError::Writer { name });
        }
        if folder.is_file() {
            let path = folder.to_owned();
            return Err(JournalError::Earlier { path });
        }
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(JournalError::file("opened", folder)(error));
            }
            _ => {}
        }
        let path = folder.join(writer);
        let mut output = own_file(&path, kind)?;
        let mut records = Records::none(kind);
        records.read_all(folder, Some(&path))?;
        let own = records.files.len();
        let bytes = records.add(&path)?;
        let end = records.files[own].end;
        let written = JournalError::file("written", &path);
        let mut cut = || -> io::Result<()> {
            if bytes > 0 {
                output.file.set_len(end)?;
            }
            output.file.seek(SeekFrom::Start(end)).map(drop)
        };
        cut().map_err(written)?;
        let torn = (bytes > 0).then(|| Torn {
            path: path.clone(),
            bytes,
        });
        let again = output.file.try_clone();
        let journal = Self {
            records,
            own,
            file: Some(again.map_err(JournalError::file("opened", &path))?),
            path,
            output: Box::new(output),
            failed: None,
        };
        Ok((journal, torn))
    }

    /// Appends to `output` instead of the file: to see what a full disk does.
    #[must_use]
    pub fn writing_to(self, output: impl Write + Send + 'static) -> Self {
        Self {
            output: Box::new(output),
            file: None,
            ..self
        }
    }

    /// The file of this writer.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Binds the own file to everything that the work is a function of, or checks that
    /// all files are.
    ///
    /// # Errors
    /// A file that is bound to other inputs, or one that cannot be written.
    pub fn begin(&mut self, inputs: ContentHash) -> Result<(), JournalError> {
        self.records.check(inputs)?;
        if self.records.files[self.own].head.is_some() {
            return Ok(());
        }
        let (bytes, head) = file::head(self.records.kind, inputs);
        self.write(&bytes)?;
        let own = &mut self.records.files[self.own];
        own.end = head.length;
        own.head = Some(head);
        Ok(())
    }

    /// Records what came of a piece. What was appended survives the process when this
    /// returns. After a failure nothing more is appended, and what was written by half
    /// is cut off: behind a torn record, others would be lost.
    ///
    /// # Errors
    /// A file that cannot be written, or a piece that is known to come to something
    /// else.
    ///
    /// # Panics
    /// Before [`begin`](Self::begin): a record is bound to inputs.
    pub fn append(
        &mut self,
        piece: ContentHash,
        value: &[u8],
        note: &[u8],
    ) -> Result<(), JournalError> {
        let own = &self.records.files[self.own];
        let Some(head) = own.head else {
            panic!(
                "{}: a journal is begun before it is appended to",
                self.path.display()
            )
        };
        let (number, end) = (own.count + 1, own.end);
        let record = file::record(number, piece, value, note, head.seal);
        let end_of_record = end + record.len() as u64;
        let tail = (value.len() + note.len()) as u64;
        let place = Place {
            number,
            piece,
            offset: end_of_record - tail - file::CHECKSUM as u64,
            value: value.len() as u64,
            note: note.len() as u64,
        };
        if self.records.contains(&piece) {
            // The same again, or a contradiction that is not written.
            return self.records.note(self.own, &self.path, place, value);
        }
        self.write(&record)?;
        let own = &mut self.records.files[self.own];
        (own.count, own.end) = (number, end_of_record);
        self.records.note(self.own, &self.path, place, value)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let written = self.output.write_all(bytes);
        let written = written.and_then(|()| self.output.flush());
        written.map_err(|error| {
            if let Some(file) = &self.file {
                // Best effort: whoever opens the file next would cut it off, too.
                let _ = file.set_len(self.records.files[self.own].end);
            }
            let error = JournalError::file("written", &self.path)(error);
            self.failed = Some(error.clone());
            error
        })
    }
}

impl Deref for Journal {
    type Target = Records;

    fn deref(&self) -> &Records {
        &self.records
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("path", &self.path)
            .field("records", &self.records)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// The file that this process appends to, and no other.
fn own_file(path: &Path, kind: Kind) -> Result<Durable, JournalError> {
    let file = open_own(path).map_err(JournalError::opened(path))?;
    match file.try_lock() {
        // Some network file systems have no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Durable {
            file,
            each: kind.each,
            synced: Instant::now(),
        }),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse {
            path: path.to_owned(),
        }),
    }
}

/// A file whose flushing reaches the disk, though not every time.
struct Durable {
    file: File,
    /// Whether it does every time after all.
    each: bool,
    synced: Instant,
}

impl Write for Durable {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.each || self.synced.elapsed() >= SYNC {
            self.file.sync_data()?;
            self.synced = Instant::now();
        }
        Ok(())
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        // Best effort: whoever needs to know has asked by then.
        let _ = self.file.sync_data();
    }
}
