//! Options of commands around the work: examples, the machine, the cache.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub struct New {
    #[command(subcommand)]
    pub action: NewAction,
}

/// Example files.
#[derive(Debug, Subcommand)]
pub enum NewAction {
    /// A table of networks and their trained scores, for --truth.
    Truth {
        /// The new file, .csv.
        #[arg(value_name = "FILE", default_value = "truth.csv")]
        file: PathBuf,
    },
    /// One network, as Hugging Face describes it, for score and compare.
    Architecture {
        /// The new file, .json.
        #[arg(value_name = "FILE", default_value = "architecture.json")]
        file: PathBuf,
    },
    /// A space of architectures with a remark on every key, for nas --space.
    Space {
        /// The new file, .yaml.
        #[arg(value_name = "FILE", default_value = "space.yaml")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// Do not ask whether the network answers.
    #[arg(long)]
    pub offline: bool,
}

#[derive(Debug, Args)]
pub struct Cache {
    #[command(subcommand)]
    pub action: CacheAction,
}

/// Commands about traces that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum CacheAction {
    /// The folder that has them.
    Path,
    /// How many files and bytes there are.
    Size,
    /// Remove all of them; files of anything else are not touched.
    Clean,
}
