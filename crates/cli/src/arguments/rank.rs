//! The options of `rank`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::shared::{
    LikeArguments, PassArguments, PatienceArguments, RepeatArguments, TruthArguments,
};
use super::values::{SplitArgument, parse_split};

#[derive(Debug, Args)]
pub struct Rank {
    #[command(flatten)]
    pub truth: TruthArguments,

    #[command(flatten)]
    pub pass: PassArguments,

    #[command(flatten)]
    pub repeats: RepeatArguments,

    #[command(flatten)]
    pub patience: PatienceArguments,

    /// A named proxy, a formula, or @ before the folder of a search, its report,
    /// or a file with one formula a line; may be repeated [default: every named
    /// proxy that one pass and a trace give].
    #[arg(long = "proxy", value_name = "P", allow_hyphen_values = true)]
    pub proxies: Vec<String>,

    /// Every named proxy, also those with decompositions or further passes, such
    /// as naswot, grasp or zico, which cost many times a trace.
    #[arg(long, conflicts_with = "proxies")]
    pub all: bool,

    /// Score on whole tensors, as `score` does, where traces hold samples.
    #[arg(long, hide_short_help = true)]
    pub exact: bool,

    /// Run the smallest networks, 20 at most, again with what must not matter changed, and tell
    /// what share of their pairs changes order. Changed are initial weights, the minibatch, text
    /// for draws by Zipf's law, and the vocabulary (1,024 tokens).
    #[arg(long, hide_short_help = true)]
    pub vary: bool,

    #[command(flatten)]
    pub like: LikeArguments,

    /// What rows are sorted by, best first: the share of pairs of like size that are ordered
    /// right, or a rank correlation.
    #[arg(long, value_enum, default_value_t = RankMeasure::SameSize, value_name = "MEASURE")]
    pub sort: RankMeasure,

    /// Columns of the table.
    #[arg(long, value_enum, default_value_t = ColumnsArgument::Few)]
    pub columns: ColumnsArgument,

    /// How to print the table.
    #[arg(long, hide_short_help = true, value_enum, default_value_t = RankFormatArgument::Table, conflicts_with = "json")]
    pub format: RankFormatArgument,

    /// Write the JSON document to this file, too; `lpzero report` shows it.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Report on the test set that a search with this split leaves [default: all].
    #[arg(long, hide_short_help = true, value_name = "S/V", value_parser = parse_split)]
    pub split: Option<SplitArgument>,
}

/// Measures that rows of `rank` are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RankMeasure {
    /// Share of pairs of like size that are ordered right.
    SameSize,
    /// Kendall's tau.
    Tau,
    /// Spearman's rho.
    Rho,
}

/// Columns of the table of `rank`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColumnsArgument {
    /// Those that decide.
    Few,
    /// All of them.
    All,
}

/// Output formats of `rank`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RankFormatArgument {
    /// Aligned columns to read.
    Table,
    /// Every number in full precision, intervals as two columns.
    Csv,
    /// A table for a document.
    Markdown,
    /// One JSON document.
    Json,
}
