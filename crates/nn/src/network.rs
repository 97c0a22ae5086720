//! A network: an architecture with weights and an objective.

mod activations;
mod blocks;
mod engine;
mod evaluate;
mod flow;
mod hessian;
mod jacobian;
mod layers;
mod stream;
mod synflow;
mod visit;

pub use activations::MAX_ACTIVATIONS;
pub use engine::Engine;
pub use evaluate::evaluation_activations;
pub use flow::Flow;
pub use hessian::{Curvature, rademacher};
pub(crate) use layers::{declared, requests};
pub use stream::{streamed_pass, streamed_weights};

use std::sync::Arc;

use lpzero_arch::Architecture;

use crate::batch::mask_token;
use crate::kernels::elementwise::{long_inner_product, scale};
use crate::kernels::threads::Threads;
use crate::layers::{SharedGradients, scatter_add};
use crate::parameters::{Parameter, Parameters, Tensors};
use crate::pass::{Pass, Rows};
use crate::source::Source;
use crate::{Batch, Error, Objective, Real, Visitor, Workspace, random};
use activations::check_activations;
use layers::{Goal, Layers};
use stream::Stream;

/// An architecture with weights, ready to compute one objective.
#[derive(Clone, Debug)]
pub struct Network<F> {
    architecture: Architecture,
    objective: Objective,
    seed: u64,
    layers: Layers,
    parameters: Parameters<F>,
    /// Where weights come from whenever a part is visited; `None` where they are
    /// all in memory.
    stream: Option<Stream<F>>,
}

impl<F: Real> Network<F> {
    fn load(
        architecture: &Architecture,
        objective: Objective,
        source: &dyn Source<F>,
        workspace: &mut Workspace<F>,
    ) -> Result<Self, Error> {
        let (layers, declarations) = Layers::declare(architecture, objective)?;
        let pool = workspace.pool();
        let parameters = Threads::install(pool.as_deref(), |threads| {
            declarations.filled(threads, source, workspace)
        });
        Ok(Network {
            architecture: architecture.clone(),
            objective,
            seed: 0,
            layers,
            parameters: parameters?,
            stream: None,
        })
    }

    /// A network that holds no weights: those of the embedding, of each block, and
    /// of what follows are read from the source whenever a pass visits them, which
    /// it does twice, and are gone when it has left; those of the last block stay until
    /// the backward half has begun. A pass needs the memory of the largest part, of its
    /// largest gradient, and of the activations. The results
    /// are those of [`loaded`](Self::loaded), to the bit.
    ///
    /// Hessian products and synaptic flow need all weights at once and refuse such a
    /// network.
    ///
    /// # Errors
    /// As [`loaded`](Self::loaded), before anything is read.
    pub fn streamed(
        architecture: &Architecture,
        objective: Objective,
        source: Arc<dyn Source<F>>,
    ) -> Result<Self, Error> {
        let (layers, declarations) = Layers::declare(architecture, objective)?;
        let parts = layers.parts.all();
        let parameters = declarations.empty(&*source, parts)?;
        Ok(Network {
            architecture: architecture.clone(),
            objective,
            seed: 0,
            layers,
            parameters,
            stream: Some(Stream {
                source,
                declarations,
            }),
        })
    }

    /// Gives the memory of the weights to a workspace, for the next network:
    /// memory that is new to the process takes longer to touch than to fill.
    pub fn recycle(self, workspace: &mut Workspace<F>) {
        self.parameters.recycle(workspace);
    }

    /// A network with given weights, named as in [`names`](crate::names).
    /// Tensors that the network does not use are ignored. Its seed, which then
    /// decides masked positions and random projections only, is 0.
    ///
    /// # Errors
    /// As [`seeded`](Self::seeded), and where a tensor is missing or has
    /// another shape.
    pub fn from_tensors(
        architecture: &Architecture,
        objective: Objective,
        tensors: Tensors<F>,
    ) -> Result<Self, Error> {
        let (layers, declarations) = Layers::declare(architecture, objective)?;
        Ok(Network {
            architecture: architecture.clone(),
            objective,
            seed: 0,
            layers,
            parameters: declarations.loaded(tensors)?,
            stream: None,
        })
    }

    /// Architecture that the network was built from.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Scalar that a pass computes.
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// Another seed for what it still decides once there are weights: masked
    /// positions and random projections.
    pub fn reseed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Every tensor, in no particular order.
    pub fn parameters(&self) -> &[Parameter<F>] {
        &self.parameters.tensors
    }

    /// The elements of a tensor, to be changed (training, tests).
    pub fn parameter_mut(&mut self, name: &str) -> Option<&mut [F]> {
        let mut parameters = self.parameters.tensors.iter_mut();
        let found = parameters.find(|parameter| parameter.name == name)?;
        Some(&mut found.data)
    }

    /// Every tensor, for the optimiser.
    pub(crate) fn parameter_slice_mut(&mut self) -> &mut [Parameter<F>] {
        &mut self.parameters.tensors
    }

    fn forward_and_backward(
        &self,
        batch: &Batch,
        visitor: &mut dyn Visitor<F>,
        workspace: &mut Workspace<F>,
    ) -> Result<f64, Error> {
        batch.check(&self.architecture, self.objective)?;
        let rows = Rows {
            batch: batch.batch,
            positions: batch.positions,
        };
        check_activations(&self.architecture, rows)?;
        let pass = Pass::new(&self.parameters, visitor, workspace);
        on_threads(pass, |pass| self.run(pass, rows, batch, &mut Vec::new()))
    }

