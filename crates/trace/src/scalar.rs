//! Network-level scalars as declared data.

use std::fmt;

use lpzero_arch::{Architecture, Block};

use crate::trace::{NetworkScalar, Trace};

/// One row of the table of scalars.
#[derive(Debug)]
pub struct ScalarRow {
    /// Which scalar.
    pub scalar: NetworkScalar,
    /// Name in the proxy language.
    pub name: &'static str,
    /// Description in one line.
    pub description: &'static str,
    /// How it is counted; `None` where it takes a pass.
    count: Option<fn(&Architecture) -> f64>,
}

impl ScalarRow {
    /// Whether the scalar takes a pass; all others follow from the
    /// architecture alone.
    pub fn needs_pass(&self) -> bool {
        self.count.is_none()
    }
}

impl NetworkScalar {
    /// Every scalar, in the order of the enum and of [`Trace::scalars`].
    pub const ALL: [ScalarRow; 13] = [
        ScalarRow {
            scalar: NetworkScalar::Loss,
            name: "loss",
            description: "loss at initialisation, in nats",
            count: None,
        },
        ScalarRow {
            scalar: NetworkScalar::Params,
            name: "params",
            description: "all parameters",
            count: Some(|a| a.parameters().total() as f64),
        },
        ScalarRow {
            scalar: NetworkScalar::DecoderParams,
            name: "decoder_params",
            description: "parameters of token mixers and feed-forward networks, without norms",
            count: Some(|a| a.parameters().decoder() as f64),
        },
        ScalarRow {
            scalar: NetworkScalar::AttentionParams,
            name: "attention_params",
            description: "parameters of token mixers",
            count: Some(|a| a.parameters().mixers as f64),
        },
        ScalarRow {
            scalar: NetworkScalar::FfnParams,
            name: "ffn_params",
            description: "parameters of feed-forward networks",
            count: Some(|a| a.parameters().feed_forwards as f64),
        },
        ScalarRow {
            scalar: NetworkScalar::EmbeddingParams,
            name: "embedding_params",
            description: "parameters of embeddings, their projections and the head",
            count: Some(|a| (a.parameters().embedding() + a.parameters().head) as f64),
        },
        ScalarRow {
            scalar: NetworkScalar::Flops,
            name: "flops",
            description: "FLOPs of a forward pass over one token of a full-length sequence",
            count: Some(|a| a.flops(a.positions) as f64 / a.positions.max(1) as f64),
        },
        ScalarRow {
            scalar: NetworkScalar::Layers,
            name: "layers",
            description: "number of blocks",
            count: Some(|a| a.kept_blocks().count() as f64),
        },
        ScalarRow {
            scalar: NetworkScalar::Width,
            name: "width",
            description: "width of the residual stream",
            count: Some(|a| a.width as f64),
        },
        ScalarRow {
            scalar: NetworkScalar::EmbeddingWidth,
            name: "embedding_width",
            description: "width of the (first) token table",
            count: Some(|a| a.embedding.width as f64),
        },
        ScalarRow {
            scalar: NetworkScalar::Heads,
            name: "heads",
            description: "mean number of heads of a block",
            count: Some(|a| mean_over_blocks(a, |block| block.mixer.heads())),
        },
        ScalarRow {
            scalar: NetworkScalar::FfnWidth,
            name: "ffn_width",
            description: "mean over blocks of the summed hidden widths of a feed-forward network",
            count: Some(|a| mean_over_blocks(a, |block| block.feed_forward.hidden.iter().sum())),
        },
        ScalarRow {
            scalar: NetworkScalar::FfnDepth,
            name: "ffn_depth",
            description: "mean over blocks of the dense layers before the last of a feed-forward network",
            count: Some(|a| mean_over_blocks(a, |block| block.feed_forward.hidden.len())),
        },
    ];

    /// The scalar's row in the table.
    pub fn row(self) -> &'static ScalarRow {
        const { &Self::ALL }
            .get(self as usize)
            .expect("one row per scalar")
    }

    /// The scalar's name in the proxy language.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The scalar's value for an architecture; `None` where it takes a pass.
    pub fn of(self, architecture: &Architecture) -> Option<f64> {
        self.row().count.map(|count| count(architecture))
    }
}

impl fmt::Display for NetworkScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Trace {
    /// The value of a scalar.
    pub fn scalar(&self, scalar: NetworkScalar) -> f64 {
        self.scalars[scalar as usize]
    }

    /// A trace without sites: all that data-free formulas read. The loss,
    /// which takes a pass, is NaN.
    pub fn data_free(architecture: &Architecture) -> Trace {
        Trace {
            scalars: network_scalars(architecture, f64::NAN),
            sites: Vec::new(),
        }
    }
}

/// All scalars in the order of [`NetworkScalar::ALL`], given the loss.
pub(crate) fn network_scalars(architecture: &Architecture, loss: f64) -> Vec<f64> {
    NetworkScalar::ALL
        .iter()
        .map(|row| row.count.map_or(loss, |count| count(architecture)))
        .collect()
}

fn mean_over_blocks(architecture: &Architecture, size: impl Fn(&Block) -> usize) -> f64 {
    let sum: f64 = architecture
        .kept_blocks()
        .map(|block| size(block) as f64)
        .sum();
    sum / architecture.kept_blocks().count().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_enum() {
        for (position, row) in NetworkScalar::ALL.iter().enumerate() {
            assert_eq!(row.scalar as usize, position, "{}", row.name);
        }
    }

    #[test]
    fn only_the_loss_takes_a_pass() {
        let rows = NetworkScalar::ALL;
        let passes = rows.iter().filter(|row| row.needs_pass());
        assert_eq!(passes.map(|row| row.name).collect::<Vec<_>>(), ["loss"]);
    }
}
