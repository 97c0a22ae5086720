//! Traces on disk: one append-only file per set of settings.
//!
//! ```text
//! file   = header, record*
//! header = "LPZTRACE", u32 format, u32 length, spec as JSON, blake3 of all that
//! record = architecture key (32), u64 length, trace, blake3 of all that (32)
//! ```
//!
//! Records are appended as traces are finished, so whatever interrupts a run,
//! the next one continues where it stopped. Opening verifies every checksum;
//! from the first damaged byte on the file is cut off and made again.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use lpzero_arch::Architecture;
use lpzero_run::ContentHash;

use crate::{
    codec,
    error::{CacheWarning, Error},
    spec::TraceSpec,
    trace::Trace,
};

const MAGIC: &[u8; 8] = b"LPZTRACE";

/// Changes whenever the encoding, the sample, a reduction, or (between two
/// releases) what the engine computes does.
pub(crate) const FORMAT: u32 = 3;

const HASH: usize = ContentHash::LENGTH;
const RECORD_HEAD: usize = HASH + 8;

/// Identifies an architecture by its content, wherever it stands in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArchitectureKey(ContentHash);

impl ArchitectureKey {
    /// The hash of everything that the architecture says.
    pub fn of(architecture: &Architecture) -> Self {
        ArchitectureKey(ContentHash::of(architecture))
    }
}

/// The traces made so far under one [`TraceSpec`].
#[derive(Debug)]
pub struct TraceCache {
    path: PathBuf,
    /// Whether this process may append.
    writable: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// Where the payload of each record starts, and its length.
    records: HashMap<ArchitectureKey, (u64, u64)>,
    /// End of the last intact record.
    end: u64,
}

impl TraceCache {
    /// Opens the cache of these settings in a folder, creating both where they
    /// do not exist.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`] where the folder or the file cannot be created, read or
    /// written. Damage is not an error but a warning.
    pub fn open(folder: &Path, spec: &TraceSpec) -> Result<(TraceCache, Vec<CacheWarning>), Error> {
        fs::create_dir_all(folder).map_err(Error::cache("create", folder))?;
        let path = folder.join(spec.file_name());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::cache("open", &path))?;
        let writable = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            // Some network file systems have no locks; records carry
            // checksums, so the worst case is work done twice.
            Err(TryLockError::Error(_)) => true,
        };

        let mut warnings = Vec::new();
        if !writable {
            warnings.push(CacheWarning::InUse { path: path.clone() });
        }
        let length = file.metadata().map_err(Error::cache("read", &path))?.len();
        let header = header(spec);
        let mut records = HashMap::new();
        let mut end = 0;
        if starts_with(&mut file, &header).map_err(Error::cache("read", &path))? {
            end = header.len() as u64;
            scan(&mut file, length, &mut end, &mut records).map_err(Error::cache("read", &path))?;
            if end < length && writable {
                warnings.push(CacheWarning::CutOff {
                    path: path.clone(),
                    kept: records.len(),
                    bytes: length - end,
                });
                file.set_len(end).map_err(Error::cache("write", &path))?;
            }
        } else if writable {
            if length > 0 {
                warnings.push(CacheWarning::Rebuilt { path: path.clone() });
            }
            file.set_len(0)
                .and_then(|()| file.seek(SeekFrom::Start(0)))
                .and_then(|_| file.write_all(&header))
                .map_err(Error::cache("write", &path))?;
            end = header.len() as u64;
        }
        let state = Mutex::new(State { file, records, end });
        Ok((
            TraceCache {
                path,
                writable,
                state,
            },
            warnings,
        ))
    }

    /// The cache file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of architectures whose trace is kept.
    pub fn len(&self) -> usize {
        self.state().records.len()
    }

    /// Whether no trace is kept yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the trace of an architecture is kept.
    pub fn contains(&self, key: &ArchitectureKey) -> bool {
        self.state().records.contains_key(key)
    }

    /// The trace of an architecture, if it is kept.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`] where the file can no longer be read.
    pub fn get(&self, key: &ArchitectureKey) -> Result<Option<Trace>, Error> {
        let mut state = self.state();
        let Some(&(start, length)) = state.records.get(key) else {
            return Ok(None);
        };
        // The length was checked against the file when it was opened.
        let mut payload = vec![0; length as usize];
        state
            .file
            .seek(SeekFrom::Start(start))
            .and_then(|_| state.file.read_exact(&mut payload))
            .map_err(Error::cache("read", &self.path))?;
        drop(state);
        // A payload with a valid checksum that does not decode is left to be
        // made again, like one that is missing.
        Ok(codec::decode(&payload).ok())
    }

    /// Keeps a trace; does nothing where another process owns the file.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`] where the disk is full or gone. What was kept before
    /// stays intact.
    pub fn append(&self, key: ArchitectureKey, trace: &Trace) -> Result<(), Error> {
        if !self.writable {
            return Ok(());
        }
        let payload = codec::encode(trace);
        let length = payload.len() as u64;
        let mut record = Vec::with_capacity(RECORD_HEAD + payload.len() + HASH);
        record.extend_from_slice(key.0.as_bytes());
        record.extend_from_slice(&length.to_le_bytes());
        record.extend_from_slice(&payload);
        let checksum = ContentHash::of_bytes(&record);
        record.extend_from_slice(checksum.as_bytes());

        let mut state = self.state();
        let end = state.end;
        let written = state
            .file
            .seek(SeekFrom::Start(end))
            .and_then(|_| state.file.write_all(&record));
        if let Err(error) = written {
            // Best effort: the next opening would cut off the torn record anyway.
            let _ = state.file.set_len(end);
            return Err(Error::cache("write", &self.path)(error));
        }
        state.end += record.len() as u64;
        state
            .records
            .insert(key, (end + RECORD_HEAD as u64, length));
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the state whole: it changes after the write.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that a file of these settings starts with.
fn header(spec: &TraceSpec) -> Vec<u8> {
    let json = spec.to_json();
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&FORMAT.to_le_bytes());
    header.extend_from_slice(&(json.len() as u32).to_le_bytes());
    header.extend_from_slice(json.as_bytes());
    let checksum = ContentHash::of_bytes(&header);
    header.extend_from_slice(checksum.as_bytes());
    header
}

