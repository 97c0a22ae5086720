//! Whether a score follows from the network alone, found by trying.

use lpzero_nn::Objective;
use lpzero_trace::{NetworkScalar, Trace};

use crate::{Error, Networks, Pass, Proxy, Repetition, Workbench};

/// Architectures that are tried: what depends on data does so on the first.
const TRIED: usize = 3;

impl Workbench {
    /// For every proxy, whether its exact score stays the same to the last bit
    /// when the minibatch is another one, and when the objective is (a random
    /// projection of the last hidden state, or its plain sum, neither of which
    /// has weights of its own). Tried on the smallest architectures; a score
    /// that is not finite there is not called data-free.
    ///
    /// # Errors
    ///
    /// As [`exact_scores`](Self::exact_scores).
    pub fn data_free(&self, networks: &Networks, proxies: &[Proxy]) -> Result<Vec<bool>, Error> {
        let size = |&i: &usize| {
            let scalars = Trace::data_free(&networks.architectures()[i]).scalars;
            scalars[NetworkScalar::Params as usize] as u64
        };
        let mut order: Vec<usize> = (0..networks.len()).collect();
        order.sort_by_cached_key(size);
        order.truncate(TRIED);
        let smallest = networks.subset(order);

        let scores = |objective, batch| {
            self.varied(objective, batch)
                .exact_scores(&smallest, proxies)
        };
        let own = self.pass().objective;
        let pairs = [
            (scores(own, 0)?, scores(own, 1)?),
            (
                scores(Some(Objective::RandomProjection), 0)?,
                scores(Some(Objective::OutputSum), 0)?,
            ),
        ];
        let unmoved = |(a, b): (&f64, &f64)| a.is_finite() && a == b;
        Ok((0..proxies.len())
            .map(|proxy| (pairs.iter()).all(|(a, b)| a[proxy].iter().zip(&b[proxy]).all(unmoved)))
            .collect())
    }

    /// Workbench with another objective, on the first or second of two minibatches.
    fn varied(&self, objective: Option<Objective>, batch: u32) -> Self {
        let pass = Pass {
            objective,
            ..self.pass().clone()
        };
        let repetition = Repetition {
            batch,
            batches: 2,
            ..self.repetition()
        };
        (self.clone())
            .with_pass(pass)
            .with_repetition(repetition)
            .with_watch(self.watch().silent())
    }
}
