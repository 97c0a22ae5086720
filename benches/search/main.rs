//! How many formulas a search of the paper's whole space evaluates per second,
//! beside the released scheme: one forward and one backward pass per
//! architecture and formula.
//!
//!     cargo bench -p lpzero --bench search -- --help
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "../engine/machine.rs"]
mod machine;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use lpzero::arch::{Architecture, Reading};
use lpzero::language::Evaluator;
use lpzero::nn::NoVisitor;
use lpzero::run::Cancel;
use lpzero::search::exhaustive::{self, NUMBERS, PRODUCTS};
use lpzero::search::generate::Grammar;
use lpzero::search::{Benchmark, Problem, Settings, Vocabulary};
use lpzero::search::{Control, Snapshot};
use lpzero::stats::Split;
use lpzero::trace::{DEFAULT_MEMORY, Resources, visit_passes};
use lpzero::truth::{GroundTruth, known};
use lpzero::{Networks, Workbench};
use serde::Serialize;

/// Architectures that formulas are evaluated on, as in the paper, and as few
/// more as a split needs.
const SEARCHED: usize = 50;
const OTHERS: usize = 2;

/// Measures formulas per second of an exhaustive search on FlexiBERT.
#[derive(Debug, Parser)]
#[command(name = "search", bin_name = "cargo bench -p lpzero --bench search --")]
struct Arguments {
    /// BERT_benchmark.json [default: in $LPZERO_DATA, else ../shared/data]
    #[arg(long, value_name = "PATH")]
    truth: Option<PathBuf>,

    /// Unary operations per branch
    #[arg(long, value_name = "N", default_value_t = 2)]
    n_unary: usize,

    /// Folder for results.json
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,

    /// What cargo passes to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// One kind of formulas.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Rate {
    /// Formulas that were ranked.
    formulas: u64,
    seconds: f64,
    per_second: f64,
    /// How often as many as the released scheme.
    ratio: f64,
}

#[derive(Serialize)]
struct Results {
    machine: machine::Machine,
    /// What else the machine did: one-minute load before the start, this
    /// program not counted.
    load_before: Option<f64>,
    architectures: usize,
    n_unary: usize,
    /// Seconds of one forward and one backward pass of every architecture, all
    /// threads at work: what the released scheme pays for one formula.
    passes: Vec<f64>,
    /// Building and evaluating branches, before the first formula.
    branches_seconds: f64,
    /// Sums, differences and products of one number per site.
    numbers: Rate,
    /// Matrix products of tensors, whose evaluation is part of the time.
    products: Rate,
    /// All of it, branches included.
    whole: Rate,
}

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    // Test runners call every target, to list its tests or to run them.
    let has = |flag: &str| given.iter().any(|argument| argument == flag);
    if !has("--bench") || has("--list") || has("--test") {
        return ExitCode::SUCCESS;
    }
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let load_before = load();
    let path = match &arguments.truth {
        Some(path) => from_root(path),
        None => published().context("no flexibert: set LPZERO_DATA, or give --truth")?,
    };
    let mut entries = GroundTruth::read(&path, Reading::AsTrained)?.entries;
    entries.truncate(SEARCHED + 2 * OTHERS);
    let networks = entries
        .iter()
        .map(|e| (e.id.clone(), e.architecture.clone()));
    let networks: Networks = networks.collect();
    let truth: Vec<f64> = entries.iter().map(|entry| entry.score).collect();
    let parameters = |architecture: &Architecture| architecture.parameters().total() as f64;
    let sizes: Vec<f64> = networks.architectures().iter().map(parameters).collect();
    let workbench = Workbench::new(0)?;
    eprintln!("tracing {} networks", networks.len());
    let traces = workbench.traces("flexibert", &networks)?;

    eprintln!("passes of {SEARCHED} networks, three times");
    let passes = (0..3).map(|_| passes(&workbench, &networks.architectures()[..SEARCHED]));
    let passes = passes.collect::<anyhow::Result<Vec<f64>>>()?;

    eprintln!("searching");
    let rest = SEARCHED..SEARCHED + OTHERS;
    let split = Split {
        search: (0..SEARCHED).collect(),
        validation: rest.collect(),
        test: (SEARCHED + OTHERS..SEARCHED + 2 * OTHERS).collect(),
    };
    let benchmark = Benchmark {
        name: "flexibert",
        scorer: &Evaluator::new(&traces),
        further: &[],
        variations: &[],
        sizes: &sizes,
        truth: &truth,
        split: &split,
        groups: &[],
        baselines: &[],
    };
    let problem = Problem {
        benchmarks: &[benchmark],
        vocabulary: &Vocabulary::of(&traces[..SEARCHED]),
        seeds: &[],
    };
    let settings = Settings {
        grammar: Grammar::Paper {
            unary: arguments.n_unary,
        },
        ..Settings::default()
    };
    let mut clock = Clock::start();
    let mut progress = |progress: Snapshot<'_>| clock.note(progress.part, progress.evaluated);
    let mut control = Control {
        pool: workbench.pool(),
        cancel: workbench.watch().flag(),
        progress: &mut progress,
        journal: None,
    };
    exhaustive::search(problem, &settings, &mut control)?;
    let results = clock.results(arguments, passes, load_before)?;
    print(&results);
    if let Some(folder) = &arguments.out {
        let folder = from_root(folder);
        std::fs::create_dir_all(&folder)?;
        let json = serde_json::to_string_pretty(&results)?;
        std::fs::write(folder.join("results.json"), json + "\n")?;
    }
    Ok(())
}

