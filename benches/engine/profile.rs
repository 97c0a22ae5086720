//! Where the time of a pass goes, kernel by kernel; of the engine alone.
//!
//!     cargo bench -p lpzero --bench engine --features profile -- --profile

use std::time::Instant;

use anyhow::bail;

use crate::arguments::Arguments;
use crate::machine;
use crate::task::Task;
use crate::worker::Prepared;
use crate::workloads::Workload;

/// Rows with less than this share of the time are summed up in one.
const SMALL: f64 = 0.004;

/// Prints a Markdown table per workload that is a pass.
pub fn run(workloads: Vec<Workload>, arguments: &Arguments) -> anyhow::Result<()> {
    if !cfg!(feature = "profile") {
        bail!(
            "kernels measure themselves only if they are built to: add `--features profile` \
             before the `--`"
        );
    }
    println!("# Where the time of a pass goes\n");
    println!("Made by\n");
    let only = match arguments.only.is_empty() {
        true => String::new(),
        false => format!(" --only {}", arguments.only.join(",")),
    };
    println!("    cargo bench -p lpzero --bench engine --features profile -- --profile{only}\n");
    println!(
        "on {}. One forward and one backward",
        machine::describe(None)?.line()
    );
    println!("pass with nobody looking, best read beside `engine.md`. Threads add up: on two");
    println!("threads a pass has twice its time to spend.");
    for workload in workloads {
        if !matches!(workload.ours, Task::Pass(_)) {
            continue;
        }
        println!("\n## {}: {}\n", workload.name, workload.about);
        let flops = workload.flops().unwrap_or(0.0);
        let mut prepared = Prepared::new(workload.ours)?;
        for _ in 0..arguments.warm_ups {
            prepared.run()?;
        }
        measured::take();
        let start = Instant::now();
        for _ in 0..arguments.iterations {
            prepared.run()?;
        }
        let seconds = start.elapsed().as_secs_f64() / arguments.iterations as f64;
        let threads = std::thread::available_parallelism()?;
        println!(
            "{:.1} ms a pass on {threads} threads, {:.0} GFLOP/s.\n",
            1e3 * seconds,
            1e-9 * flops / seconds
        );
        table(arguments.iterations as f64, seconds * threads.get() as f64);
    }
    Ok(())
}

/// One row per kernel, the longest first; `total` is the time of one pass of
/// all threads together.
fn table(passes: f64, total: f64) {
    let mut kernels: Vec<(&str, f64, f64)> = measured::take()
        .into_iter()
        .map(|(name, calls, seconds)| (name, calls / passes, seconds / passes))
        .collect();
    kernels.sort_by(|(_, _, a), (_, _, b)| b.total_cmp(a));
    let row = |name: &str, calls: &str, seconds: f64| {
        println!(
            "| {name} | {calls} | {:.2} | {:.1} % |",
            1e3 * seconds,
            100.0 * seconds / total
        );
    };
    println!("| kernel | calls | thread ms | of the time |\n| --- | --- | --- | --- |");
    let (mut small, mut rest) = (0.0, total);
    for (name, calls, seconds) in kernels {
        rest -= seconds;
        match seconds < SMALL * total {
            true => small += seconds,
            false => row(&name.replace('_', " "), &format!("{calls:.0}"), seconds),
        }
    }
    row("smaller ones", "", small);
    row("between kernels, and waiting", "", rest);
}

#[cfg(feature = "profile")]
mod measured {
    /// Name, calls and seconds of every kernel since the last call.
    pub fn take() -> Vec<(&'static str, f64, f64)> {
        let entries = lpzero_nn::profile::take().into_iter();
        entries
            .map(|(name, entry)| (name, entry.calls as f64, entry.time.as_secs_f64()))
            .collect()
    }
}

#[cfg(not(feature = "profile"))]
mod measured {
    pub fn take() -> Vec<(&'static str, f64, f64)> {
        Vec::new()
    }
}
