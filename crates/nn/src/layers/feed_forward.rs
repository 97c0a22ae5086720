//! Dense layers with a nonlinearity after each but the last.

use lpzero_arch::{Activation, FeedForward as Description};

use super::block_site;
use super::linear::Linear;
use crate::kernels::activation;
use crate::parameters::Declarations;
use crate::pass::{Pass, Rows};
use crate::{Real, Role};

#[derive(Clone, Debug)]
pub(super) struct FeedForward {
    hidden: Vec<Linear>,
    last: Linear,
    activation: Activation,
}

/// Of each hidden layer: before and after the nonlinearity.
pub(super) struct FeedForwardCache<F>(Vec<(Vec<F>, Vec<F>)>);

impl FeedForward {
    /// Declares the dense layers of block `layer`.
    pub(super) fn declare(
        declarations: &mut Declarations,
        layer: usize,
        width: usize,
        description: &Description,
        deviation: f64,
    ) -> Self {
        let mut inputs = width;
        let mut dense = |index: usize, role, outputs| {
            let site = match role {
                Role::FfnHidden => block_site(layer, role, index - 1),
                _ => block_site(layer, role, 0),
            };
            let name = format!("block.{layer}.ffn.{index}");
            let sizes = (std::mem::replace(&mut inputs, outputs), outputs);
            Linear::declare(declarations, &name, site, sizes, true, deviation)
        };
        let hidden: Vec<_> = (description.hidden.iter().enumerate())
            .map(|(i, &outputs)| {
                let role = if i == 0 { Role::FfnIn } else { Role::FfnHidden };
                dense(i, role, outputs)
            })
            .collect();
        let last = dense(hidden.len(), Role::FfnOut, width);
        FeedForward {
            hidden,
            last,
            activation: description.activation,
        }
    }

    pub(super) fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
    ) -> (Vec<F>, FeedForwardCache<F>) {
        let mut cache: Vec<(Vec<F>, Vec<F>)> = Vec::with_capacity(self.hidden.len());
        for dense in &self.hidden {
            let input = cache.last().map_or(x, |(_, after)| after);
            let before = dense.forward(pass, rows, input);
            let mut after = pass.take(before.len());
            activation::forward(pass.threads, self.activation, &before, &mut after);
            cache.push((before, after));
        }
        let input = cache.last().map_or(x, |(_, after)| after);
        let y = self.last.forward(pass, rows, input);
        (y, FeedForwardCache(cache))
    }

    pub(super) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        cache: FeedForwardCache<F>,
        dy: &[F],
    ) -> Vec<F> {
        let mut cache = cache.0;
        let input = cache.last().map_or(x, |(_, after)| after);
        let mut d = self.last.backward_fresh(pass, rows, input, dy);
        for dense in self.hidden.iter().rev() {
            if let Some((before, after)) = cache.pop() {
                activation::backward(pass.threads, self.activation, &before, &mut d);
                pass.give([before, after]);
            }
            let input = cache.last().map_or(x, |(_, after)| after);
            let dinput = dense.backward_fresh(pass, rows, input, &d);
            pass.give([std::mem::replace(&mut d, dinput)]);
        }
        d
    }
}
