//! What became of every formula of a search, on disk, so that a search that
//! was killed goes on where it stopped.
//!
//! A search is a deterministic function of its inputs and of the outcomes of
//! its evaluations. So the journal records outcomes, batch by batch; a search
//! that is continued runs from its beginning, takes the outcomes it finds in
//! the journal instead of evaluating, and evaluates from there on.
//!
//! ```text
//! file   = "LPZJRNAL", u32 format, record*
//! ```
//!
//! The first record holds, in place of formulas, what the search is a function
//! of. Records are only ever appended, each with a checksum: a last one that
//! was cut short is cut off and its batch evaluated again; damage before intact
//! records is an error, as is a search that arrives at other formulas.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lpzero_proxy::Node;

use crate::Problem;
use crate::record::{self, Head, Key, truncated};
use crate::run::{Outcome, Settings};

const MAGIC: &[u8; 8] = b"LPZJRNAL";

/// Changes whenever the encoding does.
const FORMAT: u32 = 1;

/// How often the file is forced to the disk. A killed process loses nothing
/// that it wrote; only a machine that goes down does.
const SYNC: Duration = Duration::from_secs(10);

/// The outcomes of a search so far, and where the next ones go.
pub struct Journal {
    path: PathBuf,
    recorded: BufReader<File>,
    /// End of the last intact record when the file was opened.
    end: u64,
    /// Records that are not replayed yet.
    left: u64,
    /// Number of the next record; the first is about the inputs.
    next: u64,
    writer: Box<dyn Write + Send>,
}

/// The last record of a journal was not whole and has been cut off: its batch
/// is evaluated again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: the last record was not written to its end; {bytes} bytes are cut off and its formulas \
     evaluated again",
    path.display()
)]
pub struct Torn {
    /// The journal.
    pub path: PathBuf,
    /// Length of what was cut off.
    pub bytes: u64,
}

/// Why a journal cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be opened, read or written. What it holds stays valid.
    #[error("{}: cannot be {action}: {message}", path.display())]
    File {
        /// The journal.
        path: PathBuf,
        /// `opened`, `read` or `written`.
        action: &'static str,
        /// What the system says.
        message: String,
    },
    /// The file is something else.
    #[error(
        "{}: not the journal of a search; expected a file that starts with LPZJRNAL and format \
         {FORMAT}",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A record is damaged although others follow, which no interruption does.
    #[error(
        "{}: record {record} at byte {offset} is damaged, though intact ones follow; restore the \
         file, or remove it to search from the start",
        path.display()
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Number of the record, from 0.
        record: u64,
        /// Where it starts.
        offset: u64,
    },
    /// The journal belongs to a search with other inputs.
    #[error(
        "{}: was written by a search with another ground truth, other traces or other settings; \
         continue with the files, the version and the kind of machine it was started with, or \
         remove it to search from the start",
        path.display()
    )]
    OtherInputs {
        /// The journal.
        path: PathBuf,
    },
    /// The search arrives at other formulas than the recorded ones.
    #[error(
        "{}: record {record} is about other formulas than the search arrives at; continue with \
         the version that wrote it, or remove the file to search from the start",
        path.display()
    )]
    OtherFormulas {
        /// The journal.
        path: PathBuf,
        /// Number of the record, from 0.
        record: u64,
    },
}

impl JournalError {
    /// Whether the file is wrong, as opposed to the machine.
    pub fn is_input(&self) -> bool {
        !matches!(self, Self::File { .. })
    }

    fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::File {
            path: path.to_owned(),
            action,
            message: error.to_string(),
        }
    }
}

impl Journal {
    /// Opens a journal, or begins one where there is none. A torn last record
    /// is cut off and reported. The caller sees to it that no other process
    /// has the file open.
    ///
    /// # Errors
    /// A file that cannot be opened, read or written, that is no journal, or
    /// that is damaged before its end.
    pub fn open(path: &Path) -> Result<(Self, Option<Torn>), JournalError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(JournalError::file("opened", path))?;
        let reader = File::open(path).map_err(JournalError::file("opened", path))?;
        let mut recorded = BufReader::with_capacity(1 << 20, reader);

