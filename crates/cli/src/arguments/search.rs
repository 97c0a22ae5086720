//! The options of `search`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::share::ShardArguments;
use super::shared::{LikeArguments, PassArguments, TruthsArguments};
use super::values::{BudgetArgument, SplitArgument, parse_budget, parse_split};

#[derive(Debug, Args)]
pub struct Search {
    #[command(flatten)]
    pub truth: TruthsArguments,

    #[command(flatten)]
    pub pass: PassArguments,

    /// How formulas are found [default: transfer for several ground truths or none, gp
    /// where one of its options is given, else powers].
    #[arg(long, value_enum)]
    pub method: Option<MethodArgument>,

    /// Which formulas there are; an exhaustive search is always of the paper's, a search
    /// for what carries over always of transfer [default: aggregates].
    #[arg(long, hide_short_help = true, value_enum, value_name = "G")]
    pub grammar: Option<GrammarArgument>,

    /// Keep this ground truth out of the search, and report how the formula does there;
    /// may be repeated.
    #[arg(long = "hold-out", value_name = "T")]
    pub hold_out: Vec<PathBuf>,

    /// Without --truth: search on all of openlm and test on all of gemstones, which takes
    /// minutes, in place of their smaller networks.
    #[arg(long, hide_short_help = true, conflicts_with = "truths")]
    pub full: bool,

    /// Draw weights and minibatches by this seed, so that searches with other seeds need
    /// no other traces [default: --seed].
    #[arg(long, hide_short_help = true, value_name = "N")]
    pub init_seed: Option<u64>,

    #[command(flatten)]
    pub like: LikeArguments,

    /// Unary operations per branch of the paper's formulas, 1 to 3 [default: 2].
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub n_unary: Option<u8>,

    /// What makes one number of all sites in an exhaustive search: mean or sum, perhaps
    /// over the sites of some roles, such as sum[ffn]; may be repeated. `all` stands for
    /// both over all sites, every group of roles and every role [default: mean].
    #[arg(long = "aggregate", hide_short_help = true, value_name = "A")]
    pub aggregates: Vec<String>,

    /// Start from this named proxy or formula, or from the front of the run in
    /// this folder, in place of all named proxies; may be repeated.
    #[arg(
        long,
        hide_short_help = true,
        value_name = "P",
        allow_hyphen_values = true
    )]
    pub from: Vec<String>,

    /// Search formulas of this shape: `?(x)` stands for operations on x, `?` for
    /// any part that fits (after ^, a number), `[?]` for a role filter. Example:
    /// 'sum[ffn](?(D)) ^ ?'.
    #[arg(
        long,
        hide_short_help = true,
        value_name = "F",
        allow_hyphen_values = true
    )]
    pub template: Option<String>,

    /// Discard nothing by the rules of the operator table, to see what they save.
    #[arg(long, hide_short_help = true)]
    pub no_rules: bool,

    /// Evaluate every formula on the whole search split, to see what prediction
    /// from the first architectures saves.
    #[arg(long, hide_short_help = true)]
    pub no_prediction: bool,

    /// Start genetic programming from what --method powers finds: products of powers
    /// whose exponents are fitted by regression, on the validation split as well.
    #[arg(long, hide_short_help = true)]
    pub powers: bool,

    /// What a formula is judged by [default: same-size for transfer, which judges by nothing
    /// else, and spearman for other methods].
    #[arg(long, value_enum, value_name = "F")]
    pub fitness: Option<FitnessArgument>,

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
        "out", "truths", "hold_out", "full", "init_seed", "tolerance", "size", "score_column", "lower_is_better", "skip_missing", "up_to", "reading", "method", "grammar",
        "n_unary", "aggregates", "from", "template", "no_rules", "no_prediction", "powers",
        "fitness", "splits", "budget", "batch", "positions", "objective", "text", "tokenizer", "memory",
    ])]
    pub resume: Option<PathBuf>,

    #[command(flatten)]
    pub share: ShardArguments,
}

/// Search methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodArgument {
    /// Typed genetic programming.
    Gp,
    /// Random formulas from the same generator, for comparison.
    Random,
    /// Every formula of the paper's grammar, perhaps with sums and role filters
    /// (--aggregate); there is no budget.
    Exhaustive,
    /// The product of powers of aggregates that says most of what all aggregates
    /// together say, fitted on the search and validation splits; there is no budget.
    Powers,
    /// The product of at most two sums over blocks that orders networks of like size best
    /// on every ground truth. Reports how it does on each that is left out; there is no
    /// budget.
    Transfer,
}

/// Spaces of formulas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrammarArgument {
    /// Arithmetic over aggregates and scalars of the network.
    Aggregates,
    /// LPZero's: two symbols under chains of unary operations, one binary
    /// operation, the mean over all sites.
    Paper,
    /// Sums and means over blocks of low moments, two at most with low exponents.
    Transfer,
}

