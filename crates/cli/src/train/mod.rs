//! `lpzero train`: from an architecture to a network that has learned.

mod settings;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use lpzero::arch::{Kind, spec};
use lpzero::nn::{Source, Workspace, write_safetensors};
use lpzero::run::input::{self, Limit};
use lpzero::run::{Folder, write_whole};
use lpzero::train::{
    Batches, CHECKPOINT, CURVE, Control, Error, Training, hugging_face, validation_floor,
};
use serde::Serialize;

use super::arguments::Train;
use super::failure::{Failure, failed, system};
use super::folder::{self, RunKind};
use super::output::print_json;
use super::plain::{line, stdout};
use super::session::Session;
pub(super) use settings::{Supernet, TrainSettings};

/// The JSON document of a training.
#[derive(Serialize)]
struct Report {
    parameters: u128,
    seed: u64,
    steps: u64,
    tokens: u64,
    /// Training loss of the last update, in nats per token.
    loss: Option<f64>,
    validation_loss: Option<f64>,
    /// That of the weights that were trained on, before the first update.
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_before: Option<f64>,
    /// Cross-entropy of the validation batches under the process that drew them, in nats per token.
    /// No decoder can go below it but by chance. `None` where it is not known.
    entropy_floor: Option<f64>,
    /// Time of this run in seconds. The run may have continued another.
    seconds: f64,
    tokens_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<PathBuf>,
}

const REPORT: &str = "report.json";
pub const MODEL: &str = "model.safetensors";
const ARCHITECTURE: &str = "architecture.json";
const SPACE: &str = "space.json";
const PICTURE: &str = "curve.svg";
const HUGGING_FACE: &str = "hugging-face";
const BEFORE: &str = "before.json";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_LIMIT: Limit = Limit::mebibytes("a tokenizer", 256);

/// Time that a training which is stopped has for its last checkpoint.
const FOR_A_CHECKPOINT: Duration = Duration::from_secs(60);

/// At most so much work is lost when the process is killed.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(20);

pub const RUN: RunKind = RunKind {
    command: "train",
    writes: &[
        CHECKPOINT,
        CURVE,
        MODEL,
        ARCHITECTURE,
        PICTURE,
        SPACE,
        HUGGING_FACE,
        TOKENIZER,
        BEFORE,
    ],
    report: REPORT,
    journal: None,
};

pub fn run(session: &Session, arguments: Train) -> Result<()> {
    let (settings, folder, batches) = match &arguments.resume {
        Some(path) => {
            let (settings, folder): (TrainSettings, Folder) =
                folder::open(path, "a training", None)?;
            if folder.path().join(REPORT).exists() {
                return Err(Failure::input(format_args!(
                    "--resume {}: this training is finished; its report is {REPORT}",
                    path.display()
                )));
            }
            let batches = settings.batches(session.report)?;
            (settings, Some(folder), batches)
        }
        None => {
            let mut settings = TrainSettings::new(session, &arguments)?;
            let (batches, tokens) = settings.read_batches(session.report)?;
            settings.tokens = tokens;
            let folder = arguments.out.as_deref();
            let folder = folder.map(|path| folder::create(path, &settings));
            (settings, folder.transpose()?, batches)
        }
    };
    if let Some(folder) = &folder {
        session.stop.resumable(&RUN.next(folder.path(), ""));
        session.stop.wait(FOR_A_CHECKPOINT);
    }
    let outcome = train(session, &settings, &*batches, folder.as_ref());
    RUN.ended(outcome, folder, "")
}

