//! The command line as typed: names, defaults and help, nothing resolved yet.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

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
        lpzero search --truth BERT_benchmark.json       find a better one\n\n\
        Exit status: 0 done, 2 the input is wrong, 1 anything else, 130 interrupted."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,

    #[command(flatten)]
    pub common: Common,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find a proxy: search formulas on one split of a ground truth, report on another.
    Search(Search),
    /// Correlate proxies with a ground truth.
    Rank(Rank),
    /// Score architectures, one row each.
    Score(Score),
    /// Train an architecture on a synthetic language or on a text.
    Train(Train),
    /// List the named proxies, or explain one name or formula.
    Proxies(Proxies),
    /// Ground truths: what is known, one in detail.
    Truth(Truth),
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// Seed of everything random: weights, batch, split, search.
    #[arg(long, global = true, default_value_t = 0, value_name = "N")]
    pub seed: u64,

    /// Threads to use [default: all cores]. The result does not depend on it.
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,

    /// Print exactly one JSON document on standard output.
    #[arg(long, global = true)]
    pub json: bool,

    /// No progress and no remarks on standard error; errors only.
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// Folder for traces, reused by every later command on the same networks
    /// [default: the user's cache folder].
    #[arg(long, global = true, value_name = "DIR")]
    pub cache: Option<PathBuf>,

    /// Neither read nor write traces on disk.
    #[arg(long, global = true, conflicts_with = "cache")]
    pub no_cache: bool,
}

/// A ground truth and how to read it.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
pub struct TruthArguments {
    /// Ground truth: BERT_benchmark.json, a LiteTransformerSearch folder with
    /// ppl_summary.yaml, a file in lpzero's own format, or a table of your own
    /// (.csv or .jsonl): a column `architecture` (JSON, or the path of a file
    /// relative to the table), a column of scores, and perhaps `id` [default: tiny,
    /// which is built in].
    #[arg(long, value_name = "T")]
    pub truth: Option<PathBuf>,

    #[command(flatten)]
    pub layout: LayoutArguments,
}

/// What a file of a ground truth does not say itself.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
pub struct LayoutArguments {
    /// The column of scores, in a table with several columns of numbers.
    #[arg(long, value_name = "NAME")]
    pub score_column: Option<String>,

    /// A smaller score is better, in a table (a loss, a perplexity).
    #[arg(long)]
    pub lower_is_better: bool,

    /// Which network a FlexiBERT record describes.
    #[arg(long, value_enum, default_value_t = ReadingArgument::AsTrained, value_name = "R")]
    pub reading: ReadingArgument,
}

/// One or several ground truths and how to read them.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
pub struct TruthsArguments {
    /// Ground truth: BERT_benchmark.json, a LiteTransformerSearch folder with
    /// ppl_summary.yaml, a file in lpzero's own format, or a table of your own
    /// (.csv or .jsonl): a column `architecture` (JSON, or the path of a file
    /// relative to the table), a column of scores, and perhaps `id`. Given
    /// several times, the formula is wanted that carries over: that does best on
    /// the ground truth on which it does worst [default: tiny, which is built in].
    #[arg(long = "truth", value_name = "T")]
    pub truths: Vec<PathBuf>,

    #[command(flatten)]
    pub layout: LayoutArguments,
}

impl TruthsArguments {
    /// The options of each ground truth; without any, of one that is missing.
    pub fn each(&self) -> Vec<TruthArguments> {
        let of = |truth: Option<PathBuf>| TruthArguments {
            truth,
            layout: self.layout.clone(),
        };
        if self.truths.is_empty() {
            return vec![of(None)];
        }
        self.truths.iter().cloned().map(Some).map(of).collect()
    }
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

/// What the networks see and minimise during their one pass.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
pub struct PassArguments {
    /// Sequences per minibatch.
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub batch: usize,

    /// Tokens per sequence.
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub positions: usize,

