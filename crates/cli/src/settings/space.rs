//! Spaces as options name them.

use std::path::Path;

use lpzero::arch::space::{BUILT_IN, CUT};

use lpzero::language::closest;

use crate::failure::{Failure, failed};

/// Why there is no space; a misspelt name reads like a missing file.
pub fn no_space(path: &Path, error: lpzero::arch::Error) -> anyhow::Error {
    if path.exists() || path == Path::new(CUT) {
        return Failure::with_example(failed(error.into()), "lpzero new space mine.yaml");
    }
    let names: Vec<_> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    // What was typed may have become a path.
    let name = path.file_name().and_then(|name| name.to_str());
    let meant = name.and_then(|name| closest(name, names.iter().copied()));
    let meant = meant.map_or_else(String::new, |name| {
        format!("; did you mean `--space {name}`?")
    });
    Failure::typed(format_args!(
        "--space {}: expected {}, or a file of format lpzero-space, such as `lpzero new space` writes{meant}",
        path.display(),
        names.join(", ")
    ))
}
