//! Costs of an architecture, and bounds on them.

use lpzero_arch::{Architecture, Genotype, Space};
use serde::{Deserialize, Serialize};

use crate::Table;

/// Something that an architecture has or takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cost {
    /// All parameters.
    Params,
    /// Parameters of token mixers and feed-forward networks.
    DecoderParams,
    /// FLOPs of one forward pass over one sequence.
    Flops,
    /// Bytes of activations that a pass over the minibatch keeps for its backward half.
    Memory,
    /// Bytes of weights and of the key-value cache when it serves, in numbers of 16 bits.
    Serving,
    /// Seconds of a forward pass over the minibatch, measured on this machine.
    Latency,
    /// The sum of what a table of the user's says of every choice.
    Table,
}

impl Cost {
    /// Every cost.
    pub const ALL: [Cost; 7] = [
        Cost::Params,
        Cost::DecoderParams,
        Cost::Flops,
        Cost::Memory,
        Cost::Serving,
        Cost::Latency,
        Cost::Table,
    ];

    /// Name in columns and options.
    pub const fn name(self) -> &'static str {
        match self {
            Cost::Params => "params",
            Cost::DecoderParams => "decoder_params",
            Cost::Flops => "flops",
            Cost::Memory => "memory",
            Cost::Serving => "serving",
            Cost::Latency => "latency",
            Cost::Table => "table",
        }
    }

    /// Label of an axis in pictures.
    pub const fn label(self) -> &'static str {
        match self {
            Cost::Params => "parameters",
            Cost::DecoderParams => "parameters of mixers and feed-forward networks",
            Cost::Flops => "FLOPs of a forward pass over one sequence",
            Cost::Memory => "bytes of activations kept for the backward pass",
            Cost::Serving => "bytes of weights and key-value cache when it serves",
            Cost::Latency => "seconds of a forward pass",
            Cost::Table => "cost by the table",
        }
    }
}

/// What networks are given, which costs hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Sequences and tokens per sequence of the minibatch.
    pub batch: (usize, usize),
    /// Sequences that are served at once, and tokens of each; `None` for one sequence of as many
    /// tokens as a network takes.
    pub served: Option<(usize, usize)>,
}

impl From<(usize, usize)> for Load {
    fn from(batch: (usize, usize)) -> Self {
        let served = None;
        Load { batch, served }
    }
}

/// The costs of one architecture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Costs {
    /// See [`Cost::Params`].
    pub params: f64,
    /// See [`Cost::DecoderParams`].
    pub decoder_params: f64,
    /// See [`Cost::Flops`].
    pub flops: f64,
    /// See [`Cost::Memory`].
    pub memory: f64,
    /// See [`Cost::Serving`].
    pub serving: f64,
    /// See [`Cost::Latency`]; `None` where it was not measured.
    pub latency: Option<f64>,
    /// See [`Cost::Table`]; `None` where there is no table.
    pub table: Option<f64>,
}

impl Costs {
    /// Counts all costs but latency. No network is built. Counts are whole numbers below 2^53.
    pub fn count(
        architecture: &Architecture,
        load: impl Into<Load>,
        table: Option<(&Table, &Space, &Genotype)>,
    ) -> Self {
        let load = load.into();
        let (batch, positions) = load.batch;
        let served = load.served.unwrap_or((1, architecture.positions));
        let parameters = architecture.parameters();
        Costs {
            params: parameters.total() as f64,
            decoder_params: parameters.decoder() as f64,
            flops: architecture.flops(positions) as f64,
            memory: architecture.activation_memory(batch, positions) as f64,
            serving: architecture.serving_memory(served.0, served.1) as f64,
            latency: None,
            table: table.map(|(table, space, genotype)| table.cost(space, genotype)),
        }
    }

    /// One of them; `None` where it is not known.
    pub fn get(&self, cost: Cost) -> Option<f64> {
        match cost {
            Cost::Params => Some(self.params),
            Cost::DecoderParams => Some(self.decoder_params),
            Cost::Flops => Some(self.flops),
            Cost::Memory => Some(self.memory),
            Cost::Serving => Some(self.serving),
            Cost::Latency => self.latency,
            Cost::Table => self.table,
        }
    }
}

/// A constraint: a cost within bounds, ends included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// Cost that is bounded.
    pub cost: Cost,
    /// No less than this.
    pub least: f64,
    /// No more than this; infinite where there is no such bound.
    pub most: f64,
}

impl Bound {
    /// By how much the bound is missed, relative to it; 0 where it holds, or
    /// where the cost is not known.
    pub fn violation(&self, costs: &Costs) -> f64 {
        let Some(cost) = costs.get(self.cost) else {
            return 0.0;
        };
        let missed = |by: f64, of: f64| by / of.abs().max(f64::MIN_POSITIVE);
        if cost > self.most {
            missed(cost - self.most, self.most)
        } else if cost < self.least {
            missed(self.least - cost, self.least)
        } else {
            0.0
        }
    }

    /// Says which end of the bound `cost` misses: "more than" or "less than" it.
    pub(crate) fn complaint(&self, cost: f64) -> String {
        match cost > self.most {
            true => format!("more than {}", self.most),
            false => format!("less than {}", self.least),
        }
    }
}
