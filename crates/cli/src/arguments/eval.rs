//! The options of `eval`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::WeightsArgument;
use super::values::parse_memory;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("task").required(true).multiple(true).args(["text", "items"]))]
pub struct Eval {
    /// A decoder with its weights: a Hugging Face folder (gpt2, llama and its
    /// descendants), or a folder that `lpzero train` wrote. With --weights seeded any
    /// architecture that `score` takes.
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,

    /// A text, of which the perplexity is told.
    #[arg(long, value_name = "FILE")]
    pub text: Option<PathBuf>,

    /// Multiple-choice items; may be repeated. A JSON list of records as LLM-Adapters
    /// has them, {"instruction", "input", "output", "answer"}, or {"prompt", "choices",
    /// "answer"}.
    #[arg(long, value_name = "FILE")]
    pub items: Vec<PathBuf>,

    /// The tokenizer.json of the model [default: that in the folder].
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,

    /// A file with the prompt that records of LLM-Adapters become, with {instruction}
    /// and perhaps {input} in it [default: both, each with an empty line behind it].
    #[arg(long, hide_short_help = true, value_name = "FILE", requires = "items")]
    pub template: Option<PathBuf>,

    /// Most tokens that the network sees at once [default: all that it has positions
    /// for, at most 2048].
    #[arg(long, value_name = "N")]
    pub positions: Option<usize>,

    /// Tokens from one window over the text to the next, 1 to positions - 1. A smaller
    /// one costs more passes and lets every token be told from more before it
    /// [default: positions - 1].
    #[arg(long, hide_short_help = true, value_name = "N", requires = "text")]
    pub stride: Option<usize>,

    /// Those in the folder, or seeded ones.
    #[arg(long, value_enum, default_value_t = WeightsArgument::Stored)]
    pub weights: WeightsArgument,

    /// A folder with a LoRA adapter of PEFT (adapter_config.json,
    /// adapter_model.safetensors), merged into the weights.
    #[arg(long, hide_short_help = true, value_name = "DIR")]
    pub adapter: Option<PathBuf>,

    /// Most memory to take: 4GB, 500MB [default: 4GiB]. Weights that would take more are
    /// read, or drawn, block by block, once for as many sequences as fit.
    #[arg(long, hide_short_help = true, value_name = "SIZE", value_parser = parse_memory)]
    pub memory: Option<u64>,
}
