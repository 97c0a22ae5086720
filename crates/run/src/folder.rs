//! A folder that a run works in: its configuration, and whatever lets it go on after it
//! was stopped. It belongs to one run, and to one process at a time, or to several that each
//! do a share of it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::input::{self, Limit};
use crate::journal::is_empty;
use crate::{is_machines_fault, open_own, write_whole};

/// The file that says what the run is a function of.
pub const CONFIGURATION: &str = "configuration.json";
/// Its largest size.
pub const CONFIGURATION_LIMIT: Limit = Limit::mebibytes("the configuration of a run", 64);
/// The file that says how many pieces the run has, where somebody has counted.
pub const PIECES: &str = "pieces.json";
const LOCK: &str = "lock";

/// Why a folder cannot be used, in one sentence that names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// Something is there already, and is never touched.
    #[error("{}: exists already", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing can be put there.
    #[error("{}: cannot be written to: {message}", path.display())]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// Reason that the system gives.
        message: String,
    },
    /// There is no configuration.
    #[error("{}: not the folder of {what}: {message}", path.display())]
    NotARun {
        /// Where the configuration was expected.
        path: PathBuf,
        /// The kind of run, with its article.
        what: String,
        /// Reason that the system gives.
        message: String,
    },
    /// The configuration is not one of this kind of run.
    #[error("{}: {message}", path.display())]
    Configuration {
        /// The configuration.
        path: PathBuf,
        /// Fault, and what was expected instead.
        message: String,
    },
    /// There is another run than the one that a share was to be done of.
    #[error("{}: a run with other options ({key} differs); a share is one of the same run", path.display())]
    OtherRun {
        /// The configuration.
        path: PathBuf,
        /// The first key that differs.
        key: String,
    },
    /// Another process holds the folder.
    #[error(
        "{}: another process works on this run; wait for it or stop it first",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A file of the run cannot be written.
    #[error("{}: cannot be written: {message}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Reason that the system gives.
        message: String,
    },
}

impl FolderError {
    /// Whether what the user gave is wrong, as opposed to the machine.
    pub fn is_input(&self) -> bool {
        !matches!(self, Self::Write { .. })
    }
}

/// Who may work in a folder at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// This process.
    Alone,
    /// This process, and others that do other shares.
    Shared,
}

/// The folder of a run, held by this process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    origin: Origin,
    /// Released by the system when the process ends, however it ends.
    _lock: File,
}

/// Ways in which a folder becomes that of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// This process made it.
    Made,
    /// It was there, with nothing in it, and this process began the run.
    Begun,
    /// The run was there.
    Opened,
}

impl Folder {
    /// Makes a new folder. One that exists already is never touched.
    ///
    /// # Errors
    /// A folder with anything in it, or a place that cannot be written to.
    pub fn create(path: &Path, configuration: &impl Serialize) -> Result<Self, FolderError> {
        let exists = || FolderError::Exists {
            path: path.to_owned(),
        };
        if path.exists() && !is_blank(path) {
            return Err(exists());
        }
        let origin = match path.exists() {
            true => Origin::Begun,
            false => Origin::Made,
        };
        fs::create_dir_all(path).map_err(unwritable(path))?;
        let lock = lock(path, Hold::Alone).inspect_err(|_| {
            if origin == Origin::Made {
                let _ = fs::remove_dir(path);
            }
        })?;
        let folder = Self {
            path: path.to_owned(),
            origin,
            _lock: lock,
        };
        // Another process may have been faster.
        if !is_blank(path) {
            return Err(exists());
        }
        match folder.write(CONFIGURATION, configuration) {
            Ok(()) => Ok(folder),
            Err(error) => {
                folder.discard(&[]);
                Err(error)
            }
        }
    }

    /// Opens the folder of a run beside others that do other shares of it, or makes it where
    /// there is none. Whoever is first writes the configuration; all must mean the same one.
    ///
    /// # Errors
    /// A folder of another run, or of none; one that a process holds alone.
    pub fn join(path: &Path, configuration: &impl Serialize) -> Result<Self, FolderError> {
        fs::create_dir_all(path).map_err(unwritable(path))?;
        let folder = Self {
            path: path.to_owned(),
            // Others may be at work already: it is nobody's to remove.
            origin: Origin::Opened,
            _lock: lock(path, Hold::Shared)?,
        };
        let file = path.join(CONFIGURATION);
        if !file.exists() {
            // Another share may write it between the two questions.
            if !is_blank(path) && !file.exists() {
                let path = path.to_owned();
                return Err(FolderError::Exists { path });
            }
            folder.write(CONFIGURATION, configuration)?;
        }
        // Two that are first at once write the same, or one of them learns that here.
        let read = input::read_text(&file, CONFIGURATION_LIMIT).map_err(unwritable(&file))?;
        let unreadable = |error: serde_json::Error| FolderError::Configuration {
            path: file.clone(),
            message: error.to_string(),
        };
        let theirs: Value = serde_json::from_str(&read).map_err(unreadable)?;
        let own = serde_json::to_string(configuration).map_err(unreadable)?;
        let own: Value = serde_json::from_str(&own).map_err(unreadable)?;
        match difference(&own, &theirs) {
            None => Ok(folder),
            Some(key) => Err(FolderError::OtherRun { path: file, key }),
        }
    }

