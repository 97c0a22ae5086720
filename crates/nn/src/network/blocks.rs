//! All blocks, forward and backward, and what they keep in between.

use super::Network;
use super::stream::Visited;
use crate::kernels::elementwise::add;
use crate::layers::{Sublayer, SublayerCache};
use crate::pass::{Keep, Pass, Rows};
use crate::{Error, Real};

/// State that a block leaves for its backward pass.
pub(super) enum BlockCache<F> {
    /// Caches of the halves: mixer, feed-forward network.
    Halves(Box<[SublayerCache<F>; 2]>),
    /// Input of the block alone, from which all else is computed again.
    Input(Vec<F>),
}

impl<F: Real> BlockCache<F> {
    /// Caches of the halves, mixer first, computed again where need be.
    pub(super) fn restored(
        self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        [mixer, feed_forward]: &[Sublayer; 2],
        parallel: bool,
    ) -> [SublayerCache<F>; 2] {
        match self {
            BlockCache::Halves(halves) => *halves,
            BlockCache::Input(x) if parallel => pass.unseen(|pass| {
                let copy = copied(pass, &x);
                let of_mixer = mixer.prepare(pass, rows, copy);
                [of_mixer, feed_forward.prepare(pass, rows, x)]
            }),
            BlockCache::Input(x) => pass.unseen(|pass| {
                let (middle, of_mixer) = mixer.forward(pass, rows, x);
                [of_mixer, feed_forward.prepare(pass, rows, middle)]
            }),
        }
    }
}

fn copied<F: Real>(pass: &mut Pass<'_, F>, x: &[F]) -> Vec<F> {
    let mut copy = pass.take(x.len());
    copy.copy_from_slice(x);
    copy
}

/// State that all blocks leave for the backward pass.
pub(super) struct BlockCaches<F> {
    blocks: Vec<BlockCache<F>>,
    /// The weights of the last block, which is visited next by the backward pass: of a
    /// streamed network they need not be read twice.
    last: Option<Visited<F>>,
}

impl<F: Real> Network<F> {
    /// From the input of the first block to the output of the last, both (batch,
    /// positions, width).
    pub(super) fn forward_blocks(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        mut x: Vec<F>,
    ) -> Result<(Vec<F>, BlockCaches<F>), Error> {
        let mut caches = BlockCaches {
            blocks: Vec::with_capacity(self.layers.blocks.len()),
            last: None,
        };
        for (layer, [mixer, feed_forward]) in self.layers.blocks.iter().enumerate() {
            pass.workspace.check_cancelled()?;
            let weights = self.read_block(pass, layer)?;
            let (y, cache) = weights.during(pass, |pass| {
                let input = pass.exponent;
                if self.layers.parallel && pass.keep == Keep::All {
                    let copy = copied(pass, &x);
                    let (mixed, of_mixer) = mixer.forward(pass, rows, copy);
                    let scale = std::mem::replace(&mut pass.exponent, input);
                    let (y, of_feed_forward) =
                        feed_forward.forward_onto(pass, rows, x, (&mixed[..], scale));
                    pass.give([mixed]);
                    return (y, BlockCache::Halves(Box::new([of_mixer, of_feed_forward])));
                }
                if self.layers.parallel {
                    let mixed = mixer.apply(pass, rows, &x, None);
                    let scale = std::mem::replace(&mut pass.exponent, input);
                    let y = feed_forward.apply(pass, rows, &x, Some((&mixed[..], scale)));
                    pass.give([mixed]);
                    if pass.keep == Keep::Nothing {
                        pass.give([std::mem::take(&mut x)]);
                    }
                    return (y, BlockCache::Input(x));
                }
                if pass.keep == Keep::All {
                    let (middle, of_mixer) = mixer.forward(pass, rows, x);
                    let (y, of_feed_forward) = feed_forward.forward(pass, rows, middle);
                    return (y, BlockCache::Halves(Box::new([of_mixer, of_feed_forward])));
                }
                let middle = mixer.apply(pass, rows, &x, None);
                if pass.keep == Keep::Nothing {
                    pass.give([std::mem::take(&mut x)]);
                }
                let y = feed_forward.apply(pass, rows, &middle, None);
                pass.give([middle]);
                (y, BlockCache::Input(x))
            });
            caches.blocks.push(cache);
            x = y;
            if pass.is_differentiated() && layer + 1 == self.layers.blocks.len() {
                caches.last = Some(weights);
            } else {
                weights.recycle(pass);
            }
        }
        Ok((x, caches))
    }

    /// From the last block to the first: its layers, its number, and what it kept.
    pub(super) fn visit_back(
        &self,
        pass: &mut Pass<'_, F>,
        mut caches: BlockCaches<F>,
        mut visit: impl FnMut(&mut Pass<'_, F>, usize, &[Sublayer; 2], BlockCache<F>),
    ) -> Result<(), Error> {
        let blocks = self.layers.blocks.iter().zip(caches.blocks).enumerate();
        for (layer, (block, cache)) in blocks.rev() {
            pass.workspace.check_cancelled()?;
            let weights = match caches.last.take() {
                Some(weights) => weights,
                None => self.read_block(pass, layer)?,
            };
            weights.during(pass, |pass| visit(pass, layer, block, cache));
            weights.recycle(pass);
        }
        Ok(())
    }

    /// From the gradient with respect to the output of the last block to that with
    /// respect to the input of the first.
    pub(super) fn backward_blocks(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        caches: BlockCaches<F>,
        mut d: Vec<F>,
    ) -> Result<Vec<F>, Error> {
        self.visit_back(pass, caches, |pass, _, block, cache| {
            let [mixer, feed_forward] = block;
            let parallel = self.layers.parallel;
            let [of_mixer, of_feed_forward] = cache.restored(pass, rows, block, parallel);
            if parallel {
                let dy = std::mem::take(&mut d);
                let (mut dx, dmixed) =
                    feed_forward.backward_onto(pass, rows, of_feed_forward, dy, true);
                // There is a base: the norm stands before the function.
                let more = mixer.backward(pass, rows, of_mixer, dmixed.unwrap_or_default());
                add(pass.threads, &mut dx, &more);
                pass.give([more]);
                d = dx;
                return;
            }
            let middle = feed_forward.backward(pass, rows, of_feed_forward, std::mem::take(&mut d));
            d = mixer.backward(pass, rows, of_mixer, middle);
        })?;
        Ok(d)
    }
}
