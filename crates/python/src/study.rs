//! What can be asked about networks: search, rank, score, compare, choose.
//!
//! Answers are the JSON documents of the command; `lpzero/*.py` makes objects of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lpzero::arch::{Architecture, Document, Reading, Space, read_architecture, read_value};
use lpzero::nas::{self as shapes, Cost};
use lpzero::nn::{Objective, Stored};
use lpzero::points::History;
use lpzero::search::{Criterion, Journal, Method, Snapshot};
use lpzero::shapes::NasOptions;
use lpzero::trace::DEFAULT_MEMORY;
use lpzero::{
    Error, Keeping, Networks, Pass, RankOptions, Repeats, SearchOptions, SplitSizes, Splits, Study,
    Watch, Workbench,
};
use pyo3::prelude::*;
use serde::Deserialize;

use crate::errors::refused;
use crate::progress::follow;
use crate::proxy::Proxy;
use crate::trace::Trace;
use crate::truth::{Known, Truth};

/// With what networks are run, as Python says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bench {
    /// 0 means one per core.
    threads: usize,
    /// Folder of traces.
    cache: Option<PathBuf>,
    /// Seed of weights and minibatch.
    seed: u64,
    batch: usize,
    positions: Option<usize>,
    /// Name of an objective; the networks' own where there is none.
    objective: Option<String>,
    /// Bytes.
    memory: Option<u64>,
}

/// Most tokens of a minibatch, as for the command.
const MOST_TOKENS: usize = 1 << 20;

/// Tokens per sequence where nothing is said and networks have as many positions.
const POSITIONS: usize = 64;

impl Bench {
    fn read(json: &str) -> PyResult<Self> {
        serde_json::from_str(json).map_err(refused)
    }

    /// A workbench for networks of which the `shortest` has so many positions.
    fn workbench(&self, shortest: Option<usize>, watch: Watch) -> Result<Workbench, Error> {
        let fits = POSITIONS.min(shortest.unwrap_or(POSITIONS));
        let positions = self.positions.unwrap_or(fits);
        if !(1..=MOST_TOKENS).contains(&self.batch.saturating_mul(positions)) {
            return Err(Error::Formula(format!(
                "batch {} x positions {positions}: expected between 1 and {MOST_TOKENS} tokens",
                self.batch
            )));
        }
        let pass = Pass {
            batch: self.batch,
            positions,
            objective: self.objective.as_deref().map(objective).transpose()?,
            text: None,
        };
        Ok(Workbench::new(self.threads)?
            .with_cache(self.cache.clone())
            .with_seed(self.seed)
            .with_pass(pass)
            .with_memory(self.memory.unwrap_or(DEFAULT_MEMORY))
            .with_watch(watch))
    }
}

/// The objective of this name.
fn objective(name: &str) -> Result<Objective, Error> {
    let found = Objective::ALL.iter().find(|(_, known)| *known == name);
    found.map(|(objective, _)| *objective).ok_or_else(|| {
        let names = Objective::ALL.map(|(_, name)| name).join(", ");
        Error::Formula(format!("objective {name:?}: expected one of {names}"))
    })
}

/// How a search is to go, as Python says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Name of a method.
    method: String,
    seed: u64,
    /// Architectures to search on and to select with; the default sizes where there are none.
    split: Option<[usize; 2]>,
    /// Parameters up to which networks are searched on; larger ones are the test.
    up_to: Option<f64>,
    fitness: Option<String>,
    /// Formulas that are evaluated at most.
    evaluations: Option<u64>,
    seconds: Option<f64>,
    tolerance: Option<f64>,
}

