//! Weights that are in memory only while a pass visits their part of the network.

use std::sync::Arc;

use lpzero_arch::Architecture;

use super::{Layers, Network, Parts};
use crate::parameters::{Declarations, Part};
use crate::pass::Pass;
use crate::source::Source;
use crate::{Error, Objective, Real};

/// Where the weights of a network come from, part by part.
#[derive(Clone, Debug)]
pub(super) struct Stream<F> {
    pub(super) source: Arc<dyn Source<F>>,
    pub(super) declarations: Declarations,
}

impl Parts {
    /// Each of them.
    pub(super) fn all(&self) -> impl Iterator<Item = Part> {
        let blocks = self.blocks.iter().cloned();
        let outer = [self.embedding.clone()].into_iter();
        outer.chain(blocks).chain(self.end.iter().cloned())
    }
}

/// How many numbers a streamed network has in memory at once beside activations, at
/// most: the weights of a part, the largest gradient in it, and what a visitor may
/// keep of both while it looks at them.
///
/// # Errors
/// Where the network cannot be built.
pub fn streamed_weights(architecture: &Architecture, objective: Objective) -> Result<u128, Error> {
    let (layers, declarations) = Layers::declare(architecture, objective)?;
    let Parts {
        embedding,
        blocks,
        end,
    } = &layers.parts;
    let needs = |parts: &[Part]| {
        let (sum, largest) = declarations.sizes(parts);
        sum.saturating_add(largest.saturating_mul(3))
    };
    let blocks = blocks
        .iter()
        .map(|block| needs(std::slice::from_ref(block)));
    let outer = [needs(std::slice::from_ref(embedding)), needs(end)];
    Ok(blocks.chain(outer).max().unwrap_or(0))
}

impl<F: Real> Network<F> {
    /// Whether weights are read whenever a pass visits them.
    pub fn is_streamed(&self) -> bool {
        self.stream.is_some()
    }

    /// Refuses what needs all weights at once.
    pub(super) fn check_resident(&self) -> Result<(), Error> {
        match self.stream {
            None => Ok(()),
            Some(_) => Err(Error::Streamed),
        }
    }

    /// Work on the embedding, with its weights in memory.
    pub(super) fn in_embedding<T>(
        &self,
        pass: &mut Pass<'_, F>,
        work: impl FnOnce(&mut Pass<'_, F>) -> T,
    ) -> Result<T, Error> {
        self.with(
            pass,
            std::slice::from_ref(&self.layers.parts.embedding),
            work,
        )
    }

    /// The same for a block.
    pub(super) fn in_block<T>(
        &self,
        pass: &mut Pass<'_, F>,
        layer: usize,
        work: impl FnOnce(&mut Pass<'_, F>) -> T,
    ) -> Result<T, Error> {
        self.with(
            pass,
            std::slice::from_ref(&self.layers.parts.blocks[layer]),
            work,
        )
    }

    /// The same for the final norm and the objective.
    pub(super) fn in_end<T>(
        &self,
        pass: &mut Pass<'_, F>,
        work: impl FnOnce(&mut Pass<'_, F>) -> T,
    ) -> Result<T, Error> {
        self.with(pass, &self.layers.parts.end, work)
    }

    fn with<T>(
        &self,
        pass: &mut Pass<'_, F>,
        parts: &[Part],
        work: impl FnOnce(&mut Pass<'_, F>) -> T,
    ) -> Result<T, Error> {
        let Some(Stream {
            source,
            declarations,
        }) = &self.stream
        else {
            return Ok(work(pass));
        };
        let read = {
            let _span = crate::profile::span("weights");
            declarations.part(parts, pass.threads, &**source, pass.workspace)
        };
        let parameters = read?;
        let result = work(&mut pass.over(&parameters));
        parameters.recycle(pass.workspace);
        Ok(result)
    }
}