/// Whether the file starts with these bytes; leaves it behind them.
fn starts_with(file: &mut File, header: &[u8]) -> io::Result<bool> {
    let mut found = Vec::with_capacity(header.len());
    file.seek(SeekFrom::Start(0))?;
    Read::take(file, header.len() as u64).read_to_end(&mut found)?;
    Ok(found == header)
}

/// Reads records from `end` on as long as they are intact, moving `end`.
fn scan(
    file: &mut File,
    length: u64,
    end: &mut u64,
    records: &mut HashMap<ArchitectureKey, (u64, u64)>,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(*end))?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut record = Vec::new();
    loop {
        let left = length - *end;
        let mut head = [0; RECORD_HEAD];
        if left < (RECORD_HEAD + HASH) as u64 || !read_exact(&mut reader, &mut head)? {
            return Ok(());
        }
        let (key, payload_length) = split_head(head);
        if payload_length > left - (RECORD_HEAD + HASH) as u64 {
            return Ok(());
        }
        record.clear();
        record.extend_from_slice(&head);
        record.resize(RECORD_HEAD + payload_length as usize, 0);
        let mut checksum = [0; HASH];
        if !read_exact(&mut reader, &mut record[RECORD_HEAD..])?
            || !read_exact(&mut reader, &mut checksum)?
            || *ContentHash::of_bytes(&record).as_bytes() != checksum
        {
            return Ok(());
        }
        records.insert(key, (*end + RECORD_HEAD as u64, payload_length));
        *end += (record.len() + HASH) as u64;
    }
}

fn split_head(head: [u8; RECORD_HEAD]) -> (ArchitectureKey, u64) {
    let mut key = [0; HASH];
    let mut length = [0; 8];
    key.copy_from_slice(&head[..HASH]);
    length.copy_from_slice(&head[HASH..]);
    (
        ArchitectureKey(ContentHash::from_bytes(key)),
        u64::from_le_bytes(length),
    )
}

/// Whether the buffer could be filled; another process may have cut the file.
fn read_exact(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
