//! Low-rank adapters on the maps of a block.

use serde::{Deserialize, Serialize};

/// Ranks of the low-rank adapters of a block (LoRA, Hu et al. 2021): beside a map
/// W, (out, in), stand B, (out, rank), and A, (rank, in), and the map computes
/// (W + s B A) x. 0 where a map has none.
///
/// Adapters are counted, and merged into W where a network is run: until they are
/// trained, B is 0, and they change nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adapters {
    /// Rank of the adapter of the query map.
    pub query: usize,
    /// Rank of the adapter of the key map.
    pub key: usize,
    /// Rank of the adapter of the value map.
    pub value: usize,
    /// Rank of the adapter of the map after the heads.
    pub out: usize,
    /// Rank of the adapter of the feed-forward network's gate.
    pub ffn_gate: usize,
    /// Rank of the adapter of the first dense layer.
    pub ffn_in: usize,
    /// Rank of the adapter of the last dense layer.
    pub ffn_out: usize,
}

impl Adapters {
    /// No adapters.
    pub const NONE: Adapters = Adapters {
        query: 0,
        key: 0,
        value: 0,
        out: 0,
        ffn_gate: 0,
        ffn_in: 0,
        ffn_out: 0,
    };

    /// Every map that may have one: its name in the checkpoints of this project,
    /// behind `block.{l}.`, and its rank.
    pub fn ranks(&self) -> [(&'static str, usize); 7] {
        [
            ("query", self.query),
            ("key", self.key),
            ("value", self.value),
            ("out", self.out),
            ("ffn.gate", self.ffn_gate),
            ("ffn.0", self.ffn_in),
            ("ffn.1", self.ffn_out),
        ]
    }

    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}