    /// Opens the folder of a run that was started before. `what` is the kind of run
    /// with its article, such as "a search".
    ///
    /// # Errors
    /// A folder without a configuration of that kind, or one that another process holds.
    pub fn open<C: DeserializeOwned>(path: &Path, what: &str) -> Result<(C, Self), FolderError> {
        Self::open_for(path, what, Hold::Alone)
    }

    /// [`open`](Self::open), alone or beside others.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_for<C: DeserializeOwned>(
        path: &Path,
        what: &str,
        hold: Hold,
    ) -> Result<(C, Self), FolderError> {
        let file = path.join(CONFIGURATION);
        let text =
            input::read_text(&file, CONFIGURATION_LIMIT).map_err(|error| FolderError::NotARun {
                path: file.clone(),
                what: what.to_owned(),
                message: error.to_string(),
            })?;
        let read = serde_json::from_str(&text);
        let configuration = read.map_err(|error| FolderError::Configuration {
            path: file,
            message: error.to_string(),
        })?;
        let folder = Self {
            path: path.to_owned(),
            origin: Origin::Opened,
            _lock: lock(path, hold)?,
        };
        Ok((configuration, folder))
    }

    /// [`open`](Self::open), where the configuration has a `version` that may be another
    /// than the `expected` one.
    ///
    /// # Errors
    /// All that [`open`](Self::open) refuses, and another version.
    pub fn open_versioned<C: DeserializeOwned>(
        path: &Path,
        what: &str,
        expected: u32,
        hold: Hold,
    ) -> Result<(C, Self), FolderError> {
        #[derive(Deserialize)]
        struct Version {
            version: Option<u32>,
        }
        // The version first: the rest may read differently.
        let file = path.join(CONFIGURATION);
        let text = input::read_text(&file, CONFIGURATION_LIMIT).unwrap_or_default();
        match serde_json::from_str(&text) {
            Ok(Version { version }) if version != Some(expected) => {
                let version = version.map_or("no version".to_owned(), |v| format!("version {v}"));
                Err(FolderError::Configuration {
                    path: file,
                    message: format!("{version}; expected {expected}"),
                })
            }
            _ => Self::open_for(path, what, hold),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this process began the run.
    pub fn is_new(&self) -> bool {
        self.origin != Origin::Opened
    }

    /// Removes the run that this process began, and the folder if it made it, where
    /// nothing is recorded: journals without a record are all there is of what runs
    /// write, by `names`. Returns whether the run is gone.
    pub fn discard(self, names: &[&str]) -> bool {
        let paths = || names.iter().map(|name| self.path.join(name));
        if self.origin == Origin::Opened || !paths().all(|path| is_empty(&path)) {
            return false;
        }
        for path in paths() {
            // What cannot be removed stays, and the folder with it.
            let _ = fs::remove_dir_all(path);
        }
        for name in [CONFIGURATION, PIECES, LOCK] {
            let _ = fs::remove_file(self.path.join(name));
        }
        if self.origin == Origin::Made {
            let _ = fs::remove_dir(&self.path);
        }
        true
    }

    /// Writes a JSON document whole or not at all.
    ///
    /// # Errors
    /// [`FolderError::Write`]; what stood there before stays.
    pub fn write(&self, name: &str, document: &impl Serialize) -> Result<(), FolderError> {
        let text = serde_json::to_string_pretty(document).map_err(|error| FolderError::Write {
            path: self.path.join(name),
            message: error.to_string(),
        })?;
        self.write_text(name, &(text + "\n"))
    }

    /// Writes a file whole or not at all.
    ///
    /// # Errors
    /// [`FolderError::Write`]; what stood there before stays.
    pub fn write_text(&self, name: &str, text: &str) -> Result<(), FolderError> {
        let path = self.path.join(name);
        write_whole(&path, text.as_bytes()).map_err(|error| FolderError::Write {
            path,
            message: error.to_string(),
        })
    }
}

/// Whether a folder holds no more than a process leaves that was killed before it had
/// written its configuration.
fn is_blank(folder: &Path) -> bool {
    let is_leftover = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // Earlier versions wrote beside the configuration under the last of these.
            name == LOCK
                || name
                    .strip_prefix('.')
                    .is_some_and(|name| name.starts_with(CONFIGURATION))
                || name.strip_suffix(".part") == Some(CONFIGURATION)
        })
    };
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(is_leftover))
}

/// The first key under which two configurations differ, with the keys that it stands under.
fn difference(own: &Value, theirs: &Value) -> Option<String> {
    match (own, theirs) {
        (Value::Object(own), Value::Object(theirs)) => {
            let keys = own.keys().chain(theirs.keys());
            keys.into_iter()
                .find_map(|key| match (own.get(key), theirs.get(key)) {
                    (Some(own), Some(theirs)) => match difference(own, theirs)? {
                        below if below.is_empty() => Some(key.clone()),
                        below => Some(format!("{key}.{below}")),
                    },
                    _ => Some(key.clone()),
                })
        }
        (own, theirs) => (own != theirs).then(String::new),
    }
}

