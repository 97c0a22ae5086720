//! What other crates call of the engine, compiled here once for each element type.
//!
//! A generic function is compiled again in every crate that calls it. Passes are most of
//! the engine: compiled five times, they were a tenth of a whole build.

use lpzero_arch::Architecture;

use super::{Flow, Network};
use crate::source::Source;
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
