//! The three networks that one FlexiBERT record may mean.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which network a FlexiBERT record means. The published code builds three
/// different ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// The network whose scores were published: the training code's tests of
    /// the operation type never match, so every mixer is plain attention with
    /// the declared heads; the first hidden layer has 4 times the hidden
    /// size, further ones `feed_forward_dimension`.
    #[default]
    AsTrained,
    /// The network that the record declares: its hidden size, operations and feed-forward
    /// dimension.
    Declared,
    /// The network on which the published zero-cost metrics were computed. It has the declared
    /// operations, but always hidden size 256 and feed-forward dimension 1024.
    Reference,
}

impl Reading {
    /// Every reading with its name.
    pub const ALL: [(Reading, &'static str); 3] = [
        (Reading::AsTrained, "as-trained"),
        (Reading::Declared, "declared"),
        (Reading::Reference, "reference"),
    ];
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Self::ALL[*self as usize].1)
    }
}

/// The text is no reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown reading {0:?}, expected as-trained, declared or reference")]
pub struct UnknownReading(pub String);

impl FromStr for Reading {
    type Err = UnknownReading;

    fn from_str(text: &str) -> Result<Self, UnknownReading> {
        Self::ALL
            .into_iter()
            .find(|(_, name)| *name == text)
            .map(|(reading, _)| reading)
            .ok_or_else(|| UnknownReading(text.to_owned()))
    }
}
