//! Span-based dynamic convolution beside attention (ConvBERT, Jiang et al.
//! 2020): half of the heads attend, the other half convolve over positions with
//! kernels that the network predicts from queries and spans of the input.

use super::attention::{Heads, HeadsInputs};
use super::linear::Linear;
use super::tensors::BlockTensors;
use crate::kernels::convolution::{Depthwise, Dynamic};
use crate::kernels::elementwise::{add_product, multiply, scale};
use crate::kernels::matrix::Into;
use crate::kernels::softmax::{softmax_rows, softmax_rows_backward};
use crate::parameters::ParameterId;
use crate::pass::{Pass, Rows};
use crate::{Real, Role, Site, Symbol};

/// Indices of the maps of the role.
const DEPTHWISE: usize = 0;
const POINTWISE: usize = 1;
const KERNEL: usize = 2;
const OUTPUT: usize = 3;

#[derive(Clone, Debug)]
pub(super) struct DynamicConvolution {
    query: Linear,
    key: Linear,
    value: Linear,
    heads: Heads,
    /// Filters (C, 1, kernel) of the separable convolution.
    depthwise: ParameterId,
    depthwise_site: Site,
    pointwise: Linear,
    kernel_map: Linear,
    output: Linear,
    out: Linear,
    /// C.
    width: usize,
    kernel: usize,
}

/// Letters: A width of the attending heads, n their number, k kernel length.
pub(super) struct ConvolutionCache<F> {
    heads: HeadsInputs<F>,
    /// (rows, C), the depthwise convolution of the input.
    spans: Vec<F>,
    /// (rows, A).
    span_keys: Vec<F>,
    /// (rows, A), span keys times queries.
    span_queries: Vec<F>,
    /// (rows, n, k), after softmax.
    kernels: Vec<F>,
    /// (rows, A), what is convolved.
    values: Vec<F>,
    /// (rows, 2A), attention beside convolution.
    both: Vec<F>,
}

impl<F> ConvolutionCache<F> {
    pub(super) fn into_buffers(self) -> Vec<Vec<F>> {
        let own = [
            self.spans,
            self.span_keys,
            self.span_queries,
            self.kernels,
            self.values,
            self.both,
        ];
        self.heads.into_buffers().chain(own).collect()
    }
}

impl DynamicConvolution {
    /// Declares the maps of a block; `heads` counts both halves.
    pub(super) fn declare(tensors: &mut BlockTensors<'_>, heads: usize) -> Self {
        let depthwise = tensors.depthwise(Role::Convolution, DEPTHWISE);
        let (kernel, _) = tensors.sides(Role::Convolution, DEPTHWISE);
        let (width, inner) = tensors.sides(Role::Query, 0);
        DynamicConvolution {
            query: tensors.map(Role::Query),
            key: tensors.map(Role::Key),
            value: tensors.map(Role::Value),
            heads: Heads {
                site: tensors.site(Role::Attention, 0),
                heads: heads / 2,
                group: 1,
                width: inner,
                causal: false,
                window: None,
            },
            depthwise,
            depthwise_site: tensors.site(Role::Convolution, DEPTHWISE),
            pointwise: tensors.map_at(Role::Convolution, POINTWISE),
            kernel_map: tensors.map_at(Role::Convolution, KERNEL),
            output: tensors.map_at(Role::Convolution, OUTPUT),
            out: tensors.map(Role::Out),
            width,
            kernel,
        }
    }

    fn depthwise(&self, rows: Rows) -> Depthwise {
        Depthwise {
            batch: rows.batch,
            positions: rows.positions,
            channels: self.width,
            kernel: self.kernel,
        }
    }

    fn dynamic(&self, rows: Rows) -> Dynamic {
        Dynamic {
            batch: rows.batch,
            positions: rows.positions,
            heads: self.heads.heads,
            head_width: self.heads.width / self.heads.heads,
            kernel: self.kernel,
        }
    }

