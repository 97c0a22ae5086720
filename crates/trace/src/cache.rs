//! Traces on disk: one append-only file per set of settings.
//!
//! ```text
//! file   = header, record*
//! header = "LPZTRACE", u32 format, u32 length, spec as JSON, blake3 of all that (32)
//! record = architecture key (32), u64 length, trace, blake3 of the header's and of all
//!          that (32)
//! ```
//!
//! Records are appended as traces are finished, so whatever interrupts a run,
//! the next one continues where it stopped. A record is bound to the settings in the
//! header: it is valid in no file of others. Opening verifies every checksum; from the
//! first damaged byte on the file is cut off and made again. A file that does not begin
//! as a cache is never written to.

use std::{
    collections::HashMap,
    fs::{self, File, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use lpzero_arch::Architecture;
use lpzero_run::{ContentHash, Hasher, open_own};

use crate::{
    codec,
    error::{CacheWarning, Error},
    spec::{FORMAT, TraceSpec},
    store::{DEFAULT_LIMIT, MAGIC, TraceStore, begins_as_ours},
    trace::Trace,
};

const HASH: usize = ContentHash::LENGTH;
const RECORD_HEAD: usize = HASH + 8;

/// Longest trace that is kept, in bytes: memory does not depend on what a file claims.
const LONGEST: u64 = 1 << 30;

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
    store: TraceStore,
    path: PathBuf,
    /// Whether this process may append.
    writable: bool,
    /// Binds records to the settings.
    seal: ContentHash,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` where there is something else in the place of the file.
    file: Option<File>,
    /// Bytes of the other files of the store, as far as it was looked at.
    others: u64,
    /// Traces that were not kept.
    lost: usize,
    /// Why the disk takes no more.
    failed: Option<String>,
    /// Where the payload of each record starts, and its length.
    records: HashMap<ArchitectureKey, (u64, u64)>,
    /// End of the last intact record.
    end: u64,
}

impl TraceCache {
    /// Opens the cache of these settings in a folder of the default size, creating both
    /// where they do not exist.
    ///
    /// # Errors
    ///
    /// As [`open_in`](Self::open_in).
    pub fn open(folder: &Path, spec: &TraceSpec) -> Result<(TraceCache, Vec<CacheWarning>), Error> {
        Self::open_in(&TraceStore::new(folder, DEFAULT_LIMIT), spec)
    }

    /// Opens the cache of these settings in a store, creating both where they do not
    /// exist. Where the store is larger than it may be, what was not used for longest is
    /// removed.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`] where the folder or the file cannot be created, read or
    /// written. Damage is not an error but a warning.
    pub fn open_in(
        store: &TraceStore,
        spec: &TraceSpec,
    ) -> Result<(TraceCache, Vec<CacheWarning>), Error> {
        let folder = store.folder();
        fs::create_dir_all(folder).map_err(Error::cache("create", folder))?;
        let path = folder.join(spec.file_name());
        let header = header(spec);
        // It ends in the checksum of all that the settings say.
        let (_, checksum) = header.split_at(header.len() - HASH);
        let mut cache = TraceCache {
            store: store.clone(),
            path: path.clone(),
            writable: false,
            seal: ContentHash::of_bytes(checksum),
            state: Mutex::new(State {
                file: None,
                others: 0,
                lost: 0,
                failed: None,
                records: HashMap::new(),
                end: 0,
            }),
        };
        let foreign = |what: String| CacheWarning::Foreign {
            path: path.clone(),
            what,
        };
        let mut file = match open_own(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                return Ok((cache, vec![foreign(error.to_string())]));
            }
            Err(error) => return Err(Error::cache("open", &path)(error)),
        };
        if !begins_as_ours(&mut file).map_err(Error::cache("read", &path))? {
            return Ok((cache, vec![foreign("it begins otherwise".to_owned())]));
        }
        let mut warnings = Vec::new();
        cache.writable = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            // Some network file systems have no locks; records carry
            // checksums, so the worst case is work done twice.
            Err(TryLockError::Error(_)) => true,
        };
        if !cache.writable {
            warnings.push(CacheWarning::InUse { path: path.clone() });
        }
        cache.read(file, &header, &mut warnings)?;
        Ok((cache, warnings))
    }

    /// Reads what is kept; cuts off what is damaged, and begins a file anew that has
    /// another header.
    fn read(
        &mut self,
        mut file: File,
        header: &[u8],
        warnings: &mut Vec<CacheWarning>,
    ) -> Result<(), Error> {
        let path = &self.path;
        let length = file.metadata().map_err(Error::cache("read", path))?.len();
        let mut records = HashMap::new();
        let mut end = 0;
        if starts_with(&mut file, header).map_err(Error::cache("read", path))? {
            end = header.len() as u64;
            scan(&mut file, self.seal, length, &mut end, &mut records)
                .map_err(Error::cache("read", path))?;
            if end < length && self.writable {
                warnings.push(CacheWarning::CutOff {
                    path: path.clone(),
                    kept: records.len(),
                    bytes: length - end,
                });
                file.set_len(end).map_err(Error::cache("write", path))?;
            }
        } else if self.writable {
            if length > 0 {
                warnings.push(CacheWarning::Rebuilt { path: path.clone() });
            }
            let begun = file
                .set_len(0)
                .and_then(|()| file.seek(SeekFrom::Start(0)))
                .and_then(|_| file.write_all(header));
            if let Err(error) = begun {
                // Nothing, rather than half a header.
                let _ = file.set_len(0);
                self.writable = false;
                warnings.push(CacheWarning::NotKept {
                    path: path.clone(),
                    traces: None,
                    what: error.to_string(),
                });
            }
            end = header.len() as u64;
        }
        let mut others = 0;
        if self.writable {
            // Used now, whether or not anything is appended.
            let _ = file.set_modified(SystemTime::now());
            others = self.store.make_room(end, path);
        }
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        *state = State {
            file: Some(file),
            others,
            lost: 0,
            failed: None,
            records,
            end,
        };
        Ok(())
    }

    /// The cache file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Warning about traces that were not kept: the store may not become larger, or the
    /// disk takes no more.
    pub fn not_kept(&self) -> Option<CacheWarning> {
        let state = self.state();
        let State { lost, failed, .. } = &*state;
        let full = || format!("all traces may take {} MB", self.store.limit() / 1_000_000);
        (*lost > 0).then(|| CacheWarning::NotKept {
            path: self.path.clone(),
            traces: Some(*lost),
            what: failed.clone().unwrap_or_else(full),
        })
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
        let Some(file) = &mut state.file else {
            return Ok(None);
        };
        // The length was checked against the file when it was opened.
        let mut payload = vec![0; length as usize];
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.read_exact(&mut payload))
            .map_err(Error::cache("read", &self.path))?;
        drop(state);
        // A payload with a valid checksum that does not decode is left to be
        // made again, like one that is missing.
        Ok(codec::decode(&payload).ok())
    }

    /// Keeps a trace; does nothing where another process owns the file, where the store
    /// would become larger than it may, or where the disk is full. What was kept before
    /// stays intact, and [`not_kept`](Self::not_kept) tells.
    pub fn append(&self, key: ArchitectureKey, trace: &Trace) {
        if !self.writable {
            return;
        }
        let payload = codec::encode(trace);
        let length = payload.len() as u64;
        let mut record = Vec::with_capacity(RECORD_HEAD + payload.len() + HASH);
        record.extend_from_slice(key.0.as_bytes());
        record.extend_from_slice(&length.to_le_bytes());
        record.extend_from_slice(&payload);
        let checksum = sealed(self.seal, &record);
        record.extend_from_slice(checksum.as_bytes());

        let mut state = self.state();
        let State {
            file,
            others,
            lost,
            failed,
            records,
            end,
        } = &mut *state;
        let Some(file) = file else { return };
        let after = *end + record.len() as u64;
        if !self.store.holds(after + *others) {
            *others = self.store.make_room(after, &self.path);
        }
        if length > LONGEST || !self.store.holds(after + *others) || failed.is_some() {
            *lost += 1;
            return;
        }
        let written = file.seek(SeekFrom::Start(*end));
        if let Err(error) = written.and_then(|_| file.write_all(&record)) {
            // Best effort: the next opening would cut off the torn record anyway.
            let _ = file.set_len(*end);
            *lost += 1;
            *failed = Some(error.to_string());
            return;
        }
        records.insert(key, (*end + RECORD_HEAD as u64, length));
        *end = after;
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

/// The checksum of a record in a file of these settings.
fn sealed(seal: ContentHash, record: &[u8]) -> ContentHash {
    let mut hasher = Hasher::new();
    hasher.update(seal.as_bytes()).update(record);
    hasher.finish()
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
    seal: ContentHash,
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
        if payload_length > (left - (RECORD_HEAD + HASH) as u64).min(LONGEST) {
            return Ok(());
        }
        record.clear();
        record.extend_from_slice(&head);
        record.resize(RECORD_HEAD + payload_length as usize, 0);
        let mut checksum = [0; HASH];
        if !read_exact(&mut reader, &mut record[RECORD_HEAD..])?
            || !read_exact(&mut reader, &mut checksum)?
            || *sealed(seal, &record).as_bytes() != checksum
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
