//! A network: an architecture with weights and an objective.

mod evaluate;
mod hessian;
mod jacobian;
mod synflow;

pub use hessian::{Curvature, rademacher};

use lpzero_arch::{Architecture, Mixer};

use crate::batch::mask_token;
use crate::kernels::elementwise::{long_inner_product, scale};
use crate::kernels::threads::Threads;
use crate::layers::{
    Embedding, Head, MaskedToken, Norm, SharedGradients, Sublayer, SublayerCache, gather,
    norm_index, outer_site, scatter_add, unsupported,
};
use crate::parameters::{Declarations, Parameter, Parameters, Tensors};
use crate::pass::{Pass, Rows};
use crate::{Batch, Error, Objective, Real, Role, Visitor, Workspace, random};

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
}

/// The layers in order; they know their weights by number.
#[derive(Clone, Debug)]
struct Layers {
    embedding: Embedding,
    blocks: Vec<[Sublayer; 2]>,
    final_norm: Option<Norm>,
    goal: Goal,
}

/// What stands behind the last hidden state.
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
        let blocks = (0..architecture.blocks.len())
            .map(|layer| Sublayer::declare_block(&mut declarations, architecture, layer))
            .collect();
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
        let layers = Layers {
            embedding,
            blocks,
            final_norm,
            goal,
        };
        Ok((layers, declarations))
    }

    /// From the input of the first block to the last hidden state, both
    /// (batch, positions, width).
    fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        mut x: Vec<F>,
    ) -> (Vec<F>, BlockCaches<F>) {
        let mut sublayers = Vec::with_capacity(2 * self.blocks.len());
        for sublayer in self.blocks.iter().flatten() {
            let (y, cache) = sublayer.forward(pass, rows, x);
            sublayers.push(cache);
            x = y;
        }
        let before_norm = self.final_norm.map(|norm| {
            let (y, statistics) = norm.forward(pass, rows, &x);
            (std::mem::replace(&mut x, y), statistics)
        });
        let caches = BlockCaches {
            sublayers,
            before_norm,
        };
        (x, caches)
    }

    /// From the gradient with respect to the last hidden state to that with
    /// respect to the input of the first block.
    fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        mut caches: BlockCaches<F>,
        mut d: Vec<F>,
    ) -> Vec<F> {
        if let (Some(norm), Some((x, statistics))) = (self.final_norm, caches.before_norm) {
            let dx = norm.backward(pass, rows, &x, statistics, &d);
            pass.give([x, std::mem::replace(&mut d, dx)]);
        }
        for sublayer in self.blocks.iter().flatten().rev() {
            let Some(cache) = caches.sublayers.pop() else {
                unreachable!("every sublayer left a cache");
            };
            d = sublayer.backward(pass, rows, cache, d);
        }
        d
    }
}

/// What the blocks and the final norm leave for their backward pass.
struct BlockCaches<F> {
    sublayers: Vec<SublayerCache<F>>,
    /// Input and statistics of the final norm.
    before_norm: Option<(Vec<F>, Vec<F>)>,
}

impl<F> BlockCaches<F> {
    /// The buffers that a pass without a backward half leaves.
    fn into_buffers(self) -> Vec<Vec<F>> {
        self.before_norm
            .into_iter()
            .flat_map(|(x, statistics)| [x, statistics])
            .collect()
    }
}

