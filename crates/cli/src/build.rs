//! `lpzero truth build`: a ground truth by training, or by sub-networks of a trained
//! super-network.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use lpzero::arch::Architecture;
use lpzero::run::{CONFIGURATION, CONFIGURATION_LIMIT, ContentHash, Folder, Pieces, Shard, input};
use lpzero::stats::rho;
use lpzero::trace::DEFAULT_MEMORY;
use lpzero::train::build::{self, Built, Inherited, Progress, Record, Resources, TRAININGS};
use lpzero::train::{Error, Inheritance, Plan, Recipe, validation_floor};
use lpzero::truth::{Entry, GroundTruth};
use serde::{Deserialize, Serialize};

use super::arguments::Build;
use super::failure::{Failure, failed};
use super::folder::{self, RunKind, Share};
use super::output::print_json;
use super::plain::{line, stdout};
use super::rank_table::number;
use super::session::Session;
use super::train;

/// Everything that a build is a function of, as kept in its folder.
#[derive(Debug, Serialize, Deserialize)]
struct BuildSettings {
    /// Seed of the draw.
    seed: u64,
    #[serde(flatten)]
    of: Of,
}

/// Source of the ground truth.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Of {
    Plan(Box<Plan>),
    Supernet(Supernet),
}

/// Sub-networks of a super-network.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Supernet {
    /// Folder that `lpzero train --space` left.
    folder: PathBuf,
    /// How many are drawn.
    architectures: usize,
}

const JOURNAL: &str = "trainings";
const TRUTH: &str = "truth.json";

pub const RUN: RunKind = RunKind {
    command: "truth build",
    writes: &[JOURNAL],
    report: TRUTH,
    journal: Some((JOURNAL, TRAININGS, "losses")),
};

/// Sub-networks of a super-network where no option says.
const ARCHITECTURES: usize = 200;
/// Most of them that may be drawn.
const MOST: usize = 100_000;

pub fn run(session: &Session, arguments: &Build) -> Result<()> {
    let shard = arguments.share.shard;
    let (configuration, folder) = match (&arguments.resume, &arguments.out) {
        (Some(path), _) => folder::open(path, "a build", shard)?,
        (None, Some(path)) => {
            let configuration = BuildSettings {
                seed: session.seed,
                of: of(session, arguments)?,
            };
            let folder = folder::begin(path, &configuration, shard)?;
            (configuration, folder)
        }
        (None, None) => return Err(Failure::typed("--out is missing: expected a new folder")),
    };
    session.stop.resumable(&RUN.next(folder.path(), ""));
    let place = Place {
        folder: &folder,
        shard,
        memory: arguments.memory,
    };
    let outcome = build(session, &configuration, place);
    RUN.ended(outcome, Some(folder), "")
}

/// Where a build works, and how much of it.
#[derive(Clone, Copy)]
struct Place<'a> {
    folder: &'a Folder,
    shard: Option<Shard>,
    memory: Option<u64>,
}

fn build(session: &Session, configuration: &BuildSettings, place: Place<'_>) -> Result<()> {
    let start = Instant::now();
    let truth = match &configuration.of {
        Of::Plan(plan) => of_plan(session, configuration.seed, plan, place)?,
        Of::Supernet(supernet) => of_supernet(session, configuration.seed, supernet, place)?,
    };
    // A share of a build has told what it did.
    let Some(truth) = truth else { return Ok(()) };
    (truth.write(&truth.path)).map_err(|error| failed(lpzero::Error::from(error)))?;
    crate::report::beside(session, place.folder);
    report(session, &truth, start.elapsed().as_secs_f64())
}

