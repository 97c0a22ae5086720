//! Folders of the user, by the conventions of the platform.

use std::path::PathBuf;

/// Folders that may have published ground truths: `LPZERO_DATA`, then the user's own.
pub fn data_folders() -> Vec<PathBuf> {
    let folders = [variable("LPZERO_DATA").map(PathBuf::from), data_folder()];
    folders.into_iter().flatten().collect()
}

/// The user's cache folder, by the conventions of the platform.
pub fn default_cache() -> Option<PathBuf> {
    let base = variable("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| {
        let home = PathBuf::from(variable("HOME")?);
        Some(home.join(if cfg!(target_os = "macos") {
            "Library/Caches"
        } else {
            ".cache"
        }))
    });
    base.map(|base| base.join("lpzero"))
}

/// The user's data folder, by the conventions of the platform.
pub fn data_folder() -> Option<PathBuf> {
    let base = variable("XDG_DATA_HOME").map(PathBuf::from).or_else(|| {
        let home = PathBuf::from(variable("HOME")?);
        Some(home.join(if cfg!(target_os = "macos") {
            "Library/Application Support"
        } else {
            ".local/share"
        }))
    });
    base.map(|base| base.join("lpzero"))
}

/// A variable of the environment that is set to something.
pub fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