    /// Loss to differentiate [default: next-token for decoders, masked-token for encoders].
    #[arg(long, value_enum, value_name = "L")]
    pub objective: Option<ObjectiveArgument>,

    /// Real text for the minibatch, in place of a synthetic Zipf stream.
    #[arg(long, value_name = "FILE", requires = "tokenizer")]
    pub text: Option<PathBuf>,

    /// The tokenizer.json that turns the text into tokens.
    #[arg(long, value_name = "FILE", requires = "text")]
    pub tokenizer: Option<PathBuf>,
}

/// Several passes per architecture, whose scores are averaged.
#[derive(Clone, Copy, Debug, Args)]
pub struct RepeatArguments {
    /// Initialisations per architecture, 1 to 64: weights from this seed and
    /// the next ones. Scores are means over all passes, with their spread.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub inits: u32,

    /// Minibatches per initialisation, 1 to 64.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
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

/// Two sizes, `S/V`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitArgument {
    pub search: usize,
    pub validation: usize,
}

/// `60s` or a number of evaluations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BudgetArgument {
    Seconds(f64),
    Evaluations(u64),
}

#[derive(Debug, Args)]
pub struct Search {
    #[command(flatten)]
    pub truth: TruthsArguments,

    #[command(flatten)]
    pub pass: PassArguments,

    /// How formulas are found.
    #[arg(long, value_enum, default_value_t = MethodArgument::Gp)]
    pub method: MethodArgument,

    /// Which formulas there are; an exhaustive search is always of the paper's.
    #[arg(long, value_enum, default_value_t, value_name = "G")]
    pub grammar: GrammarArgument,

    /// Unary operations per branch of the paper's formulas, 1 to 3 [default: 2].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub n_unary: Option<u8>,

    /// Start from this named proxy or formula, or from the front of the run in
    /// this folder, in place of all named proxies; may be repeated.
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub from: Vec<String>,

    /// Search formulas of this shape: `?(x)` stands for operations on x, `?` for
    /// any part that fits (after ^, a number), `[?]` for a role filter. Example:
    /// 'sum[ffn](?(D)) ^ ?'.
    #[arg(long, value_name = "F", allow_hyphen_values = true)]
    pub template: Option<String>,

    /// Discard nothing by the rules of the operator table, to see what they save.
    #[arg(long)]
    pub no_rules: bool,

    /// Evaluate every formula on the whole search split, to see what prediction
    /// from the first architectures saves.
    #[arg(long)]
    pub no_prediction: bool,

    /// What a formula is judged by.
    #[arg(long, value_enum, default_value_t = FitnessArgument::Spearman, value_name = "F")]
    pub fitness: FitnessArgument,

    /// Search on S architectures, select with V beside them, test on all others;
    /// drawn by the seed, equal networks in one part [default: 100/50, or two
    /// and one fifths of a small ground truth]. With several ground truths, one
    /// for all or one for each.
    #[arg(long = "split", value_name = "S/V", value_parser = parse_split)]
    pub splits: Vec<SplitArgument>,

    /// Formulas evaluated (20000) or time (60s; not reproducible)
    /// [default: the paper's 1000 iterations].
    #[arg(long, value_name = "B", value_parser = parse_budget)]
    pub budget: Option<BudgetArgument>,

    /// Write the report, the front and the configuration to this new folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Continue the run in this folder with the configuration it was started with.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "out", "truths", "score_column", "lower_is_better", "reading", "method", "grammar",
        "n_unary", "from", "template", "no_rules", "no_prediction", "fitness", "splits",
        "budget", "batch", "positions",
        "objective", "text", "tokenizer",
    ])]
    pub resume: Option<PathBuf>,
}

/// Search methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodArgument {
    /// Typed genetic programming.
    Gp,
    /// Random formulas from the same generator, for comparison.
    Random,
    /// Every formula of the paper's grammar; there is no budget.
    Exhaustive,
}

