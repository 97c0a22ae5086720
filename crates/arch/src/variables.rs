//! The variables of an architecture, as declared data: what the files of a
//! family let one choose, per network and per block. An audit of a ground truth
//! asks of each whether the trained scores respond to it.

use crate::architecture::Architecture;
use crate::block::Block;

/// A value of a variable.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A size or another number.
    Number(f64),
    /// One of several kinds.
    Name(String),
}

/// Where a variable stands and how it is read.
#[derive(Clone, Copy, Debug)]
pub enum Read {
    /// One value per network.
    Network(fn(&Architecture) -> Value),
    /// One value per block.
    Block(fn(&Block) -> Value),
}

/// One variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The key in the family's files.
    pub name: &'static str,
    /// How it is read.
    pub read: Read,
}

/// All variables of a family. Depth and width are apart because everything
/// else is judged beyond them.
#[derive(Clone, Copy, Debug)]
pub struct Variables {
    /// Name of the number of blocks in the files.
    pub depth: &'static str,
    /// Name of the width of the residual stream in the files.
    pub width: &'static str,
    /// The others.
    pub others: &'static [Variable],
}

/// FlexiBERT, to be read from records in the declared reading.
pub(crate) const FLEXIBERT: Variables = Variables {
    depth: "number of encoder_layers",
    width: "hidden_size",
    others: &[
        block("operation_type", operation),
        block("num_operation_heads", |block| size(block.mixer.heads())),
        block("feed_forward_dimension", first_hidden),
        block("num_feed_forward", stacked),
    ],
};

/// LiteTransformerSearch.
pub(crate) const LTS: Variables = Variables {
    depth: "n_layer",
    width: "d_model",
    others: &[
        network("d_embed", |network| size(network.embedding.width)),
        network("div_val", |network| size(network.embedding.division)),
        network("cutoffs", |network| size(network.embedding.clusters())),
        network("n_token", |network| size(network.vocabulary)),
        network("tgt_len", |network| size(network.positions)),
        block("n_head", |block| size(block.mixer.heads())),
        block("d_inner", first_hidden),
    ],
};

/// Every other file, by the names of the project's own format.
pub(crate) const GENERAL: Variables = Variables {
    depth: "blocks",
    width: "width",
    others: &[
        network("kind", |network| {
            Value::Name(format!("{:?}", network.kind).to_lowercase())
        }),
        network("vocabulary", |network| size(network.vocabulary)),
        network("positions", |network| size(network.positions)),
        network("embedding.width", |network| size(network.embedding.width)),
        network("embedding.division", |network| {
            size(network.embedding.division)
        }),
        network("norm_placement", |network| {
            Value::Name(format!("{:?}", network.norm_placement).to_lowercase())
        }),
        block("mixer", operation),
        block("heads", |block| size(block.mixer.heads())),
        block("feed_forward.hidden", first_hidden),
        block("number of feed_forward.hidden", stacked),
        block("activation", |block| {
            Value::Name(format!("{:?}", block.feed_forward.activation).to_lowercase())
        }),
    ],
};

const fn network(name: &'static str, read: fn(&Architecture) -> Value) -> Variable {
    Variable {
        name,
        read: Read::Network(read),
    }
}

const fn block(name: &'static str, read: fn(&Block) -> Value) -> Variable {
    Variable {
        name,
        read: Read::Block(read),
    }
}

fn size(size: usize) -> Value {
    Value::Number(size as f64)
}

fn first_hidden(block: &Block) -> Value {
    size(block.feed_forward.hidden.first().copied().unwrap_or(0))
}

fn stacked(block: &Block) -> Value {
    size(block.feed_forward.hidden.len())
}

fn operation(block: &Block) -> Value {
    Value::Name(block.mixer.operation())
}
