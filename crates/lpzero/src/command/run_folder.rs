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
use serde::{Deserialize, Serialize};

use super::arguments::{
    BudgetArgument, FitnessArgument, GrammarArgument, MethodArgument, PassArguments, Search,
    SplitArgument, TruthArguments,
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
    pub truth: TruthArguments,
    pub pass: PassArguments,
    pub method: MethodArgument,
    pub fitness: FitnessArgument,
    pub split: Option<SplitArgument>,
    pub budget: Option<BudgetArgument>,
    /// Folders of before have neither of these two.
    #[serde(default)]
    pub grammar: GrammarArgument,
    #[serde(default = "default_unary")]
    pub n_unary: u8,
}

fn default_unary() -> u8 {
    2
}

const VERSION: u32 = 1;

impl Configuration {
    /// The configuration that the command line describes.
    pub fn of(seed: u64, arguments: &Search) -> Self {
        // Relative paths would mean something else in another folder.
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let mut truth = arguments.truth.clone();
        truth.truth = truth.truth.map(|path| absolute(located(&path)));
        let mut pass = arguments.pass.clone();
        pass.text = pass.text.map(absolute);
        pass.tokenizer = pass.tokenizer.map(absolute);
        Self {
            version: VERSION,
            seed,
            truth,
            pass,
            method: arguments.method,
            fitness: arguments.fitness,
            split: arguments.split,
            budget: arguments.budget,
            grammar: arguments.grammar,
            n_unary: arguments.n_unary,
        }
    }
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
        if configuration.version != VERSION {
            return Err(wrong(format!(
                "version {}; expected {VERSION}",
                configuration.version
            )));
        }
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

    /// Removes the folder again where the input was wrong, so that the corrected
    /// command can use the same name. Whatever else went wrong, the run can be
    /// resumed.
    pub fn discard(self) {
        // Only what this run wrote; the folder itself only if that leaves it empty.
        let _ = fs::remove_file(self.path.join(CONFIGURATION));
        let _ = fs::remove_dir(&self.path);
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
