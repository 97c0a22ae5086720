//! Session of a command: the workbench, remarks, and a way to be stopped.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lpzero::arch::Architecture;
use lpzero::run::{Cancel, Whole};
use lpzero::trace::{DEFAULT_MEMORY, TraceStore};
use lpzero::truth::GroundTruth;
use lpzero::{Watch, Workbench};

use super::arguments::{ColorArgument, Common, PassArguments, TruthArguments};
use super::bars;
use super::failure::{Failure, INTERRUPTED, failed, system};
use super::output::Reporter;
use super::places::default_cache;
use super::settings::{PassSettings, read_truth, truth_source};
use super::signals;
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
    cache_limit: u64,
    /// Whether the user named the folder of the cache.
    cache_is_chosen: bool,
    /// Whether runs end with a page of pictures.
    pub pages: bool,
}

impl Session {
    /// Resolves the common options and listens for Ctrl-C and SIGTERM.
    pub fn start(common: &Common) -> Result<Self> {
        if let Some(threads) = common.threads.filter(|n| !(1..=MOST_THREADS).contains(n)) {
            return Err(Failure::typed(format_args!(
                "--threads {threads}: expected between 1 and {MOST_THREADS}"
            )));
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let asked = common.threads.unwrap_or(cores);
        if let Some((needed, left)) = threads::too_many(asked, cores) {
            let message = format!(
                "--threads {asked}: they take about {} MB of address space, and {} MB are left \
                 of its limit (ulimit -v)",
                needed / 1_000_000,
                left / 1_000_000
            );
            return Err(match threads::too_many(1, cores) {
                None => Failure::input(format_args!("{message}; ask for fewer")),
                // The user can ask for no less.
                Some(_) => anyhow::Error::msg(message),
            });
        }
        match common.color {
            ColorArgument::Auto => anstream::ColorChoice::Auto,
            ColorArgument::Always => anstream::ColorChoice::Always,
            ColorArgument::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        let report = Reporter::new(common.quiet);
        let watch = bars::watch(report);
        let flag = watch.flag().clone();
        signals::listen(move || {
            // The second signal does not wait for the passes that run.
            if flag.is_cancelled() {
                std::process::exit(INTERRUPTED.into());
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
            cache,
            cache_limit: common.cache_limit,
            cache_is_chosen: common.cache.is_some(),
            pages: !common.no_page,
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

    /// A workbench for these pass options and networks.
    pub fn workbench<'a>(
        &self,
        pass: &PassArguments,
        networks: impl IntoIterator<Item = &'a Architecture>,
    ) -> Result<Workbench> {
        self.workbench_seeded(&PassSettings::new(pass)?, self.seed, networks)
    }

    /// A workbench with the pass and the seed of a run that is continued, for these
    /// networks.
    pub fn workbench_seeded<'a>(
        &self,
        pass: &PassSettings,
        seed: u64,
        networks: impl IntoIterator<Item = &'a Architecture>,
    ) -> Result<Workbench> {
        let workbench = Workbench::new(self.threads).map_err(failed)?;
        let networks = networks.into_iter();
        let shortest = networks.map(|network| network.positions).min();
        let positions = pass.positions(shortest);
        if positions < pass.positions(None) {
            self.report.note(format_args!(
                "sequences of {positions} tokens, since a network has no more positions; \
                 --positions chooses"
            ));
        }
        Ok(workbench
            .with_store(self.usable_store()?)
            .with_seed(seed)
            .with_pass(pass.read(shortest, self.report)?)
            .with_memory(pass.memory.unwrap_or(DEFAULT_MEMORY))
            .with_watch(self.watch.clone()))
    }

    /// The folder of traces, if any.
    pub fn store(&self) -> Option<TraceStore> {
        let folder = self.cache.as_ref()?;
        Some(TraceStore::new(folder, self.cache_limit))
    }

    /// The folder of traces where it can be written to. One that the user chose must be
    /// usable; without the default one the work goes on, and traces are not kept.
    fn usable_store(&self) -> Result<Option<TraceStore>> {
        let Some(store) = self.store() else {
            return Ok(None);
        };
        let folder = store.folder().display().to_string();
        match probe(store.folder()) {
            Ok(()) => Ok(Some(store)),
            Err(error) if self.cache_is_chosen => {
                let place = format!("--cache {folder}: cannot be written to");
                Err(system(&place, error))
            }
            Err(error) => {
                self.report.warn(format_args!(
                    "{folder}: traces are not kept, the cache folder cannot be written to: {error}"
                ));
                Ok(None)
            }
        }
    }

    /// Reads the ground truth that the options name, or the one that is built in.
    pub fn truth(&self, arguments: &TruthArguments) -> Result<GroundTruth> {
        read_truth(&truth_source(arguments), self.report)
    }
}

/// Threads that may be asked for: no machine has more cores to offer.
const MOST_THREADS: usize = 1024;

fn probe(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    // A file that gets no name, or one of its own, and is gone when it is dropped.
    Whole::create(&folder.join("probe")).map(drop)
}
