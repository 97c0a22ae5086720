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

/// Observes a pass. A trace is a visitor, training is a visitor.
///
/// Order: activations (`X`, `A`, `H`, `S`) come as the forward pass makes
/// them; `D` and the parameters of a layer come in the backward pass, last
/// layer first; `J` comes after the first block. Each (site, symbol) is shown
/// exactly once per pass.
pub trait Visitor<F: Real> {
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
}

/// Sees nothing: a bare forward and backward pass.
pub struct NoVisitor;

impl<F: Real> Visitor<F> for NoVisitor {}
