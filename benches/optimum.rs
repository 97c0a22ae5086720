//! How near genetic programming gets to the best formula of LPZero's own space,
//! which an exhaustive search knows, with a small share of its evaluations; and
//! random search with the same budget.
//!
//!     cargo bench -p lpzero --bench optimum -- --truth BERT_benchmark.json
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Parser;
use lpzero::language::Evaluator;
use lpzero::search::generate::Grammar;
use lpzero::search::{Benchmark, Found, Method, Problem, Settings, Vocabulary};
use lpzero::search::{Budget, Control};
use lpzero::truth::Entry;
use lpzero::{Study, Workbench};

/// Genetic programming and random search against the optimum of LPZero's space.
#[derive(Parser)]
struct Arguments {
    /// A ground truth, as `lpzero search --truth` takes it.
    #[arg(long)]
    truth: PathBuf,

    /// Architectures to search on, of seed 0 as their traces are.
    #[arg(long, default_value_t = 100)]
    search: usize,

    /// Searches of each kind, with seeds 0, 1, ...
    #[arg(long, default_value_t = 10)]
    seeds: u64,

    /// Share of the space's measured formulas that a search may evaluate.
    #[arg(long, default_value_t = 0.01)]
    share: f64,

    /// Unary operations per branch.
    #[arg(long, default_value_t = 2)]
    n_unary: usize,

    /// Folder with cached traces.
    #[arg(long)]
    cache: Option<PathBuf>,

    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    // Test runners call every target too, to list its tests or to run them;
    // there are none.
    if !std::env::args().any(|argument| argument == "--bench") {
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
    let workbench = Workbench::new(0)?.with_cache(arguments.cache.clone());
    let study = Study::open(&arguments.truth)?.on(workbench);
    let (truth, traces) = (&study.truths()[0], &study.traces()?[0]);
    let scores: Vec<f64> = truth.entries.iter().map(|entry| entry.score).collect();
    let parameters = |entry: &Entry| entry.architecture.parameters().total() as f64;
    let sizes: Vec<f64> = truth.entries.iter().map(parameters).collect();
    let split = lpzero::split(truth, arguments.search, 2, 0)?;
    let evaluator = Evaluator::new(traces);
    let searched = split.search.iter().map(|&index| &traces[index]);
    let benchmark = Benchmark {
        name: &truth.name,
        scorer: &evaluator,
        further: &[],
        variations: &[],
        sizes: &sizes,
        truth: &scores,
        split: &split,
        groups: &[],
        baselines: &[],
    };
    let problem = Problem {
        benchmarks: &[benchmark],
        vocabulary: &Vocabulary::of(searched),
        seeds: &[],
    };
    let search = |method: Method, seed, budget| -> anyhow::Result<(Found, f64)> {
        let start = Instant::now();
        let settings = Settings {
            seed,
            budget,
            grammar: Grammar::Paper {
                unary: arguments.n_unary,
            },
            ..Settings::default()
        };
        let mut control = Control {
            pool: study.workbench().pool(),
            cancel: study.workbench().watch().flag(),
            progress: &mut |_| {},
            journal: None,
        };
        let found = method.search(problem, &settings, &mut control)?;
        Ok((found, start.elapsed().as_secs_f64()))
    };

    let (whole, seconds) = search(Method::Exhaustive, 0, Settings::default().budget)?;
    let space = whole
        .space
        .context("the search of the space was cut short")?;
    let optimum = space.optimum.fitness;
    let budget = (arguments.share * space.measured as f64).round() as u64;
    println!(
        "{}, {} search architectures: {} formulas, optimum {optimum:.4}  {}  ({seconds:.0} s)",
        truth.name, arguments.search, space.measured, space.optimum.formula
    );
    println!("budget of every search below: {budget} formulas\n");
    println!("| method | seed | best | of the optimum | seconds | formula |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for method in [Method::Genetic, Method::Random] {
        let mut near = 0;
        let mut sum = 0.0;
        for seed in 0..arguments.seeds {
            let (found, seconds) = search(method, seed, Budget::Evaluations(budget))?;
            let best = found.archive.best().context("nothing was found")?;
            let share = best.fitness / optimum;
            near += u64::from(share >= 0.99);
            sum += best.fitness;
            println!(
                "| {} | {seed} | {:.4} | {:.2} % | {seconds:.0} | `{}` |",
                method.name(),
                best.fitness,
                100.0 * share,
                best.formula
            );
        }
        println!(
            "| {} | all | {:.4} | {near} of {} within 1 % | | |",
            method.name(),
            sum / arguments.seeds as f64,
            arguments.seeds
        );
    }
    Ok(())
}
