//! From architectures to traces: one seeded network and one pass each.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use lpzero_arch::Architecture;
use lpzero_nn::{
    Batch, Network, Objective, Seeded, Source, Visitor, Workspace, evaluation_activations,
    room_for, streamed_pass, streamed_weights,
};
use lpzero_run::Cancel;
use rayon::ThreadPool;

use crate::{
    cache::{ArchitectureKey, TraceCache},
    error::Error,
    recorder::Recorder,
    schedule::{self, Job},
    spec::TraceSpec,
    trace::Trace,
};

/// Default of [`Resources::memory`], in bytes.
pub const DEFAULT_MEMORY: u64 = 4 << 30;

/// With what traces are made.
#[derive(Clone, Copy)]
pub struct Resources<'a> {
    /// The threads. Architectures run side by side, one a thread; those that
    /// would keep one thread busy when all others are done share them all, and
    /// so do those of which no two fit into memory.
    pub pool: &'a Arc<ThreadPool>,
    /// Where finished traces are looked up and kept.
    pub cache: Option<&'a TraceCache>,
    /// Bytes that the networks in work at the same time may take together, as
    /// [`memory_estimate`] counts them. The finished traces come on top: less than a
    /// megabyte per architecture.
    ///
    /// A network that would take more is streamed: its weights are in memory part by
    /// part.
    pub memory: u64,
    /// Where the weights of each architecture come from, in their order; seeded
    /// where there is none, as where the list is empty. Traces are of seeded weights
    /// only.
    pub weights: &'a [Option<Weights>],
    /// Called after every architecture, from any thread, one call at a time.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// Whether visitors take every large gradient in blocks of rows, so that a streamed
    /// pass takes less.
    pub bands: bool,
    /// Bytes that visitors take beside a pass of an architecture.
    pub beside: &'a (dyn Fn(&Architecture) -> u64 + Sync),
    /// Raise it to stop soon: passes that run are stopped, and no more are begun.
    pub cancel: &'a Cancel,
}

/// Weights that are there, of one architecture.
pub type Weights = Arc<dyn Source<f32>>;

/// How far [`build_traces`] is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Different architectures whose trace is there.
    pub finished: usize,
    /// How many of those came out of the cache.
    pub cached: usize,
    /// All different architectures.
    pub total: usize,
    /// Share of the work of all passes that is done, 0 to 1, with those out of the cache.
    /// Large networks come first, so this and not the count tells the time left.
    pub work: f64,
}

/// The traces of architectures, in their order.
///
/// The result is the same to the bit for any number of threads. Equal
/// architectures are traced once.
///
/// # Errors
///
/// [`Error::TooLarge`] before anything runs; what the engine says, or the cache where it
/// cannot be read; [`Error::Cancelled`]. In every case the traces finished before are in
/// the cache, and a second call continues from there.
pub fn build_traces(
    architectures: &[Architecture],
    spec: &TraceSpec,
    resources: Resources<'_>,
) -> Result<Vec<Trace>, Error> {
    let cache = resources.cache;
    let resources = Resources {
        weights: &[],
        ..resources
    };
    run(
        architectures,
        spec,
        resources,
        |key| cache.map_or(Ok(None), |cache| cache.get(key)),
        |_| Recorder::new(),
        one_pass,
        |key, architecture, recorder, loss| {
            let trace = recorder.finish(architecture, loss);
            if let Some(cache) = cache {
                cache.append(*key, &trace);
            }
            Ok(trace)
        },
    )
}

/// One pass per architecture under a visitor of the caller's, side by side as
/// [`build_traces`] runs them; `finish` turns the visitor and the loss into
/// what is kept. The cache of `resources` is not used: it holds traces.
///
/// # Errors
///
/// As [`build_traces`], but nothing survives a failure.
pub fn visit_passes<V: Visitor<f32>, T: Clone + Send>(
    architectures: &[Architecture],
    spec: &TraceSpec,
    resources: Resources<'_>,
    visitor: impl Fn(&Architecture) -> V + Sync,
    finish: impl Fn(&Architecture, V, f64) -> T + Sync,
) -> Result<Vec<T>, Error> {
    visit_networks(architectures, spec, resources, visitor, one_pass, finish)
}

/// Visits networks as [`visit_passes`] does, but the caller runs each, as often as it takes.
/// `passes` returns the loss.
///
/// # Errors
///
/// As [`visit_passes`], and what `passes` says.
pub fn visit_networks<V: Send, T: Clone + Send>(
    architectures: &[Architecture],
    spec: &TraceSpec,
    resources: Resources<'_>,
    visitor: impl Fn(&Architecture) -> V + Sync,
    passes: impl Fn(&Network<f32>, &Batch, &mut V, &mut Workspace<f32>) -> Result<f64, lpzero_nn::Error>
    + Sync,
    finish: impl Fn(&Architecture, V, f64) -> T + Sync,
) -> Result<Vec<T>, Error> {
    run(
        architectures,
        spec,
        resources,
        |_| Ok(None),
        visitor,
        passes,
        |_, architecture, visitor, loss| Ok(finish(architecture, visitor, loss)),
    )
}

