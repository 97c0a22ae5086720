//! Visitors see every tensor of one forward and backward pass, once.

use crate::{Real, Site, Symbol};

/// A dense row-major tensor that a visitor may read but not keep.
#[derive(Clone, Copy, Debug)]
pub struct TensorView<'a, F> {
    /// All elements, last dimension fastest.
    pub data: &'a [F],
    /// One to four dimensions.
    pub shape: &'a [usize],
}

/// A block of consecutive rows of a tensor that is never whole in memory.
#[derive(Clone, Copy, Debug)]
pub struct TensorRows<'a, F> {
    /// The elements of these rows, last dimension fastest.
    pub data: &'a [F],
    /// Shape of the whole tensor.
    pub shape: &'a [usize],
    /// Number of elements before them.
    pub first: usize,
}

/// Observes a pass. A trace is a visitor, training is a visitor.
///
/// Order: activations (`X`, `A`, `H`, `S`) come as the forward pass makes
/// them; `D` and the parameters of a layer come in the backward pass, last
/// layer first; `J` comes after the first block. The head is where the two
/// meet: it shows `X`, `A` and `D` cluster by cluster. Each (site, symbol) is
/// shown at most once per pass, and never an empty activation.
///
/// What is shown where, beyond `X`, `A`, `D`, `W`, `G` at every linear map:
///
/// | role | symbols |
/// | --- | --- |
/// | embedding | `A`, `D` of the looked-up rows (a further cluster: (1, tokens in it, width)); `W`, `G` of the table, complete with the head's share |
/// | position, segment | `W`, `G` of the table |
/// | projection | as a linear map; `W`, `G` complete with the head's share |
/// | input | `A` the summed embeddings as the first block sees them; `D` and `J` their gradient |
/// | relative-key | as a linear map of the encoded distances, (1, positions, width), the largest distance first |
/// | attention | `S`; `A`, `D` of the context before the out map |
/// | convolution | index 0 depthwise (`W` is (channels, 1, kernel)), 1 pointwise, 2 kernel (`A` before softmax), 3 output |
/// | query, key of a grouped attention | before their norms and before positions turn them |
/// | norm | `A`, `D`; `W`, `G` of the gain. In blocks: index 0 mixer, 1 feed-forward, 2 queries, 3 keys (of all heads, side by side). Outside: index 0 embedding, 1 final, 2 objective |
/// | head-projection | a projection of the head's own; `W` is (model width, cluster width), used transposed |
/// | head, next token | per cluster `X` at cluster width, `A` the logits, `D`; index 0 has `W`, `G` of the cluster entries, or of the table of a free head |
/// | head, masked token | index 0 the dense map; index 1 `X`, `A`, `D` of the logits |
///
/// `H` is `A` at query, key, value, weighting and transform sites; it is not
/// shown again.
pub trait Visitor<F: Real>: Send {
    /// Whether it wants to see an activation or gradient at all. What nobody
    /// wants is never whole in memory where that can be avoided: attention
    /// probabilities, logits.
    fn wants(&self, site: Site, symbol: Symbol) -> bool {
        let _ = (site, symbol);
        true
    }

    /// Tells the unit of the gradients that follow: 2 to this power. Only a pass of
    /// synaptic flow has another than 1.
    fn unit(&mut self, exponent: f64) {
        let _ = exponent;
    }

    /// Whether it takes the tensors of a vocabulary in blocks of rows, by
    /// [`activation_rows`](Self::activation_rows), so that they need not be
    /// whole in memory.
    fn takes_rows(&self) -> bool {
        false
    }

    /// Some rows of an activation or gradient, those before them having been
    /// shown. Only called where [`takes_rows`](Self::takes_rows).
    fn activation_rows(&mut self, site: Site, symbol: Symbol, rows: TensorRows<'_, F>) {
        let _ = (site, symbol, rows);
    }

    /// An activation, or a gradient with respect to one.
    fn activation(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, F>) {
        let _ = (site, symbol, tensor);
    }

    /// A parameter with its complete gradient: of a weight matrix or norm gain
    /// (then with its site), or of a bias (then `site` is `None`). Both
    /// views have the same shape. `name` is the tensor's checkpoint name.
    fn parameter(
        &mut self,
        name: &str,
        site: Option<Site>,
        weight: TensorView<'_, F>,
        gradient: TensorView<'_, F>,
    ) {
        let _ = (name, site, weight, gradient);
    }

    /// Whether it takes the weight of a site and its gradient in blocks of rows, by
    /// [`parameter_rows`](Self::parameter_rows): a gradient of many millions is then
    /// read while it is in the cache, and is never whole.
    fn takes_parameter_rows(&self, site: Site) -> bool {
        let _ = site;
        false
    }

    /// Some rows of a weight and of its gradient, those before them having been shown.
    /// Only called where [`takes_parameter_rows`](Self::takes_parameter_rows).
    fn parameter_rows(
        &mut self,
        site: Site,
        weight: TensorRows<'_, F>,
        gradient: TensorRows<'_, F>,
    ) {
        let _ = (site, weight, gradient);
    }
}

/// Sees nothing: a bare forward and backward pass.
pub struct NoVisitor;

impl<F: Real> Visitor<F> for NoVisitor {
    fn wants(&self, _: Site, _: Symbol) -> bool {
        false
    }
}
