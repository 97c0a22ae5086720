//! What a worker is told to do: one JSON file that both sides read.

use std::path::PathBuf;

use lpzero_arch::Architecture;
use lpzero_nn::{Batch, Objective};
use serde::{Deserialize, Serialize};

/// Seed of weights, tokens and masks.
pub const SEED: u64 = 0;

/// The vocabulary of `bert-base-uncased` and its mask token; any other
/// vocabulary is masked with its last id.
const BERT_MASK: (usize, u32) = (30_522, 103);

/// One kind of iteration with its sizes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Task {
    /// One forward and one backward pass.
    Pass(Pass),
    /// The same, its gradient clipped to norm 1, and an update with AdamW: a step
    /// of training.
    Update(Pass),
    /// Drawing standard normal numbers; for the engine, as the token table of
    /// a network.
    Normals {
        architecture: Architecture,
        elements: usize,
    },
    /// A matrix product, (rows, inner) by (inner, columns).
    Product { shape: [usize; 3] },
    /// A pass of each of the first `count` networks of a ground truth, with
    /// their traces or with nobody looking.
    Traces {
        truth: PathBuf,
        count: usize,
        batch: usize,
        positions: usize,
        recorded: bool,
    },
}

impl Task {
    /// The network and batch of a task that has one.
    pub fn pass(&self) -> Option<&Pass> {
        match self {
            Task::Pass(pass) | Task::Update(pass) => Some(pass),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn pass_mut(&mut self) -> Option<&mut Pass> {
        match self {
            Task::Pass(pass) | Task::Update(pass) => Some(pass),
            _ => None,
        }
    }
}

/// A network with the batch that it sees, under the objective it was made for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pass {
    pub architecture: Architecture,
    pub batch: usize,
    pub positions: usize,
    /// Tokens before masking, (batch, positions).
    pub tokens: Vec<u32>,
    /// Masked positions, counted through the batch; none for a decoder.
    pub masked: Vec<usize>,
    pub mask_token: u32,
    /// Whether the engine saves memory at the cost of time.
    pub frugal: bool,
    /// A safetensors file, written before the workers start.
    pub weights: PathBuf,
}

impl Pass {
    /// A seeded batch for an architecture; the weights have no file yet.
    pub fn new(architecture: Architecture, batch: usize, positions: usize) -> Self {
        let vocabulary = architecture.vocabulary;
        let tokens = Batch::zipf(vocabulary, batch, positions, SEED);
        let masked = match Objective::default_for(&architecture) {
            Objective::MaskedToken => tokens.masked_positions(SEED),
            _ => Vec::new(),
        };
        Pass {
            architecture,
            batch,
            positions,
            tokens: tokens.tokens,
            masked,
            mask_token: match vocabulary == BERT_MASK.0 {
                true => BERT_MASK.1,
                false => vocabulary as u32 - 1,
            },
            frugal: false,
            weights: PathBuf::new(),
        }
    }

    /// FLOPs of one iteration: three times the forward pass, which is
    /// `Architecture::flops` and, at masked positions, the dense map and
    /// scores of the objective. An adaptive head counts its first cluster only.
    pub fn flops(&self) -> f64 {
        let Architecture {
            width, vocabulary, ..
        } = self.architecture;
        let narrow = self.architecture.embedding.width;
        let network = self.batch as f64 * self.architecture.flops(self.positions) as f64;
        let objective = 2.0 * (self.masked.len() * narrow) as f64 * (width + vocabulary) as f64;
        3.0 * (network + objective)
    }
}
