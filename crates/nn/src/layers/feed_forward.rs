//! Dense layers with a nonlinearity after each but the last.

use lpzero_arch::{Activation, FeedForward as Description};

use super::linear::Linear;
use super::tensors::BlockTensors;
use crate::kernels::activation;
use crate::kernels::elementwise::multiply_by;
use crate::pass::{Pass, Rows};
use crate::{Real, Role};

#[derive(Clone, Debug)]
pub(super) struct FeedForward {
    hidden: Vec<Linear>,
    last: Linear,
    activation: Activation,
}

/// Values of each hidden layer before the nonlinearity.
///
/// Values after it are computed again, which costs less than the memory they would take.
pub(super) struct FeedForwardCache<F>(Vec<Vec<F>>);

impl<F> FeedForwardCache<F> {
    pub(super) fn into_buffers(self) -> Vec<Vec<F>> {
        self.0
    }
}

impl FeedForward {
    /// Declares the dense layers of a block.
    pub(super) fn declare(tensors: &mut BlockTensors<'_>, description: &Description) -> Self {
        let hidden = (0..description.hidden.len()).map(|layer| match layer {
            0 => tensors.map(Role::FfnIn),
            _ => tensors.map_at(Role::FfnHidden, layer - 1),
        });
        FeedForward {
            hidden: hidden.collect(),
            last: tensors.map(Role::FfnOut),
            activation: description.activation,
        }
    }

    pub(super) fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
    ) -> (Vec<F>, FeedForwardCache<F>) {
        let cache = self.prepare(pass, rows, x);
        let y = self.dense_forward(pass, rows, &self.last, (x, &cache));
        (y, cache)
    }

    /// Computes the cache of [`backward`](Self::backward), without the output.
    pub(super) fn prepare<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
    ) -> FeedForwardCache<F> {
        let mut cache = FeedForwardCache(Vec::with_capacity(self.hidden.len()));
        for dense in &self.hidden {
            let before = self.dense_forward(pass, rows, dense, (x, &cache));
            cache.0.push(before);
        }
        cache
    }

    /// A dense layer of what the layers before it have left.
    fn dense_forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        dense: &Linear,
        (x, cache): (&[F], &FeedForwardCache<F>),
    ) -> Vec<F> {
        let Some(before) = cache.0.last() else {
            return dense.forward(pass, rows, x);
        };
        let mut after = pass.take(before.len());
        let activation = pass.exponent.nonlinearity(self.activation);
        activation::forward(pass.threads, activation, before, &mut after);
        let y = dense.forward(pass, rows, &after);
        pass.give([after]);
        y
    }

    pub(super) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        cache: FeedForwardCache<F>,
        dy: &[F],
    ) -> Vec<F> {
        let activation = pass.exponent.nonlinearity(self.activation);
        let mut d: Option<Vec<F>> = None;
        // Each nonlinearity with the dense layer after it, last ones first.
        let after = [&self.last]
            .into_iter()
            .chain(self.hidden.iter().skip(1).rev());
        for (mut before, dense) in cache.0.into_iter().rev().zip(after) {
            let mut after = pass.take(before.len());
            activation::with_slope(pass.threads, activation, &mut before, &mut after);
            dense.backward_here(pass, rows, &mut after, d.as_deref().unwrap_or(dy));
            multiply_by(pass.threads, &mut after, &before);
            pass.give([before]);
            if let Some(used) = d.replace(after) {
                pass.give([used]);
            }
        }
        let first = self.hidden.first().unwrap_or(&self.last);
        let dx = first.backward_fresh(pass, rows, x, d.as_deref().unwrap_or(dy));
        if let Some(used) = d {
            pass.give([used]);
        }
        dx
    }
}
