//! From architectures to traces and scores: what every command does first.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lpzero_arch::Architecture;
use lpzero_nn::{Objective, Visitor};
use lpzero_proxy::{Evaluator, ExactVisitor, Node, TypeError};
use lpzero_trace::{
    CacheWarning, DEFAULT_MEMORY, NetworkScalar, Progress, Resources, Tokens, Trace, TraceCache,
    TraceSpec, Weights, build_traces, visit_networks, visit_passes,
};
use rayon::ThreadPool;

use crate::exact::run_passes;
use crate::{Error, Proxy, Repetition};

/// What the networks see and minimise during their one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// Sequences per minibatch.
    pub batch: usize,
    /// Tokens per sequence.
    pub positions: usize,
    /// The loss; `None` means each family's own.
    pub objective: Option<Objective>,
    /// Tokens of a real text; `None` means a seeded Zipf stream.
    pub text: Option<Arc<[u32]>>,
}

impl Default for Pass {
    /// Four sequences of 64 tokens with Zipf's law.
    fn default() -> Self {
        Self {
            batch: 4,
            positions: 64,
            objective: None,
            text: None,
        }
    }
}

/// With what networks are run: threads, cache, seed, pass, and which repetition
/// of it.
pub struct Workbench {
    pool: Arc<ThreadPool>,
    cache: Option<PathBuf>,
    seed: u64,
    pass: Pass,
    repetition: Repetition,
    memory: u64,
}

/// Architectures to score.
#[derive(Clone, Copy)]
pub struct Candidates<'a> {
    /// Their names in errors.
    pub ids: &'a [String],
    /// The architectures.
    pub architectures: &'a [Architecture],
    /// Where the weights of each come from: seeded where there is none, as where the
    /// list is empty.
    pub weights: &'a [Option<Weights>],
}

/// Traces, with what went wrong on the way but did not stop it.
#[derive(Debug)]
pub struct Traced {
    /// One trace per architecture, in their order.
    pub traces: Vec<Trace>,
    /// What the user should know about the cache.
    pub warnings: Vec<CacheWarning>,
}

