//! The options of `nas`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::shared::PassArguments;
use super::values::{
    Amount, BudgetArgument, parse_amount, parse_budget, parse_bytes, parse_quantity, parse_served,
    parse_time,
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    lpzero nas --max-params 100k --out run\n  \
    lpzero nas --space lts-gpt2 --proxy @found --max-params 20M --max-latency 200ms --out run\n  \
    lpzero train run/architectures/ID.json\n\n\
    Every architecture of the front is counted a second time, from its tensors and from the \
    shapes of a pass; docs/guide/which-shape.md says how, and how a space of your own is declared.")]
pub struct Nas {
    /// The space: tiny, tiny-elastic, lts-gpt2, flexibert, lonas-llama-7b, cut (with
    /// --supernet: what may be cut from that folder), or a file as `lpzero new space` writes one.
    ///
    /// It may also be the NNCF configuration of a LoNAS super-network (with --supernet and
    /// its folder).
    #[arg(long, default_value = "tiny", value_name = "S")]
    pub space: PathBuf,

    /// What architectures are scored by: a named proxy, a formula, or @ before the
    /// folder of a search, its report, or a file with one formula [default: lpzero, and snip
    /// for --space cut].
    ///
    /// What a proxy does not see, a search gives away: `lpzero proxies NAME --sees` tells.
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub proxy: Option<String>,

    #[command(flatten)]
    pub pass: PassArguments,

    /// How architectures are found.
    #[arg(long, value_enum, default_value_t = NasMethodArgument::Nsga2)]
    pub method: NasMethodArgument,

    /// Score architectures as sub-networks of this Hugging Face folder, or of `seeded` weights.
    ///
    /// A sub-network has the leading rows, columns and heads of the largest network of the
    /// space. The space must be elastic (docs/guide/supernets.md).
    #[arg(long, value_name = "DIR")]
    pub supernet: Option<PathBuf>,

    /// A folder with a LoRA adapter of PEFT, merged into the super-network's weights: in a
    /// sub-network at the ranks of its blocks, in --restricted scores at full rank.
    #[arg(
        long,
        hide_short_help = true,
        value_name = "DIR",
        requires = "supernet"
    )]
    pub adapter: Option<PathBuf>,

    /// Run the super-network once, and read the scores of all sub-networks off that
    /// pass: exact for proxies of weights alone, an approximation for others.
    #[arg(long, hide_short_help = true, requires = "supernet")]
    pub restricted: bool,

    /// Of the best sub-networks by restricted scores, score so many directly, and report
    /// those scores (--method exact).
    #[arg(long, hide_short_help = true, value_name = "N", default_value_t = 0)]
    pub rerank: usize,

    /// What the front trades the score against: smaller is better.
    #[arg(long, value_enum, default_value_t = CostArgument::Params, value_name = "C")]
    pub cost: CostArgument,

    #[command(flatten)]
    pub bounds: BoundArguments,

    /// What it serves at once, for --max-serving and --cost serving: sequences x tokens, such
    /// as 8x4096 [default: one sequence of as many tokens as the network takes].
    #[arg(long, hide_short_help = true, value_name = "NxT", value_parser = parse_served)]
    pub serve: Option<(usize, usize)>,

    /// A table of what choices cost, such as latencies measured on another device:
    /// CSV with the columns variable,value,cost. An architecture costs the sum over
    /// its choices, of every block for variables of blocks.
    #[arg(long, hide_short_help = true, value_name = "FILE")]
    pub table: Option<PathBuf>,

    /// Different architectures to score (400), or time (60s; not reproducible).
    #[arg(long, default_value = "200", value_name = "B", value_parser = parse_budget)]
    pub budget: BudgetArgument,

    /// Members of the population, 4 to 10000; random search has none. Few members
    /// leave more generations to a small budget.
    #[arg(long, hide_short_help = true, default_value_t = 16, value_name = "N")]
    pub population: usize,

    /// Write the front, everything that was scored, and the page to this new folder.
    ///
    /// That is front.csv, front.svg, architectures/ID.json, evaluated.csv, report.json,
    /// report.html and a journal.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Continue the search in this folder with the configuration it was started with.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "out", "space", "proxy", "supernet", "adapter", "restricted", "rerank", "method", "cost", "table", "budget", "population",
        "max_params", "min_params", "max_decoder_params", "max_flops", "max_memory", "max_serving", "serve",
        "max_latency", "max_table", "batch", "positions", "objective", "text", "tokenizer", "memory",
    ])]
    pub resume: Option<PathBuf>,
}

/// Constraints on every architecture that is scored.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
pub struct BoundArguments {
    /// No more parameters than this: 40M, 1.5e8, 250000, or 80% of the largest network of
    /// the space.
    #[arg(long, value_name = "N", value_parser = parse_amount)]
    pub max_params: Option<Amount>,

    /// No fewer parameters than this.
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = parse_amount)]
    pub min_params: Option<Amount>,

    /// No more parameters of token mixers and feed-forward networks than this.
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = parse_amount)]
    pub max_decoder_params: Option<Amount>,

    /// No more FLOPs of a forward pass over one sequence of --positions tokens; a
    /// multiply-add is two.
    #[arg(long, value_name = "N", value_parser = parse_amount)]
    pub max_flops: Option<Amount>,

    /// No more bytes of activations kept for the backward pass over --batch
    /// sequences: 200M is 200 000 000.
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = parse_amount)]
    pub max_memory: Option<Amount>,

    /// No more bytes of weights and key-value cache when it serves, in numbers of 16 bits:
    /// 2GB, or 80% of the largest network of the space.
    #[arg(long, hide_short_help = true, value_name = "SIZE", value_parser = parse_bytes)]
    pub max_serving: Option<Amount>,

    /// No more time of a forward pass over --batch sequences, measured on this machine
    /// with --threads (20ms, 0.5s). Run it on a quiet machine.
    #[arg(long, hide_short_help = true, value_name = "T", value_parser = parse_time)]
    pub max_latency: Option<f64>,

    /// No more than this by the table.
    #[arg(long, hide_short_help = true, value_name = "X", requires = "table", value_parser = parse_quantity)]
    pub max_table: Option<f64>,
}

/// Search methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NasMethodArgument {
    /// NSGA-II: looks for the whole front of score against cost.
    Nsga2,
    /// Regularised evolution: looks for the highest score under the constraints.
    Evolution,
    /// Random architectures that meet the constraints, for comparison.
    Random,
    /// The best sub-network under one bound, by dynamic programming over what each
    /// choice of each block adds to the restricted score; for proxies that add over
    /// sites (`lpzero proxies NAME` says which do).
    Exact,
}

/// Costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CostArgument {
    /// All parameters.
    Params,
    /// Parameters of token mixers and feed-forward networks.
    DecoderParams,
    /// FLOPs of a forward pass over one sequence.
    Flops,
    /// Bytes of activations that a pass keeps.
    Memory,
    /// Bytes of weights and key-value cache when it serves.
    Serving,
    /// Seconds of a forward pass, measured on this machine.
    Latency,
    /// The sum by --table.
    Table,
}
