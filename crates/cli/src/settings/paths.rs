//! Paths that mean the same in any folder.

use std::path::PathBuf;

/// The same file, whatever folder the process is in.
pub fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
