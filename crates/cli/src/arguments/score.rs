//! The options of `score`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lpzero::compare::SHIPPED;

use super::share::ShardArguments;
use super::shared::{PassArguments, PatienceArguments, RepeatArguments, TruthArguments};

#[derive(Debug, Args)]
pub struct Score {
    /// Architectures: lpzero specs, FlexiBERT configs, LiteTransformerSearch
    /// model_config.yaml files (GPT-2, Transformer-XL), Hugging Face folders (gpt2, bert,
    /// electra, llama and its descendants), folders that `train` wrote.
    #[arg(
        value_name = "ARCH",
        conflicts_with = "truth",
        required_unless_present_any = ["truth", "resume"]
    )]
    pub architectures: Vec<PathBuf>,

    #[command(flatten)]
    pub truth: TruthArguments,

    #[command(flatten)]
    pub pass: PassArguments,

    #[command(flatten)]
    pub repeats: RepeatArguments,

    #[command(flatten)]
    pub patience: PatienceArguments,

    /// A named proxy, a formula, or @ before the folder of a search, its report,
    /// or a file with one formula a line; may be repeated.
    #[arg(
        long = "proxy",
        value_name = "P",
        default_value = SHIPPED,
        allow_hyphen_values = true
    )]
    pub proxies: Vec<String>,

    /// Weights to score Hugging Face folders with: those in model.safetensors or its
    /// shards, where there are any, or seeded ones as for all other architectures.
    #[arg(long, value_enum, default_value_t = WeightsArgument::Stored, conflicts_with = "truth")]
    pub weights: WeightsArgument,

    /// A folder with a LoRA adapter of PEFT (adapter_config.json,
    /// adapter_model.safetensors), merged into the weights of every Hugging Face folder.
    #[arg(long, value_name = "DIR", conflicts_with = "truth")]
    pub adapter: Option<PathBuf>,

    /// How to print the scores.
    #[arg(long, hide_short_help = true, value_enum, default_value_t = FormatArgument::Table, conflicts_with = "json")]
    pub format: FormatArgument,

    /// Keep every score as soon as it is there, in this new folder.
    #[arg(long, hide_short_help = true, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Continue the scoring in this folder.
    #[arg(long, hide_short_help = true, value_name = "DIR", conflicts_with_all = [
        "out", "architectures", "truth", "score_column", "lower_is_better", "skip_missing", "up_to",
        "reading", "batch", "positions", "objective", "text", "tokenizer", "memory", "inits",
        "batches", "patience", "proxies", "weights", "adapter",
    ])]
    pub resume: Option<PathBuf>,

    #[command(flatten)]
    pub share: ShardArguments,
}

/// Whose weights are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WeightsArgument {
    /// Those in the folder, where there are any.
    Stored,
    /// Random ones, a function of seed and name.
    Seeded,
}

/// Output formats of `score`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArgument {
    /// Aligned columns to read.
    Table,
    /// `id,<proxy>,...`, full precision.
    Csv,
    /// One JSON document.
    Json,
    /// Apache Parquet (redirect it to a file).
    Parquet,
}
