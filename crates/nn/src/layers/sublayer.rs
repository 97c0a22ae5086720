//! Half a transformer block: one function of the residual stream (a mixer or a
//! feed-forward network) with its residual sum and norm.

use lpzero_arch::{Architecture, Kind, Mixer, NormPlacement};

use super::attention::{Attention, AttentionCache};
use super::convolution::{ConvolutionCache, DynamicConvolution};
use super::feed_forward::{FeedForward, FeedForwardCache};
use super::gated::{GatedFeedForward, GatedFeedForwardCache};
use super::grouped::{GroupedAttention, GroupedAttentionCache};
use super::norm::Norm;
use super::relative::{RelativeAttention, RelativeAttentionCache};
use super::tensors::BlockTensors;
use super::transform::LinearTransform;
use crate::kernels::elementwise::{add, add_multiple};
use crate::parameters::Declarations;
use crate::pass::{Pass, Rows};
use crate::scale::Exponent;
use crate::{Real, Site};

/// Function f of a sublayer.
#[derive(Clone, Debug)]
enum Function {
    Attention(Attention),
    RelativeAttention(RelativeAttention),
    GroupedAttention(GroupedAttention),
    Transform(LinearTransform),
    Convolution(DynamicConvolution),
    FeedForward(FeedForward),
    Gated(GatedFeedForward),
}

enum FunctionCache<F> {
    Attention(AttentionCache<F>),
    RelativeAttention(RelativeAttentionCache<F>),
    GroupedAttention(GroupedAttentionCache<F>),
    Transform,
    Convolution(ConvolutionCache<F>),
    FeedForward(FeedForwardCache<F>),
    Gated(GatedFeedForwardCache<F>),
}

impl Function {
    fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
    ) -> (Vec<F>, FunctionCache<F>) {
        match self {
            Function::Attention(layer) => {
                let (y, cache) = layer.forward(pass, rows, x);
                (y, FunctionCache::Attention(cache))
            }
            Function::RelativeAttention(layer) => {
                let (y, cache) = layer.forward(pass, rows, x);
                (y, FunctionCache::RelativeAttention(cache))
            }
            Function::GroupedAttention(layer) => {
                let (y, cache) = layer.forward(pass, rows, x);
                (y, FunctionCache::GroupedAttention(cache))
            }
            Function::Transform(layer) => (layer.forward(pass, rows, x), FunctionCache::Transform),
            Function::Convolution(layer) => {
                let (y, cache) = layer.forward(pass, rows, x);
                (y, FunctionCache::Convolution(cache))
            }
            Function::FeedForward(layer) => {
                let (y, cache) = layer.forward(pass, rows, x);
                (y, FunctionCache::FeedForward(cache))
            }
            Function::Gated(layer) => {
                let (y, cache) = layer.forward(pass, rows, x);
                (y, FunctionCache::Gated(cache))
            }
        }
    }

    /// Computes the cache of `backward`, without the output where that saves work.
    fn prepare<F: Real>(&self, pass: &mut Pass<'_, F>, rows: Rows, x: &[F]) -> FunctionCache<F> {
        match self {
            Function::FeedForward(layer) => {
                FunctionCache::FeedForward(layer.prepare(pass, rows, x))
            }
            Function::Gated(layer) => FunctionCache::Gated(layer.prepare(pass, rows, x)),
            _ => {
                let (y, cache) = self.forward(pass, rows, x);
                pass.give([y]);
                cache
            }
        }
    }

    fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        cache: FunctionCache<F>,
        dy: &[F],
    ) -> Vec<F> {
        match (self, cache) {
            (Function::Attention(layer), FunctionCache::Attention(cache)) => {
                layer.backward(pass, rows, x, cache, dy)
            }
            (Function::RelativeAttention(layer), FunctionCache::RelativeAttention(cache)) => {
                layer.backward(pass, rows, x, cache, dy)
            }
            (Function::GroupedAttention(layer), FunctionCache::GroupedAttention(cache)) => {
                layer.backward(pass, rows, x, cache, dy)
            }
            (Function::Transform(layer), FunctionCache::Transform) => {
                layer.backward(pass, rows, x, dy)
            }
            (Function::Convolution(layer), FunctionCache::Convolution(cache)) => {
                layer.backward(pass, rows, x, cache, dy)
            }
            (Function::FeedForward(layer), FunctionCache::FeedForward(cache)) => {
                layer.backward(pass, rows, x, cache, dy)
            }
            (Function::Gated(layer), FunctionCache::Gated(cache)) => {
                layer.backward(pass, rows, x, cache, dy)
            }
            _ => unreachable!("a function gets back the cache that it made"),
        }
    }
}

