//! From architectures to traces and scores: what every command does first.

use std::path::PathBuf;
use std::sync::{Arc, Once};

use lpzero_arch::Architecture;
use lpzero_nn::{Objective, Visitor};
use lpzero_proxy::{Efforts, Evaluator, ExactVisitor, Node, TypeError};
use lpzero_trace::{
    DEFAULT_LIMIT, DEFAULT_MEMORY, NetworkScalar, Progress, Resources, Tokens, Trace, TraceCache,
    TraceSpec, TraceStore, build_traces, visit_networks, visit_passes,
};
use rayon::ThreadPool;

use crate::exact::{run_passes, takes_bands};
use crate::{Error, Networks, Proxy, Repetition, Watch};

/// Settings of the one pass: what networks see and minimise.
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

/// How long decompositions take, and the side of the largest matrix.
#[derive(Clone, Copy, Debug, Default)]
struct Length {
    seconds: f64,
    side: usize,
}

/// With what networks are run: threads, cache, seed, pass, memory, and who watches.
#[derive(Clone, Debug)]
pub struct Workbench {
    pool: Arc<ThreadPool>,
    cache: Option<TraceStore>,
    seed: u64,
    pass: Pass,
    repetition: Repetition,
    memory: u64,
    patience: f64,
    watch: Watch,
}

