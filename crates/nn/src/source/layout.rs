//! Tensors as model classes of transformers keep them: their names and layouts.
//!
//! The names are those of the [`ModelType`], which has them beside its reader.

use std::path::Path;

use lpzero_arch::hugging_face::{self, MODEL_TYPES, ModelType, TakenRows};
use lpzero_arch::{Block, Document};

pub(crate) use lpzero_arch::hugging_face::Piece;

use crate::Error;

/// The file that says of what class a model is.
pub(super) const CONFIG: &str = "config.json";

/// The names of a model type, or, without one, the project's own.
#[derive(Clone, Copy, Debug)]
pub struct Layout(Option<&'static ModelType>);

/// The project's own names.
pub(crate) const OWN: Layout = Layout(None);

/// One for each model type, in their order.
static LAYOUTS: [Layout; MODEL_TYPES.len()] = {
    let mut layouts = [OWN; MODEL_TYPES.len()];
    let mut i = 0;
    while i < layouts.len() {
        layouts[i] = Layout(Some(MODEL_TYPES[i]));
        i += 1;
    }
    layouts
};

impl Layout {
    /// The layout of a `model_type` of transformers.
    pub fn of(model_type: &str) -> Option<&'static Layout> {
        let mut layouts = LAYOUTS.iter();
        layouts.find(|layout| layout.0.is_some_and(|known| known.name == model_type))
    }

    /// The layout of a folder's `config.json`.
    ///
    /// # Errors
    /// Where it cannot be read, or is of a model type that is not known.
    pub fn of_folder(folder: &Path) -> Result<&'static Layout, Error> {
        Self::of_config(&Document::read(&folder.join(CONFIG))?)
    }

    /// The layout of a `config.json`.
    ///
    /// # Errors
    /// Where it is of a model type that is not known.
    pub fn of_config(config: &Document) -> Result<&'static Layout, Error> {
        let model_type = hugging_face::model_type_of(&config.root())?;
        Ok(Layout::of(model_type.name).unwrap_or(&OWN))
    }

    /// Every model type that there is a layout for.
    pub fn model_types() -> Vec<&'static str> {
        MODEL_TYPES.iter().map(|known| known.name).collect()
    }

    /// The prefix that a class with a head gives its body.
    pub(crate) fn body(&self) -> &'static str {
        self.prefixes().first().copied().unwrap_or("")
    }

    /// Prefixes that names may have; a class with a head gives its body the first.
    pub(crate) fn prefixes(&self) -> &'static [&'static str] {
        self.0.map_or(&[""], |known| known.tensors.prefixes())
    }

    /// Whether the names are the project's own.
    pub(crate) fn is_own(&self) -> bool {
        self.0.is_none()
    }

    /// Their names of what stands outside of blocks, the table of tokens first.
    pub(crate) fn markers(&self) -> impl Iterator<Item = &'static str> {
        self.0.into_iter().flat_map(|known| known.tensors.outer())
    }

    /// Other names that one of our tensors may have where the head is tied to the table of
    /// tokens.
    pub(crate) fn tied(&self, ours: &str) -> impl Iterator<Item = &'static str> {
        let all = self.0.map_or(&[][..], |known| known.tensors.tied());
        all.iter()
            .filter(move |(name, _)| *name == ours)
            .map(|(_, theirs)| *theirs)
    }

    /// Tensors of ours, (name, shape, elements) each, of a network of these blocks, under
    /// their names and as they lay them out; what they have no name for is left out. Where
    /// several of ours make one of theirs, it stands where the first of them does.
    pub fn tensors<'a>(
        &self,
        blocks: &[Block],
        ours: impl Iterator<Item = (&'a str, &'a [usize], &'a [f32])>,
    ) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let prefix = self.body();
        let mut theirs: Vec<(String, Vec<usize>, Vec<f32>)> = Vec::new();
        for (name, shape, data) in ours {
            let Some(standing) = self.standing(prefix, blocks, name, shape) else {
                continue;
            };
            let mut known = theirs.iter();
            let found = known.position(|(known, ..)| *known == standing.name);
            let at = found.unwrap_or_else(|| {
                let elements = standing.shape.iter().product();
                theirs.push((
                    standing.name.clone(),
                    standing.shape.clone(),
                    vec![0.0; elements],
                ));
                theirs.len() - 1
            });
            standing.place(shape, data, &mut theirs[at].2);
        }
        theirs
    }

    /// How a tensor of ours, of this shape, stands in theirs, in a network of these blocks;
    /// `None` where theirs have none, or no such block.
    pub(crate) fn standing(
        &self,
        prefix: &str,
        blocks: &[Block],
        ours: &str,
        shape: &[usize],
    ) -> Option<Standing> {
        let (name, piece) = self.theirs(prefix, ours)?;
        let rows = match piece {
            Piece::Rows(rows) => {
                let (layer, _) = ours.strip_prefix("block.")?.split_once('.')?;
                Some(rows.of(blocks.get(layer.parse::<usize>().ok()?)?)?)
            }
            _ => None,
        };
        Some(Standing {
            name,
            shape: theirs(shape, piece, rows.as_ref()),
            piece,
            rows,
        })
    }

    /// How much larger every number of one of our tensors is than in theirs.
    pub fn offset(&self, ours: &str) -> f64 {
        (self.theirs("", ours)).map_or(0.0, |(_, piece)| piece.offset())
    }

    /// Their name of one of our tensors, and how ours stands in it; `None` where
    /// theirs have no such tensor.
    pub(crate) fn theirs(&self, prefix: &str, ours: &str) -> Option<(String, Piece)> {
        match self.0 {
            None => Some((ours.to_owned(), Piece::Whole)),
            Some(known) => known.tensors.theirs(prefix, ours),
        }
    }
}