/// `norm(x + f(x))`, `x + f(norm(x))`, where x is added to may be another base, `x + norm(f(x))`, `x + norm(f(norm(x)))`, or `f(x)`
/// for a linear transform, which has neither residual sum nor norm.
#[derive(Clone, Debug)]
pub(crate) struct Sublayer {
    function: Function,
    norm: Option<(Norm, NormPlacement)>,
    /// The norm after f, where there is one before it too.
    after: Option<Norm>,
    /// Site of the last map.
    end: Site,
}

impl<F> FunctionCache<F> {
    /// The buffers alone.
    fn into_buffers(self) -> Vec<Vec<F>> {
        match self {
            FunctionCache::Attention(cache) => cache.into_buffers(),
            FunctionCache::RelativeAttention(cache) => cache.into_buffers(),
            FunctionCache::GroupedAttention(cache) => cache.into_buffers(),
            FunctionCache::Transform => Vec::new(),
            FunctionCache::Convolution(cache) => cache.into_buffers(),
            FunctionCache::FeedForward(cache) => cache.into_buffers(),
            FunctionCache::Gated(cache) => cache.into_buffers(),
        }
    }
}

/// State that stays alive between a sublayer's forward and backward.
pub(crate) struct SublayerCache<F> {
    /// The sublayer's input.
    x: Vec<F>,
    kept: Kept<F>,
}

/// Intermediate values that a sublayer keeps.
struct Kept<F> {
    function: FunctionCache<F>,
    /// A norm after the function: its input, `x + f(x)` or `f(x)`, and its
    /// statistics. A norm before it keeps nothing: the function's input is
    /// normalised again.
    norm: Option<(Vec<F>, Vec<F>)>,
    scales: Scales,
}

/// Scales of the input of a sublayer and of the output of its function, and by how much
/// that of the sublayer's own output is larger.
#[derive(Clone, Copy, Default)]
struct Scales {
    input: Exponent,
    function: Exponent,
    /// That of what the output of the function is added to: mostly the input.
    base: Exponent,
    rise: f64,
}

impl Sublayer {
    /// Declares the mixer and the feed-forward half of block `layer`.
    pub(crate) fn declare_block(
        declarations: &mut Declarations,
        architecture: &Architecture,
        layer: usize,
    ) -> [Sublayer; 2] {
        let block = &architecture.blocks[layer];
        let causal = architecture.kind == Kind::Decoder;
        let tensors = &mut BlockTensors::of(declarations, architecture, layer);
        let mixer = match block.mixer {
            Mixer::Attention { heads, weighted } => {
                Function::Attention(Attention::declare(tensors, heads, weighted, causal))
            }
            // A first segment has no memory, whatever its length.
            Mixer::RelativeAttention { heads, memory: _ } => {
                Function::RelativeAttention(RelativeAttention::declare(tensors, heads))
            }
            Mixer::GroupedAttention(attention) => {
                Function::GroupedAttention(GroupedAttention::declare(tensors, &attention, causal))
            }
            Mixer::Transform { heads, transform } => {
                Function::Transform(LinearTransform::declare(tensors, heads, transform))
            }
            Mixer::DynamicConvolution { heads, .. } => {
                Function::Convolution(DynamicConvolution::declare(tensors, heads))
            }
        };
        let dense = &block.feed_forward;
        let feed_forward = match dense.gated {
            true => Function::Gated(GatedFeedForward::declare(tensors, dense.activation)),
            false => Function::FeedForward(FeedForward::declare(tensors, dense)),
        };
        let norms = [0, 1].map(|half| tensors.norm(half));
        let [after, last_after] = [4, 5].map(|index| tensors.norm(index));
        let placement = architecture.norm_placement;
        let [norm, last_norm] = norms.map(|norm| norm.map(|norm| (norm, placement)));
        let [end, last_end] = tensors.ends();
        [
            Sublayer {
                function: mixer,
                norm,
                after,
                end,
            },
            Sublayer {
                function: feed_forward,
                norm: last_norm,
                after: last_after,
                end: last_end,
            },
        ]
    }

