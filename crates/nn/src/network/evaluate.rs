//! The loss alone: a forward pass that keeps nothing for a backward one.

use super::{Network, check_activations, on_threads};
use crate::pass::{Keep, Pass, Rows};
use crate::{Batch, Error, NoVisitor, Real, Workspace};

impl<F: Real> Network<F> {
    /// The loss that [`pass_with`](Self::pass_with) would return, to the bit, at
    /// about a third of its time.
    ///
    /// # Errors
    /// As [`pass`](Self::pass).
    pub fn evaluate_with(&self, batch: &Batch, workspace: &mut Workspace<F>) -> Result<f64, Error> {
        batch.check(&self.architecture, self.objective)?;
        let rows = Rows {
            batch: batch.batch,
            positions: batch.positions,
        };
        check_activations(&self.architecture, rows)?;
        let mut visitor = NoVisitor;
        let mut pass = Pass::new(&self.parameters, &mut visitor, workspace);
        pass.keep = Keep::Nothing;
        on_threads(pass, |pass| self.run(pass, rows, batch))
    }
}
