//! How every half of a block passes gradients on, tried with random signs.

use super::activations::check_activations;
use super::engine::Engine;
use super::engine::JacobianVisitor;
use super::hessian::fill_signs;
use super::{Network, on_threads};
use crate::kernels::matrix::{Into, Matrix, MatrixMut, product};
use crate::layers::{Sublayer, SublayerCache};
use crate::pass::{Pass, Rows};
use crate::{Batch, Error, NoVisitor, Real, TensorView, Workspace};

impl<F: Engine> Network<F> {
    /// Shows `visit` an estimate of the Jacobian of every sublayer (half a
    /// block: a mixer or a feed-forward network, with its residual sum and
    /// norm), last one first.
    ///
    /// The gradient at the sublayer's output is set to random signs s, and g is
    /// what the backward pass makes of them at its input. The estimate is the mean
    /// over tokens of `g sᵀ`, (width, width): signs are uncorrelated, so that in
    /// expectation it is the mean over tokens of the transposed Jacobian of a
    /// token's output with respect to its own input (Lee & Ham 2024, "AZ-NAS",
    /// section 3.3). The singular values of the Jacobian say how the sublayer
    /// scales gradients.
    ///
    /// Signs are a function of the network's seed and the sublayer. The site is
    /// that of the map where the sublayer ends. The input is what
    /// [`pass`](Self::pass) shows the network, masks included.
    ///
    /// # Errors
    /// As [`pass`](Self::pass).
    pub fn sign_jacobians(
        &self,
        batch: &Batch,
        visit: &mut JacobianVisitor<'_, F>,
        workspace: &mut Workspace<F>,
    ) -> Result<(), Error> {
        F::jacobians(self, batch, visit, workspace)
    }
}

impl<F: Real> Network<F> {
    pub(super) fn show_sign_jacobians(
        &self,
        batch: &Batch,
        visit: &mut JacobianVisitor<'_, F>,
        workspace: &mut Workspace<F>,
    ) -> Result<(), Error> {
        batch.check(&self.architecture, self.objective)?;
        let rows = Rows {
            batch: batch.batch,
            positions: batch.positions,
        };
        check_activations(&self.architecture, rows)?;
        let mut nobody = NoVisitor;
        let pass = Pass::new(&self.parameters, &mut nobody, workspace);
        on_threads(pass, |pass| {
            self.run_sign_jacobians(pass, rows, batch, visit)
        })
    }

    fn run_sign_jacobians(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        batch: &Batch,
        visit: &mut JacobianVisitor<'_, F>,
    ) -> Result<(), Error> {
        let (tokens, _) = self.input(batch);
        let embedding = &self.layers.embedding;
        let (x, embedded) =
            self.in_embedding(pass, |pass| embedding.forward(pass, rows, &tokens))?;
        (embedded.into_buffers().into_iter()).for_each(|buffer| pass.give([buffer]));
        let (x, caches) = self.forward_blocks(pass, rows, x)?;
        pass.give([x]);
        self.visit_back(pass, caches, |pass, layer, block, cache| {
            let caches = cache.restored(pass, rows, block, self.layers.parallel);
            let halves = block.iter().zip(caches).enumerate();
            for (half, (sublayer, cache)) in halves.rev() {
                let name = format!("signs.{}", 2 * layer + half);
                self.sign_jacobian(pass, rows, (sublayer, cache), &name, visit);
            }
        })
    }

    /// One sublayer; the signs are those of `name`.
    fn sign_jacobian(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        (sublayer, cache): (&Sublayer, SublayerCache<F>),
        name: &str,
        visit: &mut JacobianVisitor<'_, F>,
    ) {
        let width = self.architecture.width;
        let mut signs = pass.take(rows.count() * width);
        fill_signs((self.seed, name), &mut signs);
        let mut given = pass.take(signs.len());
        given.copy_from_slice(&signs);
        let gradient = sublayer.backward(pass, rows, cache, given);
        let mut jacobian = pass.take(width * width);
        product(
            pass.threads,
            MatrixMut::new(&mut jacobian, width),
            Into::Fresh,
            F::of(1.0 / rows.count() as f64),
            Matrix::new(&gradient, width).transposed(),
            Matrix::new(&signs, width),
        );
        let (data, shape) = (&jacobian[..], &[width, width][..]);
        visit(sublayer.end(), TensorView { data, shape });
        pass.give([signs, gradient, jacobian]);
    }
}
