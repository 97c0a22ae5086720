//! The commands of `truth` and their options.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::shared::TruthArguments;
use super::train::Build;

#[derive(Debug, Args)]
pub struct Truth {
    #[command(subcommand)]
    pub action: Option<TruthAction>,
}

/// Commands about ground truths.
#[derive(Debug, Subcommand)]
pub enum TruthAction {
    /// The published ground truths that lpzero reads, and where they come from.
    List,
    /// One ground truth in detail: architectures, scores, closed-form baselines.
    Show {
        #[command(flatten)]
        truth: TruthArguments,
    },
    /// What a ground truth can tell: which variables its scores respond to, how
    /// well they could be predicted at all, which records to distrust.
    Audit(Audit),
    /// Build a ground truth: train small decoders drawn from a space, side by side, or
    /// evaluate sub-networks of a super-network.
    Build(Build),
    /// Download a published ground truth, checked against its pinned hash; then
    /// --truth takes its name.
    Fetch(Fetch),
}

#[derive(Debug, Args)]
pub struct Fetch {
    /// One that `lpzero truth list` names.
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Where to put it [default: LPZERO_DATA, else the user's data folder].
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,

    /// Another address with the same files.
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
}

#[derive(Debug, Args)]
pub struct Audit {
    /// The ground truth, as for --truth.
    #[arg(value_name = "T", conflicts_with = "truth")]
    pub path: Option<PathBuf>,

    #[command(flatten)]
    pub truth: TruthArguments,

    /// Write the JSON document to this file, too; `lpzero report` shows it.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Permutations per test, 99 to 1000000.
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u32).range(99..=1_000_000))]
    pub permutations: u32,
}
