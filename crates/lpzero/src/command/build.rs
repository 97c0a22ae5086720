//! `lpzero truth build`: a ground truth by training.

use std::io::Write;
use std::time::Instant;

use anyhow::Result;
use lpzero::search::statistics::rho;
use lpzero::train::build::{self, Progress, Resources};
use lpzero::train::{Error, Journal, JournalKind, Plan};
use lpzero::truth::GroundTruth;
use serde::{Deserialize, Serialize};

use super::arguments::Build;
use super::failure::Failure;
use super::folder::Folder;
use super::output::print_json;
use super::rank_table::number;
use super::session::{Session, failed};

/// Everything that a build is a function of, as kept in its folder.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    /// Of the draw.
    seed: u64,
    plan: Plan,
}

const JOURNAL: &str = "trainings";
const TRUTH: &str = "truth.json";

pub fn run(session: &Session, arguments: &Build) -> Result<()> {
    let trained = |error: Error| failed(error.into());
    let (configuration, folder) = match (&arguments.resume, &arguments.out) {
        (Some(path), _) => Folder::open(path, "a build")?,
        (None, Some(path)) => {
            let mut plan = match &arguments.plan {
                Some(file) => Plan::read(file),
                None => Plan::tiny(),
            }
            .map_err(trained)?;
            plan.architectures = arguments.architectures.unwrap_or(plan.architectures);
            plan.seeds = arguments.seeds.unwrap_or(plan.seeds);
            if let Some(steps) = arguments.steps {
                plan.recipe.steps = steps;
            }
            plan.check().map_err(trained)?;
            let seed = session.seed;
            let configuration = Configuration { seed, plan };
            let folder = Folder::create(path, &configuration)?;
            (configuration, folder)
        }
        (None, None) => return Err(Failure::input("--out is missing: expected a new folder")),
    };
    let Configuration { seed, plan } = &configuration;
    plan.check().map_err(trained)?;
    let start = Instant::now();
    let drawn = plan.draw(*seed);
    let inputs = build::inputs(plan, &drawn);
    let (mut journal, torn) = Journal::open(
        &folder.path().join(JOURNAL),
        JournalKind::TRAININGS,
        &inputs,
    )
    .map_err(trained)?;
    if torn > 0 {
        session.report.warn(format_args!(
            "{}: the last line was not written to its end; its training is done again",
            folder.path().join(JOURNAL).display()
        ));
    }
    if !journal.records().is_empty() {
        session.report.note(format_args!(
            "continuing after {} finished trainings",
            journal.records().len()
        ));
    }
    let bar = session.report.bar("training", 1000);
    let progress = |Progress {
                        finished,
                        total,
                        work,
                    }| {
        bar.set_position((work * 1000.0) as u64);
        bar.set_message(format!("{finished} of {total} trainings"));
    };
    let resources = Resources {
        threads: session.threads(),
        cancel: &session.cancel,
        progress: &progress,
    };
    let entries = build::build(plan, &drawn, &mut journal, &resources);
    bar.finish_and_clear();
    let next = format!(
        "`lpzero truth build --resume {}` continues",
        folder.path().display()
    );
    let entries = entries.map_err(|error| match error {
        Error::Cancelled => anyhow::Error::from(Failure::Interrupted {
            message: format!("interrupted after {} trainings", journal.records().len()),
            next,
        }),
        error if error.is_input() => trained(error),
        error => {
            let message = error.to_string();
            Failure::Stopped { message, next }.into()
        }
    })?;
    let path = folder.path().join(TRUTH);
    let trainings = journal.records().iter();
    let provenance = serde_json::json!({
        "command": command(&configuration),
        "version": env!("CARGO_PKG_VERSION"),
        "data": "the synthetic language of lpzero, docs/tiny.md",
        "entropy_floor": build::floor(plan).map(|floor| (floor * 1e6).round() / 1e6),
        "seed": seed,
        "plan": plan,
        "machine": format!(
            "{} {}, {:?}",
            std::env::consts::ARCH,
            std::env::consts::OS,
            lpzero::nn::InstructionSet::in_use()
        ),
        "training_seconds": trainings.map(|record| record.trained.seconds).sum::<f64>().round(),
    });
    let truth = build::ground_truth(plan, &path, entries, provenance);
    (truth.write(&path)).map_err(|error| failed(lpzero::Error::from(error)))?;
    report(session, &truth, start.elapsed().as_secs_f64())
}

/// What one has to type to build the same.
fn command(configuration: &Configuration) -> String {
    let Configuration { seed, plan } = configuration;
    let seed = if *seed == 0 {
        String::new()
    } else {
        format!(" --seed {seed}")
    };
    match Plan::tiny() {
        Ok(tiny) if tiny == *plan => format!("lpzero truth build --out DIR{seed}"),
        _ => format!("lpzero truth build --plan FILE --out DIR{seed}"),
    }
}

fn report(session: &Session, truth: &GroundTruth, seconds: f64) -> Result<()> {
    let between = between_seeds(truth)?;
    let spreads: Vec<f64> = truth
        .entries
        .iter()
        .filter_map(|entry| entry.spread())
        .collect();
    let spread = (!spreads.is_empty())
        .then(|| (spreads.iter().map(|s| s * s).sum::<f64>() / spreads.len() as f64).sqrt());
    let losses = || truth.entries.iter().map(|entry| -entry.score);
    let (lowest, highest) = (
        losses().fold(f64::INFINITY, f64::min),
        losses().fold(0.0, f64::max),
    );
    if session.json {
        return print_json(&serde_json::json!({
            "truth": truth.name,
            "path": truth.path,
            "n": truth.entries.len(),
            "metric": truth.metric,
            "lowest": lowest,
            "highest": highest,
            "spread_between_seeds": spread,
            "rho_between_seeds": between,
            "seconds": seconds,
        }));
    }
    let out = &mut std::io::stdout().lock();
    writeln!(out, "{} ({})", truth.name, truth.path.display())?;
    writeln!(out, "  architectures      {}", truth.entries.len())?;
    writeln!(out, "  validation losses  {lowest:.4} to {highest:.4}")?;
    if let Some(spread) = spread {
        writeln!(
            out,
            "  between seeds      standard deviation {spread:.4}, rho {}",
            number(between)
        )?;
    }
    Ok(())
}

/// Spearman's rho between the losses of the first two seeds.
fn between_seeds(truth: &GroundTruth) -> Result<Option<f64>> {
    let of = |seed: usize| -> Option<Vec<f64>> {
        let losses = truth
            .entries
            .iter()
            .map(|entry| Some(entry.trainings.get(seed)?.metric));
        losses.collect()
    };
    match (of(0), of(1)) {
        (Some(first), Some(second)) if first.len() > 1 => {
            rho(&first, &second).map_err(|error| failed(error.into()))
        }
        _ => Ok(None),
    }
}
