//! State that every layer needs while a pass runs.

use std::ops::Range;
use std::sync::Arc;

use lpzero_arch::Transform;

use crate::kernels::elementwise::scale;
use crate::kernels::fourier::Spectrum;
use crate::kernels::matrix::{Into, Matrix, MatrixMut, product};
use crate::kernels::threads::Threads;
use crate::parameters::{Parameter, ParameterId, Parameters};
use crate::scale::Exponent;
use crate::{Real, Site, Symbol, TensorRows, TensorView, Visitor, Workspace, profile};

/// Elements of a piece of a large tensor: what one thread reduces at once. Bands consist of whole
/// pieces, so that a tensor is cut alike whether it is shown whole or in bands.
pub const PIECE: usize = 1 << 16;

/// Elements of a gradient that is shown in blocks of rows, in one of them: with its weight it
/// stays in the second-level cache.
pub(crate) const BAND: usize = 1 << 18;

/// Rows of so many elements in a band.
pub(crate) fn rows_of_band(columns: usize) -> usize {
    let of_piece = (PIECE / columns).max(1);
    of_piece * (BAND / (of_piece * columns)).max(1)
}

/// The leading dimensions of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) batch: usize,
    pub(crate) positions: usize,
}

impl Rows {
    /// Tokens that were picked from anywhere in a batch.
    pub(crate) fn picked(count: usize) -> Self {
        Rows {
            batch: 1,
            positions: count,
        }
    }

    pub(crate) fn count(self) -> usize {
        self.batch * self.positions
    }
}

/// Extent of the state that the forward half of a pass leaves for the backward half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Whatever the backward half reads.
    All,
    /// The input of every block; the rest is computed again.
    Inputs,
    /// Nothing: there is no backward half, and no gradient.
    Nothing,
}

/// One forward and backward pass: the weights, who watches, and the buffers.
pub(crate) struct Pass<'a, F: Real> {
    pub(crate) parameters: &'a Parameters<F>,
    pub(crate) visitor: &'a mut dyn Visitor<F>,
    pub(crate) workspace: &'a mut Workspace<F>,
    pub(crate) threads: Threads,
    /// Extent of the state that sublayers keep.
    pub(crate) keep: Keep,
    /// Whether what is computed has been shown before.
    unseen: bool,
    /// Whether norms normalise; where not they pass on what they get.
    pub(crate) normalised: bool,
    /// Scale of activations, which leaves 0 only where norms do not normalise.
    pub(crate) exponent: Exponent,
}

impl<'a, F: Real> Pass<'a, F> {
    /// On the calling thread, with norms.
    pub(crate) fn new(
        parameters: &'a Parameters<F>,
        visitor: &'a mut dyn Visitor<F>,
        workspace: &'a mut Workspace<F>,
    ) -> Self {
        Pass {
            parameters,
            visitor,
            keep: match workspace.is_frugal() {
                true => Keep::Inputs,
                false => Keep::All,
            },
            workspace,
            threads: Threads::ONE,
            normalised: true,
            exponent: Exponent::default(),
            unseen: false,
        }
    }

    /// A pass over other weights, otherwise the same.
    pub(crate) fn over<'b>(&'b mut self, parameters: &'b Parameters<F>) -> Pass<'b, F> {
        Pass {
            parameters,
            visitor: &mut *self.visitor,
            workspace: &mut *self.workspace,
            threads: self.threads,
            keep: self.keep,
            unseen: self.unseen,
            normalised: self.normalised,
            exponent: self.exponent,
        }
    }

    /// Divides constants, such as biases, by the scale of the activations that they meet.
    pub(crate) fn scale_constants(&self, constants: &mut [F]) {
        if !self.exponent.is_zero() {
            scale(self.threads, constants, self.exponent.of_constants());
        }
    }

    /// Brings activations to the scale that suits them; returns by how much their
    /// exponent rises.
    pub(crate) fn settle(&mut self, x: &mut [F]) -> f64 {
        if self.normalised {
            return 0.0;
        }
        let rise = self.exponent.rise(x);
        self.lower(x, rise);
        self.exponent = self.exponent.risen(rise);
        rise
    }

    /// Divides by a power of two.
    pub(crate) fn lower(&self, x: &mut [F], exponent: f64) {
        if exponent != 0.0 {
            scale(self.threads, x, F::of((-exponent).exp2()));
        }
    }

    /// Whether there is a backward half.
    pub(crate) fn is_differentiated(&self) -> bool {
        self.keep != Keep::Nothing
    }

