//! Parameters, FLOPs and activation memory as functions of an architecture.
//!
//! Notation: V vocabulary, E embedding width, C model width, T positions,
//! B batch. All arithmetic is in `u128` and saturates, so that no
//! architecture, validated or not, can make it overflow.

use serde::Serialize;

use crate::architecture::{
    Architecture, AttentionBiases, Embedding, FeedForward, Head, Mixer, NormKind, PositionWidth,
};

/// Number of parameters of an architecture, by part. The parts are disjoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ParameterCounts {
    /// Token tables, all clusters.
    pub tokens: u128,
    /// The position table.
    pub positions: u128,
    /// The segment table.
    pub segments: u128,
    /// Maps from embedding width to model width.
    pub projections: u128,
    /// Token mixers: all maps of attentions, transforms and convolutions.
    pub mixers: u128,
    /// Feed-forward networks.
    pub feed_forwards: u128,
    /// Gains and biases of every norm.
    pub norms: u128,
    /// What the output head has beside the tables it shares.
    pub head: u128,
    /// Low-rank adapters.
    pub adapters: u128,
}

impl ParameterCounts {
    /// All parameters.
    pub fn total(&self) -> u128 {
        sum([
            self.embedding(),
            self.decoder(),
            self.norms,
            self.head,
            self.adapters,
        ])
    }

    /// Mixers and feed-forward networks, without norms: the "decoder
    /// parameters" of LiteTransformerSearch (Javaheripi et al. 2022).
    pub fn decoder(&self) -> u128 {
        sum([self.mixers, self.feed_forwards])
    }

    /// The input side: tables and projections.
    pub fn embedding(&self) -> u128 {
        sum([self.tokens, self.positions, self.segments, self.projections])
    }

    /// Everything but the tables, projections and head.
    pub fn non_embedding(&self) -> u128 {
        sum([self.decoder(), self.norms])
    }
}

/// A linear map: the unit in which parameters and FLOPs are counted.
#[derive(Clone, Copy)]
struct Map {
    inputs: usize,
    outputs: usize,
    /// How many; two where the output is used with either.
    biases: usize,
}

impl Map {
    fn with_bias(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            biases: 1,
        }
    }

    fn without_bias(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            biases: 0,
        }
    }

    fn parameters(&self) -> u128 {
        sum([
            product([self.inputs, self.outputs]),
            product([self.biases, self.outputs]),
        ])
    }

    /// FLOPs for T tokens; a bias is not counted.
    fn flops(&self, positions: usize) -> u128 {
        product([2, positions, self.inputs, self.outputs])
    }
}

/// The split of a dynamic convolution: attention heads, their width, and the
/// product of the two, A.
fn convolution_split(heads: usize, width: usize) -> (usize, usize) {
    let attending = (heads / 2).max(1);
    (
        attending,
        attending.saturating_mul(width.checked_div(heads).unwrap_or(0)),
    )
}

/// Every linear map of a mixer.
fn mixer_maps(mixer: &Mixer, width: usize) -> Vec<Map> {
    let square = Map::with_bias(width, width);
    match *mixer {
        Mixer::Attention { weighted, .. } => {
            let mut maps = vec![square; 4];
            if weighted {
                maps.push(Map::without_bias(width, width));
            }
            maps
        }
        Mixer::RelativeAttention { .. } => {
            let plain = Map::without_bias(width, width);
            let query = Map { biases: 2, ..plain };
            // Key, value, key of the distances, and the map after the heads.
            vec![query, plain, plain, plain, plain]
        }
        Mixer::GroupedAttention { biases, .. } => {
            let (queries, keys) = mixer.grouped_widths();
            let into = |outputs| Map {
                inputs: width,
                outputs,
                biases: (biases != AttentionBiases::None).into(),
            };
            let out = Map {
                inputs: queries,
                outputs: width,
                biases: (biases == AttentionBiases::All).into(),
            };
            vec![into(queries), into(keys), into(keys), out]
        }
        Mixer::Transform { .. } => vec![square],
        Mixer::DynamicConvolution { heads, kernel } => {
            let (attending, inner) = convolution_split(heads, width);
            let into = Map::with_bias(width, inner);
            vec![
                into, // query
                into, // key
                into, // value
                into, // convolution input
                // Depthwise: each of C outputs reads `kernel` positions of its channel.
                Map::without_bias(kernel, width),
                into, // pointwise; the separable convolution's one bias is counted here
                Map::with_bias(inner, attending.saturating_mul(kernel)),
                Map::with_bias(inner.saturating_mul(2), width),
            ]
        }
    }
}

