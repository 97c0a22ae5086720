//! What every command shares: the workbench, remarks, and a way to be stopped.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use lpzero::arch::{Architecture, Reading};
use lpzero::nn::Objective;
use lpzero::trace::{Progress, Trace};
use lpzero::truth::{EMBEDDED, Embedded, GroundTruth, TableOptions};
use lpzero::{Pass, Proxy, Repeats, Workbench, text};

use super::arguments::{
    Common, ObjectiveArgument, PassArguments, ReadingArgument, RepeatArguments, TruthArguments,
};
use super::failure::Failure;
use super::output::Reporter;
use super::saved;

/// The options of every command, resolved.
pub struct Session {
    pub seed: u64,
    pub json: bool,
    pub report: Reporter,
    pub cancel: Arc<AtomicBool>,
    /// The options that say where traces are kept, as typed.
    pub cache_options: String,
    threads: usize,
    cache: Option<PathBuf>,
}

impl Session {
    /// Resolves the common options and listens for Ctrl-C and SIGTERM.
    pub fn start(common: &Common) -> Result<Self> {
        if let Some(threads) = common.threads.filter(|n| !(1..=MOST_THREADS).contains(n)) {
            return Err(Failure::input(format_args!(
                "--threads {threads}: expected between 1 and {MOST_THREADS}"
            )));
        }
        let cancel = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&cancel);
        ctrlc::set_handler(move || {
            // The second signal does not wait for the passes that run.
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        })
        .context("cannot listen for Ctrl-C")?;
        let cache = match (&common.cache, common.no_cache) {
            (_, true) => None,
            (Some(folder), _) => Some(folder.clone()),
            (None, _) => default_cache(),
        };
        let cache_options = match (&common.cache, common.no_cache) {
            (Some(folder), _) => format!(" --cache {}", folder.display()),
            (None, true) => " --no-cache".to_owned(),
            (None, false) => String::new(),
        };
        let report = Reporter::new(common.quiet);
        Ok(Self {
            seed: common.seed,
            json: common.json,
            report,
            cancel,
            cache_options,
            threads: common.threads.unwrap_or(0),
            cache: usable(cache, common.cache.is_some(), report)?,
        })
    }

    /// Threads that may be used.
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// Threads for work without networks.
    pub fn pool(&self) -> Result<rayon::ThreadPool> {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(self.threads);
        threads.build().map_err(|error| failed(error.into()))
    }

    /// A workbench for these pass options.
    pub fn workbench(&self, pass: &PassArguments) -> Result<Workbench> {
        self.workbench_seeded(pass, self.seed)
    }

    /// The same, with the seed of a run that is continued.
    pub fn workbench_seeded(&self, pass: &PassArguments, seed: u64) -> Result<Workbench> {
        let tokens = pass.batch.saturating_mul(pass.positions);
        if tokens == 0 || tokens > MOST_TOKENS {
            return Err(Failure::input(format_args!(
                "--batch {} x --positions {}: expected between 1 and {MOST_TOKENS} tokens",
                pass.batch, pass.positions
            )));
        }
        let text = match (&pass.text, &pass.tokenizer) {
            (Some(path), Some(tokenizer)) => {
                let tokens = text::tokens(path, tokenizer, tokens).map_err(lpzero::Error::from);
                Some(tokens.map_err(failed)?.into())
            }
            _ => None,
        };
        let pass = Pass {
            batch: pass.batch,
            positions: pass.positions,
            objective: pass.objective.map(objective),
            text,
        };
        Workbench::new(self.threads, self.cache.clone(), seed, pass).map_err(failed)
    }

    /// Reads the ground truth that the options name, or the one that is built in.
    pub fn truth(&self, arguments: &TruthArguments) -> Result<GroundTruth> {
        let path = match &arguments.truth {
            Some(path) => path,
            None => Path::new(EMBEDDED[0].name),
        };
        let path = &located(path);
        let options = TableOptions {
            score_column: arguments.layout.score_column.clone(),
            lower_is_better: arguments.layout.lower_is_better,
        };
        if let Some(embedded) = built_in(path).filter(|_| options == TableOptions::default()) {
            return embedded
                .read()
                .map_err(|error| failed(lpzero::Error::from(error)));
        }
        let reading = reading(arguments.layout.reading);
        let truth = GroundTruth::read_with(path, reading, &options).map_err(|error| {
            // A published name is not a path yet: say where to get the data.
            match lpzero::truth::known(&path.to_string_lossy()) {
                Some(known) if !path.exists() => {
                    let download = match known.is_pinned() {
                        true => format!("`lpzero truth fetch {}` downloads it, or ", known.name),
                        false => String::new(),
                    };
                    Failure::input(format_args!(
                        "--truth {}: known, but not on this machine; {download}give its path, or set LPZERO_DATA to the folder that has it as {} ({}, published at {})",
                        known.name, known.location, known.layout, known.published
                    ))
                }
                _ => failed(lpzero::Error::from(error)),
            }
        })?;
        Ok(truth)
    }

    /// Exact scores of architectures, by proxy, with progress.
    pub fn exact_scores(
        &self,
        workbench: &Workbench,
        ids: &[String],
        architectures: &[Architecture],
        proxies: &[Proxy],
    ) -> Result<Vec<Vec<f64>>> {
        let bar = self.report.bar("scoring", 1000);
        let progress = |progress| show(&bar, progress);
        let scores = workbench.exact_scores(ids, architectures, proxies, &progress, &self.cancel);
        bar.finish_and_clear();
        scores.map_err(failed)
    }

    /// Finds out which proxies depend on neither minibatch nor objective.
    pub fn data_free(
        &self,
        workbench: &Workbench,
        ids: &[String],
        architectures: &[Architecture],
        proxies: &[Proxy],
    ) -> Result<Vec<bool>> {
        let found = workbench.data_free(ids, architectures, proxies, &|_| (), &self.cancel);
        found.map_err(failed)
    }

    /// Traces of architectures, with progress; counts cost no pass.
    pub fn traces(
        &self,
        workbench: &Workbench,
        source: &str,
        ids: &[String],
        architectures: &[Architecture],
        proxies: &[Proxy],
    ) -> Result<Vec<Trace>> {
        if !proxies.is_empty() && !proxies.iter().any(Proxy::needs_network) {
            return Ok(architectures.iter().map(Trace::data_free).collect());
        }
        let bar = self.report.bar("tracing", 1000);
        let progress = |progress| show(&bar, progress);
        let traced = workbench.traces(source, ids, architectures, &progress, &self.cancel);
        bar.finish_and_clear();
        let traced = traced.map_err(failed)?;
        for warning in &traced.warnings {
            self.report.warn(warning);
        }
        Ok(traced.traces)
    }
}