impl<F: Real> Network<F> {
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
        let (layers, declarations) = Layers::declare(architecture, objective)?;
        let pool = workspace.pool();
        let parameters = Threads::install(pool.as_deref(), |threads| {
            declarations.seeded(threads, seed, workspace)
        });
        Ok(Network {
            architecture: architecture.clone(),
            objective,
            seed,
            layers,
            parameters: parameters?,
        })
    }

    /// Gives the memory of the weights to a workspace, for the next network:
    /// memory that is new to the process takes longer to touch than to fill.
    pub fn recycle(self, workspace: &mut Workspace<F>) {
        let weights = self.parameters.0.into_iter().map(|weight| weight.data);
        weights.for_each(|buffer| workspace.give(buffer));
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
        })
    }

    /// What the network was built from.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// What a pass computes.
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
        &self.parameters.0
    }

    /// The elements of a tensor, to be changed (training, tests).
    pub fn parameter_mut(&mut self, name: &str) -> Option<&mut [F]> {
        let mut parameters = self.parameters.0.iter_mut();
        let found = parameters.find(|parameter| parameter.name == name)?;
        Some(&mut found.data)
    }

    /// Every tensor, for the optimiser.
    pub(crate) fn parameter_slice_mut(&mut self) -> &mut [Parameter<F>] {
        &mut self.parameters.0
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
        batch.check(&self.architecture, self.objective)?;
        let rows = Rows {
            batch: batch.batch,
            positions: batch.positions,
        };
        check_activations(&self.architecture, rows)?;
        let pass = Pass::new(&self.parameters, visitor, workspace);
        Ok(on_threads(pass, |pass| self.run(pass, rows, batch)))
    }

    /// What the network is shown, and the positions that are masked in it.
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

    fn run(&self, pass: &mut Pass<'_, F>, rows: Rows, batch: &Batch) -> f64 {
        let embedding = &self.layers.embedding;
        let (tokens, masked) = self.input(batch);
        let (x, embedded) = embedding.forward(pass, rows, &tokens);
        let (x, caches) = self.layers.forward(pass, rows, x);
        let mut shared = SharedGradients::new(embedding.clusters());
        let (loss, d) = self.loss(pass, batch, &masked, &x, &mut shared);
        pass.give([x]);
        if !pass.is_differentiated() {
            let unused = [
                embedded.into_buffers(),
                caches.into_buffers(),
                shared.into_buffers(),
            ];
            unused
                .into_iter()
                .flatten()
                .for_each(|buffer| pass.give([buffer]));
            pass.give([d]);
            return loss;
        }
        let d = self.layers.backward(pass, rows, caches, d);
        embedding.backward(pass, rows, embedded, shared, d);
        loss
    }

    /// The objective, and its gradient with respect to the last hidden state
    /// (batch, positions, width).
    fn loss(
        &self,
        pass: &mut Pass<'_, F>,
        batch: &Batch,
        masked: &[usize],
        hidden: &[F],
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
                self.on_rows(pass, hidden, &predicting, |pass, picked| {
                    head.loss(pass, rows, picked, &targets, shared)
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
                let loss = long_inner_product(hidden, &d) * share;
                scale(pass.threads, &mut d, F::of(share));
                (loss, d)
            }
            Goal::OutputSum => {
                let mut d = pass.take(hidden.len());
                d.fill(F::one());
                (long_inner_product(hidden, &d), d)
            }
        }
    }

    /// A loss of some rows of the hidden state, with its gradient spread back
    /// over all of them.
    fn on_rows(
        &self,
        pass: &mut Pass<'_, F>,
        hidden: &[F],
        rows: &[usize],
        loss: impl FnOnce(&mut Pass<'_, F>, &[F]) -> (f64, Vec<F>),
    ) -> (f64, Vec<F>) {
        let mut picked = pass.take(rows.len() * self.architecture.width);
        gather(hidden, rows, &mut picked);
        let (loss, dpicked) = loss(pass, &picked);
        let mut d = pass.zeroed(hidden.len());
        scatter_add(&dpicked, rows, &mut d);
        pass.give([picked, dpicked]);
        (loss, d)
    }
}

/// Runs `work` on the threads of the pass's workspace.
fn on_threads<F: Real>(
    mut pass: Pass<'_, F>,
    work: impl FnOnce(&mut Pass<'_, F>) -> f64 + Send,
) -> f64 {
    let pool = pass.workspace.pool();
    Threads::install(pool.as_deref(), |threads| {
        pass.threads = threads;
        work(&mut pass)
    })
}

/// Refuses what would need too much memory.
fn check_activations(architecture: &Architecture, rows: Rows) -> Result<(), Error> {
    let elements = activations(architecture, rows);
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
    let tokens = rows.batch as u128 * rows.positions as u128;
    let width = architecture.width as u128;
    let scores = |heads: usize| heads as u128 * rows.positions as u128;
    let block = |block: &lpzero_arch::Block| {
        let hidden: u128 = (block.feed_forward.hidden.iter()).map(|&h| h as u128).sum();
        let mixer = match block.mixer {
            Mixer::Attention { heads, .. } => 6 * width + scores(heads),
            Mixer::RelativeAttention { heads, .. } => 9 * width + scores(heads),
            Mixer::GroupedAttention {
                heads,
                key_value_heads,
                head_width,
                ..
            } => {
                let heads_width = (heads + key_value_heads) as u128 * head_width as u128;
                width + 5 * heads_width + scores(heads)
            }
            Mixer::Transform { .. } => 2 * width,
            Mixer::DynamicConvolution { heads, kernel } => {
                8 * width + scores(heads / 2) + (heads * kernel) as u128
            }
        };
        let copies = if block.feed_forward.gated { 5 } else { 2 };
        mixer + 4 * width + copies * hidden
    };
    let blocks: u128 = architecture.blocks.iter().map(block).sum();
    tokens.saturating_mul(blocks + 2 * architecture.vocabulary as u128)
}