/// Spaces of formulas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrammarArgument {
    /// Arithmetic over aggregates and scalars of the network.
    #[default]
    Aggregates,
    /// LPZero's: two symbols under chains of unary operations, one binary
    /// operation, the mean over all sites.
    Paper,
}

/// Rank correlations with the trained scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FitnessArgument {
    /// Spearman's rho, as in the paper.
    Spearman,
    /// Kendall's tau-b, which forgives pairs that a formula leaves tied.
    Kendall,
    /// Kendall's tau that does not forgive them.
    SomersD,
}

#[derive(Debug, Args)]
pub struct Rank {
    #[command(flatten)]
    pub truth: TruthArguments,

    #[command(flatten)]
    pub pass: PassArguments,

    #[command(flatten)]
    pub repeats: RepeatArguments,

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
    #[arg(long)]
    pub exact: bool,

    /// How to print the table.
    #[arg(long, value_enum, default_value_t = RankFormatArgument::Table, conflicts_with = "json")]
    pub format: RankFormatArgument,

    /// Write the JSON document to this file, too.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Report on the test set that a search with this split leaves [default: all].
    #[arg(long, value_name = "S/V", value_parser = parse_split)]
    pub split: Option<SplitArgument>,
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

#[derive(Debug, Args)]
pub struct Score {
    /// Architectures: lpzero specs, FlexiBERT configs, LiteTransformerSearch
    /// model_config.yaml files (GPT-2, Transformer-XL), Hugging Face folders (gpt2, bert, electra).
    #[arg(
        value_name = "ARCH",
        conflicts_with = "truth",
        required_unless_present = "truth"
    )]
    pub architectures: Vec<PathBuf>,

    #[command(flatten)]
    pub truth: TruthArguments,

    #[command(flatten)]
    pub pass: PassArguments,

    #[command(flatten)]
    pub repeats: RepeatArguments,

    /// A named proxy, a formula, or @ before the folder of a search, its report,
    /// or a file with one formula a line; may be repeated.
    #[arg(
        long = "proxy",
        value_name = "P",
        required = true,
        allow_hyphen_values = true
    )]
    pub proxies: Vec<String>,

    /// How to print the scores.
    #[arg(long, value_enum, default_value_t = FormatArgument::Table, conflicts_with = "json")]
    pub format: FormatArgument,
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

#[derive(Debug, Args)]
pub struct Proxies {
    /// A named proxy or a formula to explain [default: list all].
    #[arg(value_name = "NAME", allow_hyphen_values = true)]
    pub name: Option<String>,

    /// Print the reference of the language: every operator, symbol and role.
    #[arg(long, conflicts_with_all = ["name", "json"])]
    pub reference: bool,
}

#[derive(Debug, Args)]
pub struct Truth {
    #[command(subcommand)]
    pub action: Option<TruthAction>,
}

/// What to do with ground truths.
#[derive(Debug, Subcommand)]
pub enum TruthAction {
    /// The published ground truths that lpzero reads, and where they come from.
    List,
    /// One ground truth in detail: architectures, scores, closed-form baselines.
    Show {
        #[command(flatten)]
        truth: TruthArguments,
    },
    /// What a ground truth can tell: which variables its scores respond to, how
    /// well they could be predicted at all, which records to distrust.
    Audit(Audit),
    /// Build a ground truth: train small decoders drawn from a space, side by side.
    Build(Build),
    /// Download a published ground truth, checked against its pinned hash; then
    /// --truth takes its name.
    Fetch(Fetch),
}

#[derive(Debug, Args)]
pub struct Fetch {
    /// One that `lpzero truth list` names.
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Where to put it [default: LPZERO_DATA, else the user's data folder].
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,

    /// Another address with the same files.
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
}

#[derive(Debug, Args)]
pub struct Train {
    /// The architecture: any file or folder that `score` takes
    /// [default: a decoder like GPT-2, of --layers, --width, --heads, --feed-forward].
    #[arg(value_name = "ARCH", conflicts_with_all = ["layers", "width", "heads", "feed_forward", "entry"])]
    pub architecture: Option<PathBuf>,

