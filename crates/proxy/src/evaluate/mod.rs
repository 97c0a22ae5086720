//! Formulas to scores.
//!
//! A formula is compiled to a plan once and then run on many architectures.
//! What a plan reads comes from a trace (exact moments and samples, with
//! [`Evaluator`]) or from the tensors of a pass under way (with
//! [`ExactVisitor`]). Both share one machine and the kernels of the table.
//!
//! Where the numbers come from, on traces:
//!
//! - A reduction of a symbol or of `W * G`, also under `abs`, `square`,
//!   `relu`, `sqrt(abs(...))`, a sign or a constant factor, is **exact**: it
//!   follows from the moments of the whole tensor.
//! - Any other reduction is computed on the tensor's **sample**: on complete
//!   fibres along dimension 0 if the expression holds an operator along that
//!   dimension or a matrix product, else on scattered points. `sum` and `l2`
//!   of a sample are scaled to the number of elements of the tensor.
//! - Sites that lack a symbol which the expression needs are left out. An
//!   aggregate over no sites is 0 for `sum` and NaN otherwise.
//! - A decomposition, or a symbol of a further pass, is not in a trace: such
//!   formulas are NaN there ([`Node::needs_whole_tensors`]).
//! - A score that is not finite is NaN.

mod cache;
mod exact;
mod moments;
mod partial;
mod plan;
mod site;
mod sites;
mod unit;
mod why;

pub use exact::{ExactVisitor, Further};
use lpzero_trace::{Moments, NetworkScalar, ShapedMoment, Site, Symbol, Trace};
pub use partial::{AddedAggregate, NotRestricted, PartialVisitor, Partials, sum_over_sites};
pub use sites::SiteColumns;

use crate::{Interner, Node, TypeError, check_score};
use cache::{Column, Columns};
use moments::Tensor;
use plan::{Compiler, Plan};
use site::{Layout, Machine, Sampling, Source};

/// Evaluates formulas on the traces of many architectures.
///
/// Aggregates, and reductions of samples, are remembered by their text in a
/// bounded cache that all threads share, so that formulas with parts in common
/// compute them once, and only for the architectures asked for.
///
/// ```
/// # use lpzero_trace::{NetworkScalar, Trace};
/// use lpzero_proxy::{Evaluator, parse};
///
/// # let trace = |layers| {
/// #     let mut scalars = vec![0.0; NetworkScalar::ALL.len()];
/// #     scalars[NetworkScalar::Layers as usize] = layers;
/// #     scalars[NetworkScalar::Width as usize] = 256.0;
/// #     Trace { scalars, sites: Vec::new() }
/// # };
/// let traces = [trace(2.0), trace(4.0)];
/// let evaluator = Evaluator::new(&traces);
/// let scores = evaluator.scores(&parse("layers ^ 2 * width")?, &[0, 1])?;
/// assert_eq!(scores, [1024.0, 4096.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Evaluator<'t> {
    traces: &'t [Trace],
    /// Aggregates, one value per architecture.
    aggregates: Columns,
    /// Sampled reductions, one value per site of every architecture.
    reductions: Columns,
    /// Where each architecture's sites begin in a column of reductions.
    offsets: Vec<usize>,
}

/// A formula compiled for an [`Evaluator`].
pub struct Prepared<'e> {
    plan: Plan,
    evaluator: &'e Evaluator<'e>,
}

impl<'t> Evaluator<'t> {
    /// Default bound on the memory of the cache, in bytes.
    pub const CACHE_BYTES: usize = 256 << 20;

    /// Evaluates on these traces.
    pub fn new(traces: &'t [Trace]) -> Self {
        Self::with_cache(traces, Self::CACHE_BYTES)
    }

    /// Evaluates on these traces, with a cache of at most so many bytes.
    pub fn with_cache(traces: &'t [Trace], bytes: usize) -> Self {
        let mut sites = 0;
        let offsets = traces
            .iter()
            .map(|trace| {
                sites += trace.sites.len();
                sites - trace.sites.len()
            })
            .collect();
        Evaluator {
            traces,
            aggregates: Columns::new(traces.len(), bytes / 4),
            reductions: Columns::new(sites, bytes / 4 * 3),
            offsets,
        }
    }

