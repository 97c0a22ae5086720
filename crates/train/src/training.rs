//! The loop.

use std::iter;
use std::path::Path;
use std::time::{Duration, Instant};

use lpzero_arch::Architecture;
use lpzero_nn::{
    AdamW, Gradients, Network, Objective, Seeded, Source, Workspace, clip_factor, room_for,
};
use lpzero_run::Cancel;

use crate::supernet::{self, Elastic};
use crate::validation::evaluate;
use crate::{Batches, Curve, Error, Point, Recipe, checkpoint};

/// A network on its way.
pub struct Training<'a> {
    pub(crate) network: Network<f32>,
    pub(crate) optimiser: AdamW<f32>,
    pub(crate) curve: Curve,
    recipe: &'a Recipe,
    batches: &'a dyn Batches,
    /// Whose sub-networks are trained with it, where it is a super-network.
    elastic: Option<&'a Elastic>,
    gradients: Gradients<f32>,
    workspace: Workspace<f32>,
}

/// Controls of a running training: its reports, its checkpoints, and a way to stop it.
pub struct Control<'a> {
    /// Stops soon where it is set: an update that is under way is not made.
    pub cancel: &'a Cancel,
    /// Called after every update.
    pub progress: &'a mut dyn FnMut(&Point),
    /// A folder for checkpoints, and how long at most lies between two.
    pub checkpoints: Option<(&'a Path, Duration)>,
}

impl<'a> Training<'a> {
    /// At the start: weights are a function of the seed. `workspace` says on which
    /// threads it runs; the result does not depend on it.
    ///
    /// # Errors
    /// A recipe, an architecture or tokens that do not suit each other.
    pub fn new(
        architecture: &Architecture,
        recipe: &'a Recipe,
        batches: &'a dyn Batches,
        seed: u64,
        workspace: Workspace<f32>,
    ) -> Result<Self, Error> {
        let source = Seeded(seed);
        Self::going_on(architecture, recipe, batches, (&source, seed), workspace)
    }

    /// At the start, with the weights of a source; the seed decides the rest.
    ///
    /// # Errors
    /// As [`new`](Self::new), and what the source says.
    pub fn going_on(
        architecture: &Architecture,
        recipe: &'a Recipe,
        batches: &'a dyn Batches,
        (source, seed): (&dyn Source<f32>, u64),
        mut workspace: Workspace<f32>,
    ) -> Result<Self, Error> {
        recipe.check()?;
        if batches.vocabulary() > architecture.vocabulary {
            return Err(Error::Tokens(format!(
                "the tokens need a vocabulary of {} or more, the architecture has {}",
                batches.vocabulary(),
                architecture.vocabulary
            )));
        }
        let objective = Objective::default_for(architecture);
        if !matches!(objective, Objective::NextToken | Objective::MaskedToken) {
            return Err(Error::Tokens(
                "expected a decoder with an output head, or an encoder with a single token table: \
                 others have no loss to be trained on"
                    .into(),
            ));
        }
        room_for("the training", bytes(architecture, recipe))?;
        let mut network = Network::loaded(architecture, objective, source, &mut workspace)?;
        network.reseed(seed);
        Ok(Self::of(network, recipe, batches, workspace))
    }

    /// From these weights.
    pub fn of(
        network: Network<f32>,
        recipe: &'a Recipe,
        batches: &'a dyn Batches,
        workspace: Workspace<f32>,
    ) -> Self {
        let mut optimiser = AdamW::of(&network);
        optimiser.betas = recipe.betas;
        optimiser.epsilon = recipe.epsilon;
        optimiser.weight_decay = recipe.weight_decay;
        Training {
            optimiser,
            gradients: Gradients::of(&network),
            curve: Curve::default(),
            network,
            recipe,
            batches,
            elastic: None,
            workspace,
        }
    }

    /// The training of a super-network: the network must be the largest of the
    /// space, and networks of the space are trained with it.
    #[must_use]
    pub fn with_sub_networks(mut self, elastic: &'a Elastic) -> Self {
        self.elastic = Some(elastic);
        self
    }

    /// Goes on from the checkpoint in a folder, to the bit as if it had never
    /// stopped; does nothing where there is none.
    ///
    /// # Errors
    /// A checkpoint that is damaged, or of another architecture or recipe.
    pub fn resume(&mut self, folder: &Path) -> Result<(), Error> {
        checkpoint::load(self, folder)
    }

