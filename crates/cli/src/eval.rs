//! `lpzero eval`: how well a decoder predicts a text, and answers questions.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use lpzero::arch::Reading;
use lpzero::likelihood::{
    Accuracy, Evaluator, Item, Template, Windows, choose, perplexity, read_items,
};
use lpzero::nn::Seeded;
use lpzero::run::input::{self, Limit};
use lpzero::text::{TextError, Tokenized, Tokenizer};
use lpzero::trace::{DEFAULT_MEMORY, Weights};
use serde::Serialize;

use super::arguments::{Eval, WeightsArgument};
use super::failure::{Failure, failed, system};
use super::output::print_json;
use super::plain::{Table, stdout};
use super::session::Session;
use super::settings::read_architecture;
use super::weights;

const TOKENIZER: &str = "tokenizer.json";
/// Size of the largest template.
const TEMPLATE: Limit = Limit::mebibytes("a template", 1);
/// Most positions that are taken where none are asked for.
const POSITIONS: usize = 2048;

/// The JSON document.
#[derive(Serialize)]
struct Report {
    model: PathBuf,
    parameters: u128,
    weights: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    adapter: Option<PathBuf>,
    streamed: bool,
    positions: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<ItemsReport>,
    seconds: f64,
}

#[derive(Serialize)]
struct TextReport {
    file: PathBuf,
    bytes: usize,
    tokens: usize,
    /// Tokens that were predicted: all but the first.
    scored: usize,
    stride: usize,
    nats_per_token: f64,
    perplexity: f64,
    bytes_per_token: f64,
    bits_per_byte: f64,
}

#[derive(Serialize)]
struct ItemsReport {
    files: Vec<FileReport>,
    /// The mean over files.
    macro_accuracy: f64,
    macro_accuracy_normalised: f64,
}

#[derive(Serialize)]
struct FileReport {
    file: PathBuf,
    items: usize,
    /// By summed log-likelihood, with its Wilson interval at 95 %.
    accuracy: f64,
    accuracy_ci: [f64; 2],
    /// By log-likelihood per byte.
    accuracy_normalised: f64,
    accuracy_normalised_ci: [f64; 2],
    /// Items whose prompt lost its start.
    cut: usize,
}

pub fn run(session: &Session, arguments: &Eval) -> Result<()> {
    let start = Instant::now();
    let path = &arguments.folder;
    let architecture = read_architecture(path, Reading::AsTrained)?;
    let positions = positions(arguments, architecture.positions)?;
    let windows = windows(arguments, positions)?;
    let tokenizer = tokenizer(arguments)?;
    let items = read_all_items(arguments)?;
    let text = match &arguments.text {
        Some(file) => Some(read_text(file, &tokenizer)?),
        None => None,
    };
    let remark = text.as_ref().and_then(|text| text.remark.as_ref());
    remark.iter().for_each(|remark| session.report.warn(remark));
    let weights = source(session, arguments, &architecture)?;

    let pool = Arc::new(session.pool()?);
    let memory = arguments.memory.unwrap_or(DEFAULT_MEMORY);
    let id = path.display().to_string();
    let limits = (positions, memory);
    let evaluator = Evaluator::new(&id, &architecture, &weights, &pool, limits);
    let mut evaluator = evaluator.map_err(failed)?;
    if evaluator.is_streamed() {
        (session.report).note("the weights do not fit into --memory: they are read block by block");
    }

    let text = match (&arguments.text, text) {
        (Some(file), Some(text)) => Some(of_text(session, &mut evaluator, file, text, windows)?),
        _ => None,
    };
    let mut files = Vec::new();
    for (file, items) in arguments.items.iter().zip(&items) {
        let file = (file.as_path(), &items[..]);
        files.push(of_items(
            session,
            &mut evaluator,
            &tokenizer,
            positions,
            file,
        )?);
    }
    let items = (!files.is_empty()).then(|| ItemsReport::of(files));
    let report = Report {
        model: path.clone(),
        parameters: architecture.parameters().total(),
        weights: match arguments.weights {
            WeightsArgument::Stored => "stored",
            WeightsArgument::Seeded => "seeded",
        },
        adapter: arguments.adapter.clone(),
        streamed: evaluator.is_streamed(),
        positions,
        text,
        items,
        seconds: start.elapsed().as_secs_f64(),
    };
    session.report.note(match arguments.weights {
        WeightsArgument::Seeded => format!("weights: drawn by seed {}", session.seed),
        WeightsArgument::Stored => "weights: those in the folder".to_owned(),
    });
    match session.json {
        true => print_json(&report),
        false => print(&report),
    }
}