    pub(super) fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
    ) -> (Vec<F>, ConvolutionCache<F>) {
        let q = self.query.forward(pass, rows, x);
        let k = self.key.forward(pass, rows, x);
        let v = self.value.forward(pass, rows, x);

        pass.show(self.depthwise_site, Symbol::X, rows, x);
        let mut spans = pass.take(x.len());
        self.depthwise(rows)
            .forward(pass.threads, x, pass.weight(self.depthwise), &mut spans);
        pass.show(self.depthwise_site, Symbol::A, rows, &spans);
        let span_keys = self.pointwise.forward(pass, rows, &spans);
        let mut span_queries = pass.take(q.len());
        multiply(pass.threads, &mut span_queries, &span_keys, &q);
        let exponent = pass.exponent;
        pass.exponent = exponent.squared();
        let mut kernels = self.kernel_map.forward(pass, rows, &span_queries);
        if !exponent.is_zero() {
            scale(pass.threads, &mut kernels, pass.exponent.of_scores());
        }
        pass.exponent = exponent;
        softmax_rows(pass.threads, &mut kernels, self.kernel);
        let values = self.output.forward(pass, rows, x);
        let mut convolved = pass.take(values.len());
        self.dynamic(rows)
            .forward(pass.threads, &values, &kernels, &mut convolved);

        let heads = HeadsInputs {
            q,
            k,
            v,
            distances: None,
        };
        let context = self.heads.forward(pass, rows, &heads);
        let inner = self.heads.width;
        let mut both = pass.take(2 * context.len());
        let halves = context
            .chunks_exact(inner)
            .zip(convolved.chunks_exact(inner));
        for (both, (context, convolved)) in both.chunks_exact_mut(2 * inner).zip(halves) {
            both[..inner].copy_from_slice(context);
            both[inner..].copy_from_slice(convolved);
        }
        pass.give([context, convolved]);
        let y = self.out.forward(pass, rows, &both);
        let cache = ConvolutionCache {
            heads,
            spans,
            span_keys,
            span_queries,
            kernels,
            values,
            both,
        };
        (y, cache)
    }

    /// The columns of the attending heads, and those of the others.
    fn halves<F: Real>(&self, pass: &mut Pass<'_, F>, both: &[F]) -> [Vec<F>; 2] {
        let inner = self.heads.width;
        let [mut first, mut second] = [(); 2].map(|()| pass.take(both.len() / 2));
        let halves = first
            .chunks_exact_mut(inner)
            .zip(second.chunks_exact_mut(inner));
        for (both, (first, second)) in both.chunks_exact(2 * inner).zip(halves) {
            first.copy_from_slice(&both[..inner]);
            second.copy_from_slice(&both[inner..]);
        }
        [first, second]
    }

    pub(super) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        cache: ConvolutionCache<F>,
        dy: &[F],
    ) -> Vec<F> {
        let dboth = self.out.backward_fresh(pass, rows, &cache.both, dy);
        let [dcontext, dconvolved] = self.halves(pass, &dboth);
        pass.give([dboth, cache.both]);
        let gradients = (self.heads).backward(pass, rows, &cache.heads, &dcontext, None);
        let HeadsInputs {
            q: mut dq,
            k: dk,
            v: dv,
            ..
        } = gradients;
        pass.give([dcontext]);

        let mut dx = pass.zeroed(x.len());
        let mut dvalues = pass.zeroed(cache.values.len());
        let mut dkernels = pass.take(cache.kernels.len());
        self.dynamic(rows).backward(
            pass.threads,
            &cache.values,
            &cache.kernels,
            &dconvolved,
            &mut dvalues,
            &mut dkernels,
        );
        self.output
            .backward(pass, rows, x, &dvalues, &mut dx, Into::Sum);
        softmax_rows_backward(
            pass.threads,
            &cache.kernels,
            &mut dkernels,
            self.kernel,
            pass.exponent.slope(),
        );
        let exponent = pass.exponent;
        pass.exponent = exponent.squared();
        let dspan_queries =
            self.kernel_map
                .backward_fresh(pass, rows, &cache.span_queries, &dkernels);
        pass.exponent = exponent;
        let mut dspan_keys = pass.take(dspan_queries.len());
        multiply(
            pass.threads,
            &mut dspan_keys,
            &dspan_queries,
            &cache.heads.q,
        );
        add_product(pass.threads, &mut dq, &dspan_queries, &cache.span_keys);
        let dspans = self
            .pointwise
            .backward_fresh(pass, rows, &cache.spans, &dspan_keys);
        pass.show(self.depthwise_site, Symbol::D, rows, &dspans);
        let mut gradient = pass.zero_gradient(self.depthwise);
        self.depthwise(rows).backward(
            pass.threads,
            x,
            pass.weight(self.depthwise),
            &dspans,
            &mut dx,
            &mut gradient,
        );
        pass.show_gradient(self.depthwise, Some(self.depthwise_site), gradient);
        pass.give([dvalues, dkernels, dconvolved]);
        pass.give([dspan_queries, dspan_keys, dspans]);
        pass.give([cache.spans, cache.span_keys, cache.span_queries]);
        pass.give([cache.kernels, cache.values]);
        pass.give([cache.heads.q, cache.heads.k, cache.heads.v]);

        self.value.backward(pass, rows, x, &dv, &mut dx, Into::Sum);
        self.key.backward(pass, rows, x, &dk, &mut dx, Into::Sum);
        self.query.backward(pass, rows, x, &dq, &mut dx, Into::Sum);
        pass.give([dq, dk, dv]);
        dx
    }
}