fn train(
    session: &Session,
    configuration: &TrainSettings,
    batches: &dyn Batches,
    folder: Option<&Folder>,
) -> Result<()> {
    let trained = |error: Error| failed(error.into());
    let TrainSettings {
        seed,
        architecture,
        recipe,
        ..
    } = configuration;
    let elastic = configuration.supernet.as_ref();
    let elastic = elastic
        .map(|supernet| supernet.elastic(*seed))
        .transpose()?;
    let workspace = match session.threads() {
        1 => Workspace::new(),
        _ => Workspace::on(Arc::new(session.pool()?)),
    };
    let weights = configuration.weights(session, folder)?;
    let training = match &weights {
        Some(weights) => {
            let source = (&**weights as &dyn Source<f32>, *seed);
            Training::going_on(architecture, recipe, batches, source, workspace)
        }
        None => Training::new(architecture, recipe, batches, *seed, workspace),
    };
    let mut training = training.map_err(trained)?;
    if let Some(elastic) = &elastic {
        training = training.with_sub_networks(elastic);
    }
    if let Some(folder) = folder {
        training.resume(folder.path()).map_err(trained)?;
        if training.step() > 0 {
            session
                .report
                .note(format_args!("continuing after update {}", training.step()));
        }
    }
    let before = match configuration.trained {
        Some(_) => before(session, &mut training, folder)?,
        None => None,
    };
    let (start, begun) = (Instant::now(), training.step());
    run_updates(session, &mut training, folder)?;

    let seconds = start.elapsed().as_secs_f64();
    let updates = recipe.steps - begun;
    let report = Report {
        validation_before: before,
        out: folder.map(|folder| folder.path().to_owned()),
        ..Report::of(
            session,
            configuration,
            (&training, batches),
            (updates, seconds),
        )?
    };
    if let Some(folder) = folder {
        write_results(folder, configuration, &training, &report)?;
        crate::report::beside(session, folder);
    }
    match session.json {
        true => print_json(&report),
        false => print(&report),
    }
}

/// Trains to the last update, with progress and checkpoints.
fn run_updates(
    session: &Session,
    training: &mut Training<'_>,
    folder: Option<&Folder>,
) -> Result<()> {
    let steps = training.recipe().steps;
    let share = |step: u64| step as f64 / steps.max(1) as f64;
    let task = session.watch.task("training");
    task.at(share(training.step()), "");
    let mut validation = training.curve().validation();
    let outcome = training.run(Control {
        cancel: &session.cancel,
        progress: &mut |point| {
            validation = point.validation.or(validation);
            let validation = validation.map(|loss| format!(", validation {loss:.3}"));
            let validation = validation.unwrap_or_default();
            let detail = format!("loss {:.3}{validation}", point.loss);
            task.at(share(point.step), &detail);
        },
        checkpoints: folder.map(|folder| (folder.path(), BETWEEN_CHECKPOINTS)),
    });
    drop(task);
    outcome.map_err(|error| stopped(error, training))
}

/// The error of a training that did not come to its end.
fn stopped(error: Error, training: &Training<'_>) -> anyhow::Error {
    let steps = training.recipe().steps;
    match error.is_cancelled() {
        true => anyhow::Error::from(Failure::Interrupted {
            message: format!("interrupted after update {} of {steps}", training.step()),
            next: "nothing is kept without --out".to_owned(),
        }),
        false => failed(error.into()),
    }
}

/// The validation loss of weights that are trained on, before the first update; a training that
/// is continued has it in its folder.
fn before(
    session: &Session,
    training: &mut Training<'_>,
    folder: Option<&Folder>,
) -> Result<Option<f64>> {
    let known = folder.map(|folder| folder.path().join(BEFORE));
    if training.step() > 0 {
        let text = known.and_then(|path| std::fs::read_to_string(path).ok());
        return Ok(text.and_then(|text| serde_json::from_str(&text).ok()));
    }
    let task = session.watch.task("validating before the first update");
    training.stop_with(&session.cancel);
    let loss = training.validate();
    let loss = loss.map_err(|error| stopped(error, training))?;
    drop(task);
    if let Some(folder) = folder {
        folder.write(BEFORE, &loss)?;
    }
    Ok(Some(loss))
}

