//! The weights beside an architecture: those of its folder, and of an adapter.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use lpzero::arch::{Architecture, Document, hugging_face};
use lpzero::nn::{Adapted, Error, Layout, Stored};
use lpzero::trace::Weights;

use super::failure::Failure;
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
    let stored = open(path).map_err(Failure::input)?;
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
    let unplaced = stored.unplaced(architecture).map_err(Failure::input)?;
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

/// Other weights of a Hugging Face folder, with an adapter of PEFT merged into them.
pub fn adapted(
    base: Weights,
    folder: &Path,
    adapter: &Path,
    architecture: &Architecture,
) -> Result<Weights> {
    let layout = Layout::of_folder(folder).map_err(Failure::input)?;
    let adapted = Adapted::open(base, layout, architecture, adapter).map_err(Failure::input)?;
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
