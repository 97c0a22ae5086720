//! The loss alone: a forward pass that keeps nothing for a backward one.

use lpzero_arch::Architecture;

use super::activations::{block_activations, check_count};
use super::engine::Engine;
use super::{Network, on_threads};
use crate::pass::{Keep, Pass, Rows};
use crate::{Batch, Error, NoVisitor, Objective, Real, Workspace};

impl<F: Engine> Network<F> {
    /// The loss that [`pass_with`](Self::pass_with) would return, to the bit, at
    /// about a third of its time.
    ///
    /// # Errors
    /// As [`pass`](Self::pass).
    pub fn evaluate_with(&self, batch: &Batch, workspace: &mut Workspace<F>) -> Result<f64, Error> {
        F::evaluate(self, batch, workspace, &mut Vec::new())
    }

    /// The logarithm of the probability of every token but the first of each
    /// sequence, given those before it, in nats: (batch, positions - 1), row-major.
    /// Minus their mean is what [`evaluate_with`](Self::evaluate_with) returns.
    ///
    /// No token sees a later one. So sequences of several lengths may be filled up
    /// with any tokens behind their ends, whose log-likelihoods mean nothing.
    ///
    /// # Errors
    /// As [`pass`](Self::pass), and where the objective is not
    /// [`Objective::NextToken`].
    pub fn log_likelihoods(
        &self,
        batch: &Batch,
        workspace: &mut Workspace<F>,
    ) -> Result<Vec<f64>, Error> {
        if self.objective != Objective::NextToken {
            return Err(Error::Objective {
                objective: Objective::NextToken,
                needs: "a network that was built for it",
            });
        }
        let mut losses = Vec::new();
        F::evaluate(self, batch, workspace, &mut losses)?;
        losses.iter_mut().for_each(|loss| *loss = -*loss);
        Ok(losses)
    }
}

impl<F: Real> Network<F> {
    pub(super) fn forward(
        &self,
        batch: &Batch,
        workspace: &mut Workspace<F>,
        losses: &mut Vec<f64>,
    ) -> Result<f64, Error> {
        batch.check(&self.architecture, self.objective)?;
        let rows = Rows {
            batch: batch.batch,
            positions: batch.positions,
        };
        check_count(evaluation_activations(
            &self.architecture,
            rows.batch,
            rows.positions,
        ))?;
        let mut visitor = NoVisitor;
        let mut pass = Pass::new(&self.parameters, &mut visitor, workspace);
        pass.keep = Keep::Nothing;
        on_threads(pass, |pass| self.run(pass, rows, batch, losses))
    }
}

/// About how many activations [`Network::log_likelihoods`] has at once, from above:
/// those of the block that has most of them, its input and output, and a slice of
/// the logits.
pub fn evaluation_activations(architecture: &Architecture, batch: usize, positions: usize) -> u128 {
    /// Most rows of a slice of logits, and most logits of one with more rows.
    const SLICE: (u128, u128) = (256, 1 << 22);
    let tokens = batch as u128 * positions as u128;
    let largest = block_activations(architecture, positions)
        .max()
        .unwrap_or(0);
    let logits = (architecture.vocabulary as u128).saturating_mul(tokens.min(SLICE.0));
    let most = logits.max(SLICE.1);
    let around = 4 * architecture.width as u128;
    tokens
        .saturating_mul(largest + around)
        .saturating_add(most.min(tokens.saturating_mul(architecture.vocabulary as u128)))
}