    /// Writes a checkpoint, whole or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn checkpoint(&self, folder: &Path) -> Result<(), Error> {
        checkpoint::save(self, folder)
    }

    /// Stops what is at work soon after this is set.
    pub fn stop_with(&mut self, cancel: &Cancel) {
        self.workspace.stop_with(cancel);
    }

    /// The network as it is.
    pub fn network(&self) -> &Network<f32> {
        &self.network
    }

    /// Losses so far.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        self.recipe
    }

    /// Updates so far.
    pub fn step(&self) -> u64 {
        self.optimiser.updates()
    }

    /// Makes updates until the recipe's last. A cancelled or failed training has
    /// left a checkpoint, where it may.
    ///
    /// # Errors
    /// [`Error::Cancelled`], a loss that is no number, a checkpoint that cannot be
    /// written.
    pub fn run(&mut self, control: Control<'_>) -> Result<(), Error> {
        let mut kept = Instant::now();
        // What a resumed training has read is on the disk, and needs no room again.
        let mut kept_step = self.step();
        let is_kept = |kept: u64, step, folder: &Path| {
            kept == step && folder.join(checkpoint::CHECKPOINT).exists()
        };
        self.workspace.stop_with(control.cancel);
        while self.step() < self.recipe.steps {
            let point = match self.update() {
                Err(error) if error.is_cancelled() => {
                    if let Some((folder, _)) = control.checkpoints
                        && self.is_between_updates()
                        && !is_kept(kept_step, self.step(), folder)
                    {
                        self.checkpoint(folder)?;
                    }
                    return Err(Error::Cancelled);
                }
                updated => updated?,
            };
            (control.progress)(&point);
            if let Some((folder, interval)) = control.checkpoints
                && kept.elapsed() >= interval
            {
                self.checkpoint(folder)?;
                kept = Instant::now();
                kept_step = self.step();
            }
        }
        match control.checkpoints {
            Some((folder, _)) if !is_kept(kept_step, self.step(), folder) => {
                self.checkpoint(folder)
            }
            _ => Ok(()),
        }
    }

    /// Whether the last update has its point on the curve, which it lacks where its
    /// validation was stopped: a training that went on from there would lack it too.
    fn is_between_updates(&self) -> bool {
        self.curve.0.last().map_or(0, |point| point.step) == self.step()
    }

    /// One update.
    ///
    /// # Errors
    /// A loss that is no number; the weights are then as they were.
    pub fn update(&mut self) -> Result<Point, Error> {
        let recipe = self.recipe;
        let (step, shape) = (self.step(), (recipe.batch, recipe.positions));
        let passes = u64::from(recipe.accumulate);
        self.gradients.clear();
        let parts = match self.elastic {
            Some(elastic) => elastic.others(step)?,
            None => Vec::new(),
        };
        let mut parts = supernet::copies(&self.network, &parts, &mut self.workspace)?;
        let networks = 1 + parts.len() as u64;
        let mut loss = 0.0;
        for pass in 0..passes {
            let number = step * passes + pass;
            let batch = self.batches.training(number, shape);
            for network in iter::once(&mut self.network).chain(&mut parts) {
                network.reseed(self.batches.mask_seed(number));
                let gradients = &mut self.gradients;
                loss += network.pass_with(&batch, gradients, &mut self.workspace)?;
                gradients.add_pass();
            }
        }
        let used = parts.into_iter();
        used.for_each(|network| network.recycle(&mut self.workspace));
        loss /= (passes * networks) as f64;
        let norm = self.gradients.norm(&self.workspace);
        if !(loss.is_finite() && norm.is_finite()) {
            return Err(Error::Diverged {
                step: step + 1,
                loss,
            });
        }
        let factor = match recipe.clip > 0.0 {
            true => clip_factor(norm, recipe.clip),
            false => 1.0,
        };
        let rate = recipe.rate(step);
        let (network, gradients) = (&mut self.network, &self.gradients);
        (self.optimiser).update(network, gradients, (rate, factor), &self.workspace);
        let step = step + 1;
        let due = step.is_multiple_of(recipe.validate_every) || step == recipe.steps;
        let point = Point {
            step,
            tokens: recipe.tokens() / recipe.steps * step,
            rate,
            norm,
            loss,
            validation: due.then(|| self.validate()).transpose()?,
        };
        self.curve.0.push(point);
        Ok(point)
    }

    /// The loss on the validation batches, as the weights are.
    ///
    /// # Errors
    /// What the engine refuses.
    pub fn validate(&mut self) -> Result<f64, Error> {
        let (network, workspace) = (&mut self.network, &mut self.workspace);
        evaluate(network, self.recipe, self.batches, workspace)
    }
}

/// Estimates the bytes of a training: weights, gradients and two moments, and
/// activations with their gradients.
fn bytes(architecture: &Architecture, recipe: &Recipe) -> u64 {
    let weights = architecture.parameters().total();
    let weights = weights.saturating_mul(4 * size_of::<f32>() as u128);
    let activations = architecture.activation_memory(recipe.batch, recipe.positions);
    let bytes = weights.saturating_add(activations.saturating_mul(2));
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
