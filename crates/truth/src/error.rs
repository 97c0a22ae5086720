//! What can be wrong with a ground truth.

use std::path::PathBuf;

/// Why a ground truth could not be read or written. One clear sentence each.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or a value in it is wrong, described where it was read.
    #[error(transparent)]
    Input(#[from] lpzero_arch::Error),
    /// The file holds no architecture.
    #[error("{}: holds no architectures, expected at least one", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
    },
    /// Two records have the same id.
    #[error("{}: record \"{id}\": the id appears twice, expected unique ids", path.display())]
    DuplicateId {
        /// The file or folder.
        path: PathBuf,
        /// The id.
        id: String,
    },
    /// An architecture stands in the folder without a score.
    #[error("{}: record \"{id}\": missing, expected its `{metric}`, since {} exists", path.display(), config.display())]
    NoScore {
        /// The file that holds the scores.
        path: PathBuf,
        /// The id.
        id: String,
        /// The key of the score.
        metric: &'static str,
        /// The architecture's file.
        config: PathBuf,
    },
    /// The file or folder is in no layout that is known.
    #[error(
        "{}: not a ground truth: expected BERT_benchmark.json, a LiteTransformerSearch folder \
         with ppl_summary.yaml, or a file with the `format` \"lpzero-truth\"",
        path.display()
    )]
    UnknownLayout {
        /// The file or folder.
        path: PathBuf,
    },
}
