//! What can go wrong in an architecture search.

use std::path::PathBuf;

/// Errors, a sentence each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that describes a space cannot be used.
    #[error(transparent)]
    Space(#[from] lpzero_arch::Error),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] lpzero_run::JournalError),
    /// The engine refuses an architecture.
    #[error(transparent)]
    Engine(#[from] lpzero_nn::Error),
    /// Whatever is chosen, there is no network.
    #[error("none of {draws} random choices is an architecture; the last: {last}")]
    NoArchitecture {
        /// How many were tried.
        draws: u64,
        /// What is wrong with the last one.
        last: lpzero_arch::Error,
    },
    /// Nothing in the space meets the constraints.
    #[error(
        "no architecture of {space} was found that meets the constraints; the closest has {cost} \
         {found}, {bound}"
    )]
    Infeasible {
        /// The space.
        space: String,
        /// What the closest has too much or too little of.
        cost: &'static str,
        /// How much it has.
        found: String,
        /// The bound, as words.
        bound: String,
    },
    /// A setting is outside its range.
    #[error("{name} {value}: expected {expected}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// The range.
        expected: &'static str,
    },
    /// A table of costs cannot be used.
    #[error("{}: {what}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what was expected.
        what: String,
    },
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether what the user gave is wrong, as opposed to the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Journal(error) => error.is_input(),
            _ => true,
        }
    }
}
