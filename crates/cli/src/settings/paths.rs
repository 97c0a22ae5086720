//! Paths that mean the same in any folder.

use std::path::PathBuf;

/// Makes a path absolute, so that it names one file in any working folder.
pub fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
