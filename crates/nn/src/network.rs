//! A network: an architecture with weights and an objective.

mod blocks;
mod engine;
mod evaluate;
mod hessian;
mod jacobian;
mod stream;
mod synflow;

pub use engine::Engine;
pub use evaluate::evaluation_activations;
pub use hessian::{Curvature, rademacher};
pub use stream::{streamed_pass, streamed_weights};
pub use synflow::Flow;

use std::sync::Arc;

use lpzero_arch::{Architecture, NormPlacement};

use crate::batch::mask_token;
use crate::kernels::elementwise::{long_inner_product, scale};
use crate::kernels::threads::Threads;
use crate::layers::{
    Embedding, Head, MaskedToken, Norm, SharedGradients, Sublayer, norm_index, outer_site,
    scatter_add, unsupported,
};
use crate::parameters::{Declarations, Initial, Parameter, Parameters, Part, Tensors};
use crate::pass::{Pass, Rows};
use crate::source::{Seeded, Source};
use crate::{Batch, Error, Objective, Real, Role, Visitor, Workspace, random};
use stream::Stream;

/// Most activations that one pass may keep: 2^32, 16 GiB in single precision.
pub const MAX_ACTIVATIONS: u128 = 1 << 32;

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

/// The layers in order; they know their weights by number.
#[derive(Clone, Debug)]
struct Layers {
    embedding: Embedding,
    blocks: Vec<[Sublayer; 2]>,
    /// Whether both halves of a block read its input.
    parallel: bool,
    final_norm: Option<Norm>,
    goal: Goal,
    parts: Parts,
}

/// The tensors of each part of a network.
#[derive(Clone, Debug)]
struct Parts {
    embedding: Part,
    blocks: Vec<Part>,
    /// Tensors of the final norm and the objective, then of the embedding where it is tied.
    end: [Part; 2],
}

/// Layers behind the last hidden state.
#[derive(Clone, Debug)]
enum Goal {
    NextToken(Head),
    MaskedToken(MaskedToken),
    RandomProjection,
    OutputSum,
}

impl Layers {
    /// Checks that the network can be built and declares every tensor of it.
    fn declare(
        architecture: &Architecture,
        objective: Objective,
    ) -> Result<(Self, Declarations), Error> {
        architecture.validate()?;
        if let Some(reason) = unsupported(architecture) {
            return Err(Error::Unsupported(reason));
        }
        let unmet = |needs| Error::Objective { objective, needs };
        if let Some(needs) = objective.unmet_need(architecture) {
            return Err(unmet(needs));
        }
        let mut declarations = Declarations::default();
        let embedding = Embedding::declare(&mut declarations, architecture);
        let embedded = 0..declarations.len();
        let (mut blocks, mut parts) = (Vec::new(), Vec::new());
        for (layer, block) in architecture.blocks.iter().enumerate() {
            // It has no tensors, and passes its input on.
            if block.left_out {
                continue;
            }
            let first = declarations.len();
            let block = Sublayer::declare_block(&mut declarations, architecture, layer);
            blocks.push(block);
            parts.push(first..declarations.len());
        }
        let first = declarations.len();
        let final_norm = architecture.norm_placement.has_final().then(|| {
            Norm::declare(
                &mut declarations,
                "final.norm",
                outer_site(Role::Norm, norm_index::FINAL.into()),
                architecture.width,
                (architecture.norm_kind, architecture.norm_epsilon),
            )
        });
        let goal = match objective {
            Objective::NextToken => Goal::NextToken(
                Head::declare(&mut declarations, architecture, &embedding)
                    .ok_or_else(|| unmet("an architecture with an output head"))?,
            ),
            Objective::MaskedToken => Goal::MaskedToken(MaskedToken::declare(
                &mut declarations,
                architecture,
                &embedding,
            )),
            Objective::RandomProjection => Goal::RandomProjection,
            Objective::OutputSum => Goal::OutputSum,
        };
        let tied = match goal.reads_embedding() {
            true => embedded.clone(),
            false => 0..0,
        };
        let end = [first..declarations.len(), tied];
        let layers = Layers {
            embedding,
            blocks,
            parallel: architecture.norm_placement == NormPlacement::Parallel,
            final_norm,
            goal,
            parts: Parts {
                embedding: embedded,
                blocks: parts,
                end,
            },
        };
        Ok((layers, declarations))
    }
}

impl Goal {
    /// Whether tables of the embedding are tied to it.
    fn reads_embedding(&self) -> bool {
        match self {
            Goal::NextToken(head) => !head.is_free(),
            Goal::MaskedToken(_) => true,
            Goal::RandomProjection | Goal::OutputSum => false,
        }
    }
}