/// When how many formulas were done.
struct Clock {
    start: Instant,
    /// By part: time and number of formulas at its first and last report.
    parts: BTreeMap<String, [(Duration, u64); 2]>,
    end: (Duration, u64),
}

impl Clock {
    fn start() -> Self {
        Self {
            start: Instant::now(),
            parts: BTreeMap::new(),
            end: (Duration::ZERO, 0),
        }
    }

    fn note(&mut self, part: &str, evaluated: u64) {
        self.end = (self.start.elapsed(), evaluated);
        let known = self.parts.entry(part.to_owned()).or_insert([self.end; 2]);
        known[1] = self.end;
    }

    /// The first batch of numbers is not timed, and not counted: when it began
    /// is not known.
    fn results(
        &self,
        arguments: &Arguments,
        passes: Vec<f64>,
        load_before: Option<f64>,
    ) -> anyhow::Result<Results> {
        let one = passes.iter().copied().fold(f64::INFINITY, f64::min);
        let [first, last] = self.parts.get(NUMBERS).context("no numbers")?;
        anyhow::ensure!(self.parts.contains_key(PRODUCTS), "no matrix products");
        let rate = |(from, before): (Duration, u64), (to, after): (Duration, u64)| {
            let (formulas, seconds) = (after - before, (to - from).as_secs_f64());
            let per_second = formulas as f64 / seconds;
            Rate {
                formulas,
                seconds,
                per_second,
                ratio: per_second * one,
            }
        };
        Ok(Results {
            machine: machine::describe(None)?,
            load_before,
            architectures: SEARCHED,
            n_unary: arguments.n_unary,
            passes,
            branches_seconds: first.0.as_secs_f64(),
            numbers: rate(*first, *last),
            products: rate(*last, self.end),
            whole: rate((Duration::ZERO, 0), self.end),
        })
    }
}

/// Seconds that one forward and one backward pass of all of these take, nobody
/// looking at them.
fn passes(workbench: &Workbench, architectures: &[Architecture]) -> anyhow::Result<f64> {
    let resources = Resources {
        pool: workbench.pool(),
        cache: None,
        memory: DEFAULT_MEMORY,
        weights: &[],
        progress: &|_| (),
        bands: false,
        beside: &|_| 0,
        cancel: &Cancel::new(),
    };
    let start = Instant::now();
    let spec = workbench.spec("passes");
    visit_passes(
        architectures,
        &spec,
        resources,
        |_| NoVisitor,
        |_, _, loss| loss,
    )?;
    Ok(start.elapsed().as_secs_f64())
}

fn print(results: &Results) {
    println!("{}", results.machine.line());
    if let Some(load) = results.load_before {
        println!("load before: {load}");
    }
    let fastest = results.passes.iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "released scheme: {fastest:.2} s per formula, {:.2} formulas/s ({} forward and backward \
         passes of this engine; the released code uses PyTorch, which is slower)",
        1.0 / fastest,
        results.architectures
    );
    println!("branches: {:.2} s", results.branches_seconds);
    for (name, rate) in [
        ("numbers", results.numbers),
        ("matrix products", results.products),
        ("all, with branches", results.whole),
    ] {
        println!(
            "{name:<20} {:>9} formulas {:>8.2} s {:>10.0} formulas/s {:>10.0} times the released scheme",
            rate.formulas, rate.seconds, rate.per_second, rate.ratio
        );
    }
}

/// The one-minute load of the system.
fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// FlexiBERT, from `$LPZERO_DATA` or beside the checkout.
fn published() -> Option<PathBuf> {
    let beside = || from_root(Path::new("../shared/data"));
    let folder = std::env::var_os("LPZERO_DATA").map_or_else(beside, PathBuf::from);
    let path = folder.join(known("flexibert")?.location);
    path.exists().then_some(path)
}

/// A path as seen from the root of the checkout: cargo runs benches in the
/// folder of their package, which no user has in mind.
fn from_root(path: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or(root).join(path)
}
