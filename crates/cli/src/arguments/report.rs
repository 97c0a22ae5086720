//! Options of `report`.

use std::path::PathBuf;

use clap::Args;

/// Options of `report`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    lpzero search --out run\n  \
    lpzero report run                   writes run/report.html\n  \
    lpzero report one two --out both.html")]
pub struct Report {
    /// Folders of finished runs (search, nas, train, ablate, truth build), or files that `rank
    /// --save` or `truth audit --save` wrote; several stand side by side.
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,

    /// The page, one file that needs no network [default: report.html, in the folder of the run
    /// where there is one].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Show it in a browser.
    #[arg(long)]
    pub open: bool,
}