/// A tensor of ours in one of theirs.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// Name of theirs.
    pub(crate) name: String,
    /// Shape of theirs.
    pub(crate) shape: Vec<usize>,
    piece: Piece,
    rows: Option<TakenRows>,
}

impl Standing {
    /// Writes the numbers of ours, of this shape, to where they stand in theirs.
    pub(crate) fn place(&self, shape: &[usize], data: &[f32], whole: &mut [f32]) {
        let columns: usize = shape.iter().skip(1).product();
        if let Some(rows) = &self.rows {
            let theirs = rows.ranges.iter().cloned().flatten();
            for (row, ours) in theirs.zip(data.chunks_exact(columns.max(1))) {
                whole[row * columns..][..columns].copy_from_slice(ours);
            }
            return;
        }
        let Piece::Transposed { index, of } = self.piece else {
            let offset = self.piece.offset() as f32;
            let pairs = whole.iter_mut().zip(data);
            pairs.for_each(|(to, x)| *to = x - offset);
            return;
        };
        let (outputs, inputs) = match *shape {
            [outputs, inputs] => (outputs, inputs),
            _ => (data.len(), 1),
        };
        for (output, row) in data.chunks_exact(inputs).enumerate() {
            let column = index * outputs + output;
            let column = whole.iter_mut().skip(column).step_by(of * outputs);
            column.zip(row).for_each(|(to, &x)| *to = x);
        }
    }
}

/// The shape of theirs in which one of ours, of shape `ours`, is a piece.
pub(super) fn theirs(ours: &[usize], piece: Piece, rows: Option<&TakenRows>) -> Vec<usize> {
    if let (Some(rows), Some((first, rest))) = (rows, ours.split_first()) {
        // Of other sizes than the configuration says, it is none of these rows.
        let taken: usize = rows.ranges.iter().map(ExactSizeIterator::len).sum();
        let all = if taken == *first { rows.all } else { *first };
        return [&[all][..], rest].concat();
    }
    match (piece, ours) {
        (Piece::Transposed { of, .. }, &[outputs]) => vec![of * outputs],
        (Piece::Transposed { of, .. }, &[outputs, inputs]) => vec![inputs, of * outputs],
        _ => ours.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_those_of_transformers() {
        let llama = Layout::of("qwen3").unwrap();
        let theirs = |name| llama.theirs("model.", name).map(|(name, _)| name);
        let expected = "model.layers.31.mlp.down_proj.weight";
        assert_eq!(theirs("block.31.ffn.1.weight").unwrap(), expected);
        let expected = "model.layers.2.self_attn.q_norm.weight";
        assert_eq!(theirs("block.2.query.norm.gain").unwrap(), expected);
        assert_eq!(theirs("head.weight").unwrap(), "lm_head.weight");
        assert_eq!(theirs("position.table"), None);
        assert_eq!(theirs("block.0.query.norm"), None);

        let gpt2 = Layout::of("gpt2").unwrap();
        let (name, piece) = gpt2.theirs("", "block.0.value.bias").unwrap();
        let third = Piece::Transposed { index: 2, of: 3 };
        assert_eq!((name.as_str(), piece), ("h.0.attn.c_attn.bias", third));
        assert_eq!(gpt2.markers().next(), Some("wte.weight"));
        assert!(gpt2.tied("embedding.0.table").eq(["lm_head.weight"]));
        assert!(Layout::of("t5").is_none());
    }
}
