//! Parameters, FLOPs and activation memory as functions of an architecture.
//!
//! Notation: V vocabulary, E embedding width, C model width, T positions,
//! B batch. All arithmetic is in `u128` and saturates, so that no
//! architecture, validated or not, can make it overflow.

use serde::Serialize;

use crate::architecture::{Architecture, Embedding, Head, NormKind, NormPlacement, PositionWidth};
use crate::block::Block;
use crate::mixer::Kind;
use crate::table::{Map, Mixing};

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
    /// Parameters of the output head, beside the tables it shares.
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

fn parameters(map: &Map) -> u128 {
    let outputs = map.outputs.size;
    sum([
        product([map.inputs.size, outputs]),
        product([map.biases.len(), outputs]),
    ])
}

/// FLOPs of a map for T tokens; a bias is not counted.
fn flops(inputs: usize, outputs: usize, positions: usize) -> u128 {
    product([2, positions, inputs, outputs])
}

/// Input widths of the maps from the clusters of an embedding to the model width;
/// one where all clusters share it, none where there is no projection.
fn projections(embedding: &Embedding, width: usize) -> impl Iterator<Item = usize> {
    let count = match (embedding.is_projected(width), embedding.division > 1) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => embedding.clusters(),
    };
    (0..count).map(|cluster| embedding.cluster_width(cluster))
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
        let all = |maps: &[Map]| sum(maps.iter().map(parameters));
        // A gain, and mostly a bias.
        let norm_vectors = match self.norm_kind {
            NormKind::Layer => 2,
            NormKind::Rms => 1,
        };
        let norm = |width: usize| product([norm_vectors, width]);
        let bias = usize::from(embedding.projection_bias);
        ParameterCounts {
            tokens: sum((0..embedding.clusters()).map(|cluster| {
                product([
                    embedding.cluster_rows(cluster),
                    embedding.cluster_width(cluster),
                ])
            })),
            positions: product([self.positions, position_width]),
            segments: product([self.token_types, position_width]),
            projections: sum(projections(embedding, self.width)
                .map(|inputs| product([inputs.saturating_add(bias), self.width]))),
            mixers: sum(self
                .kept_blocks()
                .map(|block| all(&block.mixer.table(self.width).maps))),
            feed_forwards: sum(self
                .kept_blocks()
                .map(|block| all(&block.feed_forward.maps(self.width)))),
            norms: sum([
                sum(self.outer_norms().map(norm)),
                sum(self.blocks.iter().flat_map(|block| {
                    let norms = block.norms(self.width, self.norm_placement).into_iter();
                    norms.map(|row| norm(row.width.size))
                })),
            ]),
            head: self.head_parameters(),
            adapters: self.adapter_parameters(),
        }
    }

    /// The blocks that are not left out, first to last.
    pub fn kept_blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| !block.left_out)
    }

    /// Widths of the norms outside the blocks.
    fn outer_norms(&self) -> impl Iterator<Item = usize> {
        let embedding = self.embedding.norm.then_some(self.embedding.width);
        let last = self.norm_placement.has_final().then_some(self.width);
        embedding.into_iter().chain(last)
    }

    /// Parameters of all adapters: rank times (in + out), summed over maps.
    fn adapter_parameters(&self) -> u128 {
        let block = |block: &Block| {
            let ranks = block.adapters.ranks().into_iter();
            let present = ranks.filter(|(_, rank)| *rank > 0);
            sum(present.map(|(name, rank)| {
                let size = block.adapted_size(name, self.width).unwrap_or(0);
                product([rank, size])
            }))
        };
        sum(self.blocks.iter().map(block))
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
        let projection = projections(embedding, self.width).next();
        let projection = projection.map(|inputs| flops(inputs, self.width, positions));
        let blocks = self.blocks.iter().map(|block| {
            let maps = block.maps(self.width).into_iter();
            let maps = maps.map(|map| flops(map.inputs.size, map.outputs.size, positions));
            let mixing = block.mixing(self.width).into_iter();
            sum([
                sum(maps),
                sum(mixing.map(|part| mixing_flops(part, positions))),
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
        let norms = sum(self.outer_norms().map(|width| width as u128 + 1));
        let blocks = self
            .blocks
            .iter()
            .map(|block| block_floats(block, (self.width, self.norm_placement), positions));
        let projection = if projected { embedding.width } else { 0 } as u128;
        let head = match &self.head {
            Head::None => 0,
            Head::Tied | Head::Free => sum([self.width as u128, self.vocabulary as u128]),
            Head::Adaptive { .. } => {
                sum([self.width as u128, projection, self.head_entries() as u128])
            }
        };
        let per_token = sum([norms, sum(blocks), projection, head]);
        let shared = self.blocks.iter().map(|block| {
            let maps = block.maps(self.width).into_iter();
            sum(maps
                .filter(|map| map.of_distances)
                .map(|map| kept_floats(&map)))
        });
        let shared = sum(shared);
        sum([
            product([size_of::<f32>(), batch, positions]).saturating_mul(per_token),
            product([size_of::<f32>(), positions]).saturating_mul(shared),
        ])
    }

    /// Bytes that it takes to serve `batch` sequences of up to `positions` tokens at once: all
    /// weights, and the keys and values of every token that a block looks back at, in numbers of
    /// 16 bits. An encoder keeps no keys; scratch is not counted.
    pub fn serving_memory(&self, batch: usize, positions: usize) -> u128 {
        let kept = self.blocks.iter().map(|block| {
            let maps = block.maps(self.width).into_iter();
            let cached =
                maps.filter(|map| ["key", "value"].contains(&&*map.name) && !map.of_distances);
            let width = sum(cached.map(|map| map.outputs.size as u128));
            let window = block.mixer.grouped().and_then(|attention| attention.window);
            let tokens = positions.min(window.unwrap_or(positions));
            width.saturating_mul(tokens as u128)
        });
        let cache = match self.kind {
            Kind::Decoder => sum(kept).saturating_mul(batch as u128),
            Kind::Encoder => 0,
        };
        let numbers = self.parameters().total().saturating_add(cache);
        numbers.saturating_mul(size_of::<u16>() as u128)
    }
}

fn mixing_flops(mixing: Mixing, positions: usize) -> u128 {
    match mixing {
        Mixing::Attend {
            width, products, ..
        } => product([2 * products, positions, positions, width]),
        Mixing::Convolve { width, kernel } => product([2, positions, width, kernel]),
        Mixing::Transform { width, head_width } => {
            let points = positions.saturating_mul(head_width).max(1);
            let log2_rounded_up = usize::BITS - (points - 1).leading_zeros();
            product([5, positions, width, log2_rounded_up as usize])
        }
    }
}

/// Floats per token that the backward pass of a block reads.
fn block_floats(
    block: &Block,
    (width, placement): (usize, NormPlacement),
    positions: usize,
) -> u128 {
    let maps = block.maps(width).into_iter();
    let norms = block.norms(width, placement).into_iter();
    let heads = block.attending(width).map_or(0, |(heads, _)| heads);
    sum([
        sum(maps
            .filter(|map| !map.of_distances)
            .map(|map| kept_floats(&map))),
        // The normalised values, and a deviation of each of the rows.
        sum(norms.map(|norm| {
            let rows = norm.over.size.checked_div(norm.width.size).unwrap_or(0);
            sum([norm.over.size as u128, rows as u128])
        })),
        product([heads, positions]),
    ])
}

fn kept_floats(map: &Map) -> u128 {
    let (input, outputs) = map.kept;
    sum([
        product([usize::from(input), map.inputs.size]),
        product([outputs, map.outputs.size]),
    ])
}

fn product<const N: usize>(factors: [usize; N]) -> u128 {
    factors.into_iter().fold(1, |product: u128, factor| {
        product.saturating_mul(factor as u128)
    })
}

fn sum(terms: impl IntoIterator<Item = u128>) -> u128 {
    terms.into_iter().fold(0, u128::saturating_add)
}
