//! A feed-forward network whose hidden layer is multiplied by a gate (Shazeer
//! 2020, "GLU variants improve transformer"): `down(f(gate(x)) * up(x))`.

use lpzero_arch::Activation;

use super::linear::Linear;
use super::tensors::BlockTensors;
use crate::kernels::activation;
use crate::kernels::elementwise::{multiply, multiply_by};
use crate::kernels::matrix::Into;
use crate::pass::{Pass, Rows};
use crate::{Real, Role};

#[derive(Clone, Debug)]
pub(super) struct GatedFeedForward {
    up: Linear,
    gate: Linear,
    down: Linear,
    activation: Activation,
}

/// The gate before its nonlinearity, and what it multiplies. Their product is
/// computed again.
pub(super) struct GatedFeedForwardCache<F> {
    gate: Vec<F>,
    up: Vec<F>,
}

impl<F> GatedFeedForwardCache<F> {
    pub(super) fn into_buffers(self) -> Vec<Vec<F>> {
        vec![self.gate, self.up]
    }
}

impl GatedFeedForward {
    /// Declares the three maps of a block.
    pub(super) fn declare(tensors: &mut BlockTensors<'_>, activation: Activation) -> Self {
        GatedFeedForward {
            up: tensors.map(Role::FfnIn),
            gate: tensors.map(Role::FfnGate),
            down: tensors.map(Role::FfnOut),
            activation,
        }
    }

    /// The output, whose scale is the square of the input's.
    pub(super) fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
    ) -> (Vec<F>, GatedFeedForwardCache<F>) {
        let cache = self.prepare(pass, rows, x);
        let GatedFeedForwardCache { gate, up } = &cache;
        let mut hidden = pass.take(gate.len());
        let activation = pass.exponent.nonlinearity(self.activation);
        activation::forward(pass.threads, activation, gate, &mut hidden);
        multiply_by(pass.threads, &mut hidden, up);
        pass.exponent = pass.exponent.squared();
        let y = self.down.forward(pass, rows, &hidden);
        pass.give([hidden]);
        (y, cache)
    }

    /// Computes the cache of [`backward`](Self::backward), without the output.
    pub(super) fn prepare<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
    ) -> GatedFeedForwardCache<F> {
        let up = self.up.forward(pass, rows, x);
        let gate = self.gate.forward(pass, rows, x);
        GatedFeedForwardCache { gate, up }
    }

    pub(super) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        cache: GatedFeedForwardCache<F>,
        dy: &[F],
    ) -> Vec<F> {
        let GatedFeedForwardCache { gate, up } = cache;
        let (mut slope, mut opened) = (gate, pass.take(up.len()));
        let exponent = pass.exponent;
        let activation = exponent.nonlinearity(self.activation);
        activation::with_slope(pass.threads, activation, &mut slope, &mut opened);
        let mut hidden = pass.take(up.len());
        multiply(pass.threads, &mut hidden, &opened, &up);
        pass.exponent = exponent.squared();
        self.down.backward_here(pass, rows, &mut hidden, dy);
        pass.exponent = exponent;
        let dhidden = hidden;
        let (mut dup, mut dgate) = (opened, slope);
        multiply_by(pass.threads, &mut dup, &dhidden);
        multiply_by(pass.threads, &mut dgate, &up);
        multiply_by(pass.threads, &mut dgate, &dhidden);
        pass.give([up, dhidden]);
        let mut dx = self.up.backward_fresh(pass, rows, x, &dup);
        self.gate
            .backward(pass, rows, x, &dgate, &mut dx, Into::Sum);
        pass.give([dup, dgate]);
        dx
    }
}
