//! The pass of synaptic flow, which needs no data.

use num_traits::Signed;

use super::activations::check_activations;
use super::engine::Engine;
use super::flow::Flow;
use super::{Network, on_threads};
use crate::kernels::elementwise::long_inner_product;
use crate::layers::outer_site;
use crate::parameters::{Parameter, Parameters};
use crate::pass::{Keep, Pass, Rows};
use crate::{Error, Real, Role, Symbol, Visitor, Workspace};

impl<F: Engine> Network<F> {
    /// One forward and one backward pass of SynFlow (Tanaka et al. 2020,
    /// "Pruning neural networks without any data by iteratively conserving
    /// synaptic flow"): all weights are replaced by their absolute values, the
    /// input of the first block is all ones, (`batch`, `positions`, width),
    /// every norm is the identity, and the loss, which is returned, is the sum
    /// of the last hidden state, whatever the network's objective and head.
    /// Nonlinearities, softmax and the fixed transforms stay. The published
    /// score is `sum |W * G|` over what the visitor is shown.
    ///
    /// The visitor sees |W| as weight, and only what lies between that input
    /// and that output: neither embeddings nor head nor gains and biases of
    /// norms. At the input site are `A`, the ones, and `D` and `J`, the
    /// gradient with respect to them.
    ///
    /// With equal rows, attention is uniform, so queries and keys have
    /// gradient 0 unless a convolution over positions has told rows apart.
    ///
    /// Without norms, values grow by orders of magnitude per block, and a gate
    /// squares them: even the logarithm of the loss may have sixty digits. So
    /// activations carry a scale, and are shown without it. Gradients of
    /// weights are in units of the power of two of the loss, of which the
    /// visitor is told before the first of them ([`Visitor::unit`]).
    ///
    /// # Errors
    /// Where there is no position, more than the architecture has, or too many
    /// for the memory; [`Error::Streamed`].
    pub fn synflow_pass(
        &self,
        batch: usize,
        positions: usize,
        visitor: &mut dyn Visitor<F>,
        workspace: &mut Workspace<F>,
    ) -> Result<Flow, Error> {
        F::synflow(self, (batch, positions), visitor, workspace)
    }
}

impl<F: Real> Network<F> {
    pub(super) fn flow(
        &self,
        batch: usize,
        positions: usize,
        visitor: &mut dyn Visitor<F>,
        workspace: &mut Workspace<F>,
    ) -> Result<Flow, Error> {
        if batch == 0 || positions == 0 {
            return Err(Error::BatchTooSmall {
                batch,
                positions,
                needed: 1,
            });
        }
        if positions > self.architecture.positions {
            return Err(Error::Positions {
                found: positions,
                limit: self.architecture.positions,
            });
        }
        self.check_resident()?;
        let rows = Rows { batch, positions };
        check_activations(&self.architecture, rows)?;
        let absolute = |parameter: &Parameter<F>| Parameter {
            name: parameter.name.clone(),
            shape: parameter.shape.clone(),
            data: parameter.data.iter().map(Signed::abs).collect(),
        };
        let parameters = Parameters::all(self.parameters.tensors.iter().map(absolute).collect());
        let mut pass = Pass::new(&parameters, visitor, workspace);
        pass.normalised = false;
        // Scales of sublayers are kept with their state.
        pass.keep = Keep::All;
        on_threads(pass, |pass| self.run_synflow(pass, rows))
    }

    fn run_synflow(&self, pass: &mut Pass<'_, F>, rows: Rows) -> Result<Flow, Error> {
        let input = outer_site(Role::Input, 0);
        let mut x = pass.take(rows.count() * self.architecture.width);
        x.fill(F::one());
        pass.show(input, Symbol::A, rows, &x);
        let (x, caches) = self.forward_blocks(pass, rows, x)?;
        let exponent = pass.exponent.get();
        pass.visitor.unit(exponent);
        let (value, d) = self.at_end(pass, rows, x, |pass, hidden| {
            let mut d = pass.take(hidden.len());
            d.fill(F::one());
            let loss = long_inner_product(&hidden, &d);
            pass.give([hidden]);
            (loss, d)
        })?;
        let d = self.backward_blocks(pass, rows, caches, d)?;
        for symbol in [Symbol::D, Symbol::J] {
            pass.show(input, symbol, rows, &d);
        }
        pass.give([d]);
        Ok(Flow { value, exponent })
    }
}
