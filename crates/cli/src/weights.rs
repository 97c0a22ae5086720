//! The weights beside an architecture: those of its folder, and of an adapter.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use lpzero::arch::Architecture;
use lpzero::nn::{Adapted, Layout, Stored};
use lpzero::trace::Weights;

use super::failure::Failure;

/// Weights in a folder of transformers or of a training; `None` where there are none.
pub fn stored(path: &Path) -> Result<Option<Weights>> {
    if !path.is_dir() {
        return Ok(None);
    }
    let stored = Stored::open_folder(path).map_err(Failure::input)?;
    Ok(stored.map(|stored| Arc::new(stored) as Weights))
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
