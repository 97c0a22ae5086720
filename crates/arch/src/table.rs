//! The one table of what blocks are made of.
//!
//! Each kind of mixer, and the feed-forward network, declares its maps and norms here
//! once. Counting, validation, adapters, parts of super-networks and the tensors of the
//! engine follow from these rows.

use std::borrow::Cow;

use crate::architecture::NormPlacement;
use crate::block::{Block, FeedForward};
use crate::mixer::{AttentionBiases, GroupedAttention, HeadNorms, Kind, Mixer};
use crate::role::Role;

/// One side of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// Number of features.
    pub size: usize,
    /// Whether a narrower network may keep only the leading ones.
    pub cut: bool,
}

impl Side {
    const fn cut(size: usize) -> Self {
        Side { size, cut: true }
    }

    const fn fixed(size: usize) -> Self {
        Side { size, cut: false }
    }
}

/// A linear map of a block: y = W x, plus biases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// Name in checkpoints, behind `block.{l}.`; `.weight` follows.
    pub name: Cow<'static, str>,
    /// Role in the network.
    pub role: Role,
    /// Tells maps of one role apart.
    pub index: u16,
    /// Columns of the weight. A depthwise convolution has one per position that its
    /// kernel reads.
    pub inputs: Side,
    /// Rows of the weight.
    pub outputs: Side,
    /// Names of the biases in checkpoints, behind the map's name.
    pub biases: &'static [&'static str],
    /// Whether it starts smaller with depth, where the initialisation says so.
    pub residual: bool,
    /// Whether it maps distances, which all sequences share, and not tokens.
    pub of_distances: bool,
    /// Whether a backward pass reads its input, and how many versions of its output.
    pub kept: (bool, usize),
}

impl Map {
    fn new(
        name: impl Into<Cow<'static, str>>,
        role: Role,
        inputs: Side,
        outputs: Side,
        biased: bool,
    ) -> Self {
        Map {
            name: name.into(),
            role,
            index: 0,
            inputs,
            outputs,
            biases: if biased { &["bias"] } else { &[] },
            residual: false,
            of_distances: false,
            kept: (false, 0),
        }
    }

    fn residual(self) -> Self {
        let residual = true;
        Map { residual, ..self }
    }

    fn index(self, index: usize) -> Self {
        let index = index as u16;
        Map { index, ..self }
    }

    /// Says that a backward pass reads the input, or versions of the output. An input
    /// that several maps share is said once.
    fn kept(self, input: bool, outputs: usize) -> Self {
        let kept = (input, outputs);
        Map { kept, ..self }
    }
}

/// A norm of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockNorm {
    /// Name in checkpoints, behind `block.{l}.`; `.gain` follows.
    pub name: &'static str,
    /// Tells the norms of a block apart: 0 the mixer's, 1 the feed-forward network's,
    /// 2 of queries, 3 of keys; 4 and 5 those after the mixer and the feed-forward network,
    /// where there are norms before them too.
    pub index: u16,
    /// Features that are normalised together: elements of the gain.
    pub width: Side,
    /// Features of a token: several times the width where every head has the norm.
    pub over: Side,
}

/// Operation of a mixer beside its maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mixing {
    /// Softmax attention.
    Attend {
        /// Number of heads of queries.
        heads: usize,
        /// Width of all of them together.
        width: usize,
        /// Products of (positions, positions) and a head: 2, or 3 with distances.
        products: usize,
    },
    /// Sums over positions with kernels that were predicted.
    Convolve {
        /// Width of all heads together.
        width: usize,
        /// Positions that one output reads.
        kernel: usize,
    },
    /// A fixed transform over positions and the width of a head.
    Transform {
        /// Width of all heads together.
        width: usize,
        /// Width of one head.
        head_width: usize,
    },
}

/// A number that validation speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Width,
    Heads,
    KeyValueHeads,
    HeadWidth,
    Window,
    Kernel,
}

