//! How many activations a pass keeps, and how many it may.

use lpzero_arch::Architecture;

use crate::Error;
use crate::pass::Rows;

/// Most activations that one pass may keep: 2^32, 16 GiB in single precision.
pub const MAX_ACTIVATIONS: u128 = 1 << 32;

/// Refuses what would need too much memory.
pub(super) fn check_activations(architecture: &Architecture, rows: Rows) -> Result<(), Error> {
    check_count(activations(architecture, rows))
}

pub(super) fn check_count(elements: u128) -> Result<(), Error> {
    match elements <= MAX_ACTIVATIONS {
        true => Ok(()),
        false => Err(Error::TooLarge {
            what: "the activations of this batch",
            elements,
            limit: MAX_ACTIVATIONS,
        }),
    }
}

/// About how many activations a pass keeps at once, from above: what every
/// layer leaves for its backward pass, and twice the largest logits.
fn activations(architecture: &Architecture, rows: Rows) -> u128 {
    let blocks: u128 = block_activations(architecture, rows.positions).sum();
    let tokens = rows.batch as u128 * rows.positions as u128;
    tokens.saturating_mul(blocks + 2 * architecture.vocabulary as u128)
}

/// Number of activations, roughly, that each block has at once for a token.
pub(super) fn block_activations(
    architecture: &Architecture,
    positions: usize,
) -> impl Iterator<Item = u128> + '_ {
    let width = architecture.width;
    let block = move |block: &lpzero_arch::Block| {
        let hidden: u128 = (block.feed_forward.hidden.iter()).map(|&h| h as u128).sum();
        let copies = if block.feed_forward.gated { 5 } else { 2 };
        block.mixer_floats(width, positions) + 4 * width as u128 + copies * hidden
    };
    architecture.kept_blocks().map(block)
}
