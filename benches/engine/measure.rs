//! Two workers in turns: warm-ups, counted iterations, memory, and the check
//! that both computed the same.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::Arguments;
use crate::process::{Check, Iteration, Process};
use crate::resident::Memory;
use crate::task::Task;
use crate::worker;
use crate::workloads::{Peer, Workload};

/// Between two iterations: OpenMP threads spin for a while after their work,
/// and the other side shall not pay for it.
const PAUSE: Duration = Duration::from_millis(50);

/// Most that losses and gradient norms may differ, relatively.
const TOLERANCE: f64 = 1e-3;

/// A gradient can vanish in exact arithmetic (that of a key bias does) and be
/// rounding noise on both sides. Norms are compared on the scale of the larger,
/// but on no finer one than this share of the largest in the network.
const FINEST_SCALE: f64 = 1e-3;

/// Updates after which a training is compared. AdamW divides every gradient by
/// its size, so that rounding grows from update to update, on both sides alike.
const COMPARED_UPDATES: usize = 2;

/// The shapes whose product tells the peak of the machine: a large cube, and
/// the feed-forward network of W1.
const PRODUCTS: [[usize; 3]; 2] = [[2048, 2048, 2048], [1536, 512, 1500]];

/// What one side left.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// Of every counted iteration.
    pub seconds: Vec<f64>,
    pub loss: Option<f64>,
    pub memory: Memory,
}

impl Side {
    fn new() -> Self {
        Side {
            seconds: Vec::new(),
            loss: None,
            memory: Memory::default(),
        }
    }

    pub fn median(&self) -> f64 {
        median(&self.seconds)
    }
}

/// A workload, measured.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    pub workload: &'static str,
    pub about: String,
    /// `PyTorch`, or `bare pass` where the engine stands on both sides.
    pub peer_is: &'static str,
    /// FLOPs of one iteration, where they are counted.
    pub flops: Option<f64>,
    pub ours: Side,
    pub peer: Side,
    /// The largest difference of two gradient norms, on the scale of
    /// [`FINEST_SCALE`].
    pub gradient_difference: Option<f64>,
}

/// A matrix product of PyTorch, measured.
#[derive(Clone, Debug, Serialize)]
pub struct Product {
    /// Rows, inner, columns.
    pub shape: [usize; 3],
    pub seconds: Vec<f64>,
    /// At the fastest iteration.
    pub gflops: f64,
}

/// Runs a workload on both sides in turns.
pub fn workload(workload: &Workload, arguments: &Arguments) -> anyhow::Result<Measurement> {
    let folder = tempfile::tempdir()?;
    let mut task = workload.ours.clone();
    if let Some(pass) = task.pass_mut() {
        pass.weights = folder.path().join("weights.safetensors");
        worker::write_weights(pass, &pass.weights)?;
    }
    let mut ours = start(Process::engine()?, folder.path(), "ours", &task)?;
    let (mut peer, peer_is) = match &workload.peer {
        Peer::PyTorch => {
            let process = Process::pytorch(&arguments.python)?;
            (start(process, folder.path(), "peer", &task)?, "PyTorch")
        }
        Peer::Engine(task) => {
            let process = Process::engine()?;
            let process = start(process, folder.path(), "peer", task)?;
            (process, "bare pass")
        }
    };
    let (warm_ups, iterations) = match workload.most_iterations {
        Some(most) => (0, arguments.iterations.min(most)),
        None => (arguments.warm_ups, arguments.iterations),
    };
    let mut sides = [Side::new(), Side::new()];
    let mut gradient_difference = None;
    for i in 0..warm_ups + iterations {
        if matches!(task, Task::Update(_)) && i == COMPARED_UPDATES {
            gradient_difference = Some(agreement(&mut ours, &mut peer, workload.name)?);
        }
        for (side, process) in sides.iter_mut().zip([&mut ours, &mut peer]) {
            let Iteration { seconds, loss } = process.ask("run")?;
            if i >= warm_ups {
                side.seconds.push(seconds);
            }
            side.loss = loss;
            sleep(PAUSE);
        }
    }
    for (side, process) in sides.iter_mut().zip([&mut ours, &mut peer]) {
        side.memory = process.ask("memory")?;
    }
    if workload.flops().is_some() && gradient_difference.is_none() {
        gradient_difference = Some(agreement(&mut ours, &mut peer, workload.name)?);
    }
    let [ours, peer] = sides;
    Ok(Measurement {
        workload: workload.name,
        about: workload.about.clone(),
        peer_is,
        flops: workload.flops(),
        ours,
        peer,
        gradient_difference,
    })
}

/// PyTorch's matrix products, for the peak of the machine.
pub fn products(arguments: &Arguments) -> anyhow::Result<Vec<Product>> {
    let folder = tempfile::tempdir()?;
    let measure = |shape: [usize; 3]| {
        let process = Process::pytorch(&arguments.python)?;
        let task = Task::Product { shape };
        let mut process = start(process, folder.path(), "product", &task)?;
        let mut seconds = Vec::new();
        for _ in 0..arguments.warm_ups + arguments.iterations {
            seconds.push(process.ask::<Iteration>("run")?.seconds);
        }
        let fastest = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let flops = 2.0 * shape.iter().map(|&n| n as f64).product::<f64>();
        Ok(Product {
            shape,
            gflops: flops / fastest / 1e9,
            seconds,
        })
    };
    PRODUCTS.into_iter().map(measure).collect()
}

/// Gives a worker its task.
fn start(mut process: Process, folder: &Path, name: &str, task: &Task) -> anyhow::Result<Process> {
    let path = folder.join(format!("{name}.json"));
    fs::write(&path, serde_json::to_vec(task)?)?;
    process.ask::<Value>(&format!("prepare {}", path.display()))?;
    Ok(process)
}

/// [`compare`] for one more iteration of both sides.
fn agreement(
    ours: &mut Process,
    peer: &mut Process,
    workload: &'static str,
) -> anyhow::Result<f64> {
    let (ours, peer) = (ours.ask("check")?, peer.ask("check")?);
    compare(&ours, &peer).context(workload)
}

/// The largest difference of two gradient norms; fails where both sides did
/// not compute the same.
fn compare(ours: &Check, peer: &Check) -> anyhow::Result<f64> {
    let difference = |a: f64, b: f64, finest: f64| (a - b).abs() / a.max(b).max(finest);
    ensure!(
        difference(ours.loss, peer.loss, f64::MIN_POSITIVE) <= TOLERANCE,
        "the losses differ: {} here, {} there",
        ours.loss,
        peer.loss
    );
    let names = |check: &Check| check.gradients.keys().cloned().collect::<Vec<_>>();
    ensure!(
        names(ours) == names(peer),
        "the sides have other parameters: {:?} here, {:?} there",
        names(ours),
        names(peer)
    );
    let finest = FINEST_SCALE * ours.gradients.values().copied().fold(0.0, f64::max);
    let mut largest = 0.0f64;
    for ((name, &a), &b) in ours.gradients.iter().zip(peer.gradients.values()) {
        let difference = difference(a, b, finest);
        ensure!(
            difference <= TOLERANCE,
            "the gradients of {name} differ: norm {a} here, {b} there"
        );
        largest = largest.max(difference);
    }
    Ok(largest)
}

/// The middle value, or the mean of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        1 => sorted[middle],
        _ => 0.5 * (sorted[middle - 1] + sorted[middle]),
    }
}
