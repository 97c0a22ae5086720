//! A feed-forward network whose hidden layer is multiplied by a gate (Shazeer
//! 2020, "GLU variants improve transformer"): `down(f(gate(x)) * up(x))`.

use lpzero_arch::{Activation, FeedForward as Description};

use super::block_site;
use super::linear::Linear;
use crate::kernels::activation;
use crate::kernels::elementwise::{multiply, multiply_by};
use crate::kernels::matrix::Into;
use crate::parameters::Declarations;
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
    /// Declares the three maps of block `layer`.
    pub(super) fn declare(
        declarations: &mut Declarations,
        layer: usize,
        width: usize,
        description: &Description,
        [deviation, residual]: [f64; 2],
    ) -> Self {
        let hidden = description.hidden.first().copied().unwrap_or(width);
        let mut map = |name: &str, role, sizes, deviation| {
            let name = format!("block.{layer}.ffn.{name}");
            let site = block_site(layer, role, 0);
            let bias = description.bias;
            Linear::declare(declarations, &name, site, sizes, bias, deviation)
        };
        GatedFeedForward {
            up: map("0", Role::FfnIn, (width, hidden), deviation),
            gate: map("gate", Role::FfnGate, (width, hidden), deviation),
            down: map("1", Role::FfnOut, (hidden, width), residual),
            activation: description.activation,
        }
    }

    pub(super) fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
    ) -> (Vec<F>, GatedFeedForwardCache<F>) {
        let cache = self.prepare(pass, rows, x);
        let GatedFeedForwardCache { gate, up } = &cache;
        let mut hidden = pass.take(gate.len());
        activation::forward(pass.threads, self.activation, gate, &mut hidden);
        multiply_by(pass.threads, &mut hidden, up);
        let y = self.down.forward(pass, rows, &hidden);
        pass.give([hidden]);
        (y, cache)
    }

    /// What [`backward`](Self::backward) needs, without the output.
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
        activation::with_slope(pass.threads, self.activation, &mut slope, &mut opened);
        let mut hidden = pass.take(up.len());
        multiply(pass.threads, &mut hidden, &opened, &up);
        self.down.backward_here(pass, rows, &mut hidden, dy);
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
