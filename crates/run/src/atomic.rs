//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use atomic_write_file::AtomicWriteFile;

/// A file under way. It takes its place when it is [committed](Self::commit); dropped
/// before, it leaves what was there.
///
/// The bytes reach the disk before the name does. Where the file system knows files
/// without a name, a killed process leaves nothing behind; elsewhere it leaves a file
/// whose name begins with a dot and the name it was to have.
#[derive(Debug)]
pub struct Whole(BufWriter<Output>);

/// Place that bytes go to.
#[derive(Debug)]
enum Output {
    /// A file that has no name yet.
    Beside(AtomicWriteFile),
    /// A pipe or a device, which is written to as it is.
    Through(File),
}

impl Whole {
    /// A new file that is to stand at `path`. A link there is replaced, not followed.
    ///
    /// # Errors
    /// A folder that does not exist or cannot be written to.
    pub fn create(path: &Path) -> io::Result<Self> {
        let output = Output::Beside(AtomicWriteFile::open(path)?);
        Ok(Self(BufWriter::with_capacity(1 << 16, output)))
    }

    /// A file that the user named. A link is followed, and a pipe or a device written to.
    ///
    /// # Errors
    /// A folder that does not exist, or a place that cannot be written to.
    pub fn create_named(path: &Path) -> io::Result<Self> {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Self::create(&target(path));
            }
            Err(error) => return Err(error),
        };
        if found.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // Whether it may be written to, also where a new file would take its place. A pipe
        // that nobody reads would be waited for.
        #[cfg(unix)]
        let _reader = {
            use std::os::unix::fs::OpenOptionsExt;
            let mut options = File::options();
            options
                .write(true)
                .custom_flags(libc::O_NONBLOCK)
                .open(path)?
        };
        let file = File::options().write(true).open(path)?;
        if found.is_file() {
            return Self::create(&fs::canonicalize(path)?);
        }
        let output = Output::Through(file);
        Ok(Self(BufWriter::with_capacity(1 << 16, output)))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// A full or failing disk; what stood there before stays.
    pub fn commit(self) -> io::Result<()> {
        let output = self.0.into_inner().map_err(io::IntoInnerError::into_error);
        match output? {
            Output::Beside(file) => file.commit(),
            Output::Through(_) => Ok(()),
        }
    }
}

/// Target of a link that points nowhere; the path itself where it is no link.
fn target(path: &Path) -> PathBuf {
    match (fs::read_link(path), path.parent()) {
        (Ok(target), Some(folder)) => folder.join(target),
        (Ok(target), None) => target,
        (Err(_), _) => path.to_owned(),
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside(file) => file.write(bytes),
            Self::Through(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Beside(file) => file.flush(),
            Self::Through(file) => file.flush(),
        }
    }
}

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes a file whole or not at all.
///
/// # Errors
/// A full or failing disk; what stood there before stays.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = Whole::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        for text in ["first", "second, and longer"] {
            write_whole(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let mut dropped = Whole::create(&path).unwrap();
        dropped.write_all(b"half").unwrap();
        dropped.flush().unwrap();
        drop(dropped);
        assert_eq!(fs::read_to_string(&path).unwrap(), "second, and longer");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_the_user_named_may_be_a_link_or_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("report"), folder.path().join("link"));
        std::os::unix::fs::symlink("report", &link).unwrap();
        for text in ["first", "second, and longer"] {
            let mut file = Whole::create_named(&link).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file.commit().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert!(link.is_symlink());
        assert!(Whole::create_named(folder.path()).is_err());
        // Nobody reads: that is said, and not waited for.
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        if made.is_ok_and(|status| status.success()) {
            assert!(Whole::create_named(&pipe).is_err());
        }
        let null = Path::new("/dev/null");
        let mut file = Whole::create_named(null).unwrap();
        file.write_all(b"gone").unwrap();
        file.commit().unwrap();
        assert!(!fs::metadata(null).unwrap().is_file());
    }

    #[test]
    fn where_there_is_no_folder_the_error_is_the_systems() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_whole(&folder.path().join("none/report.json"), b"{}").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_can_be_read_by_whom_the_system_lets() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            let path = folder.path().join(name);
            fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        fs::write(folder.path().join("plain"), "").unwrap();
        write_whole(&folder.path().join("whole"), b"").unwrap();
        assert_eq!(mode("whole"), mode("plain"));
    }
}