impl Report {
    /// The report of a training whose last `updates` took `seconds`.
    fn of(
        session: &Session,
        configuration: &TrainSettings,
        (training, batches): (&Training<'_>, &dyn Batches),
        (updates, seconds): (u64, f64),
    ) -> Result<Self> {
        let TrainSettings {
            seed,
            architecture,
            recipe,
            ..
        } = configuration;
        let curve = training.curve();
        let floor = || validation_floor(recipe, batches, &session.cancel);
        Ok(Self {
            parameters: architecture.parameters().total(),
            seed: *seed,
            steps: recipe.steps,
            tokens: recipe.tokens(),
            loss: curve.0.last().map(|point| point.loss),
            validation_loss: curve.validation(),
            validation_before: None,
            entropy_floor: match architecture.kind {
                Kind::Decoder => floor().map_err(|error| failed(error.into()))?,
                // A masked token has a future to be told from.
                Kind::Encoder => None,
            },
            seconds,
            tokens_per_second: recipe.tokens() as f64 * updates as f64
                / recipe.steps as f64
                / seconds,
            out: None,
        })
    }
}

fn write_results(
    folder: &Folder,
    configuration: &TrainSettings,
    training: &Training<'_>,
    report: &Report,
) -> Result<()> {
    let trained = |error: Error| failed(error.into());
    let path = |name: &str| folder.path().join(name);
    let network = training.network();
    let tensors = network.parameters().iter();
    let tensors = tensors.map(|p| (p.name.clone(), &p.shape[..], &p.data[..]));
    write_safetensors(&path(MODEL), tensors, None).map_err(|error| trained(error.into()))?;
    spec::write(&path(ARCHITECTURE), network.architecture())
        .map_err(|error| failed(error.into()))?;
    let title = format!(
        "{} blocks of width {}, {} parameters",
        network.architecture().blocks.len(),
        network.architecture().width,
        report.parameters
    );
    folder.write_text(
        PICTURE,
        &training.curve().to_svg(&title, report.entropy_floor),
    )?;
    copy_tokenizer(configuration, folder.path())?;
    if let Some(supernet) = &configuration.supernet {
        folder.write(SPACE, &supernet.space)?;
    }
    if configuration.hugging_face {
        std::fs::create_dir_all(path(HUGGING_FACE))?;
        let folder = path(HUGGING_FACE);
        let config = configuration.trained.as_ref();
        match config.and_then(|trained| trained.config.as_ref()) {
            Some(config) => hugging_face::write_as(config, &folder, network),
            None => hugging_face::write(&folder, network),
        }
        .map_err(trained)?;
        copy_tokenizer(configuration, &folder)?;
    }
    Ok(folder.write(REPORT, report)?)
}

/// Whoever reads with the network needs the same tokens.
fn copy_tokenizer(configuration: &TrainSettings, folder: &Path) -> Result<()> {
    let Some((_, tokenizer)) = &configuration.text else {
        return Ok(());
    };
    let text = input::read_text(tokenizer, TOKENIZER_LIMIT)
        .map_err(|error| system(&tokenizer.display().to_string(), error))?;
    let path = folder.join(TOKENIZER);
    let written = write_whole(&path, text.as_bytes());
    written.map_err(|error| system(&path.display().to_string(), error))
}

fn print(report: &Report) -> Result<()> {
    let out = &mut stdout();
    let loss = |loss: Option<f64>| loss.map_or_else(|| "-".to_owned(), |loss| format!("{loss:.6}"));
    writeln!(out, "parameters       {}", report.parameters)?;
    writeln!(
        out,
        "updates          {} ({} tokens)",
        report.steps, report.tokens
    )?;
    writeln!(out, "training loss    {}", loss(report.loss))?;
    if report.validation_before.is_some() {
        writeln!(out, "before           {}", loss(report.validation_before))?;
    }
    writeln!(out, "validation loss  {}", loss(report.validation_loss))?;
    if report.entropy_floor.is_some() {
        writeln!(out, "entropy floor    {}", loss(report.entropy_floor))?;
    }
    writeln!(
        out,
        "time             {:.1} s, {:.0} tokens per second",
        report.seconds, report.tokens_per_second
    )?;
    if let Some(path) = &report.out {
        let path = path.display().to_string();
        writeln!(out, "written to       {}", line(&path))?;
    }
    Ok(())
}
