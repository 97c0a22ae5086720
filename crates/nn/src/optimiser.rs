//! Learning: gradients that add up over passes, and AdamW.

use std::collections::HashMap;

use crate::kernels::elementwise::add;
use crate::kernels::optimiser::{AdamWUpdate, adamw, sum_of_squares};
use crate::kernels::threads::Threads;
use crate::source::{is_leading, run_length, runs};
use crate::{Network, Real, Site, TensorView, Visitor, Workspace};

/// The sum of the gradients of passes, a tensor for every parameter of one
/// network. It is the visitor of those passes. Where a pass is of a sub-network,
/// whose tensors are leading blocks of that network's, its gradients are added to
/// those blocks.
#[derive(Clone, Debug)]
pub struct Gradients<F> {
    /// Numbers of the parameters by name.
    index: HashMap<String, usize>,
    sums: Vec<Vec<F>>,
    shapes: Vec<Vec<usize>>,
    passes: u32,
}

impl<F: Real> Gradients<F> {
    /// Zeros, for this network.
    pub fn of(network: &Network<F>) -> Self {
        let parameters = network.parameters();
        let named = parameters.iter().enumerate();
        Gradients {
            index: named
                .map(|(i, parameter)| (parameter.name.clone(), i))
                .collect(),
            sums: (parameters.iter())
                .map(|parameter| vec![F::zero(); parameter.data.len()])
                .collect(),
            shapes: parameters.iter().map(|p| p.shape.clone()).collect(),
            passes: 0,
        }
    }

    /// Back to zeros.
    pub fn clear(&mut self) {
        self.sums.iter_mut().for_each(|sum| sum.fill(F::zero()));
        self.passes = 0;
    }

    /// Counts a pass; the update takes the mean of all.
    pub fn add_pass(&mut self) {
        self.passes += 1;
    }

    /// The L2 norm of the mean gradient, all tensors as one vector.
    pub fn norm(&self, workspace: &Workspace<F>) -> f64 {
        let pool = workspace.pool();
        let squares = Threads::install(pool.as_deref(), |threads| {
            let squares = self.sums.iter().map(|sum| sum_of_squares(threads, sum));
            squares.sum::<f64>()
        });
        squares.sqrt() * self.share()
    }

    /// Factor that makes the sum the mean.
    fn share(&self) -> f64 {
        1.0 / f64::from(self.passes.max(1))
    }
}

impl<F: Real> Visitor<F> for Gradients<F> {
    fn wants(&self, _: Site, _: crate::Symbol) -> bool {
        false
    }

    fn parameter(
        &mut self,
        name: &str,
        _: Option<Site>,
        _: TensorView<'_, F>,
        gradient: TensorView<'_, F>,
    ) {
        let Some(&i) = self.index.get(name) else {
            return;
        };
        let (sum, within) = (&mut self.sums[i], &self.shapes[i]);
        if sum.len() == gradient.data.len() {
            add(Threads::ONE, sum, gradient.data);
        } else if is_leading(gradient.shape, within) {
            let length = run_length(within, gradient.shape).max(1);
            let rows = gradient.data.chunks(length);
            for (first, row) in runs(within, gradient.shape).zip(rows) {
                add(Threads::ONE, &mut sum[first..first + row.len()], row);
            }
        }
    }
}

/// AdamW (Loshchilov & Hutter 2019), as `torch.optim.AdamW` computes it: Adam
/// with bias-corrected moments, and decay that is no part of the gradient.
///
/// Only matrices and tables decay (tensors of two dimensions or more); biases
/// and the gains of norms do not.
#[derive(Clone, Debug)]
pub struct AdamW<F> {
    /// Shares of the old moments in the new ones.
    pub betas: [f64; 2],
    /// Beside the root of the second moment.
    pub epsilon: f64,
    /// Decay of a weight per step, over the learning rate.
    pub weight_decay: f64,
    /// First and second moment of every parameter, in the network's order.
    moments: [Vec<Vec<F>>; 2],
    updates: u64,
}

impl<F: Real> AdamW<F> {
    /// Moments of zero, the betas of Adam (.9, .999), epsilon 1e-8, and a decay
    /// of .01, which are PyTorch's defaults.
    pub fn of(network: &Network<F>) -> Self {
        let zeros = || (network.parameters().iter()).map(|p| vec![F::zero(); p.data.len()]);
        AdamW {
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: 0.01,
            moments: [zeros().collect(), zeros().collect()],
            updates: 0,
        }
    }

    /// Number of updates so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// First and second moments in the order of
    /// [`Network::parameters`](crate::Network::parameters).
    pub fn moments(&self) -> &[Vec<Vec<F>>; 2] {
        &self.moments
    }

    /// Goes on from moments that [`moments`](Self::moments) gave after so many
    /// updates; `false`, and nothing is changed, where their shapes do not fit.
    pub fn restore(&mut self, moments: [Vec<Vec<F>>; 2], updates: u64) -> bool {
        let sizes = |moments: &[Vec<Vec<F>>; 2]| -> Vec<usize> {
            moments.iter().flatten().map(Vec::len).collect()
        };
        let fits = sizes(&moments) == sizes(&self.moments);
        if fits {
            (self.moments, self.updates) = (moments, updates);
        }
        fits
    }

    /// One update by the mean gradient, multiplied by `factor` (to clip it), at
    /// a learning rate, on the threads of the workspace. The result does not
    /// depend on their number.
    pub fn update(
        &mut self,
        network: &mut Network<F>,
        gradients: &Gradients<F>,
        (rate, factor): (f64, f64),
        workspace: &Workspace<F>,
    ) {
        self.updates += 1;
        let [b1, b2] = self.betas;
        let correction = |beta: f64| 1.0 - beta.powf(self.updates as f64);
        let pool = workspace.pool();
        let [first, second] = &mut self.moments;
        let tensors = network
            .parameter_slice_mut()
            .iter_mut()
            .zip(&gradients.sums);
        let tensors = tensors.zip(first.iter_mut().zip(second.iter_mut()));
        let decay = rate * self.weight_decay;
        let update = AdamWUpdate {
            kept: F::one(),
            betas: [b1, b2].map(F::of),
            rate: F::of(rate / correction(b1)),
            root_correction: F::of(correction(b2).sqrt()),
            epsilon: F::of(self.epsilon),
            scale: F::of(gradients.share() * factor),
        };
        Threads::install(pool.as_deref(), |threads| {
            for ((parameter, gradient), (m, v)) in tensors {
                let kept = match parameter.shape.len() {
                    0 | 1 => F::one(),
                    _ => F::of(1.0 - decay),
                };
                let update = AdamWUpdate { kept, ..update };
                adamw(threads, &mut parameter.data, gradient, [m, v], update);
            }
        });
    }
}

/// Multiplies a gradient so that its norm is at most `limit`, as
/// `torch.nn.utils.clip_grad_norm_` does: the factor.
pub fn clip_factor(norm: f64, limit: f64) -> f64 {
    (limit / (norm + 1e-6)).min(1.0)
}
