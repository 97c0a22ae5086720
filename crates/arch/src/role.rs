//! Roles: what a map, a table or a norm does in its network.

use std::fmt;

/// Function of a site in its network.
///
/// Formulas filter by the role: `sum[ffn-in](...)`. Groups of roles (`ffn`, `attn`, `block`,
/// ...) are declared by the proxy language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    /// A token table, one site per cluster of an adaptive embedding.
    Embedding,
    /// The position table.
    Position,
    /// The segment table.
    Segment,
    /// A map from embedding width to model width, one site per cluster.
    Projection,
    /// The sum of all embeddings as the first block sees it; no weights. `J` lives here.
    Input,
    /// Query map.
    Query,
    /// Key map.
    Key,
    /// The key map of relative attention for encoded distances (Transformer-XL).
    RelativeKey,
    /// Value map.
    Value,
    /// The extra map on queries of weighted multiplicative attention.
    Weighting,
    /// The linear map in front of a Fourier or cosine transform.
    Transform,
    /// A map of a dynamic convolution: depthwise, pointwise, kernel, output (index 0 to 3).
    Convolution,
    /// The attention itself (softmax and weighted sum); no weights. `S` lives here.
    Attention,
    /// The map after attention or convolution.
    Out,
    /// First dense layer of a feed-forward network.
    FfnIn,
    /// Stacked dense layers between the first and the last.
    FfnHidden,
    /// Last dense layer of a feed-forward network.
    FfnOut,
    /// A norm; its `W` is the gain vector.
    Norm,
    /// A projection of the output head, one site per cluster that has its own.
    HeadProjection,
    /// The output head: logits of a cluster (index = cluster), or the dense
    /// map of a masked-token objective.
    Head,
    /// The gate of a feed-forward network: a second map of its input, which
    /// multiplies what `FfnIn` gives.
    FfnGate,
    /// A map of somebody's own module that nobody gave a role; no engine of ours has one.
    /// Last, because traces know roles by number.
    Other,
}

impl Role {
    /// Every role with its name in the proxy language.
    pub const ALL: [(Role, &'static str); 22] = [
        (Role::Embedding, "embedding"),
        (Role::Position, "position"),
        (Role::Segment, "segment"),
        (Role::Projection, "projection"),
        (Role::Input, "input"),
        (Role::Query, "query"),
        (Role::Key, "key"),
        (Role::RelativeKey, "relative-key"),
        (Role::Value, "value"),
        (Role::Weighting, "weighting"),
        (Role::Transform, "transform"),
        (Role::Convolution, "convolution"),
        (Role::Attention, "attention"),
        (Role::Out, "out"),
        (Role::FfnIn, "ffn-in"),
        (Role::FfnHidden, "ffn-hidden"),
        (Role::FfnOut, "ffn-out"),
        (Role::Norm, "norm"),
        (Role::HeadProjection, "head-projection"),
        (Role::Head, "head"),
        (Role::FfnGate, "ffn-gate"),
        (Role::Other, "other"),
    ];

    /// Whether the map's output is also called H, the head output.
    pub const fn has_head_output(self) -> bool {
        matches!(
            self,
            Role::Query | Role::Key | Role::Value | Role::Weighting | Role::Transform
        )
    }

    /// The role's name in the proxy language.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
