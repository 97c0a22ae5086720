//! Objectives: the scalars that a network computes while it is watched.

use std::fmt;

use lpzero_arch::{Architecture, Kind};

/// The scalar that a pass computes and differentiates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Mean cross-entropy in nats of each next token, through the
    /// architecture's own head. Needs a decoder with a head.
    NextToken,
    /// Mean cross-entropy in nats of the tokens at masked positions, through a
    /// dense map, GELU, LayerNorm and the tied token table (BERT, ELECTRA's
    /// generator). Needs an encoder with one token table. Which positions are
    /// masked is a function of the network's seed and the batch's shape, see
    /// [`Batch::masked_positions`](crate::Batch::masked_positions).
    MaskedToken,
    /// Inner product of the last hidden state with a fixed tensor of standard
    /// normal numbers, a function of the network's seed, divided by the number
    /// of elements. Works for every architecture.
    RandomProjection,
    /// Sum of the last hidden state. Only to compare with released code: after
    /// a LayerNorm with equal gains its gradient is exactly zero.
    OutputSum,
}

impl Objective {
    /// Every objective with its name.
    pub const ALL: [(Objective, &'static str); 4] = [
        (Objective::NextToken, "next-token"),
        (Objective::MaskedToken, "masked-token"),
        (Objective::RandomProjection, "random-projection"),
        (Objective::OutputSum, "output-sum"),
    ];

    /// The objective's name.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Objective that the architecture was made for.
    ///
    /// Next tokens for a decoder with a head, masked tokens for an encoder with one token
    /// table, a random projection for anything else.
    pub fn default_for(architecture: &Architecture) -> Objective {
        [Objective::NextToken, Objective::MaskedToken]
            .into_iter()
            .find(|objective| objective.unmet_need(architecture).is_none())
            .unwrap_or(Objective::RandomProjection)
    }

    /// Need of the objective that this architecture does not meet, in words; `None` where it
    /// meets all.
    pub(crate) fn unmet_need(self, architecture: &Architecture) -> Option<&'static str> {
        let one_table =
            architecture.embedding.division == 1 || architecture.embedding.clusters() == 1;
        match self {
            Objective::NextToken if architecture.kind != Kind::Decoder => Some("a decoder"),
            Objective::NextToken if architecture.head == lpzero_arch::Head::None => {
                Some("an architecture with an output head")
            }
            Objective::MaskedToken if architecture.kind != Kind::Encoder => Some("an encoder"),
            Objective::MaskedToken if !one_table => Some("an embedding with a single token table"),
            _ => None,
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
