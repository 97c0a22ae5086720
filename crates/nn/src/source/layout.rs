//! Under which names, and how laid out, model classes of transformers keep tensors.
//!
//! One table per model type, read in both directions: to load weights, and to write
//! a folder that `from_pretrained` takes.

use std::path::Path;

use lpzero_arch::Document;

use crate::Error;

/// The file that says of what class a model is.
pub(super) const CONFIG: &str = "config.json";

/// How one of our tensors stands in one of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it is.
    Whole,
    /// A map laid out (in, out), which with `of` maps side by side is (in, of x out);
    /// ours is number `index`. Of a bias, elements side by side.
    Transposed { index: usize, of: usize },
}

const WHOLE: Piece = Piece::Whole;
const TRANSPOSED: Piece = Piece::Transposed { index: 0, of: 1 };

const fn third(index: usize) -> Piece {
    Piece::Transposed { index, of: 3 }
}

/// Our name, theirs, and how ours stands in theirs. A name without a dot at its end is
/// that of a tensor; one with a dot is that of a map, of which `weight` and `bias`
/// have the same names on both sides.
type Rule = (&'static str, &'static str, Piece);

/// The names of a model type.
#[derive(Debug)]
pub struct Layout {
    model_types: &'static [&'static str],
    /// What may stand before every name but those of the head: the name that a class
    /// with a head gives its body comes first, nothing where the body was saved alone.
    prefixes: &'static [&'static str],
    outer: &'static [Rule],
    /// What stands before the number of a block.
    block: &'static str,
    /// Without `block.{l}.` and theirs of it.
    inner: &'static [Rule],
    /// Names that never have a prefix.
    head: &'static [Rule],
}

/// The project's own names.
pub(crate) const OWN: Layout = Layout {
    model_types: &[],
    prefixes: &[""],
    outer: &[],
    block: "",
    inner: &[],
    head: &[],
};

const LAYOUTS: [Layout; 4] = [
    Layout {
        model_types: &["gpt2"],
        prefixes: &["transformer.", ""],
        outer: &[
            ("embedding.0.table", "wte.weight", WHOLE),
            ("position.table", "wpe.weight", WHOLE),
            ("final.norm.gain", "ln_f.weight", WHOLE),
            ("final.norm.bias", "ln_f.bias", WHOLE),
        ],
        block: "h.",
        inner: &[
            ("norm.0.gain", "ln_1.weight", WHOLE),
            ("norm.0.bias", "ln_1.bias", WHOLE),
            ("query.", "attn.c_attn.", third(0)),
            ("key.", "attn.c_attn.", third(1)),
            ("value.", "attn.c_attn.", third(2)),
            ("out.", "attn.c_proj.", TRANSPOSED),
            ("norm.1.gain", "ln_2.weight", WHOLE),
            ("norm.1.bias", "ln_2.bias", WHOLE),
            ("ffn.0.", "mlp.c_fc.", TRANSPOSED),
            ("ffn.1.", "mlp.c_proj.", TRANSPOSED),
        ],
        head: &[],
    },
    Layout {
        model_types: &["llama", "mistral", "qwen2", "qwen3"],
        prefixes: &["model.", ""],
        outer: &[
            ("embedding.0.table", "embed_tokens.weight", WHOLE),
            ("final.norm.gain", "norm.weight", WHOLE),
        ],
        block: "layers.",
        inner: &[
            ("norm.0.gain", "input_layernorm.weight", WHOLE),
            ("query.norm.gain", "self_attn.q_norm.weight", WHOLE),
            ("key.norm.gain", "self_attn.k_norm.weight", WHOLE),
            ("query.", "self_attn.q_proj.", WHOLE),
            ("key.", "self_attn.k_proj.", WHOLE),
            ("value.", "self_attn.v_proj.", WHOLE),
            ("out.", "self_attn.o_proj.", WHOLE),
            ("norm.1.gain", "post_attention_layernorm.weight", WHOLE),
            ("ffn.gate.", "mlp.gate_proj.", WHOLE),
            ("ffn.0.", "mlp.up_proj.", WHOLE),
            ("ffn.1.", "mlp.down_proj.", WHOLE),
        ],
        head: &[("head.weight", "lm_head.weight", WHOLE)],
    },
    Layout {
        model_types: &["bert"],
        prefixes: &["bert.", ""],
        outer: ENCODER_EMBEDDINGS,
        block: "encoder.layer.",
        inner: ENCODER_BLOCK,
        head: &[
            (
                "objective.dense.",
                "cls.predictions.transform.dense.",
                WHOLE,
            ),
            (
                "objective.norm.gain",
                "cls.predictions.transform.LayerNorm.weight",
                WHOLE,
            ),
            (
                "objective.norm.bias",
                "cls.predictions.transform.LayerNorm.bias",
                WHOLE,
            ),
            ("objective.bias", "cls.predictions.bias", WHOLE),
        ],
    },
    Layout {
        model_types: &["electra"],
        prefixes: &["electra.", ""],
        outer: ENCODER_EMBEDDINGS,
        block: "encoder.layer.",
        inner: ENCODER_BLOCK,
        head: &[
            ("objective.dense.", "generator_predictions.dense.", WHOLE),
            (
                "objective.norm.gain",
                "generator_predictions.LayerNorm.weight",
                WHOLE,
            ),
            (
                "objective.norm.bias",
                "generator_predictions.LayerNorm.bias",
                WHOLE,
            ),
            ("objective.bias", "generator_lm_head.bias", WHOLE),
        ],
    },
];

