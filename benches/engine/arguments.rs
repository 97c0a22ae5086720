//! What the user asks for.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use crate::workloads::NAMES;

/// Measures the engine beside PyTorch and prints a table.
///
/// Both sides load the same weights and tokens and run one forward and one
/// backward pass per iteration, in turns. Ratios are lpzero divided by its
/// peer: below 1, lpzero is faster or smaller.
#[derive(Debug, Parser)]
#[command(
    name = "engine",
    bin_name = "cargo bench -p lpzero --bench engine --",
    after_help = "PyTorch, once:\n  python -m venv .venv\n  \
                  .venv/bin/pip install -r benches/peers/requirements.txt\n\n\
                  Published data (LTS, frugal, trace): the folder $LPZERO_DATA, else \
                  ../shared/data beside the checkout.\n\n\
                  Relative paths start at the root of the checkout. Let nothing else run \
                  meanwhile."
)]
pub struct Arguments {
    /// Python that has the packages of benches/peers/requirements.txt
    #[arg(long, value_name = "PATH", default_value = ".venv/bin/python")]
    pub python: PathBuf,

    /// Workloads, separated by commas [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(NAMES))]
    pub only: Vec<String>,

    /// Iterations that count, each side (`trace`: at most 3)
    #[arg(long, value_name = "N", default_value_t = 7,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub iterations: usize,

    /// Iterations before them, each side (`trace`: none)
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub warm_ups: usize,

    /// Architectures of `trace`: the first N of the published 500
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub architectures: usize,

    /// Folder for results.json and table.txt
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,

    /// Instead, where the time goes in the engine, kernel by kernel; needs
    /// `--features profile` before the `--`
    #[arg(long, conflicts_with = "out")]
    pub profile: bool,

    /// What cargo passes to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    /// Reads the command line; ends the process where it asks for help or is
    /// wrong.
    pub fn read() -> anyhow::Result<Self> {
        let arguments = Self::parse();
        anyhow::ensure!(
            arguments.architectures > 0,
            "--architectures 0: nothing to trace"
        );
        Ok(arguments)
    }
}