/// Runs the single pass that a trace takes, and returns its loss.
fn one_pass<V: Visitor<f32>>(
    network: &Network<f32>,
    batch: &Batch,
    visitor: &mut V,
    workspace: &mut Workspace<f32>,
) -> Result<f64, lpzero_nn::Error> {
    network.pass_with(batch, visitor, workspace)
}

/// Runs every kind of pass: each distinct architecture once, largest first, within the memory
/// limit. An architecture whose result `known` has already is not run.
fn run<V, T: Clone + Send>(
    architectures: &[Architecture],
    spec: &TraceSpec,
    resources: Resources<'_>,
    known: impl Fn(&ArchitectureKey) -> Result<Option<T>, Error> + Sync,
    visitor: impl Fn(&Architecture) -> V + Sync,
    passes: impl Fn(&Network<f32>, &Batch, &mut V, &mut Workspace<f32>) -> Result<f64, lpzero_nn::Error>
    + Sync,
    finish: impl Fn(&ArchitectureKey, &Architecture, V, f64) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let Resources { pool, cancel, .. } = resources;
    let needs = needs(architectures, spec, resources)?;
    let stored = |index: usize| resources.weights.get(index).and_then(Option::as_ref);
    let distinct = Distinct::of(architectures, |index| stored(index).is_some());
    let total = distinct.first.len();
    let mut results = look_up(total, resources, |index| {
        match stored(distinct.first[index]) {
            Some(_) => Ok(None),
            None => known(&distinct.keys[index]),
        }
    })?;

    let jobs = (0..total).map(|index| {
        let first = distinct.first[index];
        Job {
            index,
            bytes: needs[first].bytes,
            work: work_estimate(&architectures[first], spec),
        }
    });
    let (jobs, known): (Vec<Job>, Vec<Job>) = jobs.partition(|job| results[job.index].is_none());
    let meter = Meter::new(&known, &jobs, resources.progress);
    let limit = resources.memory;
    let (large, small) = schedule::divide(jobs, pool.current_num_threads(), limit);
    let execute = |workspace: &mut Workspace<f32>, job: &Job| -> Result<T, Error> {
        let index = distinct.first[job.index];
        let architecture = &architectures[index];
        let mut visitor = visitor(architecture);
        let with = |network: &Network<f32>, batch: &Batch, workspace: &mut Workspace<f32>| {
            passes(network, batch, &mut visitor, workspace)
        };
        room_for("a pass", needs[index].bytes).map_err(|source| Error::Engine { index, source })?;
        let how = (stored(index), needs[index].streamed);
        let loss = with_network(architecture, spec, how, workspace, with)
            .map_err(|source| Error::Engine { index, source })?;
        let result = finish(&distinct.keys[job.index], architecture, visitor, loss)?;
        meter.advance(job);
        Ok(result)
    };
    let mut sharing = Workspace::on(Arc::clone(pool)).stopped_by(cancel);
    for job in large {
        match execute(&mut sharing, &job) {
            Ok(result) => results[job.index] = Some(result),
            Err(error) if error.is_of_engine_cancelled() => break,
            Err(error) => return Err(error),
        }
    }
    drop(sharing);
    let worker = || Workspace::new().stopped_by(cancel);
    let outcome = schedule::run(pool, small, limit, cancel, worker, execute);
    if let Some(error) = outcome.failure
        && !error.is_of_engine_cancelled()
    {
        return Err(error);
    }
    for (index, result) in outcome.finished {
        results[index] = Some(result);
    }
    let finished = results.iter().flatten().count();
    if finished < total {
        return Err(Error::Cancelled { finished, total });
    }
    Ok(distinct.spread(results))
}

/// Memory needs of all networks; an error for the first that has too few positions, or does
/// not fit, streamed or not.
fn needs(
    architectures: &[Architecture],
    spec: &TraceSpec,
    resources: Resources<'_>,
) -> Result<Vec<Need>, Error> {
    let Resources {
        memory,
        bands,
        beside,
        ..
    } = resources;
    let need = |(index, architecture): (usize, &Architecture)| {
        if spec.positions > architecture.positions {
            let (found, limit) = (spec.positions, architecture.positions);
            let source = lpzero_nn::Error::Positions { found, limit };
            return Err(Error::Engine { index, source });
        }
        let beside = beside(architecture);
        let need = Need::of(architecture, spec, memory.saturating_sub(beside), bands);
        let bytes = need.bytes.saturating_add(beside);
        if bytes <= memory {
            return Ok(Need { bytes, ..need });
        }
        Err(match beside > memory / 2 {
            true => Error::Beside {
                index,
                bytes: beside,
                pass: need.bytes,
                limit: memory,
            },
            false => Error::TooLarge {
                index,
                parameters: architecture.parameters().total(),
                bytes,
                limit: memory,
            },
        })
    };
    architectures.iter().enumerate().map(need).collect()
}

