//! What may differ between the attentions of blocks: rotary positions, and a window.

use super::super::config::Config;
use super::class::{Class, Window};
use super::rotary::{read_rotary, read_scaling};
use crate::document::Cursor;
use crate::error::Error;
use crate::rotary::{Rotary, RotaryScaling};

/// Bases of rotary positions that no key says: of blocks without a window, and with one.
const BASES: [f64; 2] = [1e6, 1e4];
/// The window where no key says.
const WINDOW: usize = 4096;
/// Every so many blocks, one has no window.
const PATTERN: usize = 6;
/// The names of both kinds of block.
pub(super) const KINDS: [&str; 2] = ["full_attention", "sliding_attention"];

/// How the attention of one block sees positions.
#[derive(Clone, Copy)]
pub(super) struct OfBlock {
    pub(super) rotary: Rotary,
    pub(super) window: Option<usize>,
}

/// How each block sees positions, and the length up to which it does, where a scaling
/// depends on the length of a sequence.
pub(super) fn of_blocks(
    config: &Config<'_>,
    class: &Class,
    (layers, head_width): (usize, usize),
) -> Result<(Vec<OfBlock>, Option<usize>), Error> {
    if !matches!(class.window, Window::OfBlocks) {
        let (rotary, original) = read_rotary(config, &class.rotary, head_width)?;
        let window = None;
        return Ok((vec![OfBlock { rotary, window }; layers], original));
    }
    let pattern = config.size_or("sliding_window_pattern", PATTERN)?;
    let slides = match layer_types(config)? {
        Some(kinds) if kinds.len() == layers => kinds,
        Some(_) => {
            let found = config.0.get("layer_types", "a list")?;
            return Err(found.unexpected(format!("a list of {layers}, one per block")));
        }
        None => (1..=layers).map(|n| !n.is_multiple_of(pattern)).collect(),
    };
    let window = config.size_or("sliding_window", WINDOW)?;
    let ([full, sliding], original) = rotaries(config)?;
    let of_block = |slides: bool| match slides {
        true => OfBlock {
            rotary: sliding,
            window: Some(window),
        },
        false => OfBlock {
            rotary: full,
            window: None,
        },
    };
    Ok((slides.into_iter().map(of_block).collect(), original))
}

/// Rotary positions of blocks without a window, and of those with one. Newer files have a
/// mapping for each kind, older ones two bases and the scaling of the former.
fn rotaries(config: &Config<'_>) -> Result<([Rotary; 2], Option<usize>), Error> {
    let keys = ["rope_theta", "rope_local_base_freq"];
    let mut bases = BASES;
    for (base, key) in bases.iter_mut().zip(keys) {
        *base = config.number_or(key, *base)?;
    }
    let mut read = bases.map(|base| {
        let scaling = RotaryScaling::None;
        let turned = None;
        let rotary = Rotary {
            base,
            scaling,
            turned,
        };
        (rotary, None)
    });
    if let Some(found) = config.find("rope_scaling") {
        read[0] = read_scaling(&found, bases[0])?;
    }
    if let Some(found) = config.find("rope_parameters") {
        for ((read, kind), base) in read.iter_mut().zip(KINDS).zip(bases) {
            if let Some(found) = found.given(kind) {
                *read = read_scaling(&found, base)?;
            }
        }
    }
    let [(full, original), (sliding, other)] = read;
    Ok(([full, sliding], original.into_iter().chain(other).min()))
}

/// Whether each block has a window, where `layer_types` say.
pub(super) fn layer_types(config: &Config<'_>) -> Result<Option<Vec<bool>>, Error> {
    let Some(list) = config.find("layer_types") else {
        return Ok(None);
    };
    let slides =
        |item: &Cursor<'_>| match KINDS.iter().position(|kind| item.text().ok() == Some(kind)) {
            Some(kind) => Ok(kind == 1),
            None => Err(item.unexpected(KINDS.join(" or "))),
        };
    list.items()?
        .iter()
        .map(slides)
        .collect::<Result<_, _>>()
        .map(Some)
}
