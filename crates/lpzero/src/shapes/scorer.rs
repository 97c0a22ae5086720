//! Who scores architectures, and who measures them.

use std::sync::Arc;
use std::time::Instant;

use lpzero_arch::Architecture;
use lpzero_nas::Scorer;
use lpzero_nn::{Batch, Network, Objective, Workspace};
use lpzero_trace::{TraceSpec, memory_estimate};

use crate::{Error, Networks, Proxy, Watch, Workbench};

/// About how many bytes a pass takes.
pub(super) type Estimate = fn(&Architecture, &TraceSpec) -> u64;

/// Forward passes whose median is the latency, after one that is not counted.
pub const LATENCY_PASSES: usize = 7;

/// Scores architectures by a proxy on whole tensors, and measures their latency.
pub struct ProxyScorer<'a> {
    /// With what networks are run.
    pub workbench: &'a Workbench,
    /// Proxy that scores, turned by its sign so that larger is better.
    pub proxy: &'a Proxy,
}

impl Scorer for ProxyScorer<'_> {
    type Error = Error;

    fn scores(
        &mut self,
        ids: &[String],
        architectures: &[Architecture],
    ) -> Result<Vec<f64>, Error> {
        check(self.workbench.watch(), ids.len())?;
        // Also where the proxy runs no network: what is returned is counted on one.
        for (id, architecture) in ids.iter().zip(architectures) {
            fits(self.workbench, id, architecture, streamed)?;
        }
        let proxies = std::slice::from_ref(self.proxy);
        let networks: Networks = ids.iter().zip(architectures.iter().cloned()).collect();
        let columns = (self.workbench).exact_scores_telling(&networks, proxies, &|_| ())?;
        let sign = f64::from(self.proxy.sign);
        let scores = columns.into_iter().flatten();
        Ok(scores.map(|score| sign * score).collect())
    }

    fn latency(&mut self, id: &str, architecture: &Architecture) -> Result<f64, Error> {
        check(self.workbench.watch(), 1)?;
        latency(self.workbench, id, architecture)
    }
}

pub(crate) fn check(watch: &Watch, total: usize) -> Result<(), Error> {
    match watch.is_cancelled() {
        true => Err(Error::Trace(lpzero_trace::Error::Cancelled {
            finished: 0,
            total,
        })),
        false => Ok(()),
    }
}

/// Bytes of a pass that reads weights part by part.
pub(super) fn streamed(architecture: &Architecture, spec: &TraceSpec) -> u64 {
    lpzero_trace::streamed_estimate(architecture, spec, true)
}

/// Refuses a network that would not fit into memory, all of it (`Estimate` is
/// [`memory_estimate`]) or part by part ([`streamed`]).
pub(super) fn fits(
    workbench: &Workbench,
    id: &str,
    architecture: &Architecture,
    estimate: Estimate,
) -> Result<(), Error> {
    let bytes = estimate(architecture, &workbench.spec("exact"));
    let limit = workbench.memory();
    match bytes > limit {
        true => Err(Error::TooLarge {
            id: id.to_owned(),
            parameters: architecture.parameters().total(),
            bytes,
            limit,
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
    let mut workspace =
        Workspace::on(Arc::clone(workbench.pool())).stopped_by(workbench.watch().flag());
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