/// How well a formula agrees with the trained scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FitnessArgument {
    /// Spearman's rho, as in the paper.
    Spearman,
    /// Kendall's tau-b, which forgives pairs that a formula leaves tied.
    Kendall,
    /// Kendall's tau that does not forgive them.
    SomersD,
    /// Equal-size accuracy: the share of pairs of like size (--same-size, --size) that a
    /// formula orders right.
    SameSize,
}

impl Search {
    /// The method that was asked for, or the one that suits the other options.
    pub fn method(&self) -> MethodArgument {
        let of_gp = self.budget.is_some()
            || !self.from.is_empty()
            || self.template.is_some()
            || self.no_prediction
            || self.powers
            || self.n_unary.is_some()
            || self.grammar == Some(GrammarArgument::Paper);
        match self.method {
            Some(method) => method,
            None if self.grammar == Some(GrammarArgument::Transfer) => MethodArgument::Transfer,
            None if of_gp => MethodArgument::Gp,
            None if self.truth.truths.len() == 1 => MethodArgument::Powers,
            None => MethodArgument::Transfer,
        }
    }

    /// What formulas are judged by: what was asked for, or what suits the method.
    pub fn fitness(&self) -> FitnessArgument {
        self.fitness.unwrap_or(match self.method() {
            MethodArgument::Transfer => FitnessArgument::SameSize,
            _ => FitnessArgument::Spearman,
        })
    }

    /// The first option that would do nothing beside the others, and why.
    pub fn idle_option(&self) -> Option<(&'static str, &'static str)> {
        let shape = self.idle_by_shape().into_iter();
        let all = shape.chain(self.idle_by_method());
        let mut idle = all.filter(|(idle, ..)| *idle);
        idle.next().map(|(_, option, reason)| (option, reason))
    }

    /// Whether formulas are of the paper's shape.
    fn is_paper(&self) -> bool {
        self.method() == MethodArgument::Exhaustive || self.grammar == Some(GrammarArgument::Paper)
    }

    /// Options that the shape of formulas makes idle: whether they are, which, and why.
    fn idle_by_shape(&self) -> [Idle; 8] {
        let method = self.method();
        let exhaustive = method == MethodArgument::Exhaustive;
        let transfer = method == MethodArgument::Transfer;
        let paper = self.is_paper();
        let gp = method == MethodArgument::Gp;
        [
            (
                self.truth.layout.up_to.is_some() && self.truth.truths.is_empty(),
                "--up-to",
                "without --truth, a search has sizes of its own; add --truth openlm",
            ),
            (
                self.n_unary.is_some() && !paper,
                "--n-unary",
                "only the paper's formulas have branches; add --grammar paper",
            ),
            (
                !self.aggregates.is_empty() && !exhaustive,
                "--aggregate",
                "only an exhaustive search enumerates aggregates; add --method exhaustive",
            ),
            (
                !self.from.is_empty() && (paper || !gp),
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
            (
                transfer != (self.grammar == Some(GrammarArgument::Transfer))
                    && self.grammar.is_some(),
                "--grammar",
                "the grammar of transfer and the method of this name go together",
            ),
            (
                transfer && self.template.is_some(),
                "--template",
                "products have a shape of their own",
            ),
        ]
    }

    /// Options that the method makes idle.
    fn idle_by_method(&self) -> [Idle; 12] {
        let method = self.method();
        let exhaustive = method == MethodArgument::Exhaustive;
        let transfer = method == MethodArgument::Transfer;
        let powers = method == MethodArgument::Powers;
        let paper = self.is_paper();
        let fitted = !paper && self.template.is_none() && method == MethodArgument::Gp;
        let every = "an exhaustive search evaluates every formula";
        let fit = "fitted products are all evaluated";
        [
            (
                transfer
                    && self
                        .fitness
                        .is_some_and(|fitness| fitness != FitnessArgument::SameSize),
                "--fitness",
                "a search for what carries over judges by equal-size accuracy, same-size",
            ),
            (transfer && self.no_rules, "--no-rules", fit),
            (transfer && self.budget.is_some(), "--budget", fit),
            (transfer && self.no_prediction, "--no-prediction", fit),
            (exhaustive && self.budget.is_some(), "--budget", every),
            (exhaustive && self.no_rules, "--no-rules", every),
            (exhaustive && self.no_prediction, "--no-prediction", every),
            (powers && paper, "--grammar", "products are of aggregates"),
            (
                powers && self.template.is_some(),
                "--template",
                "products have a shape of their own",
            ),
            (powers && self.budget.is_some(), "--budget", fit),
            (powers && self.no_prediction, "--no-prediction", fit),
            (
                self.powers && !fitted,
                "--powers",
                "only genetic programming over aggregates starts from products of powers",
            ),
        ]
    }
}

/// Whether an option does nothing, which one it is, and why.
type Idle = (bool, &'static str, &'static str);