    /// The traces that formulas are evaluated on.
    pub fn traces(&self) -> &'t [Trace] {
        self.traces
    }

    /// Compiles a formula; an error if it is not a score.
    pub fn prepare(&self, node: &Node) -> Result<Prepared<'_>, TypeError> {
        check_score(node)?;
        let mut compiler = Compiler {
            aggregate: &mut |node| Some(self.aggregates.column(node)),
            reduction: &mut |node| Some(self.reductions.column(node)),
            slots: Interner::default(),
        };
        let plan = match node.needs_whole_tensors() {
            true => Plan::Number(f64::NAN),
            false => compiler.compile(node)?,
        };
        Ok(Prepared {
            plan,
            evaluator: self,
        })
    }

    /// One score per architecture in `architectures` (indices into the
    /// traces), NaN where it is not finite or the index is out of range.
    pub fn scores(&self, node: &Node, architectures: &[usize]) -> Result<Vec<f64>, TypeError> {
        let prepared = self.prepare(node)?;
        Ok(architectures
            .iter()
            .map(|index| prepared.score(*index))
            .collect())
    }

    /// One trace as plans read it, if there is one with this index.
    fn source(&self, architecture: usize) -> Option<TraceSource<'_>> {
        Some(TraceSource {
            trace: self.traces.get(architecture)?,
            architecture,
            offset: self.offsets[architecture],
        })
    }

    /// One score per architecture.
    pub fn all_scores(&self, node: &Node) -> Result<Vec<f64>, TypeError> {
        let all: Vec<usize> = (0..self.traces.len()).collect();
        self.scores(node, &all)
    }
}

impl Prepared<'_> {
    /// Whether the score is exact: it follows from whole tensors, and from no
    /// sample of one.
    pub fn is_exact(&self) -> bool {
        !self.plan.reads_elements()
    }

    /// The score of one architecture; NaN where it is not finite.
    pub fn score(&self, architecture: usize) -> f64 {
        let Some(source) = self.evaluator.source(architecture) else {
            return f64::NAN;
        };
        finite(Machine::new(&source).network(&self.plan))
    }
}

impl Prepared<'_> {
    /// Why the score of one architecture is not finite, as the end of a sentence; `None`
    /// where it is.
    pub fn why(&self, architecture: usize) -> Option<String> {
        let source = self.evaluator.source(architecture)?;
        Machine::new(&source).why(&self.plan)
    }
}

fn finite(score: f64) -> f64 {
    if score.is_finite() { score } else { f64::NAN }
}

/// One trace of an [`Evaluator`], as plans read it.
struct TraceSource<'a> {
    trace: &'a Trace,
    architecture: usize,
    offset: usize,
}

impl Source for TraceSource<'_> {
    fn scalar(&self, scalar: NetworkScalar) -> f64 {
        let scalars = &self.trace.scalars;
        scalars.get(scalar as usize).copied().unwrap_or(f64::NAN)
    }

    fn sites(&self) -> usize {
        self.trace.sites.len()
    }

    fn site(&self, index: usize) -> Site {
        self.trace.sites[index].site
    }

    fn moments(&self, index: usize, tensor: Tensor) -> Option<&Moments> {
        match tensor {
            Tensor::Saliency => self.trace.sites[index].saliency.as_ref(),
            Tensor::Flow | Tensor::LogFlow => None,
            Tensor::Symbol(symbol) => Some(&self.tensor(index, symbol)?.moments),
        }
    }

    fn shaped(&self, index: usize, symbol: Symbol, moment: ShapedMoment) -> Option<f64> {
        Some(moment.of(&self.tensor(index, symbol)?.moments))
    }

    fn load(
        &self,
        index: usize,
        symbol: Symbol,
        sampling: Sampling,
        buffer: &mut Vec<f32>,
    ) -> Option<Layout> {
        let tensor = self.tensor(index, symbol)?;
        let columns = tensor.fibre_count;
        let (values, columns) = match sampling {
            Sampling::Fibres if !tensor.fibres.is_empty() => (&tensor.fibres, columns),
            Sampling::Fibres => (&tensor.points, columns),
            // The layout of points says nothing.
            Sampling::Points => (&tensor.points, tensor.points.len()),
        };
        buffer.extend_from_slice(values);
        let count = tensor.moments.count as f64;
        let rows = tensor.shape.first().copied().unwrap_or(1).max(1);
        Some(Layout {
            columns,
            count,
            all_columns: count / rows as f64,
            // Decompositions are not evaluated on samples.
            last: columns,
        })
    }

    fn aggregate(&self, column: &Column, compute: &mut dyn FnMut() -> f64) -> f64 {
        column
            .get_or(self.architecture, || Some(compute()))
            .unwrap_or(f64::NAN)
    }

    fn reduction(
        &self,
        column: &Column,
        index: usize,
        compute: &mut dyn FnMut() -> Option<f64>,
    ) -> Option<f64> {
        column.get_or(self.offset + index, compute)
    }
}

impl TraceSource<'_> {
    fn tensor(&self, index: usize, symbol: Symbol) -> Option<&lpzero_trace::TensorTrace> {
        let site = &self.trace.sites[index];
        // Traces keep head outputs as the outputs of head sites.
        let symbol = match symbol {
            Symbol::H if site.site.role.has_head_output() => Symbol::A,
            Symbol::H => return None,
            symbol => symbol,
        };
        site.tensors.iter().find(|tensor| tensor.symbol == symbol)
    }
}
