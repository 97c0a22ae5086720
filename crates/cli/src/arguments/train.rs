//! The options of `train` and `truth build`.

use std::path::PathBuf;

use super::score::WeightsArgument;
use super::share::ShardArguments;
use super::shared::TruthArguments;
use super::values::parse_memory;
use clap::Args;

#[derive(Debug, Args)]
pub struct Train {
    /// The architecture: any file or folder that `score` takes
    /// [default: a decoder like GPT-2, of --layers, --width, --heads, --feed-forward].
    ///
    /// Weights in the folder are trained on: 300 updates of 8 x 256 tokens at a rate of 0.0001,
    /// where options do not say otherwise.
    #[arg(value_name = "ARCH", conflicts_with_all = ["layers", "width", "heads", "feed_forward", "entry"])]
    pub architecture: Option<PathBuf>,

    /// Train the largest network of a space as a super-network: with it, in every
    /// update, the smallest and --samples others on the same batch, whose weights are
    /// the leading rows and columns of its tensors. A built-in space such as
    /// tiny-elastic or a file of format lpzero-space, with one number of blocks and
    /// with numbers to choose from.
    #[arg(long, value_name = "SPACE", conflicts_with_all = ["architecture", "layers", "width", "heads", "feed_forward", "entry"])]
    pub space: Option<PathBuf>,

    /// Random networks of the space in every update [default: 2].
    #[arg(long, hide_short_help = true, value_name = "N", requires = "space")]
    pub samples: Option<usize>,

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

    /// Begin with the weights in the folder ARCH, where there are any, or with seeded ones.
    #[arg(long, hide_short_help = true, value_enum, default_value_t = WeightsArgument::Stored)]
    pub weights: WeightsArgument,

    #[command(flatten)]
    pub recipe: RecipeArguments,

    /// Real text to train on, in place of the synthetic language; its last
    /// twentieth is for validation.
    #[arg(long, value_name = "FILE")]
    pub text: Option<PathBuf>,

    /// The tokenizer.json that turns the text into tokens [default: that of the folder ARCH].
    #[arg(long, hide_short_help = true, value_name = "FILE", requires = "text")]
    pub tokenizer: Option<PathBuf>,

    /// Write weights (model.safetensors), the loss curve (curve.csv, curve.svg), the
    /// report and checkpoints to this new folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Write a folder hugging-face below --out, too, that transformers reads: of the class that
    /// the weights came from, or a GPT2LMHeadModel.
    #[arg(long, requires = "out")]
    pub hugging_face: bool,

    /// Continue the training in this folder; it ends with the same bits.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "architecture", "space", "samples", "entry", "truth", "score_column", "lower_is_better", "skip_missing", "up_to", "reading",
        "layers", "width", "heads", "feed_forward", "steps", "batch", "positions",
        "accumulate", "learning_rate", "warm_up", "weight_decay", "clip", "validate_every",
        "validation_batches", "weights",
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
    #[arg(long, hide_short_help = true, value_name = "N")]
    pub accumulate: Option<u32>,

    /// The highest learning rate of AdamW [default: 0.005].
    #[arg(long, value_name = "X")]
    pub learning_rate: Option<f64>,

    /// Updates until the rate is highest; then it falls along a cosine to a tenth
    /// [default: a twentieth of --steps].
    #[arg(long, hide_short_help = true, value_name = "N")]
    pub warm_up: Option<u64>,

    /// Decay of matrices and tables [default: 0.1].
    #[arg(long, hide_short_help = true, value_name = "X")]
    pub weight_decay: Option<f64>,

    /// Largest norm of the gradient, 0 for no limit [default: 1].
    #[arg(long, hide_short_help = true, value_name = "X")]
    pub clip: Option<f64>,

    /// Updates between two validations [default: a tenth of --steps].
    #[arg(long, hide_short_help = true, value_name = "N")]
    pub validate_every: Option<u64>,

    /// Batches of a validation [default: 16].
    #[arg(long, hide_short_help = true, value_name = "N")]
    pub validation_batches: Option<u64>,
}

#[derive(Debug, Args)]
pub struct Build {
    /// What to build: a plan as in crates/train/src/plans/tiny.json, with a space to
    /// draw from and a recipe for training [default: the plan of the built-in
    /// ground truth tiny].
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,

    /// Train nothing: evaluate sub-networks, drawn at random, with the weights of the
    /// super-network that `lpzero train --space` left in this folder.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["plan", "seeds", "steps"])]
    pub supernet: Option<PathBuf>,

    /// Architectures to draw [default: what the plan says; 200 of a super-network].
    #[arg(long, value_name = "N")]
    pub architectures: Option<usize>,

    /// Seeds to train each with [default: what the plan says].
    #[arg(long, value_name = "N")]
    pub seeds: Option<u64>,

    /// Updates per training [default: what the plan says].
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,

    /// Most memory that trainings side by side may take together: 4GB, 500MB [default:
    /// 4GiB]. Fewer run at once where they would take more.
    #[arg(long, value_name = "SIZE", value_parser = parse_memory)]
    pub memory: Option<u64>,

    /// A new folder for finished trainings and for the ground truth, truth.json.
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub share: ShardArguments,

    /// Continue the build in this folder.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "plan", "supernet", "architectures", "seeds", "steps"])]
    pub resume: Option<PathBuf>,
}