/// Looks up the results that are known already, on all threads: the cache has to be decoded.
fn look_up<T: Clone + Send>(
    total: usize,
    resources: Resources<'_>,
    known: impl Fn(usize) -> Result<Option<T>, Error> + Sync,
) -> Result<Vec<Option<T>>, Error> {
    let job = |index| Job {
        index,
        bytes: 0,
        work: 0.0,
    };
    let jobs = (0..total).map(job).collect();
    let read = |(): &mut (), job: &Job| known(job.index);
    let outcome = schedule::run(resources.pool, jobs, 0, resources.cancel, || (), read);
    if let Some(error) = outcome.failure {
        return Err(error);
    }
    let mut results = vec![None; total];
    for (index, result) in outcome.finished {
        results[index] = result;
    }
    Ok(results)
}

/// Builds one network, stored or seeded and streamed or not, and its batch, and
/// runs it.
fn with_network(
    architecture: &Architecture,
    spec: &TraceSpec,
    (weights, streamed): (Option<&Weights>, bool),
    workspace: &mut Workspace<f32>,
    run: impl FnOnce(&Network<f32>, &Batch, &mut Workspace<f32>) -> Result<f64, lpzero_nn::Error>,
) -> Result<f64, lpzero_nn::Error> {
    let batch = spec.batch_for(architecture)?;
    let objective = spec.objective_for(architecture);
    let seeded = || Arc::new(Seeded(spec.seed)) as Weights;
    let source = weights.cloned().unwrap_or_else(seeded);
    let mut network = match streamed {
        true => Network::streamed(architecture, objective, source)?,
        false => Network::loaded(architecture, objective, &*source, workspace)?,
    };
    network.reseed(spec.seed);
    let loss = run(&network, &batch, workspace);
    network.recycle(workspace);
    loss
}

/// How a network is run, and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Bytes in memory at once, on the safe side.
    pub bytes: u64,
    /// Whether its weights are read part by part.
    pub streamed: bool,
}

impl Need {
    /// Streamed where it would not fit otherwise.
    fn of(architecture: &Architecture, spec: &TraceSpec, memory: u64, bands: bool) -> Self {
        let bytes = memory_estimate(architecture, spec);
        if bytes <= memory {
            let streamed = false;
            return Need { bytes, streamed };
        }
        Need {
            bytes: streamed_estimate(architecture, spec, bands),
            streamed: true,
        }
    }

    /// Need of log-likelihoods of `batch` sequences at once: no gradient, and nothing kept from one
    /// block to the next. Streamed where it would not fit otherwise.
    pub fn of_evaluation(
        architecture: &Architecture,
        (batch, positions): (usize, usize),
        memory: u64,
    ) -> Self {
        let float = size_of::<f32>() as u128;
        let activations = evaluation_activations(architecture, batch, positions);
        let activations = activations.saturating_mul(float);
        let weights = architecture.parameters().total().saturating_mul(float);
        let whole = Need::from_bytes(weights.saturating_add(activations), false);
        if whole.bytes <= memory {
            return whole;
        }
        let weights = streamed_bytes(architecture, Objective::NextToken);
        Need::from_bytes(weights.saturating_add(activations), true)
    }

    fn from_bytes(bytes: u128, streamed: bool) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Need { bytes, streamed }
    }
}

/// Bytes of weights that a streamed network holds in memory at once.
fn streamed_bytes(architecture: &Architecture, objective: Objective) -> u128 {
    // What cannot be built is refused when it is built, with the reason.
    let weights = streamed_weights(architecture, objective).unwrap_or(0);
    weights.saturating_mul(size_of::<f32>() as u128)
}

