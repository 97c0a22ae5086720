//! Architectures by file or folder.

use std::path::Path;

use lpzero::arch::{self, Architecture, Error, Reading};

use crate::failure::{Failure, failed};

/// Reads an architecture. What is wrong in a file ends with how to get one that is right.
///
/// # Errors
/// A file that cannot be read, or whose contents describe no network.
pub fn read_architecture(path: &Path, reading: Reading) -> anyhow::Result<Architecture> {
    arch::read_architecture(path, reading).map_err(|error| no_architecture(path, error))
}

fn no_architecture(path: &Path, error: Error) -> anyhow::Error {
    match error {
        // The file of a folder, or of an index, is made by somebody else's tool.
        Error::Syntax { .. } | Error::Value { .. } | Error::Unsupported { .. }
            if !path.is_dir() =>
        {
            Failure::with_example(failed(error.into()), "lpzero new architecture mine.json")
        }
        error => failed(error.into()),
    }
}
