//! The options of `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::shared::PassArguments;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    lpzero export --supernet FOLDER --sort snip --text TEXT --tokenizer FOLDER/tokenizer.json --out sorted\n  \
    lpzero nas --supernet sorted --space cut --method exact --max-decoder-params 80% --out run\n  \
    lpzero export run/architectures/ID.json --supernet sorted --out smaller")]
pub struct Export {
    /// The sub-network: an architecture file that `lpzero nas --supernet` wrote.
    #[arg(value_name = "ARCH", required_unless_present = "sort")]
    pub architecture: Option<PathBuf>,

    /// First put the hidden channels and heads of every block into the order of what each adds
    /// to this proxy, most first: a sub-network keeps the leading ones. The whole network
    /// stays the same up to rounding. Without ARCH it is written whole.
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub sort: Option<String>,

    #[command(flatten)]
    pub pass: PassArguments,

    /// The Hugging Face folder whose leading rows, columns and heads it has: of llama or
    /// a descendant.
    #[arg(long, value_name = "DIR")]
    pub supernet: PathBuf,

    /// The new folder: config.json, model.safetensors, and subnetwork.json where blocks
    /// differ, which no class of transformers can build.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// In what precision weights are written.
    #[arg(long, value_enum, default_value_t = PrecisionArgument::F32)]
    pub precision: PrecisionArgument,
}

/// Precisions of exported weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArgument {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
}