        let read = JournalError::file("read", path);
        let length = file.metadata().map_err(read)?.len();
        let (records, end) = scan(&mut recorded, length, path)?;
        let torn = (end < length).then(|| Torn {
            path: path.to_owned(),
            bytes: length - end,
        });
        if end < length {
            let cut = file.set_len(end);
            cut.map_err(JournalError::file("written", path))?;
        }
        let mut writer = Durable {
            file,
            synced: Instant::now(),
        };
        let sought = writer.file.seek(SeekFrom::Start(end));
        sought.map_err(JournalError::file("read", path))?;
        let header = header();
        if end == 0 {
            let written = writer.write_all(&header);
            written.map_err(JournalError::file("written", path))?;
        }
        let sought = recorded.seek(SeekFrom::Start(header.len() as u64));
        sought.map_err(JournalError::file("read", path))?;
        let journal = Self {
            path: path.to_owned(),
            recorded,
            end,
            left: records,
            next: 0,
            writer: Box::new(writer),
        };
        Ok((journal, torn))
    }

    /// Appends to `writer` instead of the file: to see what a full disk does.
    #[must_use]
    pub fn writing_to(self, writer: impl Write + Send + 'static) -> Self {
        Self {
            writer: Box::new(writer),
            ..self
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Batches whose outcomes are recorded and not yet replayed.
    pub fn batches_left(&self) -> u64 {
        self.left.saturating_sub(u64::from(self.next == 0))
    }

    /// Notes what the search is a function of, or checks that it is the same
    /// as when the journal was begun.
    pub(crate) fn begin(
        &mut self,
        problem: &Problem<'_>,
        settings: &Settings,
    ) -> Result<(), JournalError> {
        let key = inputs(problem, settings);
        if self.left == 0 {
            return self.append_record(key, Duration::ZERO, &record::encode(&[]));
        }
        let (head, _) = self.next_record()?;
        if head.key == key {
            Ok(())
        } else {
            Err(JournalError::OtherInputs {
                path: self.path.clone(),
            })
        }
    }

    /// The recorded outcomes of these formulas, each with `ranks` ranks, and
    /// the time that the search had taken by then; `None` when everything
    /// recorded is replayed.
    pub(crate) fn replay(
        &mut self,
        formulas: &[Node],
        ranks: usize,
    ) -> Result<Option<(Vec<Outcome>, Duration)>, JournalError> {
        if self.left == 0 {
            return Ok(None);
        }
        let (head, payload) = self.next_record()?;
        let outcomes = if head.key == key(formulas) {
            record::outcomes(&mut &payload[..], formulas, ranks)
        } else {
            None
        };
        let outcomes = outcomes.ok_or_else(|| self.other_formulas())?;
        Ok(Some((outcomes, head.elapsed)))
    }

    /// Records the outcomes of a batch.
    pub(crate) fn append(
        &mut self,
        formulas: &[Node],
        elapsed: Duration,
        outcomes: &[Outcome],
    ) -> Result<(), JournalError> {
        self.append_record(key(formulas), elapsed, &record::encode(outcomes))
    }

    /// What is recorded about a piece of an enumeration, and the time that the
    /// search had taken by then; `None` when everything recorded is replayed.
    pub(crate) fn replay_piece(
        &mut self,
        key: Key,
    ) -> Result<Option<(Vec<u8>, Duration)>, JournalError> {
        if self.left == 0 {
            return Ok(None);
        }
        let (head, body) = self.next_record()?;
        if head.key == key {
            Ok(Some((body, head.elapsed)))
        } else {
            Err(self.other_formulas())
        }
    }

    /// Records what came of a piece of an enumeration.
    pub(crate) fn append_piece(
        &mut self,
        key: Key,
        elapsed: Duration,
        body: &[u8],
    ) -> Result<(), JournalError> {
        self.append_record(key, elapsed, body)
    }

    /// That the record read last is about something else.
    pub(crate) fn other_formulas(&self) -> JournalError {
        JournalError::OtherFormulas {
            path: self.path.clone(),
            record: self.next.saturating_sub(1),
        }
    }

    fn append_record(
        &mut self,
        key: Key,
        elapsed: Duration,
        body: &[u8],
    ) -> Result<(), JournalError> {
        let head = Head {
            batch: self.next,
            key,
            elapsed,
        };
        let record = record::frame(&head, body);
        let written = self.writer.write_all(&record);
        written
            .and_then(|()| self.writer.flush())
            .map_err(JournalError::file("written", &self.path))?;
        self.next += 1;
        Ok(())
    }

    /// Head and outcomes of the next record to replay.
    fn next_record(&mut self) -> Result<(Head, Vec<u8>), JournalError> {
        let read = record::read(&mut self.recorded, self.end);
        let payload = read.map_err(JournalError::file("read", &self.path))?;
        // Every record was checked when the file was opened.
        let changed = || io::Error::other("the file has changed since it was opened");
        let payload = payload.ok_or_else(changed);
        let payload = payload.map_err(JournalError::file("read", &self.path))?;
        let mut outcomes = &payload[..];
        let head = record::head(&mut outcomes).ok_or_else(changed);
        let head = head.map_err(JournalError::file("read", &self.path))?;
        self.left -= 1;
        self.next += 1;
        Ok((head, outcomes.to_vec()))
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("path", &self.path)
            .field("left", &self.left)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

fn header() -> Vec<u8> {
    [&MAGIC[..], &FORMAT.to_le_bytes()].concat()
}

/// Number of intact records, and where the last one ends; 0 where not even the
/// header is whole.
fn scan(
    reader: &mut BufReader<File>,
    length: u64,
    path: &Path,
) -> Result<(u64, u64), JournalError> {
    let failed = || JournalError::file("read", path);
    let header = header();
    let mut found = Vec::new();
    reader
        .by_ref()
        .take(length.min(header.len() as u64))
        .read_to_end(&mut found)
        .map_err(failed())?;
    if found != header {
        return if header.starts_with(&found) {
            Ok((0, 0))
        } else {
            Err(JournalError::Foreign {
                path: path.to_owned(),
            })
        };
    }
    let (mut records, mut end) = (0, header.len() as u64);
    while end < length {
        let payload = record::read(reader, length - end).map_err(failed())?;
        let numbered = payload.filter(|payload| {
            record::head(&mut &payload[..]).is_some_and(|head| head.batch == records)
        });
        let Some(payload) = numbered else {
            // From the next byte on: the record itself may be whole, and out of
            // its place.
            let mut rest = Vec::new();
            let sought = reader.seek(SeekFrom::Start(end + 1));
            let read = sought.and_then(|_| reader.read_to_end(&mut rest));
            read.map_err(failed())?;
            if record::any_intact(&rest) {
                return Err(JournalError::Damaged {
                    path: path.to_owned(),
                    record: records,
                    offset: end,
                });
            }
            break;
        };
        records += 1;
        end += record::size(&payload);
    }
    Ok((records, end))
}

/// Identifies the formulas of a batch and their order.
fn key(formulas: &[Node]) -> Key {
    let mut hasher = blake3::Hasher::new();
    for formula in formulas {
        hasher.update(formula.to_string().as_bytes());
        hasher.update(b"\n");
    }
    truncated(&hasher)
}

/// Identifies everything that a search is a function of, but for the program:
/// settings, ground truth, and of the traces the scores of the formulas that
/// the search starts from.
fn inputs(problem: &Problem<'_>, settings: &Settings) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{settings:?}\n").as_bytes());
    for benchmark in problem.benchmarks {
        hasher.update(format!("{:?}\n", benchmark.split).as_bytes());
        let mut column = |values: &[f64]| {
            hasher.update(&(values.len() as u64).to_le_bytes());
            for value in values {
                // One NaN is as good as another.
                let value = if value.is_nan() { f64::NAN } else { *value };
                hasher.update(&value.to_le_bytes());
            }
        };
        column(benchmark.truth);
        for formula in problem.seeds {
            let scores = benchmark.scorer.scores(formula, &benchmark.split.search);
            column(&scores.unwrap_or_default());
        }
    }
    truncated(&hasher)
}

/// A file whose flushing reaches the disk, though not every time.
struct Durable {
    file: File,
    synced: Instant,
}

impl Write for Durable {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.synced.elapsed() >= SYNC {
            self.file.sync_data()?;
            self.synced = Instant::now();
        }
        Ok(())
    }
}