    /// The elements of a parameter.
    pub(crate) fn weight(&self, id: ParameterId) -> &'a [F] {
        &self.parameters.get(id).data
    }

    /// A buffer with unspecified contents.
    pub(crate) fn take(&mut self, length: usize) -> Vec<F> {
        self.workspace.take(length)
    }

    /// A buffer of zeros.
    pub(crate) fn zeroed(&mut self, length: usize) -> Vec<F> {
        self.workspace.zeroed(length)
    }

    /// A buffer for the gradient of a parameter, with unspecified contents.
    pub(crate) fn gradient(&mut self, id: ParameterId) -> Vec<F> {
        self.workspace.take(self.parameters.get(id).data.len())
    }

    /// A buffer of zeros for the gradient of a parameter.
    pub(crate) fn zero_gradient(&mut self, id: ParameterId) -> Vec<F> {
        self.workspace.zeroed(self.parameters.get(id).data.len())
    }

    /// Takes buffers back.
    pub(crate) fn give<const N: usize>(&mut self, buffers: [Vec<F>; N]) {
        for buffer in buffers {
            self.workspace.give(buffer);
        }
    }

    /// The tables of a transform.
    pub(crate) fn spectrum(
        &mut self,
        transform: Transform,
        positions: usize,
        head_width: usize,
    ) -> Arc<Spectrum<F>> {
        self.workspace.spectrum(transform, positions, head_width)
    }

    /// Shows an activation of shape (batch, positions, features), unless it is
    /// empty (a cluster that no token of the batch fell into).
    pub(crate) fn show(&mut self, site: Site, symbol: Symbol, rows: Rows, data: &[F]) {
        if data.is_empty() {
            return;
        }
        let features = data.len() / rows.count();
        self.show_as(site, symbol, &[rows.batch, rows.positions, features], data);
    }

    /// Whether the visitor wants to see an activation.
    pub(crate) fn wants(&self, site: Site, symbol: Symbol) -> bool {
        !self.unseen && self.visitor.wants(site, symbol)
    }

    /// Computes something again without showing it again.
    pub(crate) fn unseen<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.unseen = true;
        let result = work(self);
        self.unseen = false;
        result
    }

    /// Shows an activation of any shape.
    pub(crate) fn show_as(&mut self, site: Site, symbol: Symbol, shape: &[usize], data: &[F]) {
        debug_assert_eq!(shape.iter().product::<usize>(), data.len());
        if self.wants(site, symbol) {
            let _span = profile::span("visitor");
            self.visitor
                .activation(site, symbol, TensorView { data, shape });
        }
    }

    /// Shows a block of rows of an activation of shape (batch, positions,
    /// features), which may be all of them; `first` is the number of elements
    /// before them.
    pub(crate) fn show_rows(
        &mut self,
        site: Site,
        symbol: Symbol,
        rows: Rows,
        (first, data): (usize, &[F]),
        features: usize,
    ) {
        let shape = [rows.batch, rows.positions, features];
        if data.len() == rows.count() * features {
            self.show_as(site, symbol, &shape, data);
        } else if self.wants(site, symbol) {
            let _span = profile::span("visitor");
            let shape = &shape;
            let rows = TensorRows { data, shape, first };
            self.visitor.activation_rows(site, symbol, rows);
        }
    }

    /// Shows a parameter with its complete gradient and recycles the latter.
    pub(crate) fn show_gradient(&mut self, id: ParameterId, site: Option<Site>, gradient: Vec<F>) {
        let parameter = self.parameters.get(id);
        let view = |data| TensorView {
            data,
            shape: &parameter.shape,
        };
        let _span = profile::span("visitor");
        self.visitor.parameter(
            &parameter.name,
            site,
            view(&parameter.data),
            view(&gradient),
        );
        self.workspace.give(gradient);
    }

    /// Whether the gradient of a weight is large, and the visitor would take it in bands.
    pub(crate) fn takes_bands(&self, id: ParameterId, site: Site) -> bool {
        self.weight(id).len() > BAND && self.visitor.takes_parameter_rows(site)
    }

    /// Shows a weight of so many columns and its gradient, one block of rows after the
    /// other; `fill` writes that of some rows.
    pub(crate) fn show_in_bands(
        &mut self,
        id: ParameterId,
        site: Site,
        columns: usize,
        mut fill: impl FnMut(Threads, Range<usize>, &mut [F]),
    ) {
        let Parameter { data, shape, .. } = self.parameters.get(id);
        let mut band = self.take(rows_of_band(columns) * columns);
        for first in (0..data.len()).step_by(band.len()) {
            let end = data.len().min(first + band.len());
            let gradient = &mut band[..end - first];
            fill(self.threads, first / columns..end / columns, gradient);
            let rows = |data| TensorRows { data, shape, first };
            let weight = &data[first..end];
            let _span = profile::span("visitor");
            self.visitor
                .parameter_rows(site, rows(weight), rows(gradient));
        }
        self.give([band]);
    }

    /// Shows a weight in bands, with a gradient that is the product of two matrices.
    pub(crate) fn show_product_in_bands(
        &mut self,
        id: ParameterId,
        site: Site,
        left: Matrix<'_, F>,
        right: Matrix<'_, F>,
    ) {
        let columns = right.width();
        self.show_in_bands(id, site, columns, |threads, rows, band| {
            let (into, band) = (Into::Fresh, MatrixMut::new(band, columns));
            product(threads, band, into, F::one(), left.rows(rows), right);
        });
    }
}