impl Workbench {
    /// A workbench with `threads` threads (0 means one per core) that keeps
    /// traces in the folder `cache`, if any.
    ///
    /// # Errors
    ///
    /// Where the system gives no threads.
    pub fn new(
        threads: usize,
        cache: Option<PathBuf>,
        seed: u64,
        pass: Pass,
    ) -> Result<Self, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        let repetition = Repetition::default();
        Ok(Self::on(Arc::new(pool), cache, seed, pass, repetition))
    }

    /// A workbench on threads that exist already.
    pub(crate) fn on(
        pool: Arc<ThreadPool>,
        cache: Option<PathBuf>,
        seed: u64,
        pass: Pass,
        repetition: Repetition,
    ) -> Self {
        Self {
            pool,
            cache,
            seed,
            pass,
            repetition,
            memory: DEFAULT_MEMORY,
        }
    }

    /// From now on, networks that run at once take at most this many bytes together,
    /// and one that would take more is streamed.
    pub fn set_memory(&mut self, bytes: u64) {
        self.memory = bytes;
    }

    /// From now on, traces and scores are those of another pass.
    pub fn set_repetition(&mut self, repetition: Repetition) {
        self.repetition = repetition;
    }

    /// What the networks see and minimise.
    pub fn pass(&self) -> &Pass {
        &self.pass
    }

    /// Which pass of several this is.
    pub(crate) fn repetition(&self) -> Repetition {
        self.repetition
    }

    /// The threads.
    pub fn pool(&self) -> &Arc<ThreadPool> {
        &self.pool
    }

    /// The seed of weights and batch.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What determines the traces of this workbench; `source` names the
    /// ground truth for people.
    pub fn spec(&self, source: &str) -> TraceSpec {
        let Repetition { init, batch, .. } = self.repetition;
        TraceSpec {
            objective: self.pass.objective,
            batch: self.pass.batch,
            positions: self.pass.positions,
            tokens: match &self.pass.text {
                Some(text) => Tokens::Text(self.repetition.text(text, self.pass.batch)),
                None => Tokens::Zipf {
                    seed: self.seed.wrapping_add(batch.into()),
                },
            },
            ..TraceSpec::new(source, self.seed.wrapping_add(init.into()))
        }
    }

    /// The traces of architectures, out of the cache where it has them.
    ///
    /// `ids` name the architectures in errors.
    ///
    /// # Errors
    ///
    /// What [`build_traces`] says, and an unusable cache folder.
    pub fn traces(
        &self,
        source: &str,
        ids: &[String],
        architectures: &[Architecture],
        progress: &(dyn Fn(Progress) + Sync),
        cancel: &AtomicBool,
    ) -> Result<Traced, Error> {
        let spec = self.spec(source);
        let (cache, warnings) = match &self.cache {
            Some(folder) => {
                let (cache, warnings) = TraceCache::open(folder, &spec).map_err(Error::Trace)?;
                (Some(cache), warnings)
            }
            None => (None, Vec::new()),
        };
        let resources = self.resources(cache.as_ref(), progress, cancel);
        let traces = build_traces(architectures, &spec, resources)
            .map_err(|error| Error::traced(error, ids))?;
        Ok(Traced { traces, warnings })
    }

    /// Exact scores by proxy, then architecture: formulas are evaluated on the
    /// whole tensors of one pass, not on a sketch. Where no proxy needs a
    /// network, none is run.
    ///
    /// # Errors
    ///
    /// As [`traces`](Self::traces), and a formula that is not a score.
    pub fn exact_scores(
        &self,
        ids: &[String],
        architectures: &[Architecture],
        proxies: &[Proxy],
        progress: &(dyn Fn(Progress) + Sync),
        cancel: &AtomicBool,
    ) -> Result<Vec<Vec<f64>>, Error> {
        let candidates = Candidates {
            ids,
            architectures,
            weights: &[],
        };
        self.scores(candidates, proxies, progress, cancel)
    }

    /// [`exact_scores`](Self::exact_scores) with weights that are there.
    ///
    /// # Errors
    ///
    /// As [`exact_scores`](Self::exact_scores).
    pub fn scores(
        &self,
        candidates: Candidates<'_>,
        proxies: &[Proxy],
        progress: &(dyn Fn(Progress) + Sync),
        cancel: &AtomicBool,
    ) -> Result<Vec<Vec<f64>>, Error> {
        let Candidates {
            ids,
            architectures,
            weights,
        } = candidates;
        let formulas: Vec<Node> = proxies.iter().map(|proxy| proxy.formula.clone()).collect();
        let not_a_score = |error: TypeError| Error::Formula(error.to_string());
        let visitor = ExactVisitor::new(&formulas).map_err(not_a_score)?;
        if !proxies.iter().any(Proxy::needs_network) {
            let free: Vec<Trace> = architectures.iter().map(Trace::data_free).collect();
            let evaluator = Evaluator::new(&free);
            let columns = formulas.iter().map(|formula| evaluator.all_scores(formula));
            return columns.collect::<Result<_, _>>().map_err(not_a_score);
        }
        let spec = self.spec("exact");
        let rows = visit_networks(
            architectures,
            &spec,
            Resources {
                weights,
                ..self.resources(None, progress, cancel)
            },
            |_| visitor.clone(),
            run_passes,
            |architecture, visitor, loss| {
                let mut scalars = Trace::data_free(architecture).scalars;
                scalars[NetworkScalar::Loss as usize] = loss;
                visitor.finish(&scalars)
            },
        )
        .map_err(|error| Error::traced(error, ids))?;
        let column = |index: usize| rows.iter().map(|row| row[index]).collect();
        Ok((0..proxies.len()).map(column).collect())
    }

    /// One pass per architecture under a visitor of the caller's.
    ///
    /// # Errors
    ///
    /// As [`traces`](Self::traces).
    pub fn visit<V: Visitor<f32>, T: Clone + Send>(
        &self,
        candidates: Candidates<'_>,
        visitor: impl Fn(&Architecture) -> V + Sync,
        finish: impl Fn(V, f64) -> T + Sync,
        progress: &(dyn Fn(Progress) + Sync),
        cancel: &AtomicBool,
    ) -> Result<Vec<T>, Error> {
        let rows = visit_passes(
            candidates.architectures,
            &self.spec("exact"),
            Resources {
                weights: candidates.weights,
                ..self.resources(None, progress, cancel)
            },
            visitor,
            |_, visitor, loss| finish(visitor, loss),
        );
        rows.map_err(|error| Error::traced(error, candidates.ids))
    }

    fn resources<'a>(
        &'a self,
        cache: Option<&'a TraceCache>,
        progress: &'a (dyn Fn(Progress) + Sync),
        cancel: &'a AtomicBool,
    ) -> Resources<'a> {
        Resources {
            pool: &self.pool,
            cache,
            memory: self.memory,
            weights: &[],
            progress,
            cancel,
        }
    }
}
