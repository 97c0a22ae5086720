//! Spaces as options name them.

use std::path::Path;

use lpzero::arch::space::BUILT_IN;

use crate::failure::{Failure, failed};

/// Why there is no space; a misspelt name reads like a missing file.
pub fn no_space(path: &Path, error: lpzero::arch::Error) -> anyhow::Error {
    if path.exists() {
        return failed(error.into());
    }
    let names: Vec<_> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    Failure::input(format_args!(
        "--space {}: expected {}, or a file of format lpzero-space",
        path.display(),
        names.join(", ")
    ))
}
