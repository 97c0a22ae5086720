//! Architecture search by a proxy: who scores, who measures, and the second count of
//! what is returned.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use lpzero_arch::Architecture;
use lpzero_nas::{Cost, Costs, Recount, Scorer, recount};
use lpzero_nn::{Batch, Network, Objective, Workspace};
use lpzero_trace::{DEFAULT_MEMORY, Progress, TraceSpec, memory_estimate, streamed_estimate};

use crate::{Error, Proxy, Workbench};

/// About how many bytes a pass takes.
type Estimate = fn(&Architecture, &TraceSpec) -> u64;

/// Forward passes whose median is the latency, after one that is not counted.
pub const LATENCY_PASSES: usize = 7;

/// Scores architectures by a proxy on whole tensors, and measures their latency.
pub struct ProxyScorer<'a> {
    /// With what networks are run.
    pub workbench: &'a Workbench,
    /// What scores; turned so that larger is better.
    pub proxy: &'a Proxy,
    /// Set from elsewhere to stop.
    pub cancel: &'a AtomicBool,
}

impl Scorer for ProxyScorer<'_> {
    type Error = Error;

    fn scores(
        &mut self,
        ids: &[String],
        architectures: &[Architecture],
    ) -> Result<Vec<f64>, Error> {
        check(self.cancel, ids.len())?;
        // Also where the proxy runs no network: what is returned is counted on one.
        for (id, architecture) in ids.iter().zip(architectures) {
            fits(self.workbench, id, architecture, streamed_estimate)?;
        }
        let proxies = std::slice::from_ref(self.proxy);
        let progress = |_: Progress| ();
        let columns =
            self.workbench
                .exact_scores(ids, architectures, proxies, &progress, self.cancel)?;
        let sign = f64::from(self.proxy.sign);
        let scores = columns.into_iter().flatten();
        Ok(scores.map(|score| sign * score).collect())
    }

    fn latency(&mut self, id: &str, architecture: &Architecture) -> Result<f64, Error> {
        check(self.cancel, 1)?;
        latency(self.workbench, id, architecture)
    }
}

pub(crate) fn check(cancel: &AtomicBool, total: usize) -> Result<(), Error> {
    match cancel.load(Ordering::Relaxed) {
        true => Err(Error::Trace(lpzero_trace::Error::Cancelled {
            finished: 0,
            total,
        })),
        false => Ok(()),
    }
}

/// Refuses a network that would not fit into memory, all of it (`Estimate` is
/// [`memory_estimate`]) or part by part ([`streamed_estimate`]).
fn fits(
    workbench: &Workbench,
    id: &str,
    architecture: &Architecture,
    estimate: Estimate,
) -> Result<(), Error> {
    let bytes = estimate(architecture, &workbench.spec("exact"));
    match bytes > DEFAULT_MEMORY {
        true => Err(Error::TooLarge {
            id: id.to_owned(),
            parameters: architecture.parameters().total(),
            bytes,
            limit: DEFAULT_MEMORY,
        }),
        false => Ok(()),
    }
}

/// Seconds of one forward pass over the workbench's minibatch, on all its threads: the
/// median of [`LATENCY_PASSES`], with the loss but without anything kept for a
/// backward pass.
///
/// # Errors
/// What the engine says, and [`Error::TooLarge`].
pub fn latency(workbench: &Workbench, id: &str, architecture: &Architecture) -> Result<f64, Error> {
    fits(workbench, id, architecture, memory_estimate)?;
    let engine = |source| Error::Engine {
        id: id.to_owned(),
        source,
    };
    let pass = workbench.pass();
    let objective = pass.objective;
    let objective = objective.unwrap_or_else(|| Objective::default_for(architecture));
    let mut workspace = Workspace::on(Arc::clone(workbench.pool()));
    let seed = workbench.seed();
    let network = Network::<f32>::seeded_with(architecture, objective, seed, &mut workspace);
    let network = network.map_err(engine)?;
    let batch = Batch::zipf(architecture.vocabulary, pass.batch, pass.positions, seed);
    let mut seconds = Vec::with_capacity(LATENCY_PASSES);
    for number in 0..=LATENCY_PASSES {
        let start = Instant::now();
        network
            .evaluate_with(&batch, &mut workspace)
            .map_err(engine)?;
        if number > 0 {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[LATENCY_PASSES / 2])
}

/// Counts an architecture of a front once more, from a network and, if it is `run`, from
/// its passes, without which there are only parameters.
///
/// # Errors
/// [`Error::Recount`] where the second count differs from the first, which is a
/// mistake of this program; what the engine says, and [`Error::TooLarge`].
pub fn verify(
    workbench: &Workbench,
    id: &str,
    architecture: &Architecture,
    costs: &Costs,
    run: bool,
) -> Result<Recount, Error> {
    fits(workbench, id, architecture, streamed_estimate)?;
    let pass = workbench.pass();
    let mut workspace = Workspace::on(Arc::clone(workbench.pool()));
    let minibatch = run.then_some((pass.batch, pass.positions));
    let again = recount(architecture, minibatch, &mut workspace);
    let again = again.map_err(|source| Error::Engine {
        id: id.to_owned(),
        source,
    })?;
    for (cost, second) in [
        (Cost::Params, Some(again.params)),
        (Cost::DecoderParams, Some(again.decoder_params)),
        (Cost::Flops, again.flops),
        (Cost::Memory, again.memory),
    ] {
        let Some(second) = second else { continue };
        let first = costs.get(cost).unwrap_or(f64::NAN);
        if first != second as f64 {
            return Err(Error::Recount {
                id: id.to_owned(),
                cost: cost.name(),
                first,
                second,
            });
        }
    }
    Ok(again)
}