/// How well the model predicts a text.
fn of_text(
    session: &Session,
    evaluator: &mut Evaluator,
    file: &Path,
    Tokenized { tokens, bytes, .. }: Tokenized,
    windows: Windows,
) -> Result<TextReport> {
    let task = session.watch.task("text");
    let found = perplexity(evaluator, &tokens, windows, &task);
    drop(task);
    let found = found.map_err(stopped)?;
    let bytes_per_token = bytes as f64 / tokens.len() as f64;
    if !found.nats_per_token.is_finite() {
        session.report.warn(format_args!(
            "{}: the loss is {}, because activations of this network leave single precision",
            file.display(),
            found.nats_per_token
        ));
    } else if !found.perplexity().is_finite() {
        session.report.warn(format_args!(
            "{}: the perplexity is beyond double precision; nats per token say as much",
            file.display()
        ));
    }
    Ok(TextReport {
        file: file.to_owned(),
        bytes,
        tokens: tokens.len(),
        scored: found.scored,
        stride: windows.stride(),
        nats_per_token: found.nats_per_token,
        perplexity: found.perplexity(),
        bytes_per_token,
        bits_per_byte: found.bits_per_byte(bytes_per_token),
    })
}

/// How often the model chooses the right answers of a file.
fn of_items(
    session: &Session,
    evaluator: &mut Evaluator,
    tokenizer: &Tokenizer,
    positions: usize,
    (file, items): (&Path, &[Item]),
) -> Result<FileReport> {
    let task = session.watch.task("items");
    let found = choose(evaluator, tokenizer, items, positions, &task);
    drop(task);
    let found = found.map_err(|error| match &error {
        lpzero::Error::Text(inner) => {
            Failure::input(format_args!("--items {}: {inner}", file.display()))
        }
        _ => stopped(error),
    })?;
    if found.cut > 0 {
        session.report.warn(format_args!(
            "{}: {} items are longer than {positions} tokens, and lost the start of their \
             prompts",
            file.display(),
            found.cut
        ));
    }
    let (sum, normalised) = (found.accuracy(), found.accuracy_normalised());
    Ok(FileReport {
        file: file.to_owned(),
        items: sum.items,
        accuracy: sum.share(),
        accuracy_ci: sum.interval(),
        accuracy_normalised: normalised.share(),
        accuracy_normalised_ci: Accuracy::interval(normalised),
        cut: found.cut,
    })
}

impl ItemsReport {
    fn of(files: Vec<FileReport>) -> Self {
        let count = files.len() as f64;
        let mean = |of: fn(&FileReport) -> f64| files.iter().map(of).sum::<f64>() / count;
        Self {
            macro_accuracy: mean(|file| file.accuracy),
            macro_accuracy_normalised: mean(|file| file.accuracy_normalised),
            files,
        }
    }
}

fn positions(arguments: &Eval, most: usize) -> Result<usize> {
    match arguments.positions {
        None => Ok(most.min(POSITIONS)),
        Some(positions) if (2..=most).contains(&positions) => Ok(positions),
        Some(positions) => Err(Failure::typed(format_args!(
            "--positions {positions}: expected between 2 and the {most} of the architecture"
        ))),
    }
}

fn windows(arguments: &Eval, positions: usize) -> Result<Windows> {
    let stride = arguments.stride.unwrap_or(positions.saturating_sub(1));
    Windows::new(positions, stride).ok_or_else(|| {
        Failure::typed(format_args!(
            "--stride {stride}: expected between 1 and {} (--positions - 1)",
            positions.saturating_sub(1)
        ))
    })
}

/// The tokenizer that is named, or that of the folder.
fn tokenizer(arguments: &Eval) -> Result<Tokenizer> {
    let path = match &arguments.tokenizer {
        Some(path) => path.clone(),
        None => {
            let path = arguments.folder.join(TOKENIZER);
            if !path.exists() {
                return Err(Failure::input(format_args!(
                    "{}: is not there; give --tokenizer",
                    path.display()
                )));
            }
            path
        }
    };
    Tokenizer::read(&path).map_err(|error| failed(error.into()))
}