impl Workbench {
    /// A workbench with `threads` threads (0 means one per core), seed 0, the default
    /// pass, no cache and nobody who watches.
    ///
    /// # Errors
    ///
    /// Where the system gives no threads.
    pub fn new(threads: usize) -> Result<Self, Error> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        Ok(Self {
            pool: Arc::new(pool.build()?),
            cache: None,
            seed: 0,
            pass: Pass::default(),
            repetition: Repetition::default(),
            memory: DEFAULT_MEMORY,
            patience: f64::INFINITY,
            watch: Watch::default(),
        })
    }

    /// Keeps traces in this folder, if any, up to the default size.
    #[must_use]
    pub fn with_cache(self, cache: Option<PathBuf>) -> Self {
        let store = |folder| TraceStore::new(folder, DEFAULT_LIMIT);
        self.with_store(cache.map(store))
    }

    /// Keeps traces in this store, if any.
    #[must_use]
    pub fn with_store(self, cache: Option<TraceStore>) -> Self {
        Self { cache, ..self }
    }

    /// Draws weights and minibatches by this seed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Shows networks this minibatch, under this loss.
    #[must_use]
    pub fn with_pass(self, pass: Pass) -> Self {
        Self { pass, ..self }
    }

    /// Lets networks that run at once take at most this many bytes together; one that
    /// would take more is streamed.
    #[must_use]
    pub fn with_memory(self, memory: u64) -> Self {
        Self { memory, ..self }
    }

    /// Refuses proxies whose decompositions of whole tensors would take more than so many
    /// seconds, as estimated. Without this, whatever takes minutes is announced.
    #[must_use]
    pub fn with_patience(self, patience: f64) -> Self {
        Self { patience, ..self }
    }

    /// Runs another of several passes.
    #[must_use]
    pub fn with_repetition(self, repetition: Repetition) -> Self {
        Self { repetition, ..self }
    }

    /// Tells this watch what goes on, and stops when it says so.
    #[must_use]
    pub fn with_watch(self, watch: Watch) -> Self {
        Self { watch, ..self }
    }

    /// The minibatch and loss.
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

    /// Most bytes that networks may take together.
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// The seed of weights and batch.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Who is told what goes on.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The key of this workbench's traces; `source` names the ground truth for people.
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

    /// The cache of this workbench's traces, if it has one. Damage of it is a warning.
    pub(crate) fn open_cache(&self, source: &str) -> Result<Option<TraceCache>, Error> {
        let Some(store) = &self.cache else {
            return Ok(None);
        };
        let opened = TraceCache::open_in(store, &self.spec(source));
        let (cache, warnings) = opened.map_err(Error::Trace)?;
        warnings.iter().for_each(|warning| self.watch.warn(warning));
        Ok(Some(cache))
    }

    /// Traces in the order of the networks, out of the cache where it has them.
    /// Damage of the cache is a warning.
    ///
    /// # Errors
    ///
    /// What [`build_traces`] says, and an unusable cache folder.
    pub fn traces(&self, source: &str, networks: &Networks) -> Result<Vec<Trace>, Error> {
        let spec = self.spec(source);
        let cache = self.open_cache(source)?;
        let task = self.watch.task("tracing");
        let progress = |progress| task.passes(progress);
        let resources = self.resources(cache.as_ref(), networks, &progress);
        let traces = build_traces(networks.architectures(), &spec, resources);
        let not_kept = cache.as_ref().and_then(TraceCache::not_kept);
        not_kept.iter().for_each(|warning| self.watch.warn(warning));
        traces.map_err(|error| Error::traced(error, networks.ids()))
    }

    /// Exact scores by proxy, then network: formulas are evaluated on the whole
    /// tensors of one pass, not on a sketch. Where no proxy needs a network, none is
    /// run.
    ///
    /// # Errors
    ///
    /// As [`traces`](Self::traces), and a formula that is not a score.
    pub fn exact_scores(
        &self,
        networks: &Networks,
        proxies: &[Proxy],
    ) -> Result<Vec<Vec<f64>>, Error> {
        let task = self.watch.task("scoring");
        self.exact_scores_telling(networks, proxies, &|progress| task.passes(progress))
    }

    /// [`exact_scores`](Self::exact_scores) as a part of another task.
    pub(crate) fn exact_scores_telling(
        &self,
        networks: &Networks,
        proxies: &[Proxy],
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Vec<Vec<f64>>, Error> {
        let columns = self.scores_or_reasons(networks, proxies, progress)?;
        let or_nan = |score: Result<f64, String>| score.unwrap_or(f64::NAN);
        let column = |column: Vec<_>| column.into_iter().map(or_nan).collect();
        Ok(columns.into_iter().map(column).collect())
    }

    /// Exact scores by proxy, then network, with the reason in place of one that is not
    /// finite.
    pub(crate) fn scores_or_reasons(
        &self,
        networks: &Networks,
        proxies: &[Proxy],
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Vec<Vec<Result<f64, String>>>, Error> {
        let formulas: Vec<Node> = proxies.iter().map(|proxy| proxy.formula.clone()).collect();
        let not_a_score = |error: TypeError| Error::Formula(error.to_string());
        let visitor = ExactVisitor::new(&formulas).map_err(not_a_score)?;
        if !proxies.iter().any(Proxy::needs_network) {
            let architectures = networks.architectures().iter();
            let free: Vec<Trace> = architectures.map(Trace::data_free).collect();
            let evaluator = Evaluator::new(&free);
            let column = |formula: &Node| {
                let prepared = evaluator.prepare(formula).map_err(not_a_score)?;
                let score = |row| match prepared.score(row) {
                    score if score.is_finite() => Ok(score),
                    _ => Err(prepared.why(row).unwrap_or_default()),
                };
                Ok((0..free.len()).map(score).collect())
            };
            return formulas.iter().map(column).collect();
        }
        let spec = self.spec("exact");
        let efforts: Vec<Efforts> = formulas.iter().map(Efforts::of).collect();
        let minibatch = (self.pass.batch, self.pass.positions);
        // Not before it is known whether the work is refused.
        let warned = Once::new();
        let beside = |architecture: &Architecture| {
            let bytes = efforts
                .iter()
                .map(|one| one.on(architecture, minibatch).bytes);
            u64::try_from(bytes.max().unwrap_or(0)).unwrap_or(u64::MAX)
        };
        let length = self.length(networks, &efforts);
        // What does not fit into memory is refused for that.
        let fits = |architecture: &Architecture| beside(architecture) <= self.memory;
        if length.seconds > self.patience && networks.architectures().iter().all(fits) {
            return Err(Error::Patience {
                side: length.side,
                seconds: length.seconds,
                patience: self.patience,
            });
        }
        let resources = Resources {
            bands: takes_bands(&visitor),
            beside: &beside,
            ..self.resources(None, networks, progress)
        };
        let rows = visit_networks(
            networks.architectures(),
            &spec,
            resources,
            |_| {
                warned.call_once(|| self.warn_of(length));
                visitor.clone()
            },
            run_passes,
            |architecture, visitor, loss| {
                let mut scalars = Trace::data_free(architecture).scalars;
                scalars[NetworkScalar::Loss as usize] = loss;
                visitor.finish_telling(&scalars)
            },
        )
        .map_err(|error| Error::traced(error, networks.ids()))?;
        let mut columns = vec![Vec::with_capacity(rows.len()); proxies.len()];
        for row in rows {
            let cells = columns.iter_mut().zip(row);
            cells.for_each(|(column, score)| column.push(score));
        }
        Ok(columns)
    }

    /// One pass per network under a visitor of the caller's.
    ///
    /// # Errors
    ///
    /// As [`traces`](Self::traces).
    pub fn visit<V: Visitor<f32>, T: Clone + Send>(
        &self,
        task: &'static str,
        networks: &Networks,
        visitor: impl Fn(&Architecture) -> V + Sync,
        finish: impl Fn(V, f64) -> T + Sync,
    ) -> Result<Vec<T>, Error> {
        let task = self.watch.task(task);
        let progress = |progress| task.passes(progress);
        let rows = visit_passes(
            networks.architectures(),
            &self.spec("exact"),
            self.resources(None, networks, &progress),
            visitor,
            |_, visitor, loss| finish(visitor, loss),
        );
        rows.map_err(|error| Error::traced(error, networks.ids()))
    }

    /// About how long the decompositions of all networks take, on all threads.
    fn length(&self, networks: &Networks, efforts: &[Efforts]) -> Length {
        /// Multiplications per second of a thread.
        const RATE: f64 = 1e10;
        let minibatch = (self.pass.batch, self.pass.positions);
        let mut length = Length::default();
        for architecture in networks.architectures() {
            for effort in efforts.iter().map(|one| one.on(architecture, minibatch)) {
                length.seconds += effort.operations / RATE;
                length.side = length.side.max(effort.side);
            }
        }
        length.seconds /= self.pool.current_num_threads() as f64;
        length
    }

    /// Says so where decompositions take minutes: nothing else moves meanwhile.
    fn warn_of(&self, Length { seconds, side }: Length) {
        /// Seconds that nobody need be told of.
        const SHORT: f64 = 60.0;
        if seconds > SHORT {
            self.watch.warn(format_args!(
                "decompositions of matrices up to {side} x {side} take about {:.0} minutes; \
                 fewer tokens (--batch, --positions) or other proxies take less",
                (seconds / 60.0).ceil()
            ));
        }
    }

    fn resources<'a>(
        &'a self,
        cache: Option<&'a TraceCache>,
        networks: &'a Networks,
        progress: &'a (dyn Fn(Progress) + Sync),
    ) -> Resources<'a> {
        Resources {
            pool: &self.pool,
            cache,
            memory: self.memory,
            weights: networks.weights(),
            progress,
            bands: false,
            beside: &|_| 0,
            cancel: self.watch.flag(),
        }
    }
}
