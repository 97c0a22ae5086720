//! All blocks, forward and backward, and what they keep in between.

use super::Network;
use crate::layers::{Sublayer, SublayerCache};
use crate::pass::{Keep, Pass, Rows};
use crate::{Error, Real};

/// What a block leaves for its backward pass.
pub(super) enum BlockCache<F> {
    /// What its halves keep: mixer, feed-forward network.
    Halves(Box<[SublayerCache<F>; 2]>),
    /// Its input alone, from which all else is computed again.
    Input(Vec<F>),
}

impl<F: Real> BlockCache<F> {
    /// What the halves keep, computed again where need be.
    pub(super) fn restored(
        self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        [mixer, feed_forward]: &[Sublayer; 2],
    ) -> [SublayerCache<F>; 2] {
        match self {
            BlockCache::Halves(halves) => *halves,
            BlockCache::Input(x) => pass.unseen(|pass| {
                let (middle, of_mixer) = mixer.forward(pass, rows, x);
                [of_mixer, feed_forward.prepare(pass, rows, middle)]
            }),
        }
    }
}

impl<F: Real> Network<F> {
    /// From the input of the first block to the output of the last, both (batch,
    /// positions, width).
    pub(super) fn forward_blocks(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        mut x: Vec<F>,
    ) -> Result<(Vec<F>, Vec<BlockCache<F>>), Error> {
        let mut caches = Vec::with_capacity(self.layers.blocks.len());
        for (layer, [mixer, feed_forward]) in self.layers.blocks.iter().enumerate() {
            let (y, cache) = self.in_block(pass, layer, |pass| {
                if pass.keep == Keep::All {
                    let (middle, of_mixer) = mixer.forward(pass, rows, x);
                    let (y, of_feed_forward) = feed_forward.forward(pass, rows, middle);
                    return (y, BlockCache::Halves(Box::new([of_mixer, of_feed_forward])));
                }
                let middle = mixer.apply(pass, rows, &x);
                if pass.keep == Keep::Nothing {
                    pass.give([std::mem::take(&mut x)]);
                }
                let y = feed_forward.apply(pass, rows, &middle);
                pass.give([middle]);
                (y, BlockCache::Input(x))
            })?;
            caches.push(cache);
            x = y;
        }
        Ok((x, caches))
    }

    /// From the gradient with respect to the output of the last block to that with
    /// respect to the input of the first.
    pub(super) fn backward_blocks(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        caches: Vec<BlockCache<F>>,
        mut d: Vec<F>,
    ) -> Result<Vec<F>, Error> {
        let blocks = self.layers.blocks.iter().zip(caches).enumerate();
        for (layer, (block, cache)) in blocks.rev() {
            d = self.in_block(pass, layer, |pass| {
                let [mixer, feed_forward] = block;
                let [of_mixer, of_feed_forward] = cache.restored(pass, rows, block);
                let d = feed_forward.backward(pass, rows, of_feed_forward, d);
                mixer.backward(pass, rows, of_mixer, d)
            })?;
        }
        Ok(d)
    }
}
