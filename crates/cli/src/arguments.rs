//! The command line as typed: names, defaults and help, nothing resolved yet.

mod ablate;
mod compare;
mod eval;
mod export;
mod housekeeping;
mod nas;
mod proxies;
mod rank;
mod report;
mod score;
mod search;
mod share;
mod shared;
mod train;
mod truth;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use ablate::*;
pub use compare::*;
pub use eval::*;
pub use export::*;
pub use housekeeping::*;
pub use nas::*;
pub use proxies::*;
pub use rank::*;
pub use report::*;
pub use score::*;
pub use search::*;
pub use share::*;
pub use shared::*;
pub use train::*;
pub use truth::*;
use values::parse_memory;
pub use values::{Amount, BudgetArgument, SplitArgument};

/// Find zero-cost proxies for language models: formulas over the weights,
/// gradients and activations of an untrained transformer that rank
/// architectures by the quality they reach once trained.
#[derive(Debug, Parser)]
#[command(
    name = "lpzero",
    version,
    about,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Start here:\n  \
        lpzero search                                   find a proxy on the built-in ground truth\n  \
        lpzero proxies                                  what formulas look like\n  \
        lpzero rank   --truth BERT_benchmark.json       how well the known proxies rank\n  \
        lpzero search --truth BERT_benchmark.json       find a better one\n  \
        lpzero compare one/config.json two/config.json  which shape is better, and how sure that is\n\n\
        Exit status: 0 done, 2 the input is wrong, 1 anything else, 130 interrupted."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,

    #[command(flatten, next_help_heading = "Options of every command")]
    pub common: Common,
}

/// Commands of `lpzero`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find a proxy: search formulas on one split of a ground truth, report on another.
    Search(Search),
    /// What each part of a search is worth: search again and again, with one thing changed.
    Ablate(Ablate),
    /// Correlate proxies with a ground truth.
    Rank(Rank),
    /// Score architectures, one row each.
    Score(Score),
    /// Rank shapes, and say how probable it is that one is better than the next.
    Compare(Compare),
    /// How well a trained decoder predicts: perplexity of a text, multiple choice.
    Eval(Eval),
    /// Search a space for the best architectures by a proxy, under constraints.
    Nas(Nas),
    /// Write a sub-network of a Hugging Face folder as a folder of its own.
    Export(Export),
    /// Train an architecture on a synthetic language or on a text.
    Train(Train),
    /// Look at runs: one page of pictures and tables, for any browser and without a network.
    Report(Report),
    /// What is done of a run, who works on it, and how long it will take.
    Status(Status),
    /// Print a script that gives the shares of a command to a cluster with Slurm, and then puts
    /// them together.
    #[command(after_help = "Example:\n  lpzero slurm --shards 64 -- truth build --out big | sh")]
    Slurm(Slurm),
    /// List the named proxies, or explain one name or formula.
    Proxies(Proxies),
    /// Ground truths: what is known, one in detail.
    Truth(Truth),
    /// Write an example of a ground truth or of a space, to begin with.
    New(New),
    /// Traces that are kept for later commands: where, how much, and away with them.
    Cache(Cache),
    /// What this machine has for us: version, instruction set, memory, cache, data, network.
    Doctor(Doctor),
    /// Print the completions of a shell, for it to read.
    #[command(
        after_help = "Example:\n  lpzero completions bash > ~/.local/share/bash-completion/completions/lpzero"
    )]
    Completions {
        /// The shell.
        #[arg(value_enum, value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
    /// Write the manual: lpzero.1, and a page for each command.
    Man {
        /// Where to; `man -l DIR/lpzero.1` reads it.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// Seed of everything random: weights, batch, split, search.
    #[arg(
        long,
        global = true,
        default_value_t = 0,
        value_name = "N",
        env = "LPZERO_SEED",
        hide_env_values = true
    )]
    pub seed: u64,

    /// Threads to use [default: all cores]. The result does not depend on it.
    #[arg(
        long,
        global = true,
        value_name = "N",
        env = "LPZERO_THREADS",
        hide_env_values = true
    )]
    pub threads: Option<usize>,

    /// Print exactly one JSON document on standard output.
    #[arg(long, global = true)]
    pub json: bool,

    /// No progress and no remarks on standard error; errors only.
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// When lines are bold or dim; NO_COLOR is honoured.
    #[arg(long, global = true, value_enum, default_value_t = ColorArgument::Auto, value_name = "WHEN")]
    pub color: ColorArgument,

    /// Folder for traces, reused by every later command on the same networks
    /// [default: the user's cache folder].
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "LPZERO_CACHE",
        hide_env_values = true
    )]
    pub cache: Option<PathBuf>,

    /// Most that the folder of traces may hold: 2GB, 500MB. Beyond it, those that were not
    /// used for longest are removed.
    #[arg(long, global = true, default_value = "2GB", value_name = "SIZE", value_parser = parse_memory, hide_short_help = true)]
    pub cache_limit: u64,

    /// Neither read nor write traces on disk.
    #[arg(long, global = true, hide_short_help = true)]
    pub no_cache: bool,

    /// Write no page of pictures beside the report of a run with --out; `lpzero report` makes
    /// one later.
    #[arg(long, global = true, hide_short_help = true)]
    pub no_page: bool,

    /// Options from a TOML file: `seed = 1` for every command, a table `[search]` for one. What
    /// is typed wins.
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub config: Option<PathBuf>,
}

/// When lines are bold or dim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorArgument {
    /// Where standard output is a terminal, and NO_COLOR is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