/// Bytes that one pass takes where the weights are streamed, on the safe side; less where
/// visitors take large gradients in `bands` of rows.
pub fn streamed_estimate(architecture: &Architecture, spec: &TraceSpec, bands: bool) -> u64 {
    let objective = spec.objective_for(architecture);
    let batch = (spec.batch, spec.positions);
    // What cannot be built is refused when it is built, with the reason.
    let floats = streamed_pass(architecture, objective, batch, bands).unwrap_or(0);
    let bytes = floats.saturating_mul(size_of::<f32>() as u128);
    // What a visitor keeps of the activations of a block.
    let activations = architecture.activation_memory(spec.batch, spec.positions);
    let of_block = activations / (architecture.blocks.len() as u128).max(1);
    let bytes = bytes
        .saturating_add(of_block)
        .saturating_add(logits_estimate(architecture, spec));
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Bytes that one pass takes, on the safe side: weights, gradients that wait
/// for their visitor, activations with their gradients, and the logits of a
/// masked-token objective.
pub fn memory_estimate(architecture: &Architecture, spec: &TraceSpec) -> u64 {
    let weights = architecture.parameters().total();
    let weights = weights.saturating_mul(2 * size_of::<f32>() as u128);
    let activations = architecture.activation_memory(spec.batch, spec.positions);
    let activations = activations.saturating_mul(3);
    let bytes = weights.saturating_add(activations);
    let bytes = bytes.saturating_add(logits_estimate(architecture, spec));
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Bytes of the logits of a masked-token objective and their gradient.
fn logits_estimate(architecture: &Architecture, spec: &TraceSpec) -> u128 {
    let float = size_of::<f32>() as u128;
    let logits = match spec.objective_for(architecture) {
        Objective::MaskedToken => {
            let masked = spec.batch as u128 * spec.positions as u128 * 15 / 100 + 1;
            masked.saturating_mul(architecture.vocabulary as u128 * float)
        }
        _ => 0,
    };
    logits.saturating_mul(2)
}

/// Time of one trace in FLOPs: a backward pass takes twice as long as a
/// forward pass, and to draw and to reduce one weight takes as long as a few
/// hundred multiply-adds.
fn work_estimate(architecture: &Architecture, spec: &TraceSpec) -> f64 {
    const PER_WEIGHT: f64 = 600.0;
    let forward = spec.batch as f64 * architecture.flops(spec.positions) as f64;
    3.0 * forward + PER_WEIGHT * architecture.parameters().total() as f64
}

/// A list of architectures without its repetitions.
struct Distinct {
    /// Position of each distinct architecture in the list.
    first: Vec<usize>,
    /// Key of each distinct architecture.
    keys: Vec<ArchitectureKey>,
    /// For each position of the list, which distinct architecture stands there.
    place: Vec<usize>,
}

impl Distinct {
    /// Finds the distinct architectures. One with weights of its own stands alone.
    fn of(architectures: &[Architecture], own: impl Fn(usize) -> bool) -> Self {
        let mut known = HashMap::new();
        let mut distinct = Distinct {
            first: Vec::new(),
            keys: Vec::new(),
            place: Vec::new(),
        };
        for (index, architecture) in architectures.iter().enumerate() {
            let key = ArchitectureKey::of(architecture);
            let alone = own(index).then_some(index);
            let place = *known.entry((key, alone)).or_insert_with(|| {
                distinct.first.push(index);
                distinct.keys.push(key);
                distinct.first.len() - 1
            });
            distinct.place.push(place);
        }
        distinct
    }

    /// Puts one result per distinct architecture back where each stands.
    fn spread<T: Clone>(&self, mut results: Vec<Option<T>>) -> Vec<T> {
        let mut last = vec![0; results.len()];
        for (position, &place) in self.place.iter().enumerate() {
            last[place] = position;
        }
        let take = |(position, &place): (usize, &usize)| match position == last[place] {
            true => results[place].take(),
            false => results[place].clone(),
        };
        self.place.iter().enumerate().filter_map(take).collect()
    }
}

/// Turns finished jobs into progress.
struct Meter<'a> {
    progress: &'a (dyn Fn(Progress) + Sync),
    work: f64,
    state: Mutex<(f64, Progress)>,
}

impl<'a> Meter<'a> {
    /// Reports at once what the cache has given.
    fn new(known: &[Job], jobs: &[Job], progress: &'a (dyn Fn(Progress) + Sync)) -> Self {
        let sum = |jobs: &[Job]| jobs.iter().map(|job| job.work).sum::<f64>();
        let (done, left) = (sum(known), sum(jobs));
        let start = Progress {
            finished: known.len(),
            cached: known.len(),
            total: known.len() + jobs.len(),
            work: match jobs.is_empty() {
                true => 1.0,
                false => done / (done + left),
            },
        };
        progress(start);
        Meter {
            progress,
            work: done + left,
            state: Mutex::new((done, start)),
        }
    }

    fn advance(&self, job: &Job) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, now) = &mut *state;
        *done += job.work;
        now.finished += 1;
        now.work = if now.finished == now.total {
            1.0
        } else {
            (*done / self.work).min(1.0)
        };
        (self.progress)(*now);
    }
}
