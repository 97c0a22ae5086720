//! The command line as typed: names, defaults and help, nothing resolved yet.

mod ablate;
mod compare;
mod eval;
mod export;
mod housekeeping;
mod nas;
mod report;
mod score;
mod search;
mod share;
mod train;
mod truth;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

pub use ablate::*;
pub use compare::*;
pub use eval::*;
pub use export::*;
pub use housekeeping::*;
pub use nas::*;
pub use report::*;
pub use score::*;
pub use search::*;
use search::{parse_budget, parse_split};
pub use share::*;
pub use train::*;
pub use truth::*;

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

/// A ground truth and how to read it.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
pub struct TruthArguments {
    /// Ground truth: openlm, gemstones (perhaps @10B for a budget of tokens) or tiny, which
    /// are built in; the path of a published one, of a file in lpzero's own format, or of a
    /// table of your own (.csv, .tsv, .jsonl, or a list in .json): a column `architecture`
    /// (JSON, or the path of a file relative to the table), a column of scores, and perhaps
    /// `id` [default: openlm].
    #[arg(long, value_name = "T")]
    pub truth: Option<PathBuf>,

    #[command(flatten)]
    pub layout: LayoutArguments,
}

/// Options for what a file of a ground truth does not say itself.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
pub struct LayoutArguments {
    /// The column of scores, in a table with several columns of numbers.
    #[arg(long, hide_short_help = true, value_name = "NAME")]
    pub score_column: Option<String>,

    /// A smaller score is better, in a table (a loss, a perplexity).
    #[arg(long)]
    pub lower_is_better: bool,

    /// Leave rows without a score out, in a table, and say how many.
    #[arg(long, hide_short_help = true)]
    #[serde(default)]
    pub skip_missing: bool,

    /// Leave networks of more parameters out, and say how many: 100M.
    #[arg(long, value_name = "N", value_parser = nas::parse_quantity)]
    #[serde(default)]
    pub up_to: Option<f64>,

    /// Which network a FlexiBERT record describes.
    #[arg(long, hide_short_help = true, value_enum, default_value_t = ReadingArgument::AsTrained, value_name = "R")]
    pub reading: ReadingArgument,
}

/// One or several ground truths and how to read them.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
pub struct TruthsArguments {
    /// Ground truth: openlm, gemstones (perhaps @10B for a budget of tokens) or tiny, which
    /// are built in; the path of a published one, of a file in lpzero's own format, or of a
    /// table of your own (.csv, .tsv, .jsonl, or a list in .json): a column `architecture`
    /// (JSON, or the path of a file relative to the table), a column of scores, and perhaps
    /// `id`. Given several times, the formula is wanted that carries over
    /// [default: openlm, up to a size].
    #[arg(long = "truth", value_name = "T")]
    pub truths: Vec<PathBuf>,

    #[command(flatten)]
    pub layout: LayoutArguments,
}

/// Which networks are alike, of which only one can be afforded.
#[derive(Clone, Copy, Debug, PartialEq, Args)]
pub struct LikeArguments {
    /// Networks are of like size whose sizes differ by less than this share: 5% or 0.05.
    #[arg(long = "same-size", hide_short_help = true, value_name = "SHARE", default_value = "5%", value_parser = parse_share)]
    pub tolerance: f64,

    /// Size that networks of like size share.
    #[arg(long, hide_short_help = true, value_enum, default_value_t = SizeArgument::Params)]
    pub size: SizeArgument,
}

/// Sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SizeArgument {
    /// All parameters.
    Params,
    /// Parameters of token mixers and feed-forward networks.
    DecoderParams,
    /// Floating-point operations of one forward pass over one token.
    Flops,
}

fn parse_share(text: &str) -> Result<f64, String> {
    let (number, scale) = match text.trim().strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let share = number.trim().parse::<f64>().ok().map(|share| share / scale);
    share
        .filter(|share| *share > 0.0 && *share <= 10.0)
        .ok_or_else(|| "expected a share above 0, such as 5% or 0.05".to_owned())
}

/// The three readings of a FlexiBERT record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadingArgument {
    /// What the training code built: plain self-attention everywhere, first
    /// feed-forward layer 4 x hidden.
    AsTrained,
    /// What the record says.
    Declared,
    /// What the released scoring code built: hidden 256 and feed-forward 1024 always.
    Reference,
}

/// Options of the one pass: what networks see and minimise.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct PassArguments {
    /// Sequences per minibatch.
    #[arg(long, hide_short_help = true, default_value_t = 4, value_name = "N")]
    pub batch: usize,

    /// Tokens per sequence [default: 64, or as many as the network with the fewest
    /// positions has].
    #[arg(long, hide_short_help = true, value_name = "N")]
    pub positions: Option<usize>,

    /// Loss to differentiate [default: next-token for decoders, masked-token for encoders].
    #[arg(long, hide_short_help = true, value_enum, value_name = "L")]
    pub objective: Option<ObjectiveArgument>,

    /// Real text for the minibatch, in place of a synthetic Zipf stream.
    #[arg(long, value_name = "FILE", requires = "tokenizer")]
    pub text: Option<PathBuf>,

    /// The tokenizer.json that turns the text into tokens.
    #[arg(long, hide_short_help = true, value_name = "FILE", requires = "text")]
    pub tokenizer: Option<PathBuf>,

    /// Most memory that networks may take together: 4GB, 500MB [default: 4GiB]. The
    /// weights of one that would take more are read, or drawn, block by block whenever
    /// a pass visits them: the same scores, at about twice the time.
    #[arg(long, hide_short_help = true, value_name = "SIZE", value_parser = parse_memory)]
    pub memory: Option<u64>,
}

