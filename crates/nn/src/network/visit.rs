//! Weights of the part of a network that a pass visits.

use super::Network;
use super::layers::Parts;
use super::stream::{Stream, Visited, kept};
use crate::parameters::Part;
use crate::pass::{Keep, Pass, Rows};
use crate::{Error, Real};

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

    /// Tells the workspace what the pass of a streamed network will need, so that the
    /// buffers of one part become those of the next: memory that is new to the process
    /// takes longer to touch than to fill.
    pub(super) fn prepare(&self, pass: &mut Pass<'_, F>, rows: Rows) {
        let Some(Stream { declarations, .. }) = &self.stream else {
            return;
        };
        let Parts { blocks, end, .. } = &self.layers.parts;
        let sum = |parts: &[Part]| declarations.sizes(parts).0;
        let blocks = blocks.iter().map(std::slice::from_ref).map(sum);
        let last = blocks.clone().next_back().unwrap_or(0);
        let largest = blocks.max().unwrap_or(0).max(last.saturating_add(sum(end)));
        let kept = match pass.keep {
            Keep::All => kept(&self.architecture, rows),
            Keep::Inputs | Keep::Nothing => 0,
        };
        let most = usize::try_from(largest.saturating_add(kept));
        pass.workspace.expect(most.unwrap_or_default());
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

    /// Work on the final norm and the objective, with their weights in memory.
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
        let weights = self.read(pass, parts)?;
        let result = weights.during(pass, work);
        weights.recycle(pass);
        Ok(result)
    }

    /// The weights of a block.
    pub(super) fn read_block(
        &self,
        pass: &mut Pass<'_, F>,
        layer: usize,
    ) -> Result<Visited<F>, Error> {
        self.read(pass, std::slice::from_ref(&self.layers.parts.blocks[layer]))
    }

    fn read(&self, pass: &mut Pass<'_, F>, parts: &[Part]) -> Result<Visited<F>, Error> {
        let Some(Stream {
            source,
            declarations,
        }) = &self.stream
        else {
            return Ok(Visited(None));
        };
        let _span = crate::profile::span("weights");
        let parameters = declarations.part(parts, pass.threads, &**source, pass.workspace)?;
        Ok(Visited(Some(parameters)))
    }
}