    /// The site of its last map.
    pub(crate) fn end(&self) -> Site {
        self.end
    }

    /// The output, and what [`backward`](Self::backward) needs.
    pub(crate) fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: Vec<F>,
    ) -> (Vec<F>, SublayerCache<F>) {
        let (y, kept) = self.compute(pass, rows, &x, None);
        (y, SublayerCache { x, kept })
    }

    /// [`forward`](Self::forward), where the output of the function is added to something
    /// else than the input: a tensor and its scale. The norm stands before the function.
    pub(crate) fn forward_onto<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: Vec<F>,
        base: (&[F], Exponent),
    ) -> (Vec<F>, SublayerCache<F>) {
        let (y, kept) = self.compute(pass, rows, &x, Some(base));
        (y, SublayerCache { x, kept })
    }

    /// The output alone; with a base as of [`forward_onto`](Self::forward_onto).
    pub(crate) fn apply<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        base: Option<(&[F], Exponent)>,
    ) -> Vec<F> {
        let (y, kept) = self.compute(pass, rows, x, base);
        let buffers = kept.function.into_buffers().into_iter();
        buffers.for_each(|buffer| pass.give([buffer]));
        if let Some((sum, statistics)) = kept.norm {
            pass.give([sum, statistics]);
        }
        y
    }

    /// Computes the cache of [`backward`](Self::backward) alone.
    pub(crate) fn prepare<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: Vec<F>,
    ) -> SublayerCache<F> {
        let (Some((norm, _)), true) = (&self.norm, self.is_normed_before()) else {
            let (y, cache) = self.forward(pass, rows, x);
            pass.give([y]);
            return cache;
        };
        let (inner, statistics) = norm.forward(pass, rows, &x);
        let function = self.function.prepare(pass, rows, &inner);
        pass.give([inner, statistics]);
        let kept = Kept {
            function,
            norm: None,
            scales: Scales::default(),
        };
        SublayerCache { x, kept }
    }

    /// Whether its one norm stands before the function.
    fn is_normed_before(&self) -> bool {
        let placement = self.norm.map(|(_, placement)| placement);
        matches!(
            placement,
            Some(NormPlacement::Pre | NormPlacement::PreWithoutFinal | NormPlacement::Parallel)
        )
    }

    fn compute<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        base: Option<(&[F], Exponent)>,
    ) -> (Vec<F>, Kept<F>) {
        let input = pass.exponent;
        let (base, of_base) = base.unwrap_or((x, input));
        let (mut y, function, norm) = match &self.norm {
            None => {
                let (y, function) = self.function.forward(pass, rows, x);
                (y, function, None)
            }
            Some((norm, NormPlacement::Post)) => {
                let (mut sum, function) = self.function.forward(pass, rows, x);
                add_residual(pass, &mut sum, x, (input, pass.exponent));
                let (y, statistics) = norm.forward(pass, rows, &sum);
                (y, function, Some((sum, statistics)))
            }
            Some((norm, NormPlacement::BeforeSum)) => {
                let (inner, function) = self.function.forward(pass, rows, x);
                let (mut y, statistics) = norm.forward(pass, rows, &inner);
                add_residual(pass, &mut y, x, (input, pass.exponent));
                (y, function, Some((inner, statistics)))
            }
            Some((norm, _)) => {
                let (inner, statistics) = norm.forward(pass, rows, x);
                let (mut y, function) = self.function.forward(pass, rows, &inner);
                pass.give([inner, statistics]);
                let kept = self.after.map(|after| {
                    let (normed, statistics) = after.forward(pass, rows, &y);
                    (std::mem::replace(&mut y, normed), statistics)
                });
                add_residual(pass, &mut y, base, (of_base, pass.exponent));
                (y, function, kept)
            }
        };
        let scales = Scales {
            input,
            function: pass.exponent,
            base: of_base,
            rise: pass.settle(&mut y),
        };
        let kept = Kept {
            function,
            norm,
            scales,
        };
        (y, kept)
    }

    /// From the gradient with respect to the output to that with respect to
    /// the input.
    pub(crate) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        cache: SublayerCache<F>,
        dy: Vec<F>,
    ) -> Vec<F> {
        self.backward_onto(pass, rows, cache, dy, false).0
    }

    /// [`backward`](Self::backward); where it was added to another base (`apart`), the
    /// gradient with respect to that too.
    pub(crate) fn backward_onto<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        cache: SublayerCache<F>,
        mut dy: Vec<F>,
        apart: bool,
    ) -> (Vec<F>, Option<Vec<F>>) {
        let SublayerCache { x, kept } = cache;
        let Kept {
            function,
            norm,
            scales,
        } = kept;
        // A gradient has the inverse of the scale of what it is with respect to.
        pass.lower(&mut dy, scales.rise);
        pass.exponent = scales.input;
        let residual = (scales.base, scales.function);
        let mut dbase = None;
        let dx = match (&self.norm, norm) {
            (Some((layer, NormPlacement::Post)), Some((sum, statistics))) => {
                let dsum = layer.backward(pass, rows, &sum, statistics, &dy);
                pass.give([sum]);
                let mut dx = self.function.backward(pass, rows, &x, function, &dsum);
                add_residual(pass, &mut dx, &dsum, residual);
                pass.give([dsum]);
                dx
            }
            (Some((layer, NormPlacement::BeforeSum)), Some((inner, statistics))) => {
                let dinner = layer.backward(pass, rows, &inner, statistics, &dy);
                let mut dx = self.function.backward(pass, rows, &x, function, &dinner);
                add_residual(pass, &mut dx, &dy, residual);
                pass.give([inner, dinner]);
                dx
            }
            (Some((layer, _)), kept) => {
                let after = self.after.zip(kept).map(|(after, (y, statistics))| {
                    let dinner = after.backward(pass, rows, &y, statistics, &dy);
                    pass.give([y]);
                    dinner
                });
                let (inner, statistics) = layer.apply(pass, &x);
                let dy_inner = after.as_ref().unwrap_or(&dy);
                let dinner = (self.function).backward(pass, rows, &inner, function, dy_inner);
                after.into_iter().for_each(|buffer| pass.give([buffer]));
                let mut dx = layer.backward(pass, rows, &x, statistics, &dinner);
                let mut into = apart.then(|| pass.zeroed(dy.len()));
                add_residual(pass, into.as_mut().unwrap_or(&mut dx), &dy, residual);
                dbase = into;
                pass.give([inner, dinner]);
                dx
            }
            _ => self.function.backward(pass, rows, &x, function, &dy),
        };
        pass.give([x, dy]);
        (dx, dbase)
    }
}

/// `sum += x`, where `x` is brought from one scale to another.
fn add_residual<F: Real>(
    pass: &Pass<'_, F>,
    sum: &mut [F],
    x: &[F],
    (from, to): (Exponent, Exponent),
) {
    match from == to {
        true => add(pass.threads, sum, x),
        false => add_multiple(pass.threads, sum, x, from.factor_to(to)),
    }
}
