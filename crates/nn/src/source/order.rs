//! The same network with its channels and heads in another order.
//!
//! A part of a network keeps leading channels and heads, so that it is only as good as
//! their order. Hidden channels of a feed-forward network may stand in any order, and so
//! may heads of keys, each with the heads of queries that read it: what a network computes
//! is the same up to rounding.

use std::ops::Range;
use std::sync::Arc;

use lpzero_arch::{Architecture, Block, HeadNorms};

use super::leading::copy_prefix;
use super::{Fill, Request, Source};
use crate::{Error, Real};

/// In which order the channels and heads of a block stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockOrder {
    /// The number that each hidden channel had, the first one first.
    pub channels: Vec<usize>,
    /// The number that each head of keys had, likewise.
    pub key_heads: Vec<usize>,
}

impl BlockOrder {
    /// The order in which the channels and heads of a block stand.
    pub fn unchanged(block: &Block) -> Self {
        let channels = block.feed_forward.hidden.first().copied().unwrap_or(0);
        let heads = block.mixer.grouped();
        BlockOrder {
            channels: (0..channels).collect(),
            key_heads: (0..heads.map_or(0, |attention| attention.key_value_heads)).collect(),
        }
    }

    /// Whether it names every channel and every head of a block once.
    fn suits(&self, block: &Block) -> bool {
        let plain = BlockOrder::unchanged(block);
        let sorted = |numbers: &[usize]| {
            let mut numbers = numbers.to_vec();
            numbers.sort_unstable();
            numbers
        };
        sorted(&self.channels) == plain.channels && sorted(&self.key_heads) == plain.key_heads
    }
}

/// Rows or columns that move.
enum Moved {
    Rows(Vec<Range<usize>>),
    Columns(Vec<Range<usize>>),
}

/// Weights of a network with its channels and heads in another order.
#[derive(Debug)]
pub struct Ordered<F> {
    inner: Arc<dyn Source<F>>,
    blocks: Vec<Block>,
    orders: Vec<BlockOrder>,
}

impl<F: Real> Ordered<F> {
    /// The network `whole`, of which `inner` has the weights, with its blocks in these
    /// orders; `None` where an order does not name every channel and head of its block
    /// once, or a block has several hidden layers.
    pub fn of(
        inner: Arc<dyn Source<F>>,
        whole: &Architecture,
        orders: Vec<BlockOrder>,
    ) -> Option<Self> {
        let blocks = whole.blocks.clone();
        let single = blocks
            .iter()
            .all(|block| block.feed_forward.hidden.len() == 1);
        let mut pairs = blocks.iter().zip(&orders);
        let suit = blocks.len() == orders.len() && pairs.all(|(block, order)| order.suits(block));
        (single && suit).then_some(Ordered {
            inner,
            blocks,
            orders,
        })
    }

    /// What moves in a tensor; `None` where nothing does.
    fn moved(&self, name: &str) -> Option<Moved> {
        let (layer, name) = name.strip_prefix("block.")?.split_once('.')?;
        let layer: usize = layer.parse().ok()?;
        let (block, order) = (self.blocks.get(layer)?, self.orders.get(layer)?);
        let channels = || {
            order
                .channels
                .iter()
                .map(|&number| number..number + 1)
                .collect()
        };
        let heads = |width: usize| {
            let heads = order.key_heads.iter();
            heads
                .map(|&head| head * width..(head + 1) * width)
                .collect()
        };
        let attention = block.mixer.grouped();
        let key = attention.map(|attention| attention.head_width);
        let query = attention.map(|attention| {
            let shared = attention.heads / attention.key_value_heads.max(1);
            attention.head_width * shared
        });
        // Norms of each head have one gain for all of them.
        let whole = attention.is_some_and(|attention| attention.normed == HeadNorms::Whole);
        match name {
            "ffn.0.weight" | "ffn.0.bias" | "ffn.gate.weight" | "ffn.gate.bias" => {
                Some(Moved::Rows(channels()))
            }
            "ffn.1.weight" => Some(Moved::Columns(channels())),
            "query.weight" | "query.bias" => Some(Moved::Rows(heads(query?))),
            "key.weight" | "key.bias" | "value.weight" | "value.bias" => {
                Some(Moved::Rows(heads(key?)))
            }
            "out.weight" => Some(Moved::Columns(heads(query?))),
            "query.norm.gain" if whole => Some(Moved::Rows(heads(query?))),
            "key.norm.gain" if whole => Some(Moved::Rows(heads(key?))),
            _ => None,
        }
    }
}

impl<F: Real> Source<F> for Ordered<F> {
    fn check(&self, request: &Request<'_>) -> Result<(), Error> {
        self.inner.check(request)
    }

    fn fill(&self, request: &Request<'_>, threads: Fill, out: &mut [F]) -> Result<(), Error> {
        let Some(moved) = self.moved(request.name) else {
            return self.inner.fill(request, threads, out);
        };
        let within = request.within;
        let whole = Request {
            shape: within,
            ..*request
        };
        let mut before = vec![F::zero(); within.iter().product()];
        self.inner.fill(&whole, threads, &mut before)?;
        let columns = within.get(1).copied().unwrap_or(1);
        let mut after = Vec::with_capacity(before.len());
        match moved {
            Moved::Rows(ranges) => {
                for range in ranges {
                    after.extend_from_slice(&before[range.start * columns..range.end * columns]);
                }
            }
            Moved::Columns(ranges) => {
                for row in before.chunks_exact(columns.max(1)) {
                    for range in &ranges {
                        after.extend_from_slice(&row[range.clone()]);
                    }
                }
            }
        }
        copy_prefix(&after, within, request.shape, out);
        Ok(())
    }
}