    /// Take architecture and recipe from this entry of a ground truth that `lpzero
    /// truth build` made, to train it again.
    #[arg(long, value_name = "ID", conflicts_with_all = ["layers", "width", "heads", "feed_forward"])]
    pub entry: Option<String>,

    /// The ground truth of --entry, or how to read ARCH.
    #[command(flatten)]
    pub truth: TruthArguments,

    /// Blocks [default: 4].
    #[arg(long, value_name = "N")]
    pub layers: Option<usize>,

    /// Width of the residual stream [default: 64].
    #[arg(long, value_name = "N")]
    pub width: Option<usize>,

    /// Heads per block [default: 4].
    #[arg(long, value_name = "N")]
    pub heads: Option<usize>,

    /// Hidden width of the feed-forward networks [default: 4 x width].
    #[arg(long, value_name = "N")]
    pub feed_forward: Option<usize>,

    #[command(flatten)]
    pub recipe: RecipeArguments,

    /// Real text to train on, in place of the synthetic language; its last
    /// twentieth is for validation.
    #[arg(long, value_name = "FILE", requires = "tokenizer")]
    pub text: Option<PathBuf>,

    /// The tokenizer.json that turns the text into tokens.
    #[arg(long, value_name = "FILE", requires = "text")]
    pub tokenizer: Option<PathBuf>,

    /// Write weights (model.safetensors), the loss curve (curve.csv, curve.svg), the
    /// report and checkpoints to this new folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Write a folder hugging-face below --out, too, that transformers'
    /// GPT2LMHeadModel reads.
    #[arg(long, requires = "out")]
    pub hugging_face: bool,

    /// Continue the training in this folder; it ends with the same bits.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "architecture", "entry", "truth", "score_column", "lower_is_better", "reading",
        "layers", "width", "heads", "feed_forward", "steps", "batch", "positions",
        "accumulate", "learning_rate", "warm_up", "weight_decay", "clip", "validate_every",
        "text", "tokenizer", "out", "hugging_face",
    ])]
    pub resume: Option<PathBuf>,
}

/// How a network is trained. Defaults are those of --entry where it is given.
#[derive(Clone, Debug, Args)]
pub struct RecipeArguments {
    /// Updates of the weights [default: 1000].
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,

    /// Sequences per pass [default: 16].
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,

    /// Tokens per sequence [default: 64].
    #[arg(long, value_name = "N")]
    pub positions: Option<usize>,

    /// Passes per update, whose gradients are averaged [default: 1].
    #[arg(long, value_name = "N")]
    pub accumulate: Option<u32>,

    /// The highest learning rate of AdamW [default: 0.005].
    #[arg(long, value_name = "X")]
    pub learning_rate: Option<f64>,

    /// Updates until the rate is highest; then it falls along a cosine to a tenth
    /// [default: a twentieth of --steps].
    #[arg(long, value_name = "N")]
    pub warm_up: Option<u64>,

    /// Decay of matrices and tables [default: 0.1].
    #[arg(long, value_name = "X")]
    pub weight_decay: Option<f64>,

    /// Largest norm of the gradient, 0 for no limit [default: 1].
    #[arg(long, value_name = "X")]
    pub clip: Option<f64>,

    /// Updates between two validations [default: a tenth of --steps].
    #[arg(long, value_name = "N")]
    pub validate_every: Option<u64>,
}

#[derive(Debug, Args)]
pub struct Build {
    /// What to build: a plan as in crates/train/src/plans/tiny.json, with a space to
    /// draw from and a recipe for training [default: the plan of the built-in
    /// ground truth tiny].
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,

    /// Architectures to draw [default: what the plan says].
    #[arg(long, value_name = "N")]
    pub architectures: Option<usize>,

    /// Seeds to train each with [default: what the plan says].
    #[arg(long, value_name = "N")]
    pub seeds: Option<u64>,

    /// Updates per training [default: what the plan says].
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,

