//! Validated settings: what arguments come to once names are resolved and contradictions
//! refused. Paths mean the same in any folder, because runs keep settings to go on with.

mod names;
mod pass;
mod truth;

use std::path::PathBuf;

use anyhow::Result;
use lpzero::Proxy;

pub use pass::PassSettings;
pub use truth::{absolute_source, read_truth, truth_source, truth_sources};

use super::failure::Failure;
use super::session::failed;

/// The same file, whatever folder the process is in.
pub fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// The proxies that `--proxy` names: names, formulas, and `@` before a file or run.
pub fn proxies(texts: &[String]) -> Result<Vec<Proxy>> {
    Proxy::read_all(texts).map_err(|error| match error {
        error @ (lpzero::Error::NoFormulas { .. } | lpzero::Error::GivenTwice { .. }) => {
            Failure::input(format_args!("--proxy {error}"))
        }
        error => failed(error),
    })
}
