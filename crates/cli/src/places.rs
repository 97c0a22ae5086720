//! Folders of the user: those of the XDG variables where they are set, else by the
//! conventions of the platform.

use std::path::PathBuf;

use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};

/// Folders that may have published ground truths: `LPZERO_DATA`, then the user's own.
pub fn data_folders() -> Vec<PathBuf> {
    let folders = [variable("LPZERO_DATA").map(PathBuf::from), data_folder()];
    folders.into_iter().flatten().collect()
}

/// The folder of this program in the user's cache folder.
pub fn default_cache() -> Option<PathBuf> {
    let own = || Some(choose_native_strategy().ok()?.cache_dir());
    let folder = variable("XDG_CACHE_HOME").map(PathBuf::from).or_else(own)?;
    Some(folder.join("lpzero"))
}

/// The folder of this program in the user's data folder.
pub fn data_folder() -> Option<PathBuf> {
    let own = || Some(choose_native_strategy().ok()?.data_dir());
    let folder = variable("XDG_DATA_HOME").map(PathBuf::from).or_else(own)?;
    Some(folder.join("lpzero"))
}

/// A variable of the environment that is set to something.
pub fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
