//! Low-rank adapters on the maps of a block.

use serde::{Deserialize, Serialize};

use crate::architecture::{Architecture, Block, Mixer};

/// Ranks of the low-rank adapters of a block (LoRA, Hu et al. 2021): beside a map
/// W, (out, in), stand B, (out, rank), and A, (rank, in), and the map computes
/// (W + s B A) x. 0 where a map has none.
///
/// Adapters are counted, and merged into W where a network is run: until they are
/// trained, B is 0, and they change nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adapters {
    /// Of the query map.
    pub query: usize,
    /// Of the key map.
    pub key: usize,
    /// Of the value map.
    pub value: usize,
    /// Of the map after the heads.
    pub out: usize,
    /// Of the gate of the feed-forward network.
    pub ffn_gate: usize,
    /// Of the first dense layer.
    pub ffn_in: usize,
    /// Of the last dense layer.
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

impl Block {
    /// Every map that may have an adapter, as [`Adapters::ranks`] has them: inputs plus
    /// outputs, which is what one rank takes. 0 where the block has no such map.
    pub(crate) fn adapted_sizes(&self, width: usize) -> [usize; 7] {
        let (queries, keys) = match self.mixer {
            Mixer::GroupedAttention { .. } => self.mixer.grouped_widths(),
            Mixer::Attention { .. } => (width, width),
            _ => return [0; 7],
        };
        let with_width = |size: usize| size.saturating_add(width);
        let hidden = match self.feed_forward.hidden[..] {
            [hidden] => with_width(hidden),
            _ => 0,
        };
        let gate = if self.feed_forward.gated { hidden } else { 0 };
        let [queries, keys] = [queries, keys].map(with_width);
        [queries, keys, keys, queries, gate, hidden, hidden]
    }

    /// The adapter of a map that the block does not have, by name.
    pub(crate) fn misplaced_adapter(&self, width: usize) -> Option<&'static str> {
        let sizes = self.adapted_sizes(width);
        let mut ranks = self.adapters.ranks().into_iter().zip(sizes);
        let found = ranks.find(|((_, rank), size)| *rank > 0 && *size == 0);
        found.map(|((name, _), _)| name)
    }
}

impl Architecture {
    /// Parameters of all adapters: rank times (in + out), summed over maps.
    pub(crate) fn adapter_parameters(&self) -> u128 {
        let block = |block: &Block| -> u128 {
            let sizes = block.adapted_sizes(self.width);
            let ranks = block.adapters.ranks().into_iter().zip(sizes);
            ranks
                .map(|((_, rank), size)| rank as u128 * size as u128)
                .sum()
        };
        self.blocks.iter().map(block).fold(0, u128::saturating_add)
    }
}
