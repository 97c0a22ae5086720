//! A second count, from a network that is really there: parameters from its tensors,
//! FLOPs and activation memory from the shapes that the engine shows in a pass.
//!
//! It shares nothing with [`Architecture::parameters`], [`Architecture::flops`] and
//! [`Architecture::activation_memory`] but their definitions, so that a mistake in
//! either shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use lpzero_arch::{Architecture, Block};
use lpzero_nn::{
    Batch, Error, Fill, Network, Objective, Request, Role, Site, Source, Symbol, TensorView,
    Visitor, Workspace,
};
use serde::Serialize;

/// Counts read off a built network; see [`Cost`](crate::Cost) for the definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Recount {
    /// Elements of all tensors.
    pub params: u128,
    /// Elements of the tensors of blocks, but for norms.
    pub decoder_params: u128,
    /// FLOPs of a pass over one sequence; `None` where none was run.
    pub flops: Option<u128>,
    /// Bytes of activations of the whole minibatch; `None` where none was run.
    pub memory: Option<u128>,
}

/// Builds the network and, given a minibatch, runs it: on one sequence and on `batch`
/// sequences of `positions` tokens, all of them of the first cluster as the definitions
/// have it. Without one there are neither FLOPs nor memory, and no pass is spent.
///
/// # Errors
/// What the engine says.
pub fn recount(
    architecture: &Architecture,
    minibatch: Option<(usize, usize)>,
    workspace: &mut Workspace<f32>,
) -> Result<Recount, Error> {
    // An objective whose own tensors do not count, and which uses the head.
    let objective = match Objective::default_for(architecture) {
        Objective::NextToken => Objective::NextToken,
        _ => Objective::RandomProjection,
    };
    // Shapes do not depend on weights, so that a network of any size can be counted.
    let network = Network::<f32>::streamed(architecture, objective, Arc::new(Zeros))?;
    let elements = |of_blocks: bool| -> u128 {
        let tensors = network.parameters().iter();
        let counted = tensors.filter(|tensor| {
            !of_blocks || (tensor.name.starts_with("block.") && !tensor.name.contains(".norm."))
        });
        let sizes = counted.map(|tensor| tensor.shape.iter().map(|&n| n as u128).product::<u128>());
        sizes.sum()
    };
    let (params, decoder_params) = (elements(false), elements(true));
    // Adapters are no tensors of the network, which has them merged: each takes its
    // rank times the sides of its map.
    let adapter = |(layer, block): (usize, &Block)| -> u128 {
        let ranks = block.adapters.ranks().into_iter();
        let sides = |(map, rank): (&str, usize)| {
            let name = format!("block.{layer}.{map}.weight");
            let mut tensors = network.parameters().iter();
            let map = tensors.find(|tensor| tensor.name == name);
            let sides = map.map_or(0, |tensor| tensor.shape.iter().sum::<usize>());
            (rank * sides) as u128
        };
        ranks.map(sides).sum()
    };
    let blocks = architecture.blocks.iter().enumerate();
    let params = params + blocks.map(adapter).sum::<u128>();
    let first = architecture.embedding.cluster_rows(0);
    let mut pass = |sequences: usize, positions: usize| -> Result<Shapes, Error> {
        let mut shapes = Shapes::default();
        let batch = Batch::zipf(first, sequences, positions, 0);
        network.pass_with(&batch, &mut shapes, workspace)?;
        Ok(shapes)
    };
    let (flops, memory) = match minibatch {
        Some((batch, positions)) => {
            let flops = pass(1, positions)?.flops(architecture);
            let floats = pass(batch, positions)?.floats();
            (Some(flops), Some(floats * size_of::<f32>() as u128))
        }
        None => (None, None),
    };
    network.recycle(workspace);
    Ok(Recount {
        params,
        decoder_params,
        flops,
        memory,
    })
}

/// Weights of 0.
#[derive(Debug)]
struct Zeros;

impl Source<f32> for Zeros {
    fn check(&self, _: &Request<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn fill(&self, _: &Request<'_>, _: Fill, out: &mut [f32]) -> Result<(), Error> {
        out.fill(0.0);
        Ok(())
    }
}

/// The shape of everything shown in a pass.
#[derive(Default)]
struct Shapes {
    activations: BTreeMap<(Site, Symbol), Vec<usize>>,
    weights: BTreeMap<Site, Vec<usize>>,
}

impl Visitor<f32> for Shapes {
    fn activation(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, f32>) {
        self.activations
            .insert((site, symbol), tensor.shape.to_vec());
    }

    fn parameter(
        &mut self,
        _name: &str,
        site: Option<Site>,
        weight: TensorView<'_, f32>,
        _gradient: TensorView<'_, f32>,
    ) {
        if let Some(site) = site {
            self.weights.insert(site, weight.shape.to_vec());
        }
    }
}

/// Site indices of a dynamic convolution's maps, see the visitor's table.
const DEPTHWISE: u16 = 0;
const POINTWISE: u16 = 1;
const KERNEL: u16 = 2;
const OUTPUT: u16 = 3;
/// The norm of an objective, which is not the network's.
const OBJECTIVE_NORM: u16 = 2;

impl Shapes {
    fn shown(
        &self,
        layer: Option<u16>,
        role: Role,
        index: u16,
        symbol: Symbol,
    ) -> Option<&[usize]> {
        let site = Site { layer, role, index };
        self.activations
            .get(&(site, symbol))
            .map(|shape| &shape[..])
    }

