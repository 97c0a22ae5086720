//! How probable a network finds a text: perplexity, and multiple choice.
//!
//! Everything here is log-likelihoods of the last tokens of sequences
//! ([`Evaluator::log_likelihoods`]). Several sequences go through the network at once,
//! as many as fit into memory: one whose weights are read block by block then reads
//! them once for all of these.

mod choice;
mod items;
mod perplexity;

use std::sync::Arc;

use lpzero_arch::Architecture;
use lpzero_nn::{Batch, Network, Objective, Workspace};
use lpzero_trace::{Need, Weights};
use rayon::ThreadPool;

use crate::{Error, Task};
pub use choice::{Accuracy, ChoiceReport, ChoiceSums, choose, wilson};
pub use items::{Item, Template, read_items, read_items_from};
pub use perplexity::{Perplexity, Windows, perplexity};

/// Most tokens of one pass: of a network in memory more would not make it faster, and
/// of one that is streamed reading the weights no longer counts. A pass is also what
/// Ctrl-C waits for.
const RESIDENT_TOKENS: usize = 1024;
const STREAMED_TOKENS: usize = 4096;

/// A sequence, of which the last tokens are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// All of its tokens; at least one more than `scored`.
    pub tokens: &'a [u32],
    /// How many of the last tokens are scored.
    pub scored: usize,
}

/// A decoder with weights, ready to say how probable tokens are.
pub struct Evaluator {
    network: Network<f32>,
    workspace: Workspace<f32>,
    id: String,
    memory: u64,
}

impl Evaluator {
    /// A network that takes no more than about `memory` bytes for a sequence of
    /// `positions` tokens: streamed where its weights would not fit. `id` names it in
    /// errors.
    ///
    /// # Errors
    /// Where it is no decoder, cannot be built, lacks weights, or does not fit.
    pub fn new(
        id: &str,
        architecture: &Architecture,
        weights: &Weights,
        pool: &Arc<ThreadPool>,
        (positions, memory): (usize, u64),
    ) -> Result<Self, Error> {
        let engine = |source| Error::Engine {
            id: id.to_owned(),
            source,
        };
        let need = Need::of_evaluation(architecture, (1, positions), memory);
        if need.bytes > memory {
            return Err(Error::TooLarge {
                id: id.to_owned(),
                parameters: architecture.parameters().total(),
                bytes: need.bytes,
                limit: memory,
            });
        }
        let mut workspace = match pool.current_num_threads() {
            1 => Workspace::new(),
            _ => Workspace::on(Arc::clone(pool)),
        };
        let objective = Objective::NextToken;
        let network = match need.streamed {
            true => Network::streamed(architecture, objective, Arc::clone(weights)),
            false => Network::loaded(architecture, objective, &**weights, &mut workspace),
        };
        Ok(Evaluator {
            network: network.map_err(engine)?,
            workspace,
            id: id.to_owned(),
            memory,
        })
    }

    /// Whether weights are read whenever a pass visits them.
    pub fn is_streamed(&self) -> bool {
        self.network.is_streamed()
    }

    /// Architecture that the network was built from.
    pub fn architecture(&self) -> &Architecture {
        self.network.architecture()
    }

    /// Log-likelihoods in nats of the last tokens of each sequence, each given all before it. They
    /// are a function of weights and tokens. How many sequences share a pass changes rounding at
    /// most.
    ///
    /// # Errors
    /// Where a sequence has nothing before the tokens that are asked for, is longer
    /// than the network has positions, or has a token that the network does not;
    /// [`Error::Interrupted`].
    pub fn log_likelihoods(
        &mut self,
        sequences: &[Sequence<'_>],
        task: &Task<'_>,
    ) -> Result<Vec<Vec<f64>>, Error> {
        // Sequences of about one length share a pass, the longest first.
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(sequences[index].tokens.len()));
        let mut results = vec![Vec::new(); sequences.len()];
        let mut done = 0;
        while done < order.len() {
            if task.is_cancelled() {
                return Err(Error::Interrupted {
                    finished: done,
                    total: order.len(),
                });
            }
            let positions = sequences[order[done]].tokens.len();
            let together = self.together(positions).min(order.len() - done);
            let group = &order[done..][..together];
            let found = self.pass(sequences, group, positions)?;
            for (row, &index) in found.chunks_exact(positions - 1).zip(group) {
                let Sequence { tokens, scored } = sequences[index];
                let end = tokens.len() - 1;
                results[index] = row[end - scored..end].to_vec();
            }
            done += together;
            task.step(done, order.len());
        }
        Ok(results)
    }

    /// One pass over some sequences, filled up at their ends to `positions` tokens.
    fn pass(
        &mut self,
        sequences: &[Sequence<'_>],
        group: &[usize],
        positions: usize,
    ) -> Result<Vec<f64>, Error> {
        let mut tokens = Vec::with_capacity(group.len() * positions);
        for &index in group {
            let Sequence {
                tokens: own,
                scored,
            } = sequences[index];
            if own.len() <= scored {
                return Err(Error::NothingBefore {
                    index,
                    scored,
                    tokens: own.len(),
                });
            }
            tokens.extend_from_slice(own);
            tokens.resize(tokens.len() + positions - own.len(), 0);
        }
        let vocabulary = self.network.architecture().vocabulary;
        let batch = Batch::from_tokens(tokens, group.len(), positions, vocabulary);
        let found =
            batch.and_then(|batch| self.network.log_likelihoods(&batch, &mut self.workspace));
        found.map_err(|source| Error::Engine {
            id: self.id.clone(),
            source,
        })
    }

    /// How many sequences of so many tokens go through the network at once.
    fn together(&self, positions: usize) -> usize {
        let streamed = self.is_streamed();
        let most = match streamed {
            true => STREAMED_TOKENS,
            false => RESIDENT_TOKENS,
        };
        let fits = |&batch: &usize| {
            let architecture = self.network.architecture();
            let need = Need::of_evaluation(architecture, (batch, positions), self.memory);
            need.bytes <= self.memory && need.streamed == streamed
        };
        let most = (most / positions.max(1)).max(1);
        let halves = std::iter::successors(Some(most), |batch| Some(batch / 2));
        let mut halves = halves.take_while(|&batch| batch > 1);
        halves.find(fits).unwrap_or(1)
    }
}
