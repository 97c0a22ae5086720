//! The folder of one search: its configuration, then its report.
//!
//! A search is a function of its configuration (unless its budget is a time),
//! and its expensive part, the traces, is kept in the cache. So an interrupted
//! run is continued by searching again from the configuration, and ends with the
//! same report.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::arguments::{
    BudgetArgument, FitnessArgument, MethodArgument, ObjectiveArgument, PassArguments,
    ReadingArgument, Search, TruthArguments,
};
use super::failure::Failure;
use super::session::located;

const CONFIGURATION: &str = "configuration.json";
const REPORT: &str = "report.json";

/// Everything that a search is a function of, as kept in its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Of the folder's layout.
    version: u32,
    pub seed: u64,
    truth: Option<PathBuf>,
    reading: String,
    method: String,
    fitness: String,
    pub split: Option<[usize; 2]>,
    budget_seconds: Option<f64>,
    budget_evaluations: Option<u64>,
    batch: usize,
    positions: usize,
    objective: Option<String>,
    text: Option<PathBuf>,
    tokenizer: Option<PathBuf>,
}

const VERSION: u32 = 1;

impl Configuration {
    /// The configuration that the command line describes.
    pub fn of(seed: u64, arguments: &Search) -> Self {
        let (mut budget_seconds, mut budget_evaluations) = (None, None);
        match arguments.budget {
            Some(BudgetArgument::Seconds(seconds)) => budget_seconds = Some(seconds),
            Some(BudgetArgument::Evaluations(count)) => budget_evaluations = Some(count),
            None => {}
        }
        // Relative paths would mean something else in another folder.
        let absolute = |path: &Option<PathBuf>| {
            path.as_ref()
                .map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()))
        };
        Self {
            version: VERSION,
            seed,
            truth: absolute(&arguments.truth.truth.as_deref().map(located)),
            reading: name(arguments.truth.reading),
            method: name(arguments.method),
            fitness: name(arguments.fitness),
            split: arguments
                .split
                .map(|split| [split.search, split.validation]),
            budget_seconds,
            budget_evaluations,
            batch: arguments.pass.batch,
            positions: arguments.pass.positions,
            objective: arguments.pass.objective.map(name),
            text: absolute(&arguments.pass.text),
            tokenizer: absolute(&arguments.pass.tokenizer),
        }
    }

    pub fn truth(&self) -> TruthArguments {
        let reading = parsed(&self.reading).unwrap_or(ReadingArgument::AsTrained);
        TruthArguments {
            truth: self.truth.clone(),
            reading,
        }
    }

    pub fn method(&self) -> MethodArgument {
        parsed(&self.method).unwrap_or(MethodArgument::Gp)
    }

    pub fn fitness(&self) -> FitnessArgument {
        parsed(&self.fitness).unwrap_or(FitnessArgument::Spearman)
    }

    pub fn budget(&self) -> Option<BudgetArgument> {
        let seconds = self.budget_seconds.map(BudgetArgument::Seconds);
        seconds.or_else(|| self.budget_evaluations.map(BudgetArgument::Evaluations))
    }

    pub fn pass(&self) -> PassArguments {
        PassArguments {
            batch: self.batch,
            positions: self.positions,
            objective: self
                .objective
                .as_deref()
                .and_then(parsed::<ObjectiveArgument>),
            text: self.text.clone(),
            tokenizer: self.tokenizer.clone(),
        }
    }

    /// Whether every name in a file that may have been edited means something.
    fn check(&self) -> std::result::Result<(), String> {
        let wrong = |key: &str, value: &str| Err(format!("{key}: unknown value {value:?}"));
        if self.version != VERSION {
            return wrong("version", &self.version.to_string());
        }
        if parsed::<ReadingArgument>(&self.reading).is_none() {
            return wrong("reading", &self.reading);
        }
        if parsed::<MethodArgument>(&self.method).is_none() {
            return wrong("method", &self.method);
        }
        if parsed::<FitnessArgument>(&self.fitness).is_none() {
            return wrong("fitness", &self.fitness);
        }
        match &self.objective {
            Some(objective) if parsed::<ObjectiveArgument>(objective).is_none() => {
                wrong("objective", objective)
            }
            _ => Ok(()),
        }
    }
}

fn name(value: impl ValueEnum) -> String {
    let possible = value.to_possible_value();
    possible
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

fn parsed<T: ValueEnum>(text: &str) -> Option<T> {
    T::from_str(text, false).ok()
}

/// A folder that belongs to one search.
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// A new folder; one that exists already is never touched.
    pub fn create(path: &Path, configuration: &Configuration) -> Result<Self> {
        if path.exists() {
            return Err(Failure::input(format_args!(
                "--out {}: exists already; give a new folder, or continue that run with --resume",
                path.display()
            )));
        }
        let unwritable = |error: std::io::Error| {
            Failure::input(format_args!(
                "--out {}: cannot be written to: {error}",
                path.display()
            ))
        };
        fs::create_dir_all(path).map_err(unwritable)?;
        let folder = Self {
            path: path.to_owned(),
        };
        folder
            .write(CONFIGURATION, configuration)
            .map_err(|error| Failure::input(format_args!("--out {}: {error:#}", path.display())))?;
        Ok(folder)
    }

    /// The folder of a run that was started before.
    pub fn open(path: &Path) -> Result<(Configuration, Self)> {
        let file = path.join(CONFIGURATION);
        let wrong = |message: String| {
            Failure::input(format_args!("--resume {}: {message}", file.display()))
        };
        let text = fs::read_to_string(&file)
            .map_err(|error| wrong(format!("not the folder of a search: {error}")))?;
        let configuration: Configuration =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        configuration.check().map_err(wrong)?;
        Ok((
            configuration,
            Self {
                path: path.to_owned(),
            },
        ))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn is_finished(&self) -> bool {
        self.path.join(REPORT).exists()
    }

    /// Keeps the report; the run is finished.
    pub fn finish(&self, report: &impl Serialize) -> Result<()> {
        self.write(REPORT, report)
    }

    /// Removes the folder again where the run failed for good, so that the
    /// corrected command can use the same name.
    pub fn discard_unless_resumable(self, outcome: &Result<()>) {
        let resumable = outcome
            .as_ref()
            .is_err_and(|error| matches!(error.downcast_ref(), Some(Failure::Interrupted(_))));
        if !resumable {
            // Only what this run wrote; the folder itself only if that leaves it empty.
            let _ = fs::remove_file(self.path.join(CONFIGURATION));
            let _ = fs::remove_dir(&self.path);
        }
    }

    /// Writes a file whole or not at all.
    fn write(&self, name: &str, document: &impl Serialize) -> Result<()> {
        let path = self.path.join(name);
        let temporary = self.path.join(format!("{name}.part"));
        let write = || -> std::io::Result<()> {
            let mut file = fs::File::create(&temporary)?;
            file.write_all(serde_json::to_string_pretty(document)?.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().with_context(|| format!("{}: cannot be written", path.display()))
    }
}