/// Shows passes under way on a bar of a thousand steps, tenths of a percent of
/// the work: large networks come first, so the number of finished ones does not
/// tell the time left.
pub fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_position((progress.work * 1000.0) as u64);
    bar.set_message(format!(
        "{} of {} networks",
        progress.finished, progress.total
    ));
}

/// Threads that may be asked for: no machine has more cores to offer.
const MOST_THREADS: usize = 1024;

/// Tokens that one minibatch may have: enough for any proxy, far from what
/// memory holds.
const MOST_TOKENS: usize = 1 << 20;

/// The built-in ground truth of this name, unless there is a file called so.
pub fn built_in(path: &Path) -> Option<&'static Embedded> {
    lpzero::truth::embedded(path.to_str()?).filter(|_| !path.exists())
}

/// The same ground truth, whatever folder the process is in: relative paths would
/// mean something else in another one.
pub fn absolute_truth(path: PathBuf) -> PathBuf {
    match built_in(&path) {
        Some(_) => path,
        None => absolute(located(&path)),
    }
}

/// The same minibatch, whatever folder the process is in.
pub fn absolute_pass(mut pass: PassArguments) -> PassArguments {
    pass.text = pass.text.map(absolute);
    pass.tokenizer = pass.tokenizer.map(absolute);
    pass
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// The path of a ground truth that may be given by name: published ones are
/// looked for in the folder `LPZERO_DATA`, then in the user's data folder.
pub fn located(path: &Path) -> PathBuf {
    let named = || {
        let known = lpzero::truth::known(path.to_str()?)?;
        let folders = [variable("LPZERO_DATA").map(PathBuf::from), data_folder()];
        let mut places = folders
            .into_iter()
            .flatten()
            .map(|data| data.join(known.location));
        places.find(|place| place.exists())
    };
    if path.exists() {
        path.to_owned()
    } else {
        named().unwrap_or_else(|| path.to_owned())
    }
}

/// The reading that an option names.
pub fn reading(argument: ReadingArgument) -> Reading {
    match argument {
        ReadingArgument::AsTrained => Reading::AsTrained,
        ReadingArgument::Declared => Reading::Declared,
        ReadingArgument::Reference => Reading::Reference,
    }
}

/// The passes that options ask for.
pub fn repeats(argument: RepeatArguments) -> Repeats {
    let RepeatArguments { inits, batches } = argument;
    Repeats { inits, batches }
}

fn objective(argument: ObjectiveArgument) -> Objective {
    match argument {
        ObjectiveArgument::NextToken => Objective::NextToken,
        ObjectiveArgument::MaskedToken => Objective::MaskedToken,
        ObjectiveArgument::RandomProjection => Objective::RandomProjection,
        ObjectiveArgument::OutputSum => Objective::OutputSum,
    }
}

/// Gives an error of the library its exit status.
pub fn failed(error: lpzero::Error) -> anyhow::Error {
    if error.is_cancelled() {
        Failure::interrupted(error)
    } else if error.is_input() {
        Failure::input(error)
    } else {
        error.into()
    }
}

/// The proxies that options name: names, formulas, and `@` before a file or run.
pub fn proxies(texts: &[String]) -> Result<Vec<Proxy>> {
    let mut proxies: Vec<Proxy> = Vec::with_capacity(texts.len());
    for text in texts {
        let named = match text.strip_prefix('@') {
            Some(path) => saved::proxies(text, Path::new(path))?,
            None => vec![Proxy::parse(text).map_err(failed)?],
        };
        for proxy in named {
            // A name is a column of the output.
            if proxies.iter().any(|known| known.name == proxy.name) {
                let name = proxy.name;
                return Err(Failure::input(format_args!("--proxy {name}: given twice")));
            }
            proxies.push(proxy);
        }
    }
    Ok(proxies)
}

/// Ids and architectures of a ground truth, side by side.
pub fn columns(truth: &GroundTruth) -> (Vec<String>, Vec<Architecture>) {
    truth
        .entries
        .iter()
        .map(|entry| (entry.id.clone(), entry.architecture.clone()))
        .unzip()
}

/// What traces of a ground truth are called in the cache.
pub fn source(truth: &GroundTruth) -> String {
    match truth.reading {
        Some(reading) => format!("{} {reading}", truth.name),
        None => truth.name.clone(),
    }
}

/// The user's cache folder, by the conventions of the platform.
fn default_cache() -> Option<PathBuf> {
    let base = variable("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| {
        let home = PathBuf::from(variable("HOME")?);
        Some(home.join(if cfg!(target_os = "macos") {
            "Library/Caches"
        } else {
            ".cache"
        }))
    });
    base.map(|base| base.join("lpzero"))
}