const ENCODER_EMBEDDINGS: &[Rule] = &[
    (
        "embedding.0.table",
        "embeddings.word_embeddings.weight",
        WHOLE,
    ),
    (
        "position.table",
        "embeddings.position_embeddings.weight",
        WHOLE,
    ),
    (
        "segment.table",
        "embeddings.token_type_embeddings.weight",
        WHOLE,
    ),
    ("embedding.norm.gain", "embeddings.LayerNorm.weight", WHOLE),
    ("embedding.norm.bias", "embeddings.LayerNorm.bias", WHOLE),
    ("embedding.0.projection.", "embeddings_project.", WHOLE),
];

const ENCODER_BLOCK: &[Rule] = &[
    ("query.", "attention.self.query.", WHOLE),
    ("key.", "attention.self.key.", WHOLE),
    ("value.", "attention.self.value.", WHOLE),
    ("out.", "attention.output.dense.", WHOLE),
    ("norm.0.gain", "attention.output.LayerNorm.weight", WHOLE),
    ("norm.0.bias", "attention.output.LayerNorm.bias", WHOLE),
    ("ffn.0.", "intermediate.dense.", WHOLE),
    ("ffn.1.", "output.dense.", WHOLE),
    ("norm.1.gain", "output.LayerNorm.weight", WHOLE),
    ("norm.1.bias", "output.LayerNorm.bias", WHOLE),
];

impl Layout {
    /// The layout of a `model_type` of transformers.
    pub fn of(model_type: &str) -> Option<&'static Layout> {
        let mut layouts = LAYOUTS.iter();
        layouts.find(|layout| layout.model_types.contains(&model_type))
    }

    /// The layout of a folder's `config.json`.
    ///
    /// # Errors
    /// Where it cannot be read, or is of a model type without a layout.
    pub fn of_folder(folder: &Path) -> Result<&'static Layout, Error> {
        let config = Document::read(&folder.join(CONFIG))?;
        let root = config.root();
        let model_type = root.get("model_type", "a model type of transformers")?;
        let layout = Layout::of(model_type.text()?);
        Ok(layout.ok_or_else(|| {
            model_type.unexpected(format!("one of {}", Layout::model_types().join(", ")))
        })?)
    }

    /// Every model type that there is a layout for.
    pub fn model_types() -> Vec<&'static str> {
        let types = LAYOUTS.iter().flat_map(|layout| layout.model_types);
        types.copied().collect()
    }

    /// The prefix that a class with a head gives its body.
    pub(crate) fn body(&self) -> &'static str {
        self.prefixes.first().copied().unwrap_or("")
    }

    /// What may stand before names.
    pub(crate) fn prefixes(&self) -> &'static [&'static str] {
        self.prefixes
    }

    /// Which prefix a set of names has, told by the table of tokens.
    pub(crate) fn prefix(&self, has: impl Fn(&str) -> bool) -> &'static str {
        let table = self.outer.first().map_or("", |(_, theirs, _)| theirs);
        let mut prefixes = self.prefixes.iter().copied();
        let found = prefixes.find(|prefix| has(&format!("{prefix}{table}")));
        found.or(self.prefixes.first().copied()).unwrap_or("")
    }

    /// Tensors of ours, (name, shape, elements) each, under their names and as they lay
    /// them out; what they have no name for is left out. Pieces of one tensor come
    /// in the order of the pieces.
    pub fn tensors<'a>(
        &self,
        ours: impl Iterator<Item = (&'a str, &'a [usize], &'a [f32])>,
    ) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let prefix = self.body();
        let mut theirs: Vec<(String, Vec<usize>, Vec<f32>)> = Vec::new();
        for (name, shape, data) in ours {
            let Some((name, piece)) = self.theirs(prefix, name) else {
                continue;
            };
            let Piece::Transposed { index, of } = piece else {
                theirs.push((name, shape.to_vec(), data.to_vec()));
                continue;
            };
            let (outputs, inputs) = match *shape {
                [outputs, inputs] => (outputs, inputs),
                _ => (data.len(), 1),
            };
            let found = theirs.iter().position(|(known, ..)| *known == name);
            let at = found.unwrap_or_else(|| {
                let shape = match shape.len() {
                    1 => vec![of * outputs],
                    _ => vec![inputs, of * outputs],
                };
                theirs.push((name, shape, vec![0.0; inputs * of * outputs]));
                theirs.len() - 1
            });
            let whole = &mut theirs[at].2;
            for (output, row) in data.chunks_exact(inputs).enumerate() {
                let column = index * outputs + output;
                let column = whole.iter_mut().skip(column).step_by(of * outputs);
                column.zip(row).for_each(|(to, &x)| *to = x);
            }
        }
        theirs
    }

    /// Their name of one of our tensors, and how ours stands in it; `None` where
    /// theirs have no such tensor.
    pub(crate) fn theirs(&self, prefix: &str, ours: &str) -> Option<(String, Piece)> {
        if self.model_types.is_empty() {
            return Some((ours.to_owned(), WHOLE));
        }
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
        assert_eq!((name.as_str(), piece), ("h.0.attn.c_attn.bias", third(2)));
        assert_eq!(gpt2.prefix(|name| name == "wte.weight"), "");
        assert_eq!(gpt2.prefix(|_| false), "transformer.");
        assert!(Layout::of("t5").is_none());
    }
}