fn of(session: &Session, arguments: &Build) -> Result<Of> {
    if let Some(folder) = &arguments.supernet {
        let supernet = Supernet {
            folder: std::path::absolute(folder).unwrap_or_else(|_| folder.clone()),
            architectures: arguments.architectures.unwrap_or(ARCHITECTURES),
        };
        if !(1..=MOST).contains(&supernet.architectures) {
            return Err(Failure::typed(format_args!(
                "--architectures {}: expected between 1 and {MOST}",
                supernet.architectures
            )));
        }
        // Before there is a folder.
        training(&supernet.folder)?;
        return Ok(Of::Supernet(supernet));
    }
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
    let memory = arguments.memory.unwrap_or(DEFAULT_MEMORY);
    for (id, architecture) in plan.draw(session.seed) {
        let bytes = build::training_bytes(&architecture, &plan.recipe);
        if bytes > memory {
            return Err(Failure::input(format_args!(
                "architecture {id}: a training takes about {} MB, above the limit of {} MB; \
                 --memory raises it",
                bytes / 1_000_000,
                memory / 1_000_000
            )));
        }
    }
    Ok(Of::Plan(plan.into()))
}

/// Threads that may work side by side within a limit of memory.
fn at_once(
    session: &Session,
    drawn: &[(String, Architecture)],
    recipe: &Recipe,
    memory: Option<u64>,
) -> usize {
    let bytes = (drawn.iter()).map(|(_, architecture)| build::training_bytes(architecture, recipe));
    let largest = bytes.max().unwrap_or(1).max(1);
    let fit = memory.unwrap_or(DEFAULT_MEMORY) / largest;
    session.threads().min(fit as usize).max(1)
}

fn of_plan(
    session: &Session,
    seed: u64,
    plan: &Plan,
    place: Place<'_>,
) -> Result<Option<GroundTruth>> {
    plan.check().map_err(trained)?;
    let drawn = plan.draw(seed);
    let inputs = build::inputs(plan, &drawn);
    let all = drawn.len() * plan.seeds as usize;
    let build = |journal: &mut Pieces<Record>, resources: &Resources<'_>| {
        build::build(plan, &drawn, journal, resources)
    };
    let threads = at_once(session, &drawn, &plan.recipe, place.memory);
    let Some((entries, seconds)) = measured(session, (place, threads), (inputs, all), &build)?
    else {
        return Ok(None);
    };
    let floor = build::floor(plan, &session.cancel).map_err(trained)?;
    let provenance = serde_json::json!({
        "command": command(seed, plan),
        "version": env!("CARGO_PKG_VERSION"),
        "data": "the synthetic language of lpzero, docs/tiny.md",
        "entropy_floor": floor.map(rounded),
        "seed": seed,
        "plan": plan,
        "machine": machine(),
        "training_seconds": seconds,
    });
    let path = place.folder.path().join(TRUTH);
    let truth = build::ground_truth(&plan.name, &path, entries, provenance);
    Ok(Some(truth))
}

fn of_supernet(
    session: &Session,
    seed: u64,
    supernet: &Supernet,
    place: Place<'_>,
) -> Result<Option<GroundTruth>> {
    let (training, declared) = training(&supernet.folder)?;
    let elastic = declared.elastic(training.seed)?;
    let count = supernet.architectures;
    let drawn = elastic.sub_networks(count, seed).map_err(trained)?;
    let weights = supernet.folder.join(train::MODEL);
    let described = serde_json::to_string(&training)?;
    let inputs = build::inherited_inputs(&described, &weights, &drawn, &session.cancel);
    let inputs = inputs.map_err(trained)?;
    let batches = training.batches(session.report)?;
    let from = Inherited {
        weights: &Inheritance::open(&weights, elastic.largest()).map_err(trained)?,
        recipe: &training.recipe,
        batches: &*batches,
        seed: training.seed,
    };
    let inherit = |journal: &mut Pieces<Record>, resources: &Resources<'_>| {
        build::inherit(&from, &drawn, journal, resources)
    };
    let threads = at_once(session, &drawn, &training.recipe, place.memory);
    let Some((entries, seconds)) =
        measured(session, (place, threads), (inputs, drawn.len()), &inherit)?
    else {
        return Ok(None);
    };
    let floor = validation_floor(&training.recipe, &*batches, &session.cancel).map_err(trained)?;
    let option = |seed: u64| match seed {
        0 => String::new(),
        seed => format!(" --seed {seed}"),
    };
    let provenance = serde_json::json!({
        "command": format!(
            "lpzero truth build --supernet DIR --architectures {count} --out OUT{}",
            option(seed)
        ),
        "version": env!("CARGO_PKG_VERSION"),
        "data": training.data(),
        "entropy_floor": floor.map(rounded),
        "seed": seed,
        "supernet": {
            "command": format!("lpzero train --space SPACE --out DIR{}", option(training.seed)),
            "space": declared.space,
            "samples": declared.samples,
            "recipe": training.recipe,
            "seed": training.seed,
        },
        "losses": "with the weights that sub-networks inherit, without training them",
        "inputs": inputs.digits(32),
        "machine": machine(),
        "evaluation_seconds": seconds,
    });
    let name = declared.space.pointer("/space/name");
    let name = name.and_then(|name| name.as_str()).unwrap_or("supernet");
    let path = place.folder.path().join(TRUTH);
    Ok(Some(build::ground_truth(name, &path, entries, provenance)))
}