/// Condition on the numbers of a mixer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Positive(Size, usize),
    Divides((Size, usize), (Size, usize)),
    Even(Size, usize, &'static str),
    Odd(Size, usize, &'static str),
}

/// Everything that one kind of mixer declares.
pub(crate) struct MixerTable {
    pub(crate) maps: Vec<Map>,
    pub(crate) norms: Vec<BlockNorm>,
    pub(crate) mixing: Vec<Mixing>,
    pub(crate) rules: Vec<Rule>,
    /// In which networks it makes sense, and what to take instead in others.
    pub(crate) kinds: &'static [Kind],
    pub(crate) instead: &'static str,
    /// Whether it ends in a residual sum with a norm.
    pub(crate) has_norm: bool,
    /// Whether its block may have adapters.
    pub(crate) adaptable: bool,
    /// About how many floats per token it has at once, but for attention scores.
    pub(crate) floats: u128,
}

const BOTH: &[Kind] = &[Kind::Encoder, Kind::Decoder];
const CAUSAL: &[Kind] = &[Kind::Decoder];
const CAUSAL_INSTEAD: &str = "attention: a decoder must not see later positions";
const DISTANCES_INSTEAD: &str = "another mixer: relative attention has no distances to later \
                                 positions, which an encoder sees";

fn heads_divide(heads: usize, width: usize) -> Rule {
    Rule::Divides((Size::Heads, heads), (Size::Width, width))
}

fn attention(heads: usize, weighted: bool, width: usize) -> MixerTable {
    let c = Side::cut(width);
    let map = |name, role| Map::new(name, role, c, c, true);
    let weighting = Map::new("weighting", Role::Weighting, c, c, false).kept(false, 1);
    let mut maps = vec![
        map("query", Role::Query).kept(true, 1),
        map("key", Role::Key).kept(false, 1),
        map("value", Role::Value).kept(false, 1),
    ];
    maps.extend(weighted.then_some(weighting));
    maps.push(map("out", Role::Out).residual().kept(true, 0));
    MixerTable {
        maps,
        norms: Vec::new(),
        mixing: vec![Mixing::Attend {
            heads,
            width,
            products: 2,
        }],
        rules: vec![heads_divide(heads, width)],
        kinds: BOTH,
        instead: "",
        has_norm: true,
        adaptable: true,
        floats: 6 * width as u128,
    }
}

fn relative_attention(heads: usize, width: usize) -> MixerTable {
    let c = Side::cut(width);
    let map = |name, role| Map::new(name, role, c, c, false);
    let query = Map {
        // Queries meet keys with the one, distances with the other.
        biases: &["content.bias", "position.bias"],
        ..map("query", Role::Query).kept(true, 2)
    };
    let relative_key = Map {
        of_distances: true,
        ..map("relative_key", Role::RelativeKey).kept(true, 1)
    };
    MixerTable {
        maps: vec![
            query,
            map("key", Role::Key).kept(false, 1),
            map("value", Role::Value).kept(false, 1),
            relative_key,
            map("out", Role::Out).kept(true, 0),
        ],
        norms: Vec::new(),
        mixing: vec![Mixing::Attend {
            heads,
            width,
            products: 3,
        }],
        rules: vec![
            heads_divide(heads, width),
            Rule::Even(
                Size::Width,
                width,
                "distances are encoded as pairs of sine and cosine",
            ),
        ],
        kinds: &[Kind::Decoder],
        instead: DISTANCES_INSTEAD,
        has_norm: true,
        adaptable: false,
        floats: 9 * width as u128,
    }
}

fn grouped_attention(attention: &GroupedAttention, width: usize) -> MixerTable {
    let GroupedAttention {
        heads,
        key_value_heads,
        head_width,
        window,
        biases,
        normed,
        ..
    } = *attention;
    let c = Side::cut(width);
    let [queries, keys] = [attention.queries(), attention.keys()].map(Side::cut);
    let into = |name, role, outputs| {
        let biased = biases != AttentionBiases::None;
        Map::new(name, role, c, outputs, biased)
    };
    let out_biased = biases == AttentionBiases::All;
    let norm = |name, index, over: Side| BlockNorm {
        name,
        index,
        width: match normed {
            HeadNorms::Whole => over,
            _ => Side::fixed(head_width),
        },
        over,
    };
    MixerTable {
        maps: vec![
            into("query", Role::Query, queries).kept(true, 1),
            into("key", Role::Key, keys).kept(false, 1),
            into("value", Role::Value, keys).kept(false, 1),
            Map::new("out", Role::Out, queries, c, out_biased)
                .residual()
                .kept(true, 0),
        ],
        norms: match normed {
            HeadNorms::None => Vec::new(),
            _ => vec![norm("query.norm", 2, queries), norm("key.norm", 3, keys)],
        },
        mixing: vec![Mixing::Attend {
            heads,
            width: queries.size,
            products: 2,
        }],
        rules: vec![
            Rule::Positive(Size::KeyValueHeads, key_value_heads),
            Rule::Divides((Size::KeyValueHeads, key_value_heads), (Size::Heads, heads)),
            Rule::Positive(Size::HeadWidth, head_width),
            Rule::Positive(Size::Window, window.unwrap_or(1)),
            Rule::Even(
                Size::HeadWidth,
                head_width,
                "positions turn pairs of features",
            ),
        ],
        kinds: if window.is_some() { CAUSAL } else { BOTH },
        instead: "attention without a window: a window is of earlier positions, and an encoder \
                  sees later ones too",
        has_norm: true,
        adaptable: true,
        floats: width as u128 + 5 * (queries.size as u128 + keys.size as u128),
    }
}

fn transform(heads: usize, width: usize) -> MixerTable {
    let c = Side::cut(width);
    MixerTable {
        // The transform is linear and fixed: nothing is kept but the input.
        maps: vec![Map::new("transform", Role::Transform, c, c, true).kept(true, 0)],
        norms: Vec::new(),
        mixing: vec![Mixing::Transform {
            width,
            head_width: width.checked_div(heads).unwrap_or(0),
        }],
        rules: vec![heads_divide(heads, width)],
        kinds: &[Kind::Encoder],
        instead: CAUSAL_INSTEAD,
        has_norm: false,
        adaptable: false,
        floats: 2 * width as u128,
    }
}

fn dynamic_convolution(heads: usize, kernel: usize, width: usize) -> MixerTable {
    // Half of the heads attend; the other half is as wide.
    let attending = (heads / 2).max(1);
    let inner = attending.saturating_mul(width.checked_div(heads).unwrap_or(0));
    let c = Side::cut(width);
    let [a, both, taps] = [inner, inner.saturating_mul(2), kernel].map(Side::fixed);
    let kernels = Side::fixed(attending.saturating_mul(kernel));
    let into = |name, role| Map::new(name, role, c, a, true).kept(false, 1);
    let (query, convolution) = (Role::Query, Role::Convolution);
    MixerTable {
        maps: vec![
            Map::new("query", query, c, a, true).kept(true, 1),
            into("key", Role::Key),
            into("value", Role::Value),
            // Each of C outputs reads positions of its own channel; the one bias of the
            // separable convolution is the next map's.
            Map::new("convolution.depthwise", convolution, taps, c, false),
            Map::new("convolution.pointwise", convolution, c, a, true)
                .index(1)
                .kept(true, 1),
            Map::new("convolution.kernel", convolution, a, kernels, true)
                .index(2)
                .kept(true, 1),
            into("convolution.output", convolution).index(3),
            Map::new("out", Role::Out, both, c, true).kept(true, 0),
        ],
        norms: Vec::new(),
        mixing: vec![
            Mixing::Attend {
                heads: attending,
                width: inner,
                products: 2,
            },
            Mixing::Convolve {
                width: inner,
                kernel,
            },
        ],
        rules: vec![
            heads_divide(heads, width),
            Rule::Even(
                Size::Heads,
                heads,
                "half of the heads attend, half convolve",
            ),
            Rule::Odd(Size::Kernel, kernel, "kernel length"),
        ],
        kinds: &[Kind::Encoder],
        instead: CAUSAL_INSTEAD,
        has_norm: true,
        adaptable: false,
        floats: (8 * width as u128).saturating_add(heads as u128 * kernel as u128),
    }
}

impl Mixer {
    /// Everything that this kind of mixer declares, in a network of this width.
    pub(crate) fn table(&self, width: usize) -> MixerTable {
        match *self {
            Mixer::Attention { heads, weighted } => attention(heads, weighted, width),
            Mixer::RelativeAttention { heads, .. } => relative_attention(heads, width),
            Mixer::GroupedAttention(grouped) => grouped_attention(&grouped, width),
            Mixer::Transform { heads, .. } => transform(heads, width),
            Mixer::DynamicConvolution { heads, kernel } => {
                dynamic_convolution(heads, kernel, width)
            }
        }
    }

    /// Operations beside the maps, in a network of this width.
    pub fn mixing(&self, width: usize) -> Vec<Mixing> {
        self.table(width).mixing
    }

    /// Whether it mixes positions by attention and by nothing else.
    pub fn only_attends(&self) -> bool {
        let mut mixing = self.mixing(0).into_iter();
        mixing.all(|part| matches!(part, Mixing::Attend { .. }))
    }
}

impl FeedForward {
    /// Every dense layer, first to last, and the gate beside the first.
    pub(crate) fn maps(&self, width: usize) -> Vec<Map> {
        let last = self.hidden.len();
        let sizes = [&[width], &self.hidden[..], &[width]].concat();
        let map = |name: Cow<'static, str>, role, layer: usize| {
            let [inputs, outputs] = [sizes[layer], sizes[layer + 1]].map(Side::cut);
            Map::new(name, role, inputs, outputs, self.bias)
        };
        let name = |layer: usize| Cow::from(format!("ffn.{layer}"));
        // Hidden values are kept before the nonlinearity and, as an input, after it.
        let dense = |layer: usize| match layer {
            layer if layer == last => map(name(layer), Role::FfnOut, layer)
                .residual()
                .kept(true, 0),
            0 => map(name(0), Role::FfnIn, 0).kept(true, 1),
            _ => map(name(layer), Role::FfnHidden, layer)
                .index(layer - 1)
                .kept(true, 1),
        };
        let mut maps: Vec<Map> = (0..=last).map(dense).collect();
        // Before its nonlinearity and after it: the next input is a product.
        let gate = || map("ffn.gate".into(), Role::FfnGate, 0).kept(false, 2);
        maps.splice(1..1, (self.gated && last > 0).then(gate));
        maps
    }
}