/// Every dense layer of a feed-forward network, and its gate.
fn feed_forward_maps(feed_forward: &FeedForward, width: usize) -> impl Iterator<Item = Map> {
    let inputs = std::iter::once(width).chain(feed_forward.hidden.iter().copied());
    let outputs = feed_forward.hidden.iter().copied().chain([width]);
    let gate = feed_forward.hidden.first().filter(|_| feed_forward.gated);
    let gate = gate.map(|&hidden| (width, hidden));
    let biases = feed_forward.bias.into();
    inputs
        .zip(outputs)
        .chain(gate)
        .map(move |(inputs, outputs)| Map {
            inputs,
            outputs,
            biases,
        })
}

/// The maps from the clusters of an embedding to the model width; one where
/// all clusters share it, none where there is no projection.
fn projection_maps(embedding: &Embedding, width: usize) -> Vec<Map> {
    let count = match (embedding.is_projected(width), embedding.division > 1) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => embedding.clusters(),
    };
    (0..count)
        .map(|cluster| Map {
            inputs: embedding.cluster_width(cluster),
            outputs: width,
            biases: embedding.projection_bias.into(),
        })
        .collect()
}

impl Architecture {
    /// Number of parameters by part.
    ///
    /// | part | formula |
    /// | --- | --- |
    /// | tokens | sum over clusters i of n_i * (E / division^i) |
    /// | attention | 4 (C^2 + C), + C^2 where weighted |
    /// | relative attention | 5 C^2 + 2 C |
    /// | grouped attention, n heads, m of keys, head width d | 2 C n d + 2 C m d, + (n + 2 m) d for biases, + C where out has one |
    /// | transform | C^2 + C |
    /// | dynamic convolution, n = heads/2, A = C/2, kernel k | 5 (CA + A) + Ck + Ank + nk + 2AC + C |
    /// | feed-forward | sum over dense layers and gate of (in * out + out), without biases of (in * out) |
    /// | norm | 2 * its width; RMSNorm 1 * its width; of queries and keys, its width is d |
    /// | free head | V C |
    /// | adapter of rank r | r (in + out) |
    /// | adaptive head | untied projections + (clusters - 1)(E + 1) + V biases |
    pub fn parameters(&self) -> ParameterCounts {
        let embedding = &self.embedding;
        let position_width = match embedding.position_width {
            PositionWidth::Embedding => embedding.width,
            PositionWidth::Model => self.width,
            PositionWidth::None => 0,
        };
        let parameters = |maps: Vec<Map>| sum(maps.iter().map(Map::parameters));
        // A gain, and mostly a bias.
        let norm_vectors = match self.norm_kind {
            NormKind::Layer => 2,
            NormKind::Rms => 1,
        };
        ParameterCounts {
            tokens: sum((0..embedding.clusters()).map(|cluster| {
                product([
                    embedding.cluster_rows(cluster),
                    embedding.cluster_width(cluster),
                ])
            })),
            positions: product([self.positions, position_width]),
            segments: product([self.token_types, position_width]),
            projections: parameters(projection_maps(embedding, self.width)),
            mixers: sum(self
                .blocks
                .iter()
                .map(|block| parameters(mixer_maps(&block.mixer, self.width)))),
            feed_forwards: sum(self.blocks.iter().map(|block| {
                sum(feed_forward_maps(&block.feed_forward, self.width).map(|map| map.parameters()))
            })),
            norms: sum([
                product([norm_vectors, self.model_norms(), self.width]),
                product([norm_vectors, usize::from(embedding.norm), embedding.width]),
                sum(self.blocks.iter().map(|block| match block.mixer {
                    Mixer::GroupedAttention {
                        head_width,
                        normed: true,
                        ..
                    } => product([norm_vectors, 2, head_width]),
                    _ => 0,
                })),
            ]),
            head: self.head_parameters(),
            adapters: self.adapter_parameters(),
        }
    }