fn read_all_items(arguments: &Eval) -> Result<Vec<Vec<Item>>> {
    let template = match &arguments.template {
        None => Template::default(),
        Some(path) => {
            let wrong = |what: String| {
                Failure::input(format_args!("--template {}: {what}", path.display()))
            };
            let text =
                input::read_text(path, TEMPLATE).map_err(|error| wrong(error.to_string()))?;
            Template::new(&text)
                .ok_or_else(|| wrong("expected {instruction} somewhere in it".to_owned()))?
        }
    };
    let files = arguments.items.iter();
    let read = |path: &PathBuf| read_items(path, &template).map_err(failed);
    files.map(read).collect()
}

/// The tokens of a text, two at least.
fn read_text(path: &Path, tokenizer: &Tokenizer) -> Result<Tokenized> {
    let wrong = |what: String| Failure::input(format_args!("--text {}: {what}", path.display()));
    let unread = |error| match error {
        TextError::Read { source, .. } => system(&format!("--text {}", path.display()), source),
        error => failed(error.into()),
    };
    let text = tokenizer.read_all(path).map_err(unread)?;
    match text.tokens.len() >= 2 {
        true => Ok(text),
        false => Err(wrong(format!(
            "{} tokens, but the first is only told from, so that it takes two at least",
            text.tokens.len()
        ))),
    }
}

fn source(
    session: &Session,
    arguments: &Eval,
    architecture: &lpzero::arch::Architecture,
) -> Result<Weights> {
    let path = &arguments.folder;
    let base = match arguments.weights {
        WeightsArgument::Seeded => Arc::new(Seeded(session.seed)) as Weights,
        WeightsArgument::Stored => {
            let stored = weights::stored_or_seeded(session.report, path, architecture)?;
            stored.ok_or_else(|| {
                Failure::input(format_args!(
                    "{}: no weights are there, expected model.safetensors or its index; \
                     --weights seeded draws them",
                    path.display()
                ))
            })?
        }
    };
    match &arguments.adapter {
        Some(adapter) => weights::adapted(base, path, adapter, architecture),
        None => Ok(base),
    }
}

fn stopped(error: lpzero::Error) -> anyhow::Error {
    match error.is_cancelled() {
        true => Failure::Interrupted {
            message: error.to_string(),
            next: "nothing is kept of an evaluation".to_owned(),
        }
        .into(),
        false => failed(error),
    }
}

fn print(report: &Report) -> Result<()> {
    let out = &mut stdout();
    if let Some(text) = &report.text {
        writeln!(
            out,
            "tokens          {} ({} bytes)",
            text.tokens, text.bytes
        )?;
        writeln!(out, "nats per token  {:.6}", text.nats_per_token)?;
        writeln!(out, "perplexity      {:.4}", text.perplexity)?;
        writeln!(
            out,
            "bits per byte   {:.6} ({:.3} bytes per token)",
            text.bits_per_byte, text.bytes_per_token
        )?;
    }
    let Some(items) = &report.items else {
        return Ok(());
    };
    if report.text.is_some() {
        writeln!(out)?;
    }
    let percent = |share: f64| format!("{:.2}", 100.0 * share);
    let interval = |[low, high]: [f64; 2]| format!("{} to {}", percent(low), percent(high));
    let mut table = Table::new();
    table.set_header(["items of", "n", "% right", "95 %", "% per byte", "95 %"]);
    for file in &items.files {
        table.add_row([
            file.file.display().to_string(),
            file.items.to_string(),
            percent(file.accuracy),
            interval(file.accuracy_ci),
            percent(file.accuracy_normalised),
            interval(file.accuracy_normalised_ci),
        ]);
    }
    if items.files.len() > 1 {
        let all: usize = items.files.iter().map(|file| file.items).sum();
        table.add_row([
            "mean of the files".to_owned(),
            all.to_string(),
            percent(items.macro_accuracy),
            String::new(),
            percent(items.macro_accuracy_normalised),
            String::new(),
        ]);
    }
    table.align_numbers(1);
    writeln!(out, "{table}")?;
    Ok(())
}