impl Block {
    /// Every map in a network of this width: those of the mixer, the last of which is
    /// where it ends, then those of the feed-forward network.
    pub fn maps(&self, width: usize) -> Vec<Map> {
        if self.left_out {
            return Vec::new();
        }
        let mut maps = self.mixer.table(width).maps;
        maps.extend(self.feed_forward.maps(width));
        maps
    }

    /// Every norm in a network of this width, whose norms stand there: those inside the
    /// mixer, then those of both halves.
    pub fn norms(&self, width: usize, placement: NormPlacement) -> Vec<BlockNorm> {
        if self.left_out {
            return Vec::new();
        }
        let MixerTable {
            mut norms,
            has_norm,
            ..
        } = self.mixer.table(width);
        let half = |name, index| BlockNorm {
            name,
            index,
            width: Side::cut(width),
            over: Side::cut(width),
        };
        norms.extend(has_norm.then(|| half("norm.0", 0)));
        norms.push(half("norm.1", 1));
        if placement == NormPlacement::Around {
            norms.extend([half("norm.0.after", 4), half("norm.1.after", 5)]);
        }
        norms
    }

    /// Heads whose attention probabilities a pass makes, and the width of all of them
    /// together; `None` where nothing attends.
    pub fn attending(&self, width: usize) -> Option<(usize, usize)> {
        let mut mixing = self.mixing(width).into_iter();
        mixing.find_map(|part| match part {
            Mixing::Attend { heads, width, .. } => Some((heads, width)),
            Mixing::Convolve { .. } | Mixing::Transform { .. } => None,
        })
    }

    /// Operations of the mixer beside the maps.
    pub fn mixing(&self, width: usize) -> Vec<Mixing> {
        match self.left_out {
            true => Vec::new(),
            false => self.mixer.mixing(width),
        }
    }

    /// About how many floats per token a pass over sequences of this length has at
    /// once in the mixer.
    pub fn mixer_floats(&self, width: usize, positions: usize) -> u128 {
        if self.left_out {
            return 0;
        }
        let heads = self.attending(width).map_or(0, |(heads, _)| heads);
        let scores = heads as u128 * positions as u128;
        self.mixer.table(width).floats.saturating_add(scores)
    }

    /// Inputs plus outputs of a map by name, where it may have an adapter.
    pub(crate) fn adapted_size(&self, name: &str, width: usize) -> Option<usize> {
        let layers = self.feed_forward.hidden.len();
        if self.left_out
            || !self.mixer.table(width).adaptable
            || (name.starts_with("ffn.") && layers != 1)
        {
            return None;
        }
        let maps = self.maps(width);
        let map = maps.iter().find(|map| map.name == name)?;
        Some(map.inputs.size.saturating_add(map.outputs.size))
    }
}
