//! The options of `compare`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lpzero::compare::{DRAWN, SHIPPED};

use super::shared::{PassArguments, PatienceArguments, ReadingArgument};
use super::values::parse_quantity;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    lpzero compare wide/config.json deep/config.json\n  \
    lpzero compare --space lts-gpt2 --min-params 38M --max-params 40M --out drawn\n\n\
    The last column says how probable it is that a network is better than the next one, \
    once both are trained. The probability is learnt from pairs of public decoders whose \
    parameters differ by less than 5 %, and given for such pairs alone: of two networks of \
    different size, the larger is nearly always the better. Networks of like size are what \
    is worth comparing, so bound a space from both sides. `lpzero proxies lpzero --sees` says \
    which dimensions the score answers to.")]
pub struct Compare {
    /// Architectures: whatever `lpzero score` takes. Their weights are drawn by the seed, also
    /// where a folder has some.
    #[arg(
        value_name = "ARCH",
        conflicts_with = "space",
        required_unless_present = "space"
    )]
    pub architectures: Vec<PathBuf>,

    /// Draw architectures of this space by the seed: as for `lpzero nas`.
    #[arg(long, value_name = "S")]
    pub space: Option<PathBuf>,

    /// How many to draw, 2 to 10000, or as many as there are.
    #[arg(long, value_name = "N", default_value_t = DRAWN, conflicts_with = "architectures",
        value_parser = clap::value_parser!(u64).range(2..=10_000))]
    pub draw: u64,

    /// No more parameters than this: 40M, 1.5e8, 250000.
    #[arg(long, value_name = "N", conflicts_with = "architectures", value_parser = parse_quantity)]
    pub max_params: Option<f64>,

    /// No fewer parameters than this.
    #[arg(long, hide_short_help = true, value_name = "N", conflicts_with = "architectures", value_parser = parse_quantity)]
    pub min_params: Option<f64>,

    /// Write the architectures that were drawn to this new folder, as ID.json.
    #[arg(long, value_name = "DIR", conflicts_with = "architectures")]
    pub out: Option<PathBuf>,

    /// What networks are ranked by: a named proxy, a formula, or @ before the folder of a
    /// search, its report, or a file with one formula. Only the default has probabilities.
    #[arg(long, default_value = SHIPPED, value_name = "P", allow_hyphen_values = true)]
    pub proxy: String,

    #[command(flatten)]
    pub pass: PassArguments,

    #[command(flatten)]
    pub patience: PatienceArguments,

    /// Which network a FlexiBERT record describes.
    #[arg(long, hide_short_help = true, value_enum, default_value_t = ReadingArgument::AsTrained, value_name = "R")]
    pub reading: ReadingArgument,

    /// How to print the ranking.
    #[arg(long, hide_short_help = true, value_enum, default_value_t = CompareFormatArgument::Table, conflicts_with = "json")]
    pub format: CompareFormatArgument,
}

/// Output formats of `compare`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompareFormatArgument {
    /// Aligned columns to read.
    Table,
    /// Every number in full precision.
    Csv,
    /// One JSON document.
    Json,
}