/// The user's data folder, by the conventions of the platform.
pub fn data_folder() -> Option<PathBuf> {
    let base = variable("XDG_DATA_HOME").map(PathBuf::from).or_else(|| {
        let home = PathBuf::from(variable("HOME")?);
        Some(home.join(if cfg!(target_os = "macos") {
            "Library/Application Support"
        } else {
            ".local/share"
        }))
    });
    base.map(|base| base.join("lpzero"))
}

/// A variable of the environment that is set to something.
pub fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The cache folder where it can be written to. A folder that the user chose
/// must be usable; without the default one the work goes on, uncached.
fn usable(folder: Option<PathBuf>, chosen: bool, report: Reporter) -> Result<Option<PathBuf>> {
    let Some(folder) = folder else {
        return Ok(None);
    };
    match probe(&folder) {
        Ok(()) => Ok(Some(folder)),
        Err(error) if chosen => Err(Failure::input(format_args!(
            "--cache {}: cannot be written to: {error}",
            folder.display()
        ))),
        Err(error) => {
            report.warn(format_args!(
                "{}: traces are not kept, the cache folder cannot be written to: {error}",
                folder.display()
            ));
            Ok(None)
        }
    }
}

fn probe(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!(".probe-{}", std::process::id()));
    std::fs::write(&file, [])?;
    std::fs::remove_file(&file)
}
