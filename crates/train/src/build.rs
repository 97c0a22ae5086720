//! Building a ground truth: every architecture of a plan, trained with every seed,
//! side by side.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use lpzero_arch::{Architecture, Family};
use lpzero_nn::Workspace;
use lpzero_truth::{Entry, GroundTruth, Trained};

use crate::journal::{Journal, Record};
use crate::training::Control;
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
    Ok(Trained {
        seed,
        metric: (loss * 1e6).round() / 1e6,
        seconds: (start.elapsed().as_secs_f64() * 100.0).round() / 100.0,
    })
}

/// Trains whatever the journal does not hold, and makes the ground truth, with
/// `provenance`. It is the same on any number of threads, but for the seconds.
///
/// # Errors
/// A training or the journal that fails, or [`Error::Cancelled`].
pub fn build(
    plan: &Plan,
    drawn: &[(String, Architecture)],
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
        .flat_map(|(id, a)| (0..plan.seeds).map(move |seed| (id, a, seed)));
    let all: Vec<_> = all.collect();
    let cost = |architecture: &Architecture| architecture.flops(plan.recipe.positions) as f64;
    let work: f64 = all
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
            work: done / work,
        });
    };
    show(done.len(), done_work);

    let next = AtomicUsize::new(0);
    let shared = Mutex::new((&mut *journal, done.len(), done_work, None));
    std::thread::scope(|scope| {
        for _ in 0..resources.threads.clamp(1, left.len().max(1)) {
            scope.spawn(|| {
                while let Some((id, architecture, seed)) =
                    left.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let trained = train_one(architecture, &plan.recipe, *seed, resources.cancel);
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
        let trainings = (0..plan.seeds).filter_map(|seed| known(id, seed, journal.records()));
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

/// The ground truth of entries that [`build`] made.
pub fn ground_truth(
    plan: &Plan,
    path: &Path,
    entries: Vec<Entry>,
    provenance: serde_json::Value,
) -> GroundTruth {
    GroundTruth {
        name: plan.name.clone(),
        path: path.to_owned(),
        metric: METRIC.into(),
        lower_is_better: true,
        reading: None,
        family: Family::General,
        provenance: Some(provenance),
        entries,
    }
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
