//! The weights beside an architecture: those of its folder, and of an adapter.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use lpzero::arch::{Architecture, Document, hugging_face};
use lpzero::nn::{Adapted, Error, Layout, Stored};
use lpzero::run::{Cancel, ContentHash, Hasher};
use lpzero::trace::Weights;

use super::failure::{Failure, engine, system};
use super::output::Reporter;

/// Tensors without a place that a remark names.
const NAMED: usize = 3;

/// Weights in a folder of transformers or of a training, of which the architecture is this
/// one; `None` where there are none. A remark tells of tensors that it has no place for.
pub fn stored(
    report: Reporter,
    path: &Path,
    architecture: &Architecture,
) -> Result<Option<Weights>> {
    let stored = open(path).map_err(engine)?;
    if let Some(stored) = &stored {
        tell_unplaced(report, path, stored, architecture)?;
    }
    Ok(stored.map(|stored| Arc::new(stored) as Weights))
}

/// [`stored`] for commands that draw weights where they are told to: an error says how.
pub fn stored_or_seeded(
    report: Reporter,
    path: &Path,
    architecture: &Architecture,
) -> Result<Option<Weights>> {
    tell_beside(report, path);
    match open(path) {
        Err(error @ Error::UnreadWeights { .. }) => Err(Failure::input(format_args!(
            "{error}; --weights seeded draws them"
        ))),
        _ => stored(report, path, architecture),
    }
}

/// Tells of weights beside a configuration that was given in place of its folder.
fn tell_beside(report: Reporter, path: &Path) {
    let is_config = path.is_file() && path.ends_with("config.json");
    if is_config && path.with_file_name("model.safetensors").exists() {
        report.warn(format_args!(
            "{}: the weights beside it are not read: give its folder",
            path.display()
        ));
    }
}

fn open(path: &Path) -> Result<Option<Stored>, Error> {
    match path.is_dir() {
        true => Stored::open_folder(path),
        false => Ok(None),
    }
}

/// Tells of tensors that a network has no place for.
pub fn tell_unplaced(
    report: Reporter,
    path: &Path,
    stored: &Stored,
    architecture: &Architecture,
) -> Result<()> {
    let unplaced = stored.unplaced(architecture).map_err(engine)?;
    if !unplaced.is_empty() {
        let named: Vec<String> = (unplaced.iter().take(NAMED))
            .map(|name| format!("`{name}`"))
            .collect();
        let rest = match unplaced.len() > NAMED {
            true => ", ...",
            false => "",
        };
        report.warn(format_args!(
            "{}: the network has no place for {} of the stored tensors, which are not used: {}{rest}",
            path.display(),
            unplaced.len(),
            named.join(", ")
        ));
    }
    Ok(())
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
        io::ErrorKind::Interrupted => Failure::interrupted("interrupted before the work began"),
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

/// The class of transformers with a head that a folder or its `config.json` is of.
pub fn class(path: &Path) -> Option<&'static str> {
    let file = match path.is_dir() {
        true => path.join("config.json"),
        false => path.to_owned(),
    };
    let document = Document::read(&file).ok()?;
    let model_type = hugging_face::model_type_of(&document.root()).ok()?;
    Some(model_type.class)
}
