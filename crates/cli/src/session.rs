//! Session of a command: the workbench, remarks, and a way to be stopped.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lpzero::run::Cancel;
use lpzero::truth::GroundTruth;
use lpzero::{Watch, Workbench};

use super::arguments::{Common, PassArguments, TruthArguments};
use super::bars;
use super::failure::{Failure, failed};
use super::output::Reporter;
use super::places::default_cache;
use super::settings::{PassSettings, read_truth, truth_source};
use super::stop::Stop;
use super::threads;

/// The options of every command, resolved.
pub struct Session {
    pub seed: u64,
    pub json: bool,
    pub report: Reporter,
    /// Shows the library's work on bars, and stops it.
    pub watch: Watch,
    pub cancel: Cancel,
    pub stop: Stop,
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
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if let Some((needed, left)) = threads::too_many(common.threads.unwrap_or(cores), cores) {
            return Err(Failure::input(format_args!(
                "--threads {}: they take about {} MB of address space, and {} MB are left of its \
                 limit (ulimit -v); ask for fewer",
                common.threads.unwrap_or(cores),
                needed / 1_000_000,
                left / 1_000_000
            )));
        }
        let report = Reporter::new(common.quiet);
        let watch = bars::watch(report);
        let flag = watch.flag().clone();
        ctrlc::set_handler(move || {
            // The second signal does not wait for the passes that run.
            if flag.is_cancelled() {
                std::process::exit(130);
            }
            flag.cancel();
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
        Ok(Self {
            seed: common.seed,
            json: common.json,
            report,
            cancel: watch.flag().clone(),
            stop: Stop::after(watch.flag()),
            watch,
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
        self.workbench_seeded(&PassSettings::new(pass)?, self.seed)
    }

    /// A workbench with the pass and the seed of a run that is continued.
    pub fn workbench_seeded(&self, pass: &PassSettings, seed: u64) -> Result<Workbench> {
        let workbench = Workbench::new(self.threads).map_err(failed)?;
        Ok(workbench
            .with_cache(self.cache.clone())
            .with_seed(seed)
            .with_pass(pass.read()?)
            .with_watch(self.watch.clone()))
    }

    /// Reads the ground truth that the options name, or the one that is built in.
    pub fn truth(&self, arguments: &TruthArguments) -> Result<GroundTruth> {
        read_truth(&truth_source(arguments))
    }
}

/// Threads that may be asked for: no machine has more cores to offer.
const MOST_THREADS: usize = 1024;

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
