//! The weights beside an architecture: those of its folder, and of an adapter.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use lpzero::arch::Architecture;
use lpzero::nn::{Adapted, Layout, Stored};
use lpzero::run::{Cancel, ContentHash, Hasher};
use lpzero::trace::Weights;

use super::failure::{Failure, engine, system};

/// Weights in a folder of transformers or of a training; `None` where there are none.
pub fn stored(path: &Path) -> Result<Option<Weights>> {
    if !path.is_dir() {
        return Ok(None);
    }
    let stored = Stored::open_folder(path).map_err(engine)?;
    Ok(stored.map(|stored| Arc::new(stored) as Weights))
}

/// Endings of the files of a folder that say what its weights are.
const DESCRIBING: [&str; 4] = [
    ".safetensors",
    ".safetensors.index.json",
    "config.json",
    "architecture.json",
];

/// The hash of the weights in a folder, and of what says how they are read.
///
/// # Errors
/// Files that cannot be read, and a command that was interrupted.
pub fn hash(folder: &Path, cancel: &Cancel) -> Result<ContentHash> {
    let failed = |path: &Path, error: io::Error| match error.kind() {
        io::ErrorKind::Interrupted => Failure::interrupted("interrupted before the search began"),
        _ => system(&format!("{}: cannot be read", path.display()), error),
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_file() && DESCRIBING.iter().any(|ending| name.ends_with(ending)) {
            files.push(path);
        }
    }
    files.sort();
    let mut all = Hasher::new();
    for path in files {
        let hash = ContentHash::of_file(&path, cancel).map_err(|error| failed(&path, error))?;
        let name = path.file_name().unwrap_or_default();
        all.update(name.as_encoded_bytes()).update(hash.as_bytes());
    }
    Ok(all.finish())
}

/// Other weights of a Hugging Face folder, with an adapter of PEFT merged into them.
pub fn adapted(
    base: Weights,
    folder: &Path,
    adapter: &Path,
    architecture: &Architecture,
) -> Result<Weights> {
    let layout = Layout::of_folder(folder).map_err(engine)?;
    let adapted = Adapted::open(base, layout, architecture, adapter).map_err(engine)?;
    Ok(Arc::new(adapted))
}