    /// Tokens that the network is shown, and the positions that are masked in them.
    fn input(&self, batch: &Batch) -> (Vec<u32>, Vec<usize>) {
        let mut tokens = batch.tokens.clone();
        let masked = match self.layers.goal {
            Goal::MaskedToken(_) => batch.masked_positions(self.seed),
            _ => Vec::new(),
        };
        for &position in &masked {
            tokens[position] = mask_token(self.architecture.vocabulary);
        }
        (tokens, masked)
    }

    /// Forward, and backward where there is such a half; `losses` becomes the
    /// cross-entropy of every next token.
    fn run(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        batch: &Batch,
        losses: &mut Vec<f64>,
    ) -> Result<f64, Error> {
        let embedding = &self.layers.embedding;
        let (tokens, masked) = self.input(batch);
        self.prepare(pass, rows);
        let (x, embedded) =
            self.in_embedding(pass, |pass| embedding.forward(pass, rows, &tokens))?;
        let (x, caches) = self.forward_blocks(pass, rows, x)?;
        let mut shared = SharedGradients::new(embedding.clusters());
        let (loss, d) = self.at_end(pass, rows, x, |pass, hidden| {
            self.loss(pass, (batch, &masked), hidden, losses, &mut shared)
        })?;
        if !pass.is_differentiated() {
            let unused = embedded.into_buffers().into_iter();
            let unused = unused.chain(shared.into_buffers()).chain([d]);
            unused.for_each(|buffer| pass.give([buffer]));
            return Ok(loss);
        }
        let d = self.backward_blocks(pass, rows, caches, d)?;
        self.in_embedding(pass, |pass| {
            embedding.backward(pass, rows, embedded, shared, d);
        })?;
        Ok(loss)
    }

    /// The final norm and a loss of the last hidden state, which comes with its
    /// gradient; forward and, where there is a backward half, backward to the
    /// output of the last block.
    fn at_end(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: Vec<F>,
        loss: impl FnOnce(&mut Pass<'_, F>, Vec<F>) -> (f64, Vec<F>),
    ) -> Result<(f64, Vec<F>), Error> {
        self.in_end(pass, |pass| {
            let Some(norm) = self.layers.final_norm else {
                return loss(pass, x);
            };
            let (hidden, statistics) = norm.forward(pass, rows, &x);
            let (loss, mut d) = loss(pass, hidden);
            if pass.is_differentiated() {
                let dx = norm.backward(pass, rows, &x, statistics, &d);
                pass.give([std::mem::replace(&mut d, dx)]);
            } else {
                pass.give([statistics]);
            }
            pass.give([x]);
            (loss, d)
        })
    }

    /// The objective, and its gradient with respect to the last hidden state
    /// (batch, positions, width), which goes back to the workspace.
    fn loss(
        &self,
        pass: &mut Pass<'_, F>,
        (batch, masked): (&Batch, &[usize]),
        hidden: Vec<F>,
        losses: &mut Vec<f64>,
        shared: &mut SharedGradients<F>,
    ) -> (f64, Vec<F>) {
        match &self.layers.goal {
            Goal::NextToken(head) => {
                let predicting: Vec<usize> = (0..batch.tokens.len())
                    .filter(|i| (i + 1) % batch.positions != 0)
                    .collect();
                let targets: Vec<u32> = predicting.iter().map(|i| batch.tokens[i + 1]).collect();
                let rows = Rows {
                    batch: batch.batch,
                    positions: batch.positions - 1,
                };
                losses.resize(targets.len(), 0.0);
                self.on_rows(pass, hidden, &predicting, |pass, picked| {
                    head.loss(pass, rows, picked, (&targets, losses), shared)
                })
            }
            Goal::MaskedToken(objective) => {
                let targets: Vec<u32> = masked.iter().map(|&i| batch.tokens[i]).collect();
                self.on_rows(pass, hidden, masked, |pass, picked| {
                    objective.loss(pass, picked, &targets, shared)
                })
            }
            Goal::RandomProjection => {
                let mut d = pass.take(hidden.len());
                let name = "objective.projection";
                random::fill_normal(pass.threads, (self.seed, name), 1.0, &mut d);
                let share = 1.0 / hidden.len() as f64;
                let loss = long_inner_product(&hidden, &d) * share;
                scale(pass.threads, &mut d, F::of(share));
                pass.give([hidden]);
                (loss, d)
            }
            Goal::OutputSum => {
                let mut d = pass.take(hidden.len());
                d.fill(F::one());
                let loss = long_inner_product(&hidden, &d);
                pass.give([hidden]);
                (loss, d)
            }
        }
    }

    /// A loss of some rows of the hidden state, in increasing order, with its
    /// gradient spread back over all of them.
    fn on_rows(
        &self,
        pass: &mut Pass<'_, F>,
        mut hidden: Vec<F>,
        rows: &[usize],
        loss: impl FnOnce(&mut Pass<'_, F>, &[F]) -> (f64, Vec<F>),
    ) -> (f64, Vec<F>) {
        let (all, width) = (hidden.len(), self.architecture.width);
        // In place: no row moves behind where it was.
        for (to, &row) in rows.iter().enumerate() {
            hidden.copy_within(row * width..(row + 1) * width, to * width);
        }
        hidden.truncate(rows.len() * width);
        let (loss, dpicked) = loss(pass, &hidden);
        pass.give([hidden]);
        let mut d = pass.zeroed(all);
        scatter_add(&dpicked, rows, &mut d);
        pass.give([dpicked]);
        (loss, d)
    }
}

/// Runs `work` on the threads of the pass's workspace.
fn on_threads<F: Real, T: Send>(
    mut pass: Pass<'_, F>,
    work: impl FnOnce(&mut Pass<'_, F>) -> T + Send,
) -> T {
    let pool = pass.workspace.pool();
    Threads::install(pool.as_deref(), |threads| {
        pass.threads = threads;
        work(&mut pass)
    })
}
