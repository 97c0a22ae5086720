//! The system's answers: whose fault they are, and how files are opened that are ours.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Whether the machine is at fault and not the user: a full or failing disk, no memory.
///
/// All else can be mended by whoever chose the path: a file that is not there, is
/// something else, or belongs to somebody else.
pub fn is_machines_fault(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    let kinds = [
        Kind::StorageFull,
        Kind::QuotaExceeded,
        Kind::FileTooLarge,
        Kind::OutOfMemory,
        Kind::WriteZero,
        Kind::TimedOut,
        Kind::StaleNetworkFileHandle,
    ];
    // Input or output failed; no file can be opened any more, here or in the system.
    let numbers = [5, 23, 24];
    let number = error.raw_os_error().filter(|_| cfg!(unix));
    kinds.contains(&error.kind()) || number.is_some_and(|number| numbers.contains(&number))
}

/// Opens a file that this program writes, and makes it where it does not exist. A link
/// is not followed: what it points to is somebody else's.
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidInput`] for a link, and for anything
/// else that is no regular file.
pub fn open_own(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    open_regular(path, &mut options)
}

/// Opens a file of this program to be read. A link is not followed.
///
/// # Errors
/// As [`open_own`]; a file that does not exist.
pub fn read_own(path: &Path) -> io::Result<File> {
    open_regular(path, OpenOptions::new().read(true))
}

fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let refused = |what: &str| {
        let message = format!("{what}; expected a file");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    };
    // The system's own words for a link that is not followed are about loops.
    if path.is_symlink() {
        return Err(refused("a link, which is not followed"));
    }
    if path.is_dir() {
        return Err(refused("a folder"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A pipe answers at once, and is refused below.
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(refused("neither a file nor a folder")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    #[test]
    fn a_full_disk_is_the_machines_fault_and_a_missing_file_the_users() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::OutOfMemory] {
            assert!(is_machines_fault(&kind.into()), "{kind}");
        }
        for kind in [
            io::ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::IsADirectory,
        ] {
            assert!(!is_machines_fault(&kind.into()), "{kind}");
        }
        assert_eq!(
            is_machines_fault(&io::Error::from_raw_os_error(5)),
            cfg!(unix)
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_pipes_and_devices_are_not_opened_as_ours() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "somebody else's").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let error = open_own(&link).unwrap_err();
        assert!(error.to_string().contains("a link"), "{error}");
        // Also one that points nowhere: nothing is made behind it.
        fs::remove_file(&target).unwrap();
        assert!(open_own(&link).is_err() && read_own(&link).is_err());
        assert!(!target.exists());
        assert!(read_own(Path::new("/dev/zero")).is_err());
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        if made.is_ok_and(|status| status.success()) {
            assert!(read_own(&pipe).is_err() && open_own(&pipe).is_err());
        }
        assert!(open_own(&folder.path().join("new")).is_ok());
        let error = open_own(folder.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
