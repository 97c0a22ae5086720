//! Networks of like size: which size, and how like.

use lpzero_arch::Architecture;
use lpzero_stats::TOLERANCE;
use lpzero_trace::NetworkScalar;
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
        self.scalar().of(architecture).unwrap_or(f64::NAN)
    }

    /// The scalar of the proxy language that it is.
    pub fn scalar(self) -> NetworkScalar {
        match self {
            Size::Params => NetworkScalar::Params,
            Size::DecoderParams => NetworkScalar::DecoderParams,
            Size::Flops => NetworkScalar::Flops,
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
