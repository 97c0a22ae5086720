//! Groups of options that several commands have.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::values::{parse_memory, parse_patience, parse_quantity, parse_share};

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
    #[arg(long, value_name = "N", value_parser = parse_quantity)]
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
