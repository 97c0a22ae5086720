//! The engine beside PyTorch: the same networks, weights and tokens, in turns.
//!
//! Every workload gets two fresh processes that speak one line protocol: this
//! program as a worker ([`worker`]) and `benches/peers/pytorch.py`. Their
//! iterations alternate, so that whatever else the machine does meets both,
//! and before anything is reported their losses and gradients must agree.
//!
//!     cargo bench -p lpzero --bench engine -- --help
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod arguments;
mod machine;
mod measure;
mod process;
mod profile;
mod report;
mod resident;
mod task;
mod worker;
mod workloads;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arguments::Arguments;

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let outcome = if given.first().is_some_and(|first| first == process::WORKER) {
        worker::serve()
    } else if is_bench(&given) {
        Arguments::read().and_then(|arguments| run(&arguments))
    } else {
        Ok(())
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether `cargo bench` calls. Test runners call every target too, to list
/// its tests or to run them; there are none.
fn is_bench(given: &[String]) -> bool {
    let has = |flag: &str| given.iter().any(|argument| argument == flag);
    has("--bench") && !has("--list") && !has("--test")
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (selected, skipped) = workloads::selected(arguments)?;
    if arguments.profile {
        return profile::run(selected, arguments);
    }
    let with_python = selected.iter().any(|workload| workload.needs_python());
    let peer = match with_python {
        true => Some(process::Process::pytorch(&arguments.python)?.ask("versions")?),
        false => None,
    };
    let machine = machine::describe(peer)?;
    let products = match selected.iter().any(|workload| workload.flops().is_some()) {
        true => measure::products(arguments)?,
        false => Vec::new(),
    };
    let mut results = Vec::with_capacity(selected.len());
    for workload in &selected {
        eprintln!("{}: {}", workload.name, workload.about);
        results.push(measure::workload(workload, arguments)?);
    }
    let report = report::Report::new(machine, products, results, skipped);
    println!("{}", report.table());
    match &arguments.out {
        Some(folder) => report.write(&from_root(folder)),
        None => Ok(()),
    }
}

/// A path as seen from the root of the checkout: cargo runs benches in the
/// folder of their package, which no user has in mind.
fn from_root(path: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or(root).join(path)
}
