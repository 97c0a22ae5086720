//! Options of runs that several processes share, and of the commands about them.

use std::path::PathBuf;

use clap::Args;
use lpzero::run::{MOST_SHARDS, Shard};

use super::values::parse_shard;

/// A share of a run, for several processes that work in one folder.
#[derive(Clone, Copy, Debug, PartialEq, Args)]
pub struct ShardArguments {
    /// Do only one share of the work, such as 3/8, beside processes that do the others in the
    /// same --out folder, perhaps on other machines; `auto` takes the task number of a job
    /// array. --resume, without this, puts all shares together.
    #[arg(long = "shard", hide_short_help = true, value_name = "I/N", value_parser = parse_shard)]
    pub shard: Option<Shard>,
}

#[derive(Debug, Args)]
pub struct Status {
    /// The folder of a run, finished or not.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

#[derive(Debug, Args)]
pub struct Slurm {
    /// Shares that the work is cut into, each a task of the array.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_SHARDS)))]
    pub shards: u32,

    /// Processors of a task.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub cpus: u32,

    /// A further option for sbatch, such as --time=04:00:00; may be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub sbatch: Vec<String>,

    /// The command, with its --out: score, search --method exhaustive, ablate, or truth build.
    #[arg(value_name = "COMMAND", last = true, required = true)]
    pub command: Vec<String>,
}
