//! Parts: narrower networks inside wider ones.
//!
//! Every tensor of a part is the leading block of the tensor of that name of the whole (Yu et
//! al. 2020, "BigNAS"). Sizes alone do not make that sensible. Leading rows of a query map are
//! leading heads only where heads keep their width. A head of queries goes on reading the same
//! head of keys only where as many share one.

use crate::architecture::Architecture;
use crate::block::Block;
use crate::mixer::{GroupedAttention, Mixer};

impl Architecture {
    /// Why this is no part of `whole`; `None` where it is one.
    pub(crate) fn misfit(&self, whole: &Architecture) -> Option<String> {
        if self.blocks.len() != whole.blocks.len() {
            return Some("the number of blocks differs from the largest network's".into());
        }
        let widths = [self.width, whole.width];
        let mut pairs = self.blocks.iter().zip(&whole.blocks).enumerate();
        if let Some(what) = pairs.find_map(|(i, (part, whole))| {
            let what = part.misfit(whole, widths)?;
            Some(format!("blocks[{i}]: {what}"))
        }) {
            return Some(what);
        }
        if self.width > whole.width || self.embedding.width > whole.embedding.width {
            return Some("a width is larger than in the largest network".into());
        }
        // Whatever else there is must be the same.
        let mut widened = self.clone();
        widened.width = whole.width;
        widened.embedding.width = whole.embedding.width;
        widened.blocks.clone_from(&whole.blocks);
        (widened != *whole).then(|| {
            "networks differ in more than heads, feed-forward widths and the width: their \
             tensors are not leading blocks of the largest network's"
                .into()
        })
    }
}

impl Block {
    /// Why this block, in a network of the first width, is no part of `whole`, in one
    /// of the second; `None` where it is one.
    pub fn misfit(&self, whole: &Block, [width, whole_width]: [usize; 2]) -> Option<String> {
        match (self.left_out, whole.left_out) {
            // What a block that is left out would be means nothing.
            (true, _) => return None,
            (false, true) => return Some("a block that the largest network goes without".into()),
            (false, false) => {}
        }
        let mixers = misfit_of_mixers(&self.mixer, &whole.mixer, width == whole_width);
        if mixers.is_some() {
            return mixers;
        }
        if self.feed_forward.hidden.len() != whole.feed_forward.hidden.len() {
            return Some("the number of feed-forward layers varies".into());
        }
        let maps = self.maps(width);
        let larger = maps
            .iter()
            .zip(whole.maps(whole_width))
            .find(|(part, whole)| {
                let mut sides =
                    [(part.inputs, whole.inputs), (part.outputs, whole.outputs)].into_iter();
                sides.any(|(part, whole)| {
                    part.size > whole.size || (!whole.cut && part.size < whole.size)
                })
            });
        if let Some((map, _)) = larger {
            let name = &map.name;
            return Some(format!(
                "{name}: a size is larger than in the largest network"
            ));
        }
        let ranks = self.adapters.ranks().into_iter();
        let mut ranks = ranks.zip(whole.adapters.ranks());
        if ranks.any(|((_, part), (_, whole))| part > whole) {
            return Some("an adapter of a higher rank than in the largest network".into());
        }
        let mut widened = self.clone();
        widened.mixer = whole.mixer;
        widened
            .feed_forward
            .hidden
            .clone_from(&whole.feed_forward.hidden);
        widened.adapters = whole.adapters;
        (widened != *whole).then(|| "feed-forward networks differ in more than their widths".into())
    }
}

fn misfit_of_mixers(part: &Mixer, whole: &Mixer, same_width: bool) -> Option<String> {
    let (Some(part), Some(whole)) = (part.grouped(), whole.grouped()) else {
        return (part != whole || !same_width).then(|| {
            format!(
                "a head of {} is as wide as the width over the number of heads, so that neither \
                 may vary: expected grouped-attention with a fixed head_width",
                whole.name()
            )
        });
    };
    if part.head_width != whole.head_width {
        return Some("head_width varies: leading rows are then no whole heads".into());
    }
    if part.heads * whole.key_value_heads != whole.heads * part.key_value_heads {
        return Some(
            "heads over key_value_heads varies: a head of queries would read other keys; vary \
             both together"
                .into(),
        );
    }
    if part.heads > whole.heads {
        return Some("more heads than in the largest network".into());
    }
    let widened = GroupedAttention {
        heads: whole.heads,
        key_value_heads: whole.key_value_heads,
        ..*part
    };
    (widened != *whole).then(|| "attentions differ in more than the number of heads".into())
}
