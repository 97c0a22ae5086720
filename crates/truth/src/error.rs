//! Errors of ground truths: of reading and of writing.

use std::path::PathBuf;

use crate::Known;

/// Why a ground truth could not be read or written. One clear sentence each.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or a value in it is wrong, described where it was read.
    #[error(transparent)]
    Input(#[from] lpzero_arch::Error),
    /// A published ground truth is in none of the data folders.
    #[error(
        "{}: known, but not on this machine; expected its path, or a data folder that has it \
         as {} ({}, published at {})",
        known.name, known.location, known.layout, known.published
    )]
    NotHere {
        /// The ground truth.
        known: &'static Known,
    },
    /// The file holds no architecture.
    #[error("{}: holds no architectures, expected at least one", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
    },
    /// Every network is larger than what was asked for.
    #[error(
        "{}: no network of at most {parameters} parameters; the smallest has {smallest}",
        path.display()
    )]
    NoneUpTo {
        /// The ground truth.
        path: PathBuf,
        /// Most parameters that were asked for.
        parameters: f64,
        /// Parameters of the smallest network.
        smallest: f64,
    },
    /// Two records have the same id.
    #[error("{}: record \"{id}\": the id appears twice, expected unique ids", path.display())]
    DuplicateId {
        /// The file or folder.
        path: PathBuf,
        /// The id.
        id: String,
    },
    /// No architecture of a folder has a score; this is the first.
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
    /// The architecture of one row of a table cannot be read.
    #[error("{}: {row}: {source}", path.display())]
    Row {
        /// The table.
        path: PathBuf,
        /// Its line, or its place in a list.
        row: String,
        /// Error of the architecture's file.
        source: Box<lpzero_arch::Error>,
    },
    /// A column of a table is missing, or is one of several.
    #[error("{}: {what}; its columns are {columns}", path.display())]
    Column {
        /// The table.
        path: PathBuf,
        /// Problem of the column, and what was expected.
        what: String,
        /// The columns that there are.
        columns: String,
    },
    /// No checkpoint has as many tokens.
    #[error("{}: no scores after {asked} tokens, expected one of {budgets}", path.display())]
    Budget {
        /// The file.
        path: PathBuf,
        /// Budget that was asked for.
        asked: String,
        /// Budgets that there are.
        budgets: String,
    },
    /// A score or a budget of tokens was chosen where there is one score.
    #[error(
        "{}: not a table (.csv, .tsv, .jsonl, a list of records in .json) and without \
         checkpoints, so there is one score per architecture and nothing to choose",
        path.display()
    )]
    NotATable {
        /// The file or folder.
        path: PathBuf,
    },
    /// The file or folder is in no layout that is known.
    #[error(
        "{}: not a ground truth: expected BERT_benchmark.json, a LiteTransformerSearch folder \
         with ppl_summary.yaml, OpenLM's grid.json, a table (.csv, .tsv, .jsonl, or a list of records with `architecture` in .json), or a file with the `format` \"lpzero-truth\"",
        path.display()
    )]
    UnknownLayout {
        /// The file or folder.
        path: PathBuf,
    },
}

impl Error {
    /// Whether what the user gave is wrong, as opposed to the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Input(error) => error.is_input(),
            Self::Row { source, .. } => source.is_input(),
            _ => true,
        }
    }
}
