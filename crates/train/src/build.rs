//! Building a ground truth: every architecture of a plan, trained with every seed,
//! side by side; or every one of some sub-networks, with the weights of their
//! super-network.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use lpzero_arch::{Architecture, Family};
use lpzero_nn::Workspace;
use lpzero_truth::{Entry, GroundTruth, Trained};

use crate::journal::{Journal, Record};
use crate::supernet::Inheritance;
use crate::training::{Control, rounded};
use crate::{Batches, Error, Plan, Recipe, Synthetic, Training, validation_floor};

/// What the score is: nats per token, on documents that were not trained on.
pub const METRIC: &str = "validation_loss";

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

/// With what a build runs.
pub struct Resources<'a> {
    /// Trainings side by side, each on one thread.
    pub threads: usize,
    /// Stops soon where it is set; trainings under way are lost, finished ones
    /// not.
    pub cancel: &'a AtomicBool,
    /// Called after every training.
    pub progress: &'a (dyn Fn(Progress) + Sync),
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
    cancel: &AtomicBool,
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
    journal: &mut Journal,
    resources: &Resources<'_>,
) -> Result<Vec<Entry>, Error> {
    let train = |architecture: &Architecture, seed: u64, (): &mut ()| {
        train_one(architecture, &plan.recipe, seed, resources.cancel)
    };
    let seeds: Vec<u64> = (0..plan.seeds).collect();
    let of = (drawn, &seeds[..], plan.recipe.positions);
    measure(of, &train, || (), journal, resources)
}

/// The super-network and the recipe of [`inherit`].
pub struct Inherited<'a> {
    /// Its weights.
    pub weights: &'a Inheritance,
    /// Of which validation is measured.
    pub recipe: &'a Recipe,
    /// Where the validation batches come from.
    pub batches: &'a dyn Batches,
    /// The seed that it was trained with.
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
    journal: &mut Journal,
    resources: &Resources<'_>,
) -> Result<Vec<Entry>, Error> {
    let evaluate = |architecture: &Architecture, seed: u64, workspace: &mut Workspace<f32>| {
        if resources.cancel.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        let recipe = (from.recipe, seed);
        let weights = from.weights;
        weights.loss(architecture, recipe, from.batches, workspace)
    };
    let of = (drawn, &[from.seed][..], from.recipe.positions);
    let mut entries = measure(of, &evaluate, Workspace::new, journal, resources)?;
    // They were trained together, not each.
    entries
        .iter_mut()
        .for_each(|entry| entry.trainings = Vec::new());
    Ok(entries)
}

/// Measures every architecture with every seed, a piece of work a thread, and
/// records each. A thread has something of its own to work with, `T`.
fn measure<T>(
    (drawn, seeds, positions): (&[(String, Architecture)], &[u64], usize),
    work: &(dyn Fn(&Architecture, u64, &mut T) -> Result<Trained, Error> + Sync),
    of_thread: impl Fn() -> T + Sync,
    journal: &mut Journal,
    resources: &Resources<'_>,
) -> Result<Vec<Entry>, Error> {
    let known = |id: &str, seed: u64, records: &[Record]| -> Option<Trained> {
        let mut records = records.iter();
        records
            .find(|record| record.id == id && record.trained.seed == seed)
            .map(|r| r.trained)
    };
    let all = drawn
        .iter()
        .flat_map(|(id, a)| seeds.iter().map(move |&seed| (id, a, seed)));
    let all: Vec<_> = all.collect();
    let cost = |architecture: &Architecture| architecture.flops(positions) as f64;
    let all_work: f64 = all
        .iter()
        .map(|(_, architecture, _)| cost(architecture))
        .sum();
    let (done, left): (Vec<_>, Vec<_>) =
        (all.iter()).partition(|(id, _, seed)| known(id, *seed, journal.records()).is_some());
    let done_work: f64 = done
        .iter()
        .map(|(_, architecture, _)| cost(architecture))
        .sum();
    let show = |finished: usize, done: f64| {
        (resources.progress)(Progress {
            finished,
            total: all.len(),
            work: done / all_work,
        });
    };
    show(done.len(), done_work);

    let next = AtomicUsize::new(0);
    let shared = Mutex::new((&mut *journal, done.len(), done_work, None));
    std::thread::scope(|scope| {
        for _ in 0..resources.threads.clamp(1, left.len().max(1)) {
            scope.spawn(|| {
                let mut own = of_thread();
                while let Some((id, architecture, seed)) =
                    left.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let trained = work(architecture, *seed, &mut own);
                    let Ok(mut shared) = shared.lock() else {
                        return;
                    };
                    let (journal, finished, done, failed) = &mut *shared;
                    let recorded = trained.and_then(|trained| {
                        journal.append(Record {
                            id: (*id).clone(),
                            trained,
                        })
                    });
                    match recorded {
                        Ok(()) => {
                            *finished += 1;
                            *done += cost(architecture);
                            show(*finished, *done);
                        }
                        Err(error) => {
                            failed.get_or_insert(error);
                            // The others stop before their next one.
                            next.store(left.len(), Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let failed = shared.into_inner().map_or(None, |(.., failed)| failed);
    if let Some(error) = failed {
        return Err(error);
    }
    let entry = |(id, architecture): &(String, Architecture)| {
        let trainings = seeds.iter();
        let trainings = trainings.filter_map(|&seed| known(id, seed, journal.records()));
        let trainings: Vec<Trained> = trainings.collect();
        let mean = trainings
            .iter()
            .map(|training| training.metric)
            .sum::<f64>()
            / trainings.len() as f64;
        Entry {
            id: id.clone(),
            architecture: architecture.clone(),
            score: -((mean * 1e6).round() / 1e6),
            trainings,
        }
    };
    Ok(drawn.iter().map(entry).collect())
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
    }
}

/// A hash of everything that inherited losses are a function of: `training` is what
/// the super-network was trained by, `weights` what came of it.
///
/// # Errors
/// Weights that cannot be read.
pub fn inherited_inputs(
    training: &str,
    weights: &Path,
    drawn: &[(String, Architecture)],
) -> Result<String, Error> {
    let bytes = std::fs::read(weights).map_err(Error::read(weights))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"lpzero inherited 1\n");
    hasher.update(blake3::hash(&bytes).as_bytes());
    // Plain data with finite numbers: this cannot fail.
    let drawn = serde_json::to_string(drawn).unwrap_or_default();
    for part in [training, &drawn] {
        hasher.update(part.as_bytes());
        hasher.update(b"\n");
    }
    Ok(hasher.finalize().to_hex()[..32].to_owned())
}

/// Cross-entropy of a plan's validation documents under the language itself.
pub fn floor(plan: &Plan) -> Option<f64> {
    let batches = Synthetic::new(0);
    validation_floor(&plan.recipe, &batches as &dyn Batches)
}

/// A hash of everything that a plan's trainings are a function of.
pub fn inputs(plan: &Plan, drawn: &[(String, Architecture)]) -> String {
    let mut hasher = blake3::Hasher::new();
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
    hasher.finalize().to_hex()[..32].to_owned()
}