impl Wanted {
    fn options(&self) -> PyResult<SearchOptions> {
        let method = Method::ALL.iter().find(|(_, name)| *name == self.method);
        let Some((method, _)) = method else {
            let names: Vec<&str> = Method::ALL.iter().map(|(_, name)| *name).collect();
            return Err(refused(format_args!(
                "method {:?}: expected one of {}",
                self.method,
                names.join(", ")
            )));
        };
        let mut options = SearchOptions {
            method: *method,
            further_inits: (*method == Method::Transfer).into(),
            vary: *method == Method::Transfer,
            splits: match (self.split, self.up_to) {
                (Some([search, validation]), _) => {
                    Splits::Sizes(vec![SplitSizes { search, validation }])
                }
                (None, Some(parameters)) => Splits::UpTo(parameters),
                (None, None) => Splits::Sensible,
            },
            ..SearchOptions::default()
        };
        let settings = &mut options.settings;
        settings.seed = self.seed;
        if let Some(name) = &self.fitness {
            let known = serde_json::from_value::<Criterion>(name.as_str().into());
            settings.fitness = known.map_err(|error| refused(format_args!("fitness: {error}")))?;
        }
        settings.budget = match (self.evaluations, self.seconds) {
            (Some(evaluations), None) => lpzero::search::Budget::Evaluations(evaluations),
            (None, Some(seconds)) if seconds.is_finite() && seconds > 0.0 => {
                lpzero::search::Budget::Time(Duration::from_secs_f64(seconds))
            }
            (None, None) => settings.budget,
            (Some(_), Some(_)) => return Err(refused("evaluations and seconds: expected one")),
            (None, Some(_)) => return Err(refused("seconds: expected a positive number")),
        };
        if let Some(tolerance) = self.tolerance {
            settings.tolerance = tolerance;
        }
        Ok(options)
    }
}

/// The ground truths as the engine runs them; `None` where one is of traces alone.
fn architectures(truths: &[Truth]) -> Option<Vec<lpzero::truth::GroundTruth>> {
    let truth = |truth: &Truth| match &truth.0 {
        Known::Architectures(truth) => Some((**truth).clone()),
        Known::Traces(_) => None,
    };
    truths.iter().map(truth).collect()
}

/// A study of these ground truths.
fn study(
    truths: Vec<lpzero::truth::GroundTruth>,
    bench: &Bench,
    watch: Watch,
) -> Result<Study, Error> {
    let entries = truths.iter().flat_map(|truth| &truth.entries);
    let shortest = entries.map(|entry| entry.architecture.positions).min();
    Ok(Study::new(truths, bench.workbench(shortest, watch)?))
}

fn json(value: &impl serde::Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(refused)
}

/// Searches for a proxy. `bench` and `wanted` are JSON; `journal` is a folder in which
/// outcomes are kept, so that a search goes on where it was stopped. Returns the JSON
/// document of `lpzero search`, and one of what pictures are drawn from beside it: `points`, the
/// networks under the formula, and `history`, the best fitness over evaluations.
#[pyfunction]
#[pyo3(signature = (truths, hold_out, bench, wanted, journal, progress, warn))]
#[allow(clippy::too_many_arguments)]
pub fn search(
    py: Python<'_>,
    truths: Vec<Truth>,
    hold_out: Vec<Truth>,
    bench: &str,
    wanted: &str,
    journal: Option<PathBuf>,
    progress: Option<Bound<'_, PyAny>>,
    warn: Option<Bound<'_, PyAny>>,
) -> PyResult<(String, String)> {
    let bench = Bench::read(bench)?;
    let wanted: Wanted = serde_json::from_str(wanted).map_err(refused)?;
    let options = wanted.options()?;
    let (progress, warn) = (progress.as_ref(), warn.as_ref());
    if let [Truth(Known::Traces(networks))] = &truths[..] {
        if !hold_out.is_empty() || journal.is_some() {
            return Err(refused(
                "hold_out and out: not for a ground truth of traces alone",
            ));
        }
        let networks = Arc::clone(networks);
        let found = follow(py, progress, warn, |watch| {
            networks.search(&options, &bench.workbench(None, watch)?)
        })?;
        return Ok((json(&found)?, "{}".to_owned()));
    }
    let mixed = || refused("a ground truth of traces is searched alone, and never held out");
    let truths = architectures(&truths).ok_or_else(mixed)?;
    let hold_out = architectures(&hold_out).ok_or_else(mixed)?;
    let (found, pictured) = follow(py, progress, warn, |watch| {
        let study = study(truths, &bench, watch.clone())?;
        let held_out = match hold_out.is_empty() {
            true => None,
            false => Some(self::study(hold_out, &bench, watch)?),
        };
        let mut journal = match &journal {
            Some(folder) => Some(Journal::open(folder)?.0),
            None => None,
        };
        let mut history = History::default();
        let mut update = |snapshot: &Snapshot<'_>| history.add(snapshot);
        let keeping = Keeping {
            journal: journal.as_mut(),
            archive: Some(&mut update),
            beside: held_out.as_ref().map(Study::inputs),
        };
        let mut found = study.search_keeping(&options, keeping)?;
        if let Some(held_out) = &held_out {
            found.held_out = held_out.hold_out(&found.report, &options)?;
        }
        let mut points = study.points(&found, &options)?;
        if let Some(held_out) = &held_out {
            points.extend(held_out.held_out_points(&found.held_out, &options));
        }
        let pictured = serde_json::json!({"points": points, "history": history.points()});
        Ok((found, pictured))
    })?;
    Ok((json(&found)?, pictured.to_string()))
}

