//! The folder of all trace caches, which may hold so much and no more.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lpzero_run::read_own;

use crate::error::Error;

/// Default of what a store may hold, in bytes: ten searches of published ground truths.
pub const DEFAULT_LIMIT: u64 = 2_000_000_000;

/// First bytes of every trace cache.
pub(crate) const MAGIC: &[u8; 8] = b"LPZTRACE";

/// Ending of the names of trace caches.
pub(crate) const ENDING: &str = "trace";

/// The folder of all trace caches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStore {
    folder: PathBuf,
    limit: u64,
}

/// Trace caches, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Number of files.
    pub files: usize,
    /// Bytes in them.
    pub bytes: u64,
}

/// One trace cache in the folder.
struct Entry {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl TraceStore {
    /// The store in a folder, which need not exist, of at most `limit` bytes.
    pub fn new(folder: impl Into<PathBuf>, limit: u64) -> Self {
        Self {
            folder: folder.into(),
            limit,
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes that it may hold.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Counts what is kept; nothing where there is no folder.
    ///
    /// # Errors
    /// [`Error::Cache`] where the folder cannot be read.
    pub fn size(&self) -> Result<Stored, Error> {
        let entries = self.entries();
        let entries = entries.map_err(Error::cache("list", &self.folder))?;
        Ok(entries.iter().fold(Stored::default(), Stored::and))
    }

    /// Removes all traces but those that another process uses: what was removed, and
    /// what is left. Files that are no trace caches are not touched.
    ///
    /// # Errors
    /// [`Error::Cache`] where the folder cannot be read, or a file not be removed.
    pub fn clean(&self) -> Result<(Stored, Stored), Error> {
        let entries = self.entries();
        let (mut removed, mut left) = (Stored::default(), Stored::default());
        for entry in entries.map_err(Error::cache("list", &self.folder))? {
            match remove_unused(&entry.path) {
                Ok(true) => removed = removed.and(&entry),
                Ok(false) => left = left.and(&entry),
                Err(error) => return Err(Error::cache("remove", &entry.path)(error)),
            }
        }
        Ok((removed, left))
    }

    /// Whether it may hold so many bytes.
    pub(crate) fn holds(&self, bytes: u64) -> bool {
        bytes <= self.limit
    }

    /// Removes what was not used for longest until there is room for one file of so many
    /// bytes at a path; returns the bytes of all other files that are left. What cannot
    /// be removed stays.
    pub(crate) fn make_room(&self, bytes: u64, path: &Path) -> u64 {
        let mut entries = self.entries().unwrap_or_default();
        entries.retain(|entry| entry.path != path);
        entries.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
        let mut others = entries.iter().map(|entry| entry.bytes).sum();
        for entry in entries {
            if self.holds(bytes.saturating_add(others)) {
                break;
            }
            if remove_unused(&entry.path).unwrap_or(false) {
                others -= entry.bytes;
            }
        }
        others
    }

    /// All trace caches, by name.
    fn entries(&self) -> io::Result<Vec<Entry>> {
        let listed = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed?,
        };
        let mut entries = Vec::new();
        for listed in listed {
            let path = listed?.path();
            let named = path.extension().is_some_and(|ending| ending == ENDING);
            // A link, or a file that is gone meanwhile, is not ours.
            let Some(mut file) = read_own(&path).ok().filter(|_| named) else {
                continue;
            };
            if begins_as_ours(&mut file)? {
                let metadata = file.metadata()?;
                entries.push(Entry {
                    bytes: metadata.len(),
                    used: metadata.modified()?,
                    path,
                });
            }
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }
}

impl Stored {
    fn and(self, entry: &Entry) -> Self {
        Self {
            files: self.files + 1,
            bytes: self.bytes + entry.bytes,
        }
    }
}

/// Removes a file unless another process uses it; returns whether it is gone.
fn remove_unused(path: &Path) -> io::Result<bool> {
    match read_own(path)?.try_lock() {
        Err(fs::TryLockError::WouldBlock) => Ok(false),
        // Some network file systems have no locks.
        Ok(()) | Err(fs::TryLockError::Error(_)) => fs::remove_file(path).map(|()| true),
    }
}

/// Whether a file is a trace cache of whatever version, or the beginning of one.
pub(crate) fn begins_as_ours(file: &mut File) -> io::Result<bool> {
    let mut found = Vec::with_capacity(MAGIC.len());
    file.seek(SeekFrom::Start(0))?;
    io::Read::take(file, MAGIC.len() as u64).read_to_end(&mut found)?;
    Ok(MAGIC.starts_with(&found))
}
