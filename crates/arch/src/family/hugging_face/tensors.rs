//! Under which names, and how laid out, model classes of transformers keep tensors.
//!
//! One table per class, read in both directions: to load weights, and to write a folder
//! that `from_pretrained` takes.

use std::ops::Range;

use crate::block::Block;
use crate::mixer::GroupedAttention;

/// How one of our tensors stands in one of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Unchanged, in the same layout.
    Whole,
    /// In the same layout, every number one less: norms of its class multiply by one plus
    /// what is stored.
    OneLess,
    /// Some rows of a tensor that has several maps one below the other.
    Rows(Rows),
    /// A map laid out (in, out), which with `of` maps side by side is (in, of x out);
    /// ours is number `index`. Of a bias, elements side by side.
    Transposed {
        /// Which of the maps it is.
        index: usize,
        /// How many there are.
        of: usize,
    },
}

/// Which maps stand one below the other, and which of them it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All queries, then all keys, then all values.
    Attention(usize),
    /// Queries, keys and values of the first head, then of the next.
    Heads(usize),
    /// A gate, then what it multiplies.
    Gated(usize),
}

/// Rows of a tensor of theirs that make one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenRows {
    /// How many rows theirs has.
    pub all: usize,
    /// Their rows, in the order of ours.
    pub ranges: Vec<Range<usize>>,
}

impl Rows {
    /// The rows in a block of these sizes; `None` where it has no such maps.
    pub fn of(self, block: &Block) -> Option<TakenRows> {
        let mut ranges = Vec::new();
        let all = match self {
            Rows::Gated(index) => {
                let hidden = *block.feed_forward.hidden.first()?;
                ranges.push(index * hidden..(index + 1) * hidden);
                2 * hidden
            }
            Rows::Attention(index) => {
                let attention = block.mixer.grouped()?;
                let (queries, keys) = (attention.queries(), attention.keys());
                let (first, heads) = match index {
                    0 => (0, attention.heads),
                    1 => (queries, attention.key_value_heads),
                    _ => (queries + keys, attention.key_value_heads),
                };
                for head in 0..heads {
                    let start = first + head * attention.head_width;
                    ranges.extend(of_head(attention, start, index < 2));
                }
                queries + 2 * keys
            }
            Rows::Heads(index) => {
                let attention = block.mixer.grouped()?;
                if attention.heads != attention.key_value_heads {
                    return None;
                }
                for head in 0..attention.heads {
                    let start = (3 * head + index) * attention.head_width;
                    ranges.extend(of_head(attention, start, index < 2));
                }
                3 * attention.queries()
            }
        };
        Some(TakenRows { all, ranges })
    }
}

/// The rows of one head that begins there. Where positions turn a share of it, theirs are
/// the first features, of which feature i goes with the one half a share on; ours goes
/// with the one half a head on.
fn of_head(
    attention: &GroupedAttention,
    start: usize,
    is_turned: bool,
) -> impl Iterator<Item = Range<usize>> {
    let width = attention.head_width;
    let turned = attention.rotary.turned.filter(|_| is_turned);
    let turned = turned.map_or(width, |turned| turned.min(width));
    let (half, rest) = (turned / 2, (width - turned) / 2);
    let ends = [0, half, turned, turned + rest, width].map(|end| start + end);
    let parts = [
        ends[0]..ends[1],
        ends[2]..ends[3],
        ends[1]..ends[2],
        ends[3]..ends[4],
    ];
    parts.into_iter().filter(|part| !part.is_empty())
}

impl Piece {
    /// How much larger every number of ours is than theirs.
    pub fn offset(self) -> f64 {
        match self {
            Piece::OneLess => 1.0,
            Piece::Whole | Piece::Rows(_) | Piece::Transposed { .. } => 0.0,
        }
    }
}

pub(super) const WHOLE: Piece = Piece::Whole;
pub(super) const ONE_LESS: Piece = Piece::OneLess;
pub(super) const TRANSPOSED: Piece = Piece::Transposed { index: 0, of: 1 };

pub(super) const fn third(index: usize) -> Piece {
    Piece::Transposed { index, of: 3 }
}

/// Our name, theirs, and how ours stands in theirs. A name without a dot at its end is
/// that of a tensor; one with a dot is that of a map, of which `weight` and `bias`
/// have the same names on both sides.
pub(super) type Rule = (&'static str, &'static str, Piece);

/// The names of a class.
#[derive(Clone, Copy, Debug)]
pub struct TensorNames {
    /// Prefixes of every name but those of the head. The first is the name that a class with a
    /// head gives its body. An empty one is for a body that was saved alone.
    pub(super) prefixes: &'static [&'static str],
    /// Names outside the blocks, the table of tokens first.
    pub(super) outer: &'static [Rule],
    /// Text before the number of a block.
    pub(super) block: &'static str,
    /// Names in a block, without `block.{l}.` and theirs of it.
    pub(super) inner: &'static [Rule],
    /// Names that never have a prefix.
    pub(super) head: &'static [Rule],
    /// Names without a prefix under which files may have a tensor twice, or instead, where
    /// the head is tied to the table of tokens.
    pub(super) tied: &'static [(&'static str, &'static str)],
}

impl TensorNames {
    /// Prefixes that names may have; a class with a head gives its body the first.
    pub fn prefixes(&self) -> &'static [&'static str] {
        self.prefixes
    }

    /// Their names of what stands outside of blocks, without a prefix, the table of tokens
    /// first.
    pub fn outer(&self) -> impl Iterator<Item = &'static str> {
        self.outer.iter().map(|(_, theirs, _)| *theirs)
    }

    /// Other names of the tensors that a tied head shares: ours, and theirs without a prefix.
    pub fn tied(&self) -> &'static [(&'static str, &'static str)] {
        self.tied
    }

    /// Their name of one of our tensors, and how ours stands in it; `None` where
    /// theirs have no such tensor.
    pub fn theirs(&self, prefix: &str, ours: &str) -> Option<(String, Piece)> {
        if let Some((name, piece)) = apply(self.head, ours) {
            return Some((name, piece));
        }
        if let Some((name, piece)) = apply(self.outer, ours) {
            return Some((format!("{prefix}{name}"), piece));
        }
        let (layer, inner) = ours.strip_prefix("block.")?.split_once('.')?;
        let (name, piece) = apply(self.inner, inner)?;
        Some((format!("{prefix}{}{layer}.{name}", self.block), piece))
    }
}

/// Their name by the first rule that knows ours.
fn apply(rules: &[Rule], ours: &str) -> Option<(String, Piece)> {
    rules.iter().find_map(|&(known, theirs, piece)| {
        if !known.ends_with('.') {
            return (known == ours).then(|| (theirs.to_owned(), piece));
        }
        let part = ours.strip_prefix(known)?;
        matches!(part, "weight" | "bias").then(|| (format!("{theirs}{part}"), piece))
    })
}
