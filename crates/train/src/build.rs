//! Building a ground truth: every architecture of a plan, trained with every seed,
//! side by side; or every one of some sub-networks, with the weights of their
//! super-network.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use lpzero_arch::{Architecture, Family};
use lpzero_nn::Workspace;
use lpzero_run::{Cancel, ContentHash, Hasher, Kind, Piece, Pieces, Shard};
use lpzero_truth::{Entry, GroundTruth, Trained};
use serde::{Deserialize, Serialize};

use crate::supernet::Inheritance;
use crate::training::Control;
use crate::validation::rounded;
use crate::{Batches, Error, Plan, Recipe, Synthetic, Training, validation_floor};

/// Name of the score: nats per token, on documents that were not trained on.
pub const METRIC: &str = "validation_loss";

/// The journal of a build, one [`Record`] each.
pub const TRAININGS: Kind = Kind {
    format: "lpzero-trainings",
    version: 2,
    each: true,
    work: "build",
    inputs: "other inputs, seed or version",
};

/// One finished training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Id of the architecture.
    pub id: String,
    /// Score, seed and seconds of the training.
    pub trained: Trained,
}

impl Piece for Record {
    const MEASURED: &'static [&'static str] = &["/trained/seconds"];

    fn piece(&self) -> String {
        piece(&self.id, self.trained.seed)
    }
}

/// Names a training.
fn piece(id: &str, seed: u64) -> String {
    format!("{id} seed {seed}")
}

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Trainings that are finished.
    pub finished: usize,
    /// All trainings.
    pub total: usize,
    /// Share of the arithmetic that is done, from 0 to 1.
    pub work: f64,
}

/// Bytes that a training takes, on the safe side: weights, gradients and moments, and
/// activations with their gradients.
pub fn training_bytes(architecture: &Architecture, recipe: &Recipe) -> u64 {
    let weights = architecture.parameters().total();
    let weights = weights.saturating_mul(4 * size_of::<f32>() as u128);
    let activations = architecture.activation_memory(recipe.batch, recipe.positions);
    let bytes = weights.saturating_add(activations.saturating_mul(3));
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// With what a build runs.
pub struct Resources<'a> {
    /// Trainings side by side, each on one thread.
    pub threads: usize,
    /// Stops soon where it is set; trainings under way are lost, finished ones
    /// not.
    pub cancel: &'a Cancel,
    /// Called after every training.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// The share of the work that is this process's; all of it where there is none.
    pub shard: Option<Shard>,
}

/// What a build, or a share of one, came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Built {
    /// Entries of the ground truth. A share has those whose trainings are all recorded.
    pub entries: Vec<Entry>,
    /// Pieces that are recorded, by whatever process, and all that there are.
    pub pieces: [usize; 2],
}

/// Trains one architecture as a plan does. The validation loss, rounded to six
/// decimals, is a function of the arguments but for the instruction set.
///
/// # Errors
/// What [`Training`] says.
pub fn train_one(
    architecture: &Architecture,
    recipe: &Recipe,
    seed: u64,
    cancel: &Cancel,
) -> Result<Trained, Error> {
    let start = Instant::now();
    let batches = Synthetic::new(seed);
    let mut training = Training::new(architecture, recipe, &batches, seed, Workspace::new())?;
    training.run(Control {
        cancel,
        progress: &mut |_| (),
        checkpoints: None,
    })?;
    let loss = training.curve().validation().unwrap_or(f64::NAN);
    Ok(rounded(seed, loss, start.elapsed()))
}

/// Trains whatever the journal does not hold, and makes the entries of the ground
/// truth. They are the same on any number of threads, but for the seconds.
///
/// # Errors
/// A training or the journal that fails, or [`Error::Cancelled`].
pub fn build(
    plan: &Plan,
    drawn: &[(String, Architecture)],
    journal: &mut Pieces<Record>,
    resources: &Resources<'_>,
) -> Result<Built, Error> {
    let train = |architecture: &Architecture, seed: u64, (): &mut ()| {
        train_one(architecture, &plan.recipe, seed, resources.cancel)
    };
    let seeds: Vec<u64> = (0..plan.seeds).collect();
    let of = (drawn, &seeds[..], plan.recipe.positions);
    measure(of, &train, || (), journal, resources)
}

