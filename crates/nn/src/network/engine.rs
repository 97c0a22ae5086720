//! What other crates call of the engine, compiled here once for each element type.
//!
//! A generic function is compiled again in every crate that calls it. Passes are most of
//! the engine: compiled five times, they were a tenth of a whole build.

use lpzero_arch::Architecture;

use super::Network;
use super::flow::Flow;
use crate::source::{Seeded, Source};
use crate::{Batch, Dual, Error, Objective, Real, Site, TensorView, Visitor, Workspace};

/// Sees the Jacobian of a sublayer at its site.
pub type JacobianVisitor<'a, F> = dyn FnMut(Site, TensorView<'_, F>) + Send + 'a;

/// Element types that the engine is compiled for. Call the methods of [`Network`] that
/// are named here; they say what each does.
pub trait Engine: Real {
    /// [`Network::loaded`].
    ///
    /// # Errors
    /// As there.
    fn loaded(
        architecture: &Architecture,
        objective: Objective,
        source: &dyn Source<Self>,
        workspace: &mut Workspace<Self>,
    ) -> Result<Network<Self>, Error>;

    /// [`Network::pass_with`].
    ///
    /// # Errors
    /// As there.
    fn pass(
        network: &Network<Self>,
        batch: &Batch,
        visitor: &mut dyn Visitor<Self>,
        workspace: &mut Workspace<Self>,
    ) -> Result<f64, Error>;

    /// [`Network::evaluate_with`]; `losses` becomes the cross-entropy of every next token.
    ///
    /// # Errors
    /// As there.
    fn evaluate(
        network: &Network<Self>,
        batch: &Batch,
        workspace: &mut Workspace<Self>,
        losses: &mut Vec<f64>,
    ) -> Result<f64, Error>;

    /// [`Network::synflow_pass`].
    ///
    /// # Errors
    /// As there.
    fn synflow(
        network: &Network<Self>,
        rows: (usize, usize),
        visitor: &mut dyn Visitor<Self>,
        workspace: &mut Workspace<Self>,
    ) -> Result<Flow, Error>;

    /// [`Network::sign_jacobians`].
    ///
    /// # Errors
    /// As there.
    fn jacobians(
        network: &Network<Self>,
        batch: &Batch,
        visit: &mut JacobianVisitor<'_, Self>,
        workspace: &mut Workspace<Self>,
    ) -> Result<(), Error>;
}

/// Compiles the engine for element types.
macro_rules! compile {
    ($($element:ty),*) => {$(
        impl Engine for $element {
            fn loaded(
                architecture: &Architecture,
                objective: Objective,
                source: &dyn Source<Self>,
                workspace: &mut Workspace<Self>,
            ) -> Result<Network<Self>, Error> {
                Network::load(architecture, objective, source, workspace)
            }

            fn pass(
                network: &Network<Self>,
                batch: &Batch,
                visitor: &mut dyn Visitor<Self>,
                workspace: &mut Workspace<Self>,
            ) -> Result<f64, Error> {
                network.forward_and_backward(batch, visitor, workspace)
            }

            fn evaluate(
                network: &Network<Self>,
                batch: &Batch,
                workspace: &mut Workspace<Self>,
                losses: &mut Vec<f64>,
            ) -> Result<f64, Error> {
                network.forward(batch, workspace, losses)
            }

            fn synflow(
                network: &Network<Self>,
                (batch, positions): (usize, usize),
                visitor: &mut dyn Visitor<Self>,
                workspace: &mut Workspace<Self>,
            ) -> Result<Flow, Error> {
                network.flow(batch, positions, visitor, workspace)
            }

            fn jacobians(
                network: &Network<Self>,
                batch: &Batch,
                visit: &mut JacobianVisitor<'_, Self>,
                workspace: &mut Workspace<Self>,
            ) -> Result<(), Error> {
                network.show_sign_jacobians(batch, visit, workspace)
            }
        }
    )*};
}

compile!(f32, f64, Dual<f32>, Dual<f64>);

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
