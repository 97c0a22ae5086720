//! Learns how sure the shipped proxy is of two networks of like size: by default on `tiny`.
//!
//!     cargo run --release -p lpzero --example calibrate -- --write openlm gemstones
//!
//! writes what `lpzero compare` reads. Every network is run twice, which is ten minutes of
//! two cores; `--cache DIR` takes traces that are there.
#![allow(clippy::print_stdout)] // It is what an example is for.

use std::path::{Path, PathBuf};

use clap::Parser;
use lpzero::compare::{Calibration, Learning};
use lpzero::truth::{GroundTruth, TruthSource};
use lpzero::{Workbench, stats::calibration::Bin};

#[derive(Parser)]
struct Options {
    /// Keep the calibration where the command reads it.
    #[arg(long)]
    write: bool,
    /// Folder for traces.
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Ground truths, by name or path.
    truths: Vec<String>,
}

fn main() -> Result<(), anyhow::Error> {
    let Options {
        write,
        cache,
        mut truths,
    } = Options::parse();
    if truths.is_empty() {
        truths.push("tiny".to_owned());
    }
    let truths = truths.iter().map(|name| TruthSource::new(name).read(&[]));
    let truths: Vec<GroundTruth> = truths.collect::<Result<_, _>>()?;
    let learning = Learning::new(&Workbench::new(0)?.with_cache(cache), &truths)?;
    let calibration = learning.calibration()?;
    print(&calibration);
    print_left_out(&learning);
    if write {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/compare/calibration.json");
        let text = serde_json::to_string_pretty(&calibration)?;
        std::fs::write(&file, text + "\n")?;
        println!("\nwritten to {}", file.display());
    }
    Ok(())
}

fn print(calibration: &Calibration) {
    let Calibration {
        slope,
        standard_error,
        noise,
        brier,
        ..
    } = calibration;
    println!("{}", calibration.formula);
    println!("slope {slope:.3}, standard error {standard_error:.3}, noise {noise:.4}");
    println!("Brier score where it was learnt {brier:.4}");
    for on in &calibration.truths {
        println!(
            "  {}: {} pairs, {:.3} right",
            on.truth, on.pairs, on.same_size
        );
    }
}

/// Every ground truth by what the others teach: a slope, Brier scores, reliability.
fn print_left_out(learning: &Learning) {
    for out in learning.left_out() {
        println!(
            "\nwithout {}: slope {:.3}, Brier score there {:.4}, of decoder parameters {:.4}",
            out.truth, out.slope, out.brier, out.brier_count
        );
        println!("  predicted  observed  pairs");
        for bin in out.reliability.iter().flatten() {
            let Bin {
                pairs,
                predicted,
                observed,
            } = bin;
            println!("  {predicted:>9.2}  {observed:>8.2}  {pairs:>5}");
        }
    }
}