/// How long decompositions may take.
#[derive(Clone, Copy, Debug, Args)]
pub struct PatienceArguments {
    /// Longest that decompositions of whole tensors may take, as estimated: 90s, 2h. A
    /// proxy that would take longer is refused before any work.
    #[arg(long, hide_short_help = true, default_value = "10m", value_name = "T", value_parser = parse_patience)]
    pub patience: f64,
}

/// Several passes per architecture, whose scores are averaged.
#[derive(Clone, Copy, Debug, Args)]
pub struct RepeatArguments {
    /// Initialisations per architecture, 1 to 64: weights from this seed and
    /// the next ones. Scores are means over all passes, with their spread.
    #[arg(long, hide_short_help = true, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub inits: u32,

    /// Minibatches per initialisation, 1 to 64.
    #[arg(long, hide_short_help = true, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub batches: u32,
}

/// Losses of the one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectiveArgument {
    /// Cross-entropy of the next token.
    NextToken,
    /// Cross-entropy of masked tokens through the tied token table.
    MaskedToken,
    /// A fixed random projection of the last hidden state.
    RandomProjection,
    /// Sum of the last hidden state, as the released code has it: its gradient
    /// is rounding noise behind a final LayerNorm.
    OutputSum,
}

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

/// Bytes: a number with a unit of 1000.
fn parse_memory(text: &str) -> Result<u64, String> {
    let bytes = text.parse::<bytesize::ByteSize>().map(|size| size.as_u64());
    // A bare number would be bytes, which nobody means.
    let has_unit = text.ends_with(|c: char| c.is_ascii_alphabetic());
    let bytes = bytes.ok().filter(|bytes| has_unit && *bytes > 0);
    bytes.ok_or_else(|| format!("{text:?}: expected a size such as 4GB, 500MB or 4GiB"))
}

/// `1.5s`, `20ms`, or in parts `1h 30m`, as seconds.
fn parse_seconds(text: &str) -> Option<f64> {
    let parts = || {
        // Its `M` is a month; ours would be a million.
        let is_time = !text.contains(char::is_uppercase);
        let parsed = humantime::parse_duration(text).ok().filter(|_| is_time);
        parsed.map(|time| time.as_secs_f64())
    };
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let seconds = units.into_iter().find_map(|(name, unit)| {
        let number: f64 = text.strip_suffix(name)?.trim().parse().ok()?;
        Some(number * unit)
    });
    let seconds = seconds.or_else(parts)?;
    let holds = seconds > 0.0 && std::time::Duration::try_from_secs_f64(seconds).is_ok();
    holds.then_some(seconds)
}

fn parse_patience(text: &str) -> Result<f64, String> {
    parse_seconds(text).ok_or_else(|| format!("{text:?}: expected a time such as 90s, 10m or 2h"))
}

#[derive(Debug, Args)]
pub struct Proxies {
    /// A named proxy or a formula to explain [default: list all].
    #[arg(value_name = "NAME", allow_hyphen_values = true)]
    pub name: Option<String>,

    /// How the score answers when one dimension of a small decoder changes: depth, width,
    /// heads and so on. A search gives away what is invisible.
    #[arg(long, requires = "name")]
    pub sees: bool,

    /// Print the reference of the language: every operator, symbol and role.
    #[arg(long, conflicts_with_all = ["name", "json", "sees"])]
    pub reference: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn sizes_and_times_are_read_as_people_write_them() {
        let sizes = [
            "4GiB", "4gib", "4 GiB", "4G", "500MB", "500 MB", "1.5GB", "4T",
        ]
        .map(parse_memory);
        let gibibytes = 4 << 30;
        let expected = [
            gibibytes,
            gibibytes,
            gibibytes,
            4_000_000_000,
            500_000_000,
            500_000_000,
            1_500_000_000,
            4_000_000_000_000,
        ];
        assert_eq!(sizes, expected.map(Ok));
        assert!(
            parse_memory("4").is_err()
                && parse_memory("0GB").is_err()
                && parse_memory("GB").is_err()
        );
        let times = [
            "90s", "10m", "2h", "1h 30m", "1h30m", "1.5s", "20ms", "2 min",
        ]
        .map(parse_seconds);
        assert_eq!(
            times,
            [90.0, 600.0, 7200.0, 5400.0, 5400.0, 1.5, 0.02, 120.0].map(Some)
        );
        assert!(parse_seconds("10").is_none() && parse_seconds("5M").is_none());
    }
}
