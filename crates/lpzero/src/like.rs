//! Networks of like size: which size, and how like.

use lpzero_arch::Architecture;
use lpzero_stats::TOLERANCE;
use serde::{Deserialize, Serialize};

/// A size of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// All parameters.
    #[default]
    Params,
    /// Parameters of token mixers and feed-forward networks.
    DecoderParams,
    /// Floating-point operations of a forward pass over one token of a full-length sequence.
    Flops,
}

impl Size {
    /// The size of a network.
    pub fn of(self, architecture: &Architecture) -> f64 {
        match self {
            Size::Params => architecture.parameters().total() as f64,
            Size::DecoderParams => architecture.parameters().decoder() as f64,
            Size::Flops => {
                let positions = architecture.positions.max(1);
                architecture.flops(positions) as f64 / positions as f64
            }
        }
    }
}

/// Networks are alike whose sizes differ by less than a share of the smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Like {
    /// The size.
    pub size: Size,
    /// The share, positive.
    pub tolerance: f64,
}

impl Default for Like {
    /// 5 % of all parameters.
    fn default() -> Self {
        Self {
            size: Size::Params,
            tolerance: TOLERANCE,
        }
    }
}