/// Ranks the networks of a ground truth by proxies. Returns the JSON document of
/// `lpzero rank`.
#[pyfunction]
#[pyo3(signature = (truth, proxies, bench, split, seed, exact, progress, warn))]
#[allow(clippy::too_many_arguments)]
pub fn rank(
    py: Python<'_>,
    truth: Truth,
    proxies: Vec<Proxy>,
    bench: &str,
    split: Option<[usize; 2]>,
    seed: u64,
    exact: bool,
    progress: Option<Bound<'_, PyAny>>,
    warn: Option<Bound<'_, PyAny>>,
) -> PyResult<String> {
    let bench = Bench::read(bench)?;
    let proxies = proxies.iter().map(Proxy::inner).collect::<PyResult<_>>()?;
    let options = RankOptions {
        split: split.map(|[search, validation]| SplitSizes { search, validation }),
        seed,
        exact,
        ..RankOptions::new(proxies)
    };
    let (progress, warn) = (progress.as_ref(), warn.as_ref());
    let ranking = match truth.0 {
        Known::Traces(networks) => follow(py, progress, warn, |watch| {
            networks.rank(&options, &bench.workbench(None, watch)?)
        })?,
        Known::Architectures(truth) => follow(py, progress, warn, |watch| {
            let study = study(vec![(*truth).clone()], &bench, watch)?;
            Ok(study.rank_with(&options)?.remove(0))
        })?,
    };
    json(&ranking)
}

/// A network as Python names it: an id, and a path or the text of its description.
#[derive(FromPyObject)]
pub struct Described {
    #[pyo3(item)]
    id: String,
    #[pyo3(item)]
    path: Option<PathBuf>,
    #[pyo3(item)]
    text: Option<String>,
}

impl Described {
    fn architecture(&self) -> Result<Architecture, Error> {
        match (&self.path, &self.text) {
            (Some(path), _) => Ok(read_architecture(path, Reading::default())?),
            (None, Some(text)) => {
                let document = Document::parse_json(&self.id, text)?;
                Ok(read_value(&document.root(), Reading::default())?.0)
            }
            (None, None) => Err(Error::Formula(format!("{}: no architecture", self.id))),
        }
    }

    /// Adds the network, with the weights of its folder where it has some and they are
    /// wanted.
    fn add(&self, networks: &mut Networks, stored: bool) -> Result<(), Error> {
        let architecture = self.architecture()?;
        let folder = self.path.as_deref().filter(|path| stored && path.is_dir());
        match folder.map(|folder| weights(folder, &self.id)).transpose()? {
            Some(Some(weights)) => networks.add_weighted(&self.id, architecture, weights),
            _ => networks.add(&self.id, architecture),
        }
        Ok(())
    }
}

fn weights(folder: &Path, id: &str) -> Result<Option<lpzero::trace::Weights>, Error> {
    let stored = Stored::open_folder(folder).map_err(|source| Error::Engine {
        id: id.to_owned(),
        source,
    })?;
    Ok(stored.map(|stored| Arc::new(stored) as lpzero::trace::Weights))
}

