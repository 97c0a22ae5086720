//! Errors of an architecture search.

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
        /// Choices that were tried.
        draws: u64,
        /// Error of the last choice.
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
        /// Name of the cost of which the closest architecture has too much or too little.
        cost: &'static str,
        /// Amount that it has.
        found: String,
        /// The bound, as words.
        bound: String,
    },
    /// A setting is outside its range.
    #[error("{name} {value}: expected {expected}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Value that was given.
        value: String,
        /// Range that is allowed.
        expected: &'static str,
    },
    /// A table of costs cannot be used.
    #[error("{}: {what}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Fault, and what was expected.
        what: String,
    },
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether what the user gave is wrong, as opposed to the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Space(error) | Self::NoArchitecture { last: error, .. } => error.is_input(),
            Self::Journal(error) => error.is_input(),
            Self::Engine(error) => error.is_input(),
            Self::Read { source, .. } => !lpzero_run::is_machines_fault(source),
            Self::Infeasible { .. } | Self::Setting { .. } | Self::Table { .. } => true,
        }
    }
}