    /// Number of norms at model width.
    fn model_norms(&self) -> usize {
        let after_mixers = self.blocks.iter().filter(|block| has_norm(&block.mixer));
        let last = usize::from(self.norm_placement.has_final());
        self.blocks.len() + after_mixers.count() + last
    }

    fn head_parameters(&self) -> u128 {
        let embedding = &self.embedding;
        match &self.head {
            Head::None | Head::Tied => 0,
            Head::Free => product([self.vocabulary, self.width]),
            Head::Adaptive { tied_projections } => {
                let own = (0..embedding.clusters()).filter(|&cluster| {
                    embedding.is_projected(self.width)
                        && tied_projections.get(cluster) == Some(&false)
                });
                let own =
                    own.map(|cluster| product([self.width, embedding.cluster_width(cluster)]));
                let entries = embedding.clusters().saturating_sub(1);
                sum([
                    sum(own),
                    product([entries, embedding.width.saturating_add(1)]),
                    self.vocabulary as u128,
                ])
            }
        }
    }

    /// FLOPs of one forward pass over one sequence of `positions` tokens, T.
    ///
    /// A multiply-add counts as 2. Counted are the linear maps (2 T in out),
    /// attention (4 T^2 times the width of its heads, 6 T^2 where it is
    /// relative, with an empty memory; causal masks save nothing, as in the
    /// engine), convolution with predicted kernels
    /// (2 T A k), and the two-dimensional transforms, at the usual
    /// 5 N log2 N of a fast Fourier transform, the logarithm rounded up.
    /// Biases, norms, activations, softmax and table look-ups are not
    /// counted, nor adapters, which are merged into their maps. In an adaptive embedding every token is counted as one of the
    /// first cluster: the frequent one, and the widest.
    pub fn flops(&self, positions: usize) -> u128 {
        let embedding = &self.embedding;
        let projection = projection_maps(embedding, self.width);
        let projection = projection.first().map(|map| map.flops(positions));
        let blocks = self.blocks.iter().map(|block| {
            sum([
                mixer_flops(&block.mixer, self.width, positions),
                sum(feed_forward_maps(&block.feed_forward, self.width)
                    .map(|map| map.flops(positions))),
            ])
        });
        let head = match &self.head {
            Head::None => 0,
            Head::Tied | Head::Free => product([2, positions, self.width, self.vocabulary]),
            Head::Adaptive { .. } => sum([
                projection.unwrap_or(0),
                product([2, positions, embedding.width, self.head_entries()]),
            ]),
        };
        sum([projection.unwrap_or(0), sum(blocks), head])
    }

    /// Logits of the first cluster of an adaptive softmax: its own tokens and
    /// one entry per further cluster.
    fn head_entries(&self) -> usize {
        let clusters = self.embedding.clusters();
        self.embedding
            .cluster_rows(0)
            .saturating_add(clusters.saturating_sub(1))
    }

    /// Bytes (f32) of the activations that one forward pass over `batch`
    /// sequences of `positions` tokens must keep for its backward pass.
    ///
    /// Per token: the input of every linear map (counted once where maps
    /// share it); q (twice where attention is relative), k, v and the attention
    /// probabilities (heads * T); the
    /// values before and after each activation, and what a gate multiplies; the
    /// normalised values and the deviation of every norm; the probabilities of the head (of the
    /// first cluster, if adaptive). Per position, for all sequences: the
    /// encoded distances of relative attention and their keys. Parameters,
    /// gradients and scratch are not counted.
    pub fn activation_memory(&self, batch: usize, positions: usize) -> u128 {
        let embedding = &self.embedding;
        let projected = embedding.is_projected(self.width);
        let norms = sum([
            product([self.model_norms(), self.width.saturating_add(1)]),
            product([
                usize::from(embedding.norm),
                embedding.width.saturating_add(1),
            ]),
        ]);
        let blocks = self.blocks.iter().map(|block| {
            sum([
                mixer_floats(&block.mixer, self.width, positions),
                self.width as u128,
                sum(block.feed_forward.hidden.iter().map(|&hidden| {
                    product([if block.feed_forward.gated { 4 } else { 2 }, hidden])
                })),
            ])
        });
        let projection = if projected { embedding.width } else { 0 } as u128;
        let head = match &self.head {
            Head::None => 0,
            Head::Tied | Head::Free => sum([self.width as u128, self.vocabulary as u128]),
            Head::Adaptive { .. } => {
                sum([self.width as u128, projection, self.head_entries() as u128])
            }
        };
        let per_token = sum([norms, sum(blocks), projection, head]);
        let relative = self.blocks.iter().filter(|block| is_relative(&block.mixer));
        let shared = product([2, relative.count(), self.width]);
        sum([
            product([size_of::<f32>(), batch, positions]).saturating_mul(per_token),
            product([size_of::<f32>(), positions]).saturating_mul(shared),
        ])
    }
}