/// The super-network and the recipe of [`inherit`].
pub struct Inherited<'a> {
    /// Weights of the super-network, which its parts inherit.
    pub weights: &'a Inheritance,
    /// Recipe whose validation batches are measured.
    pub recipe: &'a Recipe,
    /// Source of the validation batches.
    pub batches: &'a dyn Batches,
    /// Seed that the super-network was trained with.
    pub seed: u64,
}

/// Evaluates whatever sub-networks the journal does not hold, with inherited
/// weights, and makes the entries of the ground truth.
///
/// # Errors
/// As [`build`].
pub fn inherit(
    from: &Inherited<'_>,
    drawn: &[(String, Architecture)],
    journal: &mut Pieces<Record>,
    resources: &Resources<'_>,
) -> Result<Built, Error> {
    let evaluate = |architecture: &Architecture, seed: u64, workspace: &mut Workspace<f32>| {
        let recipe = (from.recipe, seed);
        let weights = from.weights;
        weights.loss(architecture, recipe, from.batches, workspace)
    };
    let of = (drawn, &[from.seed][..], from.recipe.positions);
    let workspace = || Workspace::new().stopped_by(resources.cancel);
    let mut built = measure(of, &evaluate, workspace, journal, resources)?;
    // They were trained together, not each.
    let entries = built.entries.iter_mut();
    entries.for_each(|entry| entry.trainings = Vec::new());
    Ok(built)
}

/// Measures one architecture with one seed, by something that is a thread's own.
type Measure<'a, T> = dyn Fn(&Architecture, u64, &mut T) -> Result<Trained, Error> + Sync + 'a;

/// One architecture with one seed.
struct Wanted<'a> {
    id: &'a str,
    architecture: &'a Architecture,
    seed: u64,
    /// FLOPs of a forward pass over one sequence.
    work: f64,
}

/// Measures every architecture with every seed, a piece of work a thread, and
/// records each. A thread has something of its own to work with, `T`.
fn measure<T>(
    (drawn, seeds, positions): (&[(String, Architecture)], &[u64], usize),
    measure: &Measure<'_, T>,
    of_thread: impl Fn() -> T + Sync,
    journal: &mut Pieces<Record>,
    resources: &Resources<'_>,
) -> Result<Built, Error> {
    let wanted = drawn.iter().flat_map(|(id, architecture)| {
        seeds.iter().map(move |&seed| Wanted {
            id,
            architecture,
            seed,
            work: architecture.flops(positions) as f64,
        })
    });
    let mut wanted: Vec<Wanted<'_>> = wanted.collect();
    let all = wanted.len();
    if let Some(shard) = resources.shard {
        let lengths: Vec<f64> = wanted.iter().map(|wanted| wanted.work).collect();
        let mut takes = shard.of_lengths(&lengths).into_iter();
        wanted.retain(|_| takes.next() == Some(true));
    }
    let (done, left): (Vec<_>, Vec<_>) = (wanted.into_iter())
        .partition(|wanted| journal.get(&piece(wanted.id, wanted.seed)).is_some());
    let sum = |some: &[Wanted<'_>]| some.iter().map(|wanted| wanted.work).sum::<f64>();
    let shared = Shared {
        all_work: sum(&done) + sum(&left),
        total: done.len() + left.len(),
        finished: done.len(),
        work: sum(&done),
        journal,
        failed: None,
    };
    shared.show(resources);
    side_by_side(&left, measure, of_thread, shared, resources)?;
    Ok(Built {
        entries: entries(drawn, seeds, journal),
        pieces: [journal.records().len(), all],
    })
}

/// State that all measuring threads share.
struct Shared<'a> {
    journal: &'a mut Pieces<Record>,
    finished: usize,
    total: usize,
    /// Arithmetic that is done.
    work: f64,
    all_work: f64,
    failed: Option<Error>,
}

impl Shared<'_> {
    /// Records what came of a piece of work; returns whether to go on.
    fn take(
        &mut self,
        wanted: &Wanted<'_>,
        trained: Result<Trained, Error>,
        resources: &Resources<'_>,
    ) -> bool {
        let id = wanted.id.to_owned();
        let recorded =
            trained.and_then(|trained| Ok(self.journal.append(Record { id, trained })?));
        if let Err(error) = recorded {
            self.failed.get_or_insert(error);
            return false;
        }
        self.finished += 1;
        self.work += wanted.work;
        self.show(resources);
        true
    }

    fn show(&self, resources: &Resources<'_>) {
        (resources.progress)(Progress {
            finished: self.finished,
            total: self.total,
            work: self.work / self.all_work,
        });
    }
}