    /// A new folder for finished trainings and for the ground truth, truth.json.
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    pub out: Option<PathBuf>,

    /// Continue the build in this folder.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "plan", "architectures", "seeds", "steps"])]
    pub resume: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Audit {
    /// The ground truth, as for --truth.
    #[arg(value_name = "T", conflicts_with = "truth")]
    pub path: Option<PathBuf>,

    #[command(flatten)]
    pub truth: TruthArguments,

    /// Permutations per test, 99 to 1000000.
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u32).range(99..=1_000_000))]
    pub permutations: u32,
}

impl Search {
    /// The first option that would do nothing beside the others, and why.
    pub fn idle_option(&self) -> Option<(&'static str, &'static str)> {
        let exhaustive = self.method == MethodArgument::Exhaustive;
        let paper = exhaustive || self.grammar == GrammarArgument::Paper;
        let every = "an exhaustive search evaluates every formula";
        [
            (
                self.n_unary.is_some() && !paper,
                "--n-unary",
                "only the paper's formulas have branches; add --grammar paper",
            ),
            (
                !self.from.is_empty() && (paper || self.method != MethodArgument::Gp),
                "--from",
                "only genetic programming over aggregates starts from formulas",
            ),
            (
                self.template.is_some() && paper,
                "--template",
                "the paper's formulas have a shape of their own",
            ),
            (
                self.template.is_some() && !self.from.is_empty(),
                "--from",
                "with --template, a search starts from formulas of that shape",
            ),
            (exhaustive && self.budget.is_some(), "--budget", every),
            (exhaustive && self.no_rules, "--no-rules", every),
            (exhaustive && self.no_prediction, "--no-prediction", every),
        ]
        .into_iter()
        .find_map(|(idle, option, reason)| idle.then_some((option, reason)))
    }
}

fn parse_split(text: &str) -> Result<SplitArgument, String> {
    let expected =
        "expected two numbers such as 100/50: architectures to search on / to select with";
    let (search, validation) = text.split_once('/').ok_or(expected)?;
    let number = |part: &str| {
        part.trim()
            .parse::<usize>()
            .map_err(|_| expected.to_owned())
    };
    let split = SplitArgument {
        search: number(search)?,
        validation: number(validation)?,
    };
    if split.search < 2 || split.validation < 2 {
        return Err("each part of a split needs at least 2 architectures".into());
    }
    Ok(split)
}

fn parse_budget(text: &str) -> Result<BudgetArgument, String> {
    let expected = "expected a number of evaluations such as 20000, or a time such as 60s";
    if let Some(seconds) = text.strip_suffix('s') {
        let seconds: f64 = seconds.trim().parse().map_err(|_| expected.to_owned())?;
        if !(seconds > 0.0 && std::time::Duration::try_from_secs_f64(seconds).is_ok()) {
            return Err(expected.into());
        }
        return Ok(BudgetArgument::Seconds(seconds));
    }
    let evaluations: u64 = text.trim().parse().map_err(|_| expected.to_owned())?;
    if evaluations == 0 {
        return Err(expected.into());
    }
    Ok(BudgetArgument::Evaluations(evaluations))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_split_is_two_sizes_of_at_least_two() {
        assert_eq!(
            parse_split("100/50").unwrap(),
            SplitArgument {
                search: 100,
                validation: 50
            }
        );
        for wrong in ["100", "1/50", "a/b", "100/", "-3/4", "100/50/2"] {
            assert!(parse_split(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_budget_counts_evaluations_or_seconds() {
        assert_eq!(parse_budget("60s").unwrap(), BudgetArgument::Seconds(60.0));
        assert_eq!(
            parse_budget("20000").unwrap(),
            BudgetArgument::Evaluations(20000)
        );
        for wrong in ["", "s", "-1s", "NaNs", "1e30s", "0", "1.5", "ten"] {
            assert!(parse_budget(wrong).is_err(), "{wrong}");
        }
    }
}