/// Whether a mixer ends in a residual and a norm of its own.
fn has_norm(mixer: &Mixer) -> bool {
    !matches!(mixer, Mixer::Transform { .. })
}

/// Whether a mixer reads distances rather than embedded positions.
fn is_relative(mixer: &Mixer) -> bool {
    matches!(mixer, Mixer::RelativeAttention { .. })
}

fn mixer_flops(mixer: &Mixer, width: usize, positions: usize) -> u128 {
    let maps = sum(mixer_maps(mixer, width)
        .iter()
        .map(|map| map.flops(positions)));
    let mixing = match *mixer {
        Mixer::Attention { .. } => product([4, positions, positions, width]),
        Mixer::RelativeAttention { .. } => product([6, positions, positions, width]),
        Mixer::GroupedAttention { .. } => {
            product([4, positions, positions, mixer.grouped_widths().0])
        }
        Mixer::Transform { heads, .. } => {
            let head_width = width.checked_div(heads).unwrap_or(0);
            let points = positions.saturating_mul(head_width).max(1);
            let log2_rounded_up = usize::BITS - (points - 1).leading_zeros();
            product([5, positions, width, log2_rounded_up as usize])
        }
        Mixer::DynamicConvolution { heads, kernel } => {
            let (_, inner) = convolution_split(heads, width);
            sum([
                product([4, positions, positions, inner]),
                product([2, positions, inner, kernel]),
            ])
        }
    };
    sum([maps, mixing])
}

/// Floats per token that the backward pass of a mixer reads.
fn mixer_floats(mixer: &Mixer, width: usize, positions: usize) -> u128 {
    match *mixer {
        // Input, q, k, v, context; the query before its weighting.
        Mixer::Attention { heads, weighted } => sum([
            product([5 + usize::from(weighted), width]),
            product([heads, positions]),
        ]),
        // Input, the query with either bias, k, v, context.
        Mixer::RelativeAttention { heads, .. } => {
            sum([product([6, width]), product([heads, positions])])
        }
        // Input, q, k, v, context; where there are norms of q and k, their values
        // and a deviation per head.
        Mixer::GroupedAttention {
            heads,
            key_value_heads,
            normed,
            ..
        } => {
            let (queries, keys) = mixer.grouped_widths();
            let before = match normed {
                true => [queries, keys, heads, key_value_heads],
                false => [0; 4],
            };
            sum([
                width as u128,
                product([2, queries]),
                product([2, keys]),
                sum(before.map(|floats| floats as u128)),
                product([heads, positions]),
            ])
        }
        // Input only: the transform is linear and fixed.
        Mixer::Transform { .. } => width as u128,
        // Input, depthwise output; q, k, v, conv key, conv key * q, conv
        // input, and the two concatenated results; both kinds of probabilities.
        Mixer::DynamicConvolution { heads, kernel } => {
            let (attending, inner) = convolution_split(heads, width);
            sum([
                product([2, width]),
                product([8, inner]),
                product([attending, positions]),
                product([attending, kernel]),
            ])
        }
    }
}

fn product<const N: usize>(factors: [usize; N]) -> u128 {
    factors.into_iter().fold(1, |product: u128, factor| {
        product.saturating_mul(factor as u128)
    })
}

fn sum(terms: impl IntoIterator<Item = u128>) -> u128 {
    terms.into_iter().fold(0, u128::saturating_add)
}
