//! A folder that a command works in: its configuration, and whatever lets it go on
//! after it was stopped. It belongs to one run, and to one process at a time.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;

pub const CONFIGURATION: &str = "configuration.json";
const LOCK: &str = "lock";

pub struct Folder {
    path: PathBuf,
    /// Released by the system when the process ends, however it ends.
    _lock: File,
}

impl Folder {
    /// A new folder; one that exists already is never touched.
    pub fn create(path: &Path, configuration: &impl Serialize) -> Result<Self> {
        let exists = || {
            Failure::input(format_args!(
                "--out {}: exists already; give a new folder, or continue that run with --resume",
                path.display()
            ))
        };
        if path.exists() && !is_blank(path) {
            return Err(exists());
        }
        let unwritable = |error: std::io::Error| {
            Failure::input(format_args!(
                "--out {}: cannot be written to: {error}",
                path.display()
            ))
        };
        fs::create_dir_all(path).map_err(unwritable)?;
        let folder = Self {
            path: path.to_owned(),
            _lock: lock(path, "--out")?,
        };
        // Another process may have been faster.
        if !is_blank(path) {
            return Err(exists());
        }
        folder
            .write(CONFIGURATION, configuration)
            .map_err(|error| Failure::input(format_args!("--out {}: {error:#}", path.display())))?;
        Ok(folder)
    }

    /// The folder of a run of `what` that was started before.
    pub fn open<C: DeserializeOwned>(path: &Path, what: &str) -> Result<(C, Self)> {
        let file = path.join(CONFIGURATION);
        let wrong = |message: String| {
            Failure::input(format_args!("--resume {}: {message}", file.display()))
        };
        let text = fs::read_to_string(&file)
            .map_err(|error| wrong(format!("not the folder of {what}: {error}")))?;
        let configuration =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        Ok((
            configuration,
            Self {
                path: path.to_owned(),
                _lock: lock(path, "--resume")?,
            },
        ))
    }

    /// The same, where the layout has a version that may have changed since.
    pub fn open_versioned<C: DeserializeOwned>(
        path: &Path,
        what: &str,
        expected: u32,
    ) -> Result<(C, Self)> {
        #[derive(serde::Deserialize)]
        struct Version {
            version: u32,
        }
        // The version first: the rest may read differently.
        let text = fs::read_to_string(path.join(CONFIGURATION)).unwrap_or_default();
        if let Ok(Version { version }) = serde_json::from_str(&text)
            && version != expected
        {
            return Err(Failure::input(format_args!(
                "--resume {}: version {version}; expected {expected}",
                path.join(CONFIGURATION).display(),
            )));
        }
        Self::open(path, what)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what the run wrote, by name; the folder itself only if that leaves it
    /// empty.
    pub fn discard(self, names: &[&str]) {
        for name in names.iter().chain(&[CONFIGURATION, LOCK]) {
            let _ = fs::remove_file(self.path.join(name));
        }
        let _ = fs::remove_dir(&self.path);
    }

    /// Writes a JSON document whole or not at all.
    pub fn write(&self, name: &str, document: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(document)?;
        self.write_text(name, &(text + "\n"))
    }

    /// Writes a file whole or not at all.
    pub fn write_text(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path.join(name);
        let temporary = self.path.join(part_of(name));
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().with_context(|| format!("{}: cannot be written", path.display()))
    }
}

/// Whether a folder holds no more than a process leaves that was killed before
/// it had written its configuration.
fn is_blank(folder: &Path) -> bool {
    let leftovers = [LOCK.to_owned(), part_of(CONFIGURATION)];
    let is_leftover = |entry: std::io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| leftovers.iter().any(|name| **name == *entry.file_name()))
    };
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(is_leftover))
}

/// Makes the folder this process's own.
fn lock(folder: &Path, option: &str) -> Result<File> {
    let wrong =
        |message: String| Failure::input(format_args!("{option} {}: {message}", folder.display()));
    let open = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(LOCK));
    let file = open.map_err(|error| wrong(format!("cannot be written to: {error}")))?;
    match file.try_lock() {
        // Some network file systems have no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(wrong(
            "another process works on this run; wait for it or stop it first".to_owned(),
        )),
    }
}

/// What a file is called while it is being written.
fn part_of(name: &str) -> String {
    format!("{name}.part")
}
