//! The options of `ablate`.

use std::path::PathBuf;

use clap::Args;

use super::share::ShardArguments;
use super::shared::{PassArguments, TruthArguments};
use super::values::{SplitArgument, parse_split};

#[derive(Debug, Args)]
#[command(after_help = "Axes:\n  \
    unary       1 to 5 unary operations per branch of the paper's formulas\n  \
    population  20 to 320 formulas in the population\n  \
    split       a whole, a half, a quarter, an eighth of the search split\n  \
    pruning     with and without rules and prediction\n  \
    inputs      without each symbol, without scalars, with scalars only\n\n\
    Of every axis, the first line of its table is the search as it is by default. Variants\n\
    are compared seed by seed, on the same test splits.")]
pub struct Ablate {
    /// What to change, one thing at a time [default: every axis].
    #[arg(value_name = "AXIS", value_parser = axis_names())]
    pub axes: Vec<String>,

    #[command(flatten)]
    pub truth: TruthArguments,

    #[command(flatten)]
    pub pass: PassArguments,

    /// Search on S architectures, select with V beside them, test on all others
    /// [default: as for `search`].
    #[arg(long, value_name = "S/V", value_parser = parse_split)]
    pub split: Option<SplitArgument>,

    /// Searches per variant, each with a split and a seed of its own.
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: u64,

    /// Formulas evaluated per search [default: the paper's 1000 iterations].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub budget: Option<u64>,

    /// Write tables (CSV, Markdown), pictures and the report to this new folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub share: ShardArguments,

    /// Continue the ablation in this folder.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "axes", "out", "truth", "score_column", "lower_is_better", "skip_missing", "up_to", "reading", "batch",
        "positions", "objective", "text", "tokenizer", "memory", "split", "seeds", "budget",
    ])]
    pub resume: Option<PathBuf>,
}

fn axis_names() -> clap::builder::PossibleValuesParser {
    lpzero::ablation::AXES.map(|axis| axis.name).into()
}
