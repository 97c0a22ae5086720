//! Weights that are in memory only while a pass visits their part of the network.

use std::sync::Arc;

use lpzero_arch::{Architecture, Block};

use super::activations::block_activations;
use super::layers::{Layers, Parts};
use crate::parameters::{Declarations, Parameters, Part};
use crate::pass::{BAND, Pass, Rows};
use crate::source::Source;
use crate::{Error, Objective, Real};

/// Where the weights of a network come from, part by part.
#[derive(Clone, Debug)]
pub(super) struct Stream<F> {
    pub(super) source: Arc<dyn Source<F>>,
    pub(super) declarations: Declarations,
}

/// How many numbers a forward pass over a streamed network has in memory at once beside
/// activations, at most: the weights of the largest part, and what reading them takes.
///
/// # Errors
/// Where the network cannot be built.
pub fn streamed_weights(architecture: &Architecture, objective: Objective) -> Result<u128, Error> {
    let (layers, declarations) = Layers::declare(architecture, objective)?;
    let needs = |parts: &[Part]| {
        let (sum, largest) = declarations.sizes(parts);
        sum.saturating_add(largest.saturating_mul(3))
    };
    let Parts {
        embedding,
        blocks,
        end,
    } = &layers.parts;
    let one = std::slice::from_ref;
    let blocks = blocks.iter().map(one).map(needs);
    Ok((blocks.chain([needs(one(embedding)), needs(end)]))
        .max()
        .unwrap_or(0))
}

/// How many numbers a pass over a streamed network has in memory at once, at most.
///
/// Every part of it has its weights in memory, its largest gradient, and what a visitor
/// may keep of both while it looks at them. With `bands`, visitors take every large
/// gradient in blocks of rows, and it is never whole. Behind the last block, the weights of that
/// block are there too, and activations are at their most; at the embedding there are none.
///
/// # Errors
/// Where the network cannot be built.
pub fn streamed_pass(
    architecture: &Architecture,
    objective: Objective,
    (batch, positions): (usize, usize),
    bands: bool,
) -> Result<u128, Error> {
    let (layers, declarations) = Layers::declare(architecture, objective)?;
    let Parts {
        embedding,
        blocks,
        end,
    } = &layers.parts;
    let needs = |parts: &[Part]| {
        let (sum, largest) = declarations.sizes(parts);
        let gradients = match bands {
            true => largest.min(2 * BAND as u128),
            false => largest.saturating_mul(3),
        };
        sum.saturating_add(gradients)
    };
    let one = std::slice::from_ref;
    let sum = |parts: &[Part]| declarations.sizes(parts).0;
    let last = blocks.last().map_or(0, |block| sum(one(block)));
    // The gradient of a tied table waits for that of the embedding.
    let shared = sum(&end[1..]);
    let of_blocks = blocks.iter().map(one).map(needs).max().unwrap_or(0);
    let deepest = of_blocks.max(needs(end).saturating_add(last));
    let rows = Rows { batch, positions };
    let within = deepest
        .saturating_add(shared)
        .saturating_add(kept(architecture, rows));
    let (tables, _) = declarations.sizes(one(embedding));
    let outside = tables.saturating_mul(if shared > 0 || !bands { 4 } else { 2 });
    Ok(within.max(outside))
}

/// How many activations a pass keeps at once, from above: versions of outputs that blocks
/// leave for their backward half, inputs of their halves and norms, all that one block has, and
/// twice the largest logits. Inputs of maps are computed again.
pub(super) fn kept(architecture: &Architecture, rows: Rows) -> u128 {
    let width = architecture.width;
    let block = |block: &Block| {
        let maps = block.maps(width);
        let outputs = maps
            .iter()
            .map(|map| map.kept.1 as u128 * map.outputs.size as u128);
        let norms = block.norms(width, architecture.norm_placement);
        let normed = norms.iter().map(|norm| norm.over.size as u128 + 2);
        outputs.sum::<u128>() + normed.sum::<u128>() + 2 * width as u128
    };
    let blocks: u128 = architecture.kept_blocks().map(block).sum();
    let largest = block_activations(architecture, rows.positions).max();
    let tokens = rows.batch as u128 * rows.positions as u128;
    let ends = largest.unwrap_or(0) + 2 * architecture.vocabulary as u128;
    tokens.saturating_mul(blocks.saturating_add(ends))
}

/// The weights that are in memory while a part of a network is visited; nothing where
/// those of all parts are.
pub(super) struct Visited<F>(pub(super) Option<Parameters<F>>);

impl<F: Real> Visited<F> {
    /// Work on the part.
    pub(super) fn during<T>(
        &self,
        pass: &mut Pass<'_, F>,
        work: impl FnOnce(&mut Pass<'_, F>) -> T,
    ) -> T {
        match &self.0 {
            Some(parameters) => work(&mut pass.over(parameters)),
            None => work(pass),
        }
    }

    /// After the visit.
    pub(super) fn recycle(self, pass: &mut Pass<'_, F>) {
        if let Some(parameters) = self.0 {
            parameters.recycle(pass.workspace);
        }
    }
}