fn networks(described: &[Described], stored: bool) -> Result<Networks, Error> {
    let mut networks = Networks::new();
    for one in described {
        one.add(&mut networks, stored)?;
    }
    Ok(networks)
}

/// Fewest positions of the networks.
fn shortest(networks: &Networks) -> Option<usize> {
    let architectures = networks.architectures().iter();
    architectures.map(|one| one.positions).min()
}

/// Exact scores: ids, then a column per proxy, then a reason per proxy that is not finite
/// somewhere.
type ScoreColumns = (Vec<String>, Vec<Vec<f64>>, Vec<(String, String)>);

/// Scores networks on whole tensors. `seeded` draws weights that a folder has.
#[pyfunction]
#[pyo3(signature = (architectures, proxies, bench, seeded, progress, warn))]
pub fn score(
    py: Python<'_>,
    architectures: Vec<Described>,
    proxies: Vec<Proxy>,
    bench: &str,
    seeded: bool,
    progress: Option<Bound<'_, PyAny>>,
    warn: Option<Bound<'_, PyAny>>,
) -> PyResult<ScoreColumns> {
    let bench = Bench::read(bench)?;
    let proxies = proxies
        .iter()
        .map(Proxy::inner)
        .collect::<PyResult<Vec<_>>>()?;
    let scores = follow(py, progress.as_ref(), warn.as_ref(), |watch| {
        let networks = networks(&architectures, !seeded)?;
        let workbench = bench.workbench(shortest(&networks), watch)?;
        workbench.score(&networks, &proxies, Repeats::ONE)
    })?;
    let undefined = scores.undefined.into_iter();
    let reasons = undefined.map(|one| (one.proxy, format!("{}: {}", one.id, one.why)));
    Ok((scores.ids, scores.columns, reasons.collect()))
}

/// Traces of networks whose weights are drawn by the seed or read from their folder. `init` is
/// the number of the initialisation as searches across ground truths compare them, 0 first.
#[pyfunction]
#[pyo3(signature = (architectures, bench, seeded, init, progress, warn))]
pub fn traces(
    py: Python<'_>,
    architectures: Vec<Described>,
    bench: &str,
    seeded: bool,
    init: u32,
    progress: Option<Bound<'_, PyAny>>,
    warn: Option<Bound<'_, PyAny>>,
) -> PyResult<Vec<Trace>> {
    let bench = Bench::read(bench)?;
    let traces = follow(py, progress.as_ref(), warn.as_ref(), |watch| {
        let networks = networks(&architectures, !seeded)?;
        let workbench = bench.workbench(shortest(&networks), watch)?;
        workbench.initialised(init).traces("python", &networks)
    })?;
    Ok(traces
        .into_iter()
        .map(|trace| Trace(Arc::new(trace)))
        .collect())
}

/// Tokens per sequence that all networks of ground truths have positions for, where nobody
/// says; `None` where one is of traces alone.
#[pyfunction]
pub fn common_positions(truths: Vec<Truth>) -> Option<usize> {
    let truths = architectures(&truths)?;
    let entries = truths.iter().flat_map(|truth| &truth.entries);
    let shortest = entries.map(|entry| entry.architecture.positions).min();
    Some(POSITIONS.min(shortest.unwrap_or(POSITIONS)))
}

/// The same for networks.
#[pyfunction]
pub fn common_positions_of(py: Python<'_>, architectures: Vec<Described>) -> PyResult<usize> {
    follow(py, None, None, |_| {
        let networks = networks(&architectures, false)?;
        Ok(POSITIONS.min(shortest(&networks).unwrap_or(POSITIONS)))
    })
}

/// The networks of a ground truth, all of these rows.
fn of_rows<'a>(truth: &'a Truth, rows: &[usize]) -> Result<&'a lpzero::truth::GroundTruth, Error> {
    let Known::Architectures(truth) = &truth.0 else {
        let what = "a ground truth of traces alone has no networks to run";
        return Err(Error::Formula(what.to_owned()));
    };
    let n = truth.entries.len();
    match rows.iter().find(|&&row| row >= n) {
        Some(row) => Err(Error::Formula(format!("row {row}: expected one of {n}"))),
        None => Ok(truth),
    }
}