impl<F: Engine> Network<F> {
    /// A network with random weights. Each tensor is a function of the seed,
    /// its name and its size only; `f32` and `f64` networks of one seed are
    /// equal up to rounding.
    ///
    /// # Errors
    /// Where the architecture is not valid, not supported or too large, or
    /// does not suit the objective.
    pub fn seeded(
        architecture: &Architecture,
        objective: Objective,
        seed: u64,
    ) -> Result<Self, Error> {
        Self::seeded_with(architecture, objective, seed, &mut Workspace::new())
    }

    /// [`seeded`](Self::seeded) on the threads and in the buffers of a
    /// workspace: the same network, sooner. [`recycle`](Self::recycle) it when
    /// it is done.
    ///
    /// # Errors
    /// As [`seeded`](Self::seeded).
    pub fn seeded_with(
        architecture: &Architecture,
        objective: Objective,
        seed: u64,
        workspace: &mut Workspace<F>,
    ) -> Result<Self, Error> {
        let source = Seeded(seed);
        let network = Self::loaded(architecture, objective, &source, workspace)?;
        Ok(Network { seed, ..network })
    }

    /// A network with the weights of a source, all of them in memory, in buffers of
    /// the workspace. Its seed, which then decides masked positions and random
    /// projections only, is 0.
    ///
    /// # Errors
    /// As [`seeded`](Self::seeded), and what the source says.
    pub fn loaded(
        architecture: &Architecture,
        objective: Objective,
        source: &dyn Source<F>,
        workspace: &mut Workspace<F>,
    ) -> Result<Self, Error> {
        F::loaded(architecture, objective, source, workspace)
    }

    /// One forward and one backward pass on the calling thread. Shows the
    /// visitor every tensor once and returns the loss.
    ///
    /// # Errors
    /// Where the batch does not suit the architecture or would need too much
    /// memory.
    pub fn pass(&self, batch: &Batch, visitor: &mut dyn Visitor<F>) -> Result<f64, Error> {
        self.pass_with(batch, visitor, &mut Workspace::new())
    }

    /// [`pass`](Self::pass) with buffers from an earlier one, on the threads of
    /// the workspace.
    ///
    /// # Errors
    /// As [`pass`](Self::pass).
    pub fn pass_with(
        &self,
        batch: &Batch,
        visitor: &mut dyn Visitor<F>,
        workspace: &mut Workspace<F>,
    ) -> Result<f64, Error> {
        F::pass(self, batch, visitor, workspace)
    }
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

/// Name, shape and initial values of every tensor that a network declares.
///
/// # Errors
/// Where it cannot be built.
pub(crate) fn declared(
    architecture: &Architecture,
    objective: Objective,
) -> Result<Vec<(String, Vec<usize>, Initial)>, Error> {
    let (_, declarations) = Layers::declare(architecture, objective)?;
    Ok(declarations.all().collect())
}

/// Name and shape of every tensor that a network declares.
///
/// # Errors
/// Where it cannot be built.
pub(crate) fn requests(
    architecture: &Architecture,
    objective: Objective,
) -> Result<impl Iterator<Item = (String, Vec<usize>)> + use<>, Error> {
    let tensors = declared(architecture, objective)?.into_iter();
    Ok(tensors.map(|(name, shape, _)| (name, shape)))
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

/// Refuses what would need too much memory.
fn check_activations(architecture: &Architecture, rows: Rows) -> Result<(), Error> {
    check_count(activations(architecture, rows))
}

fn check_count(elements: u128) -> Result<(), Error> {
    match elements <= MAX_ACTIVATIONS {
        true => Ok(()),
        false => Err(Error::TooLarge {
            what: "the activations of this batch",
            elements,
            limit: MAX_ACTIVATIONS,
        }),
    }
}

/// About how many activations a pass keeps at once, from above: what every
/// layer leaves for its backward pass, and twice the largest logits.
fn activations(architecture: &Architecture, rows: Rows) -> u128 {
    let blocks: u128 = block_activations(architecture, rows.positions).sum();
    let tokens = rows.batch as u128 * rows.positions as u128;
    tokens.saturating_mul(blocks + 2 * architecture.vocabulary as u128)
}

/// Number of activations, roughly, that each block has at once for a token.
fn block_activations(
    architecture: &Architecture,
    positions: usize,
) -> impl Iterator<Item = u128> + '_ {
    let width = architecture.width;
    let block = move |block: &lpzero_arch::Block| {
        let hidden: u128 = (block.feed_forward.hidden.iter()).map(|&h| h as u128).sum();
        let copies = if block.feed_forward.gated { 5 } else { 2 };
        block.mixer_floats(width, positions) + 4 * width as u128 + copies * hidden
    };
    architecture.kept_blocks().map(block)
}
