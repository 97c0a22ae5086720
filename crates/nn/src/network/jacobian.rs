//! How every half of a block passes gradients on, tried with random signs.

use super::hessian::fill_signs;
use super::{Network, check_activations, on_threads};
use crate::kernels::matrix::{Into, Matrix, MatrixMut, product};
use crate::pass::{Pass, Rows};
use crate::{Batch, Error, NoVisitor, Real, Site, TensorView, Workspace};

impl<F: Real> Network<F> {
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
        visit: &mut (dyn FnMut(Site, TensorView<'_, F>) + Send),
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
            self.run_sign_jacobians(pass, rows, batch, visit);
            0.0
        });
        Ok(())
    }

    fn run_sign_jacobians(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        batch: &Batch,
        visit: &mut (dyn FnMut(Site, TensorView<'_, F>) + Send),
    ) {
        let width = self.architecture.width;
        let (tokens, _) = self.input(batch);
        let (mut x, embedded) = self.layers.embedding.forward(pass, rows, &tokens);
        (embedded.into_buffers().into_iter()).for_each(|buffer| pass.give([buffer]));
        let sublayers: Vec<_> = self.layers.blocks.iter().flatten().collect();
        let mut caches = Vec::with_capacity(sublayers.len());
        for sublayer in &sublayers {
            let (y, cache) = sublayer.forward(pass, rows, x);
            caches.push(cache);
            x = y;
        }
        let size = x.len();
        pass.give([x]);
        let share = F::of(1.0 / rows.count() as f64);
        let mut jacobian = pass.take(width * width);
        for (number, (sublayer, cache)) in sublayers.into_iter().zip(caches).enumerate().rev() {
            let mut signs = pass.take(size);
            fill_signs((self.seed, &format!("signs.{number}")), &mut signs);
            let mut given = pass.take(size);
            given.copy_from_slice(&signs);
            let gradient = sublayer.backward(pass, rows, cache, given);
            product(
                pass.threads,
                MatrixMut::new(&mut jacobian, width),
                Into::Fresh,
                share,
                Matrix::new(&gradient, width).transposed(),
                Matrix::new(&signs, width),
            );
            let (data, shape) = (&jacobian[..], &[width, width][..]);
            visit(sublayer.end(), TensorView { data, shape });
            pass.give([signs, gradient]);
        }
        pass.give([jacobian]);
    }
}