/// Training of the super-network in a folder: its configuration, and its space.
fn training(folder: &Path) -> Result<(train::TrainSettings, train::Supernet)> {
    let wrong = |what: String| {
        Failure::typed(format_args!(
            "--supernet {}: {what}; expected the folder of a finished `lpzero train --space`",
            folder.display()
        ))
    };
    let file = folder.join(CONFIGURATION);
    let text = input::read_text(&file, CONFIGURATION_LIMIT)
        .map_err(|error| wrong(format!("{CONFIGURATION} cannot be read: {error}")))?;
    let mut training: train::TrainSettings = serde_json::from_str(&text).map_err(|error| {
        wrong(format!(
            "{CONFIGURATION} is not that of a training: {error}"
        ))
    })?;
    let Some(supernet) = training.supernet.take() else {
        return Err(wrong("the network was not trained over a space".into()));
    };
    if !folder.join(train::MODEL).exists() {
        return Err(wrong(format!("{} is missing", train::MODEL)));
    }
    Ok((training, supernet))
}

/// Work beside a journal: gives the entries of the ground truth.
type Work<'a> = dyn Fn(&mut Pieces<Record>, &Resources<'_>) -> Result<Built, Error> + 'a;

/// Does what the journal in a folder does not hold; entries, and the seconds that
/// all pieces of work took. `None` where this was a share of the work.
fn measured(
    session: &Session,
    (place, threads): (Place<'_>, usize),
    (inputs, all): (ContentHash, usize),
    work: &Work<'_>,
) -> Result<Option<(Vec<Entry>, f64)>> {
    let Place { folder, shard, .. } = place;
    let (journal, what) = ((folder, JOURNAL), "recorded losses");
    let mut journal = folder::journal(journal, shard, TRAININGS, inputs, what, session.report)?;
    folder::tell_pieces(folder, all);
    let task = session.watch.task("losses");
    let progress = |Progress {
                        finished,
                        total,
                        work,
                    }| { task.at(work, &format!("{finished} of {total}")) };
    let resources = Resources {
        threads,
        cancel: &session.cancel,
        progress: &progress,
        shard,
    };
    let built = work(&mut journal, &resources);
    drop(task);
    let built = built.map_err(|error| match error {
        error if error.is_cancelled() => Failure::interrupted(format_args!(
            "interrupted after {} recorded losses",
            journal.records().len()
        )),
        error => trained(error),
    })?;
    match (built, shard) {
        (Built { entries, .. }, None) => {
            let seconds = journal.records().iter();
            let seconds = seconds.map(|record| record.trained.seconds);
            Ok(Some((entries, seconds.sum::<f64>().round())))
        }
        (Built { pieces, .. }, Some(shard)) => {
            RUN.shared(session, folder, Share { shard, pieces })?;
            Ok(None)
        }
    }
}

fn trained(error: Error) -> anyhow::Error {
    failed(error.into())
}

fn rounded(floor: f64) -> f64 {
    (floor * 1e6).round() / 1e6
}

fn machine() -> String {
    format!(
        "{} {}, {:?}",
        std::env::consts::ARCH,
        std::env::consts::OS,
        lpzero::nn::InstructionSet::in_use()
    )
}

/// Command that builds the same ground truth.
fn command(seed: u64, plan: &Plan) -> String {
    let seed = if seed == 0 {
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
    let out = &mut stdout();
    let path = truth.path.display().to_string();
    writeln!(out, "{} ({})", line(&truth.name), line(&path))?;
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