/// Measures pieces of work, the next one by whichever thread is free, until one fails.
fn side_by_side<T>(
    left: &[Wanted<'_>],
    measure: &Measure<'_, T>,
    of_thread: impl Fn() -> T + Sync,
    shared: Shared<'_>,
    resources: &Resources<'_>,
) -> Result<(), Error> {
    let next = AtomicUsize::new(0);
    let shared = Mutex::new(shared);
    let work = || {
        let mut own = of_thread();
        while let Some(wanted) = left.get(next.fetch_add(1, Ordering::Relaxed)) {
            let trained = measure(wanted.architecture, wanted.seed, &mut own);
            let Ok(mut shared) = shared.lock() else {
                return;
            };
            if !shared.take(wanted, trained, resources) {
                // The others stop before their next one.
                next.store(left.len(), Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..resources.threads.clamp(1, left.len().max(1)) {
            // Where the system gives no more threads, those that there are do it all.
            if thread::Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    match shared.into_inner().map_or(None, |shared| shared.failed) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Entries of the ground truth: each architecture whose trainings are all recorded, with those
/// and their mean score.
fn entries(
    drawn: &[(String, Architecture)],
    seeds: &[u64],
    journal: &Pieces<Record>,
) -> Vec<Entry> {
    let entry = |(id, architecture): &(String, Architecture)| {
        let records = seeds.iter().map(|&seed| journal.get(&piece(id, seed)));
        let trainings = records.map(|record| Some(record?.trained));
        let trainings: Vec<Trained> = trainings.collect::<Option<_>>()?;
        let mean = trainings
            .iter()
            .map(|training| training.metric)
            .sum::<f64>()
            / trainings.len() as f64;
        Some(Entry {
            id: id.clone(),
            architecture: architecture.clone(),
            score: -((mean * 1e6).round() / 1e6),
            trainings,
        })
    };
    drawn.iter().filter_map(entry).collect()
}

/// The ground truth of entries that [`build`] or [`inherit`] made.
pub fn ground_truth(
    name: &str,
    path: &Path,
    entries: Vec<Entry>,
    provenance: serde_json::Value,
) -> GroundTruth {
    GroundTruth {
        name: name.to_owned(),
        path: path.to_owned(),
        metric: METRIC.into(),
        lower_is_better: true,
        reading: None,
        family: Family::General,
        provenance: Some(provenance),
        entries,
        remarks: Vec::new(),
    }
}

/// A hash of everything that inherited losses are a function of: `training` is what
/// the super-network was trained by, `weights` what came of it.
///
/// # Errors
/// Weights that cannot be read, and [`Error::Cancelled`].
pub fn inherited_inputs(
    training: &str,
    weights: &Path,
    drawn: &[(String, Architecture)],
    cancel: &Cancel,
) -> Result<ContentHash, Error> {
    let weights = ContentHash::of_file(weights, cancel).map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => Error::Cancelled,
        _ => Error::read(weights)(error),
    })?;
    let mut hasher = Hasher::new();
    hasher.update(b"lpzero inherited 1\n");
    hasher.update(weights.as_bytes());
    // Plain data with finite numbers: this cannot fail.
    let drawn = serde_json::to_string(drawn).unwrap_or_default();
    for part in [training, &drawn] {
        hasher.update(part.as_bytes());
        hasher.update(b"\n");
    }
    Ok(hasher.finish())
}

/// Cross-entropy of a plan's validation documents under the language itself.
///
/// # Errors
/// [`Error::Cancelled`].
pub fn floor(plan: &Plan, cancel: &Cancel) -> Result<Option<f64>, Error> {
    validation_floor(&plan.recipe, &Synthetic::new(0), cancel)
}

/// A hash of everything that a plan's trainings are a function of.
pub fn inputs(plan: &Plan, drawn: &[(String, Architecture)]) -> ContentHash {
    let mut hasher = Hasher::new();
    hasher.update(b"lpzero build 1\n");
    // Plain data with finite numbers: this cannot fail.
    let parts = [
        serde_json::to_string(&plan.recipe).unwrap_or_default(),
        serde_json::to_string(drawn).unwrap_or_default(),
        plan.seeds.to_string(),
    ];
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update(b"\n");
    }
    hasher.finish()
}