    /// Tokens that the head did not see, as a factor: it predicts all but the first
    /// of every sequence, and the definitions are about all.
    fn over_head(&self, head: &[usize], count: u128) -> u128 {
        let predicted = head[1] as u128;
        count / predicted * (predicted + 1)
    }

    /// The model width, C.
    fn width(&self) -> usize {
        let input = self.shown(None, Role::Input, 0, Symbol::A);
        input.map_or(0, |shape| shape[2])
    }

    /// Whether embeddings, and so what the head reads, are projected.
    fn is_projected(&self) -> bool {
        self.shown(None, Role::Projection, 0, Symbol::X).is_some()
    }

    fn flops(&self, architecture: &Architecture) -> u128 {
        let mut flops = 0;
        for ((site, symbol), input) in &self.activations {
            if *symbol != Symbol::X {
                continue;
            }
            let Some(output) = self.shown(site.layer, site.role, site.index, Symbol::A) else {
                continue;
            };
            let rows = (input[0] * input[1]) as u128;
            let [inputs, outputs] = [input[2], output[2]].map(|n| n as u128);
            flops += match (site.role, site.index) {
                // Each output reads the kernel's positions of its own channel.
                (Role::Convolution, DEPTHWISE) => {
                    let weight = self.weights.get(site);
                    let kernel = weight.and_then(|shape| shape.last()).copied().unwrap_or(0);
                    2 * rows * outputs * kernel as u128
                }
                // Counted with the head, since a shared one is not shown.
                (Role::HeadProjection, _) => 0,
                (Role::Head, 0) => {
                    let width = self.width() as u128;
                    let projection = if self.is_projected() {
                        width * inputs
                    } else {
                        0
                    };
                    self.over_head(input, 2 * rows * (projection + inputs * outputs))
                }
                _ => 2 * rows * inputs * outputs,
            };
        }
        for ((site, symbol), probabilities) in &self.activations {
            if *symbol != Symbol::S {
                continue;
            }
            let heads = probabilities[1];
            let context = self.shown(site.layer, Role::Attention, 0, Symbol::A);
            let head_width = context.map_or(0, |shape| shape[2] / heads) as u128;
            // Queries times keys, probabilities times values; queries times distances.
            let relative = self.shown(site.layer, Role::RelativeKey, 0, Symbol::A);
            let products = if relative.is_some() { 3 } else { 2 };
            flops += 2 * products * elements(probabilities) * head_width;
            // Kernels times the values that they sum.
            if let Some(kernels) = self.shown(site.layer, Role::Convolution, KERNEL, Symbol::A) {
                flops += 2 * elements(kernels) * head_width;
            }
        }
        for (layer, block) in architecture.blocks.iter().enumerate() {
            // A fast transform is a definition and leaves no shape but its input's.
            let layer = u16::try_from(layer).ok();
            if let Some(shape) = self.shown(layer, Role::Transform, 0, Symbol::A) {
                let points = (shape[1] * shape[2] / block.mixer.heads()) as f64;
                flops += 5 * elements(shape) * points.log2().ceil() as u128;
            }
        }
        flops
    }

    /// Activations that a backward pass reads, of the network without its objective.
    fn floats(&self) -> u128 {
        let relative = |layer| self.shown(layer, Role::RelativeKey, 0, Symbol::A).is_some();
        let mut floats = 0;
        for ((site, symbol), shape) in &self.activations {
            let Site { layer, role, index } = *site;
            let count = elements(shape);
            floats += match (role, *symbol) {
                (Role::Query, Symbol::X)
                | (Role::Out, Symbol::X)
                | (Role::Transform, Symbol::X)
                | (Role::Projection, Symbol::X)
                | (Role::FfnIn | Role::FfnHidden | Role::FfnOut, Symbol::X) => count,
                // The encoded distances and their keys, once for all sequences.
                (Role::RelativeKey, Symbol::X | Symbol::A) => count,
                // Once with either bias.
                (Role::Query, Symbol::A) if relative(layer) => 2 * count,
                (Role::Query | Role::Key | Role::Value | Role::Weighting, Symbol::A) => count,
                (Role::Attention, Symbol::S) => count,
                // Before the nonlinearity; after it is the next map's input.
                (Role::FfnIn | Role::FfnHidden, Symbol::A) => count,
                // Before the nonlinearity and after it: the next map's input is a product.
                (Role::FfnGate, Symbol::A) => 2 * count,
                (Role::Norm, Symbol::A) if layer.is_some() || index != OBJECTIVE_NORM => {
                    // A deviation for all features that share the gain.
                    let gain = self.weights.get(site).map_or(count, |gain| elements(gain));
                    count + count / gain
                }
                (Role::Convolution, Symbol::X) => match index {
                    POINTWISE | KERNEL => count,
                    // The block's input, which the query's map shares.
                    _ => 0,
                },
                (Role::Convolution, Symbol::A) => match index {
                    POINTWISE | KERNEL | OUTPUT => count,
                    // The pointwise map's input.
                    _ => 0,
                },
                (Role::Head, Symbol::A) if index == 0 => self.over_head(shape, count),
                (Role::Head, Symbol::X) if index == 0 => {
                    let width = match self.is_projected() {
                        true => (shape[0] * shape[1] * self.width()) as u128,
                        false => 0,
                    };
                    self.over_head(shape, count + width)
                }
                _ => 0,
            };
        }
        floats
    }
}

fn elements(shape: &[usize]) -> u128 {
    shape.iter().map(|&size| size as u128).product()
}