/// Keeps traces that [`traces`] made elsewhere in the cache of `bench`, which names the
/// positions.
#[pyfunction]
pub fn keep_rows(
    py: Python<'_>,
    truth: Truth,
    rows: Vec<usize>,
    traces: Vec<Trace>,
    bench: &str,
    init: u32,
) -> PyResult<()> {
    let bench = Bench::read(bench)?;
    follow(py, None, None, |watch| {
        let workbench = bench.workbench(bench.positions, watch)?.initialised(init);
        let traces = traces.iter().map(|trace| &*trace.0);
        workbench.keep_rows(of_rows(&truth, &rows)?, &rows, traces)
    })
}

/// Rows of a ground truth that the cache of `bench` has no trace of.
#[pyfunction]
pub fn missing_rows(py: Python<'_>, truth: Truth, bench: &str, init: u32) -> PyResult<Vec<usize>> {
    let bench = Bench::read(bench)?;
    follow(py, None, None, |watch| {
        let workbench = bench.workbench(bench.positions, watch)?.initialised(init);
        workbench.missing_rows(of_rows(&truth, &[])?)
    })
}

/// Networks in the order of a proxy, and how sure that is: the JSON document of
/// `lpzero compare`.
#[pyfunction]
#[pyo3(signature = (architectures, proxy, bench, progress, warn))]
pub fn compare(
    py: Python<'_>,
    architectures: Vec<Described>,
    proxy: Proxy,
    bench: &str,
    progress: Option<Bound<'_, PyAny>>,
    warn: Option<Bound<'_, PyAny>>,
) -> PyResult<String> {
    let bench = Bench::read(bench)?;
    let proxy = proxy.inner()?;
    let comparison = follow(py, progress.as_ref(), warn.as_ref(), |watch| {
        let networks = networks(&architectures, false)?;
        let workbench = bench.workbench(shortest(&networks), watch)?;
        workbench.compare(&networks, &proxy)
    })?;
    json(&comparison)
}

/// Searches a space of architectures within bounds (cost, least, most): the JSON document
/// of `lpzero nas`.
#[pyfunction]
#[pyo3(signature = (space, proxy, bounds, evaluations, seed, bench, progress, warn))]
#[allow(clippy::too_many_arguments)]
pub fn nas(
    py: Python<'_>,
    space: PathBuf,
    proxy: Proxy,
    bounds: Vec<(String, f64, f64)>,
    evaluations: u64,
    seed: u64,
    bench: &str,
    progress: Option<Bound<'_, PyAny>>,
    warn: Option<Bound<'_, PyAny>>,
) -> PyResult<String> {
    let bench = Bench::read(bench)?;
    let proxy = proxy.inner()?;
    let bounds = bounds.into_iter().map(|(name, least, most)| {
        let cost = serde_json::from_value::<Cost>(name.as_str().into());
        let cost = cost.map_err(|error| refused(format_args!("bound {name:?}: {error}")))?;
        Ok(shapes::Bound { cost, least, most })
    });
    let bounds = bounds.collect::<PyResult<Vec<_>>>()?;
    let report = follow(py, progress.as_ref(), warn.as_ref(), |watch| {
        let mut options = NasOptions::new(Space::read(&space)?, proxy);
        options.bounds = bounds;
        options.budget = shapes::Budget::Evaluations(evaluations);
        options.seed = seed;
        bench.workbench(None, watch)?.nas(&options)
    })?;
    json(&report)
}

/// Sizes, in parameters, up to which networks take part in a search that names no ground
/// truth: searched, tested, held out; and the ground truth that is held out.
#[pyfunction]
pub fn default_search() -> ([f64; 3], &'static str, &'static str) {
    let lpzero::DefaultSearch {
        truth,
        held_out,
        up_to,
    } = lpzero::DEFAULT_SEARCH;
    (up_to, truth, held_out)
}
