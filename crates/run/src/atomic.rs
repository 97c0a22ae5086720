//! Files that are there whole or not at all.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use atomic_write_file::AtomicWriteFile;

/// A file under way. It takes its place when it is [committed](Self::commit); dropped
/// before, it leaves what was there.
///
/// The bytes reach the disk before the name does. Where the file system knows files
/// without a name, a killed process leaves nothing behind; elsewhere it leaves a file
/// whose name begins with a dot and the name it was to have.
#[derive(Debug)]
pub struct Whole(BufWriter<AtomicWriteFile>);

impl Whole {
    /// A new file that is to stand at `path`.
    ///
    /// # Errors
    /// A folder that does not exist or cannot be written to.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = AtomicWriteFile::open(path)?;
        Ok(Self(BufWriter::with_capacity(1 << 16, file)))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// A full or failing disk; what stood there before stays.
    pub fn commit(self) -> io::Result<()> {
        let file = self.0.into_inner().map_err(io::IntoInnerError::into_error);
        file?.commit()
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
    use std::fs;

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