/// Makes the folder this process's own, or one that it shares.
fn lock(folder: &Path, hold: Hold) -> Result<File, FolderError> {
    let file = open_own(&folder.join(LOCK)).map_err(unwritable(folder))?;
    let held = match hold {
        Hold::Alone => file.try_lock(),
        Hold::Shared => file.try_lock_shared(),
    };
    match held {
        // Some network file systems have no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(FolderError::InUse {
            path: folder.to_owned(),
        }),
    }
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    move |error| {
        let (path, message) = (path.to_owned(), error.to_string());
        match is_machines_fault(&error) {
            true => FolderError::Write { path, message },
            false => FolderError::Unwritable { path, message },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_is_one_runs_and_one_processs() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        let folder = Folder::create(&path, &7).unwrap();
        let taken = Folder::create(&path, &7).unwrap_err();
        assert_eq!(taken, FolderError::Exists { path: path.clone() });
        let held = Folder::open::<i32>(&path, "a search").unwrap_err();
        assert_eq!(held, FolderError::InUse { path: path.clone() });
        drop(folder);
        let (configuration, folder) = Folder::open::<i32>(&path, "a search").unwrap();
        assert_eq!(configuration, 7);
        fs::create_dir(path.join("journal")).unwrap();
        fs::write(path.join("journal/main"), "").unwrap();
        // Who opened a run does not remove it.
        assert!(!folder.discard(&["journal", "report.json"]));
        assert!(path.join(CONFIGURATION).exists());
    }

    #[test]
    fn shares_of_one_run_have_one_configuration_and_keep_others_out() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        let configuration = serde_json::json!({"seed": 1, "pass": {"batch": 4}});
        let first = Folder::join(&path, &configuration).unwrap();
        let second = Folder::join(&path, &configuration).unwrap();
        let other = serde_json::json!({"seed": 1, "pass": {"batch": 8}});
        let refused = Folder::join(&path, &other).unwrap_err().to_string();
        assert!(refused.contains("pass.batch differs"), "{refused}");
        let alone = Folder::open::<Value>(&path, "a build").unwrap_err();
        assert_eq!(alone, FolderError::InUse { path: path.clone() });
        drop((first, second));
        let held = Folder::open::<Value>(&path, "a build").unwrap();
        let refused = Folder::join(&path, &configuration).unwrap_err();
        assert_eq!(refused, FolderError::InUse { path: path.clone() });
        drop(held);
        // What is no run is not made one.
        let foreign = place.path().join("foreign");
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("thesis.txt"), "mine").unwrap();
        let refused = Folder::join(&foreign, &configuration).unwrap_err();
        assert!(matches!(refused, FolderError::Exists { .. }), "{refused}");
    }

    #[test]
    fn only_a_run_without_a_record_is_removed_and_only_a_folder_that_was_made() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        let create = || Folder::create(&path, &7).unwrap();
        let folder = create();
        fs::create_dir(path.join("journal")).unwrap();
        fs::write(path.join("journal/main"), "").unwrap();
        assert!(folder.discard(&["journal", "report.json"]) && !path.exists());
        // It was there before.
        fs::create_dir(&path).unwrap();
        assert!(create().discard(&["journal"]));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        for recorded in ["checkpoint", "journal/main"] {
            let folder = create();
            fs::create_dir_all(path.join("journal")).unwrap();
            fs::write(path.join(recorded), "hours of work").unwrap();
            assert!(!folder.discard(&["journal", "checkpoint"]), "{recorded}");
            assert!(path.join(recorded).exists() && path.join(CONFIGURATION).exists());
            fs::remove_dir_all(&path).unwrap();
        }
    }

    #[test]
    fn what_the_run_did_not_write_is_not_removed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        let folder = Folder::create(&path, &7).unwrap();
        fs::write(path.join("notes.txt"), "mine").unwrap();
        folder.discard(&["journal"]);
        assert!(path.join("notes.txt").exists() && !path.join(CONFIGURATION).exists());
    }

    #[test]
    fn a_folder_that_never_became_a_run_can_be_used() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        fs::create_dir(&path).unwrap();
        for name in [
            LOCK,
            ".configuration.json.Xy12ab",
            "configuration.json.part",
        ] {
            fs::write(path.join(name), "{").unwrap();
        }
        let refused = Folder::open::<i32>(&path, "a search").unwrap_err();
        assert!(matches!(refused, FolderError::NotARun { .. }), "{refused}");
        assert!(Folder::create(&path, &7).is_ok());
    }

    #[test]
    fn another_configuration_is_refused_by_name() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        drop(Folder::create(&path, &"text").unwrap());
        let refused = Folder::open::<i32>(&path, "a search")
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("configuration.json: invalid type"),
            "{refused}"
        );
    }
}
