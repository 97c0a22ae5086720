//! The folder of one search: its configuration, a journal of what became of
//! every formula, the front so far, and in the end its report.
//!
//! A search is a function of its configuration, and of the clock where its
//! budget is a time. So a run that was interrupted, however it was, is continued
//! by searching again from the configuration, with the traces that the cache
//! holds and the outcomes that the journal holds, and ends with the same report.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lpzero::Proxy;
use lpzero::search::Journal;
use serde::{Deserialize, Serialize};

use super::arguments::{
    BudgetArgument, FitnessArgument, GrammarArgument, MethodArgument, PassArguments, Search,
    SplitArgument, TruthsArguments,
};
use super::failure::Failure;
use super::output::Reporter;
use super::saved;
use super::session::{failed, located};

const CONFIGURATION: &str = "configuration.json";
pub const REPORT: &str = "report.json";
pub const FRONT: &str = "front.json";
const JOURNAL: &str = "journal";
const LOCK: &str = "lock";

/// Everything that a search is a function of, as kept in its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Of the folder's layout.
    version: u32,
    pub seed: u64,
    pub truth: TruthsArguments,
    pub pass: PassArguments,
    pub method: MethodArgument,
    pub fitness: FitnessArgument,
    pub splits: Vec<SplitArgument>,
    pub budget: Option<BudgetArgument>,
    pub grammar: GrammarArgument,
    pub n_unary: u8,
    /// Formulas, also where a run was named: that may change.
    pub from: Vec<String>,
    pub template: Option<String>,
    pub rules: bool,
    pub prediction: bool,
}

const VERSION: u32 = 3;

/// The paper's default.
const DEFAULT_UNARY: u8 = 2;

impl Configuration {
    /// The configuration that the command line describes.
    ///
    /// # Errors
    /// What a search should start from is neither a formula nor a run.
    pub fn of(seed: u64, arguments: &Search) -> Result<Self> {
        // Relative paths would mean something else in another folder.
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let mut truth = arguments.truth.clone();
        for path in &mut truth.truths {
            *path = absolute(located(path));
        }
        let mut pass = arguments.pass.clone();
        pass.text = pass.text.map(absolute);
        pass.tokenizer = pass.tokenizer.map(absolute);
        Ok(Self {
            version: VERSION,
            seed,
            truth,
            pass,
            method: arguments.method,
            fitness: arguments.fitness,
            splits: arguments.splits.clone(),
            budget: arguments.budget,
            grammar: arguments.grammar,
            n_unary: arguments.n_unary.unwrap_or(DEFAULT_UNARY),
            from: starts(&arguments.from)?,
            template: arguments.template.clone(),
            rules: !arguments.no_rules,
            prediction: !arguments.no_prediction,
        })
    }
}

/// The formulas that `--from` names.
fn starts(texts: &[String]) -> Result<Vec<String>> {
    let mut formulas: Vec<String> = Vec::with_capacity(texts.len());
    for text in texts {
        let path = Path::new(text);
        let named = match Proxy::parse(text) {
            Ok(_) if formulas.contains(text) => {
                return Err(Failure::input(format_args!("--from {text}: given twice")));
            }
            Ok(proxy) if proxy.formula.needs_whole_tensors() => {
                return Err(Failure::input(format_args!(
                    "--from {text}: needs whole tensors or a further pass, and a search reads \
                     traces; expected a formula over what traces hold"
                )));
            }
            Ok(_) => vec![text.clone()],
            Err(_) if path.is_dir() => saved::front(path)?,
            Err(error) => return Err(failed(error)),
        };
        for formula in named {
            if !formulas.contains(&formula) {
                formulas.push(formula);
            }
        }
    }
    Ok(formulas)
}

/// A folder that belongs to one search, and to one process at a time.
pub struct RunFolder {
    path: PathBuf,
    /// Released by the system when the process ends, however it ends.
    _lock: File,
}

impl RunFolder {
    /// A new folder; one that exists already is never touched.
    pub fn create(path: &Path, configuration: &Configuration) -> Result<Self> {
        let exists = || {
            Failure::input(format_args!(
                "--out {}: exists already; give a new folder, or continue that run with --resume",
                path.display()
            ))
        };
        if path.exists() && !is_blank(path) {
            return Err(exists());
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
            _lock: lock(path, "--out")?,
        };
        // Another process may have been faster.
        if !is_blank(path) {
            return Err(exists());
        }
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
                _lock: lock(path, "--resume")?,
            },
        ))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn is_finished(&self) -> bool {
        self.path.join(REPORT).exists()
    }

    /// The journal of the search, ready to be continued.
    pub fn journal(&self, report: Reporter) -> Result<Journal> {
        let opened = Journal::open(&self.path.join(JOURNAL));
        let (journal, torn) =
            opened.map_err(|error| failed(lpzero::search::Error::from(error).into()))?;
        if let Some(torn) = torn {
            report.warn(torn);
        }
        if journal.batches_left() > 0 {
            report.note(format_args!(
                "continuing after {} recorded batches",
                journal.batches_left()
            ));
        }
        Ok(journal)
    }

    /// Keeps the front as it is now.
    pub fn keep_front(&self, front: &impl Serialize) -> Result<()> {
        self.write(FRONT, front)
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
        for name in [CONFIGURATION, JOURNAL, FRONT, LOCK] {
            let _ = fs::remove_file(self.path.join(name));
        }
        let _ = fs::remove_dir(&self.path);
    }

    /// Writes a file whole or not at all.
    fn write(&self, name: &str, document: &impl Serialize) -> Result<()> {
        let path = self.path.join(name);
        let temporary = self.path.join(part_of(name));
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(serde_json::to_string_pretty(document)?.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().with_context(|| format!("{}: cannot be written", path.display()))
    }
}

/// Whether a folder holds no more than a process leaves that was killed before
/// it had written its configuration.
fn is_blank(folder: &Path) -> bool {
    let leftovers = [LOCK.to_owned(), part_of(CONFIGURATION)];
    let is_leftover = |entry: std::io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| leftovers.iter().any(|name| **name == *entry.file_name()))
    };
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(is_leftover))
}

/// Makes the folder this process's own.
fn lock(folder: &Path, option: &str) -> Result<File> {
    let wrong =
        |message: String| Failure::input(format_args!("{option} {}: {message}", folder.display()));
    let open = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(LOCK));
    let file = open.map_err(|error| wrong(format!("cannot be written to: {error}")))?;
    match file.try_lock() {
        // Some network file systems have no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(wrong(
            "another process works on this run; wait for it or stop it first".to_owned(),
        )),
    }
}

/// What a file is called while it is being written.
fn part_of(name: &str) -> String {
    format!("{name}.part")
}
