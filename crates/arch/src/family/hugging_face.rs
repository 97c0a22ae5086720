//! Hugging Face `config.json` of `model_type` gpt2, bert and electra, and of llama
//! and its descendants (`llama.rs`).
//!
//! Defaults of keys that a file leaves out are those of the transformers
//! library. Keys that would make another network must have the value that does not.

mod llama;

use crate::architecture::{
    Architecture, Embedding, Head, Initialisation, NormKind, NormPlacement, PositionWidth,
};
use crate::block::{Activation, Block, FeedForward};
use crate::document::{Cursor, Node};
use crate::error::{Error, Problem};
use crate::mixer::Kind;
use crate::validate::{Field, MAX_BLOCKS};

/// What a model type calls its sizes, and what else it is.
struct Model {
    kind: Kind,
    width: &'static str,
    layers: &'static str,
    heads: &'static str,
    hidden: &'static str,
    activation: &'static str,
    positions: &'static str,
    epsilon: (&'static str, f64),
    /// Keys that must have this value where they are given.
    fixed: &'static [(&'static str, Node)],
}

const GPT2: Model = Model {
    kind: Kind::Decoder,
    width: "n_embd",
    layers: "n_layer",
    heads: "n_head",
    hidden: "n_inner",
    activation: "activation_function",
    positions: "n_positions",
    epsilon: ("layer_norm_epsilon", 1e-5),
    fixed: &[
        ("tie_word_embeddings", Node::Bool(true)),
        ("add_cross_attention", Node::Bool(false)),
        ("scale_attn_weights", Node::Bool(true)),
        ("scale_attn_by_inverse_layer_idx", Node::Bool(false)),
    ],
};

const BERT: Model = Model {
    kind: Kind::Encoder,
    width: "hidden_size",
    layers: "num_hidden_layers",
    heads: "num_attention_heads",
    hidden: "intermediate_size",
    activation: "hidden_act",
    positions: "max_position_embeddings",
    epsilon: ("layer_norm_eps", 1e-12),
    fixed: &[
        ("is_decoder", Node::Bool(false)),
        ("add_cross_attention", Node::Bool(false)),
    ],
};

const ACTIVATIONS: [(&str, Activation); 6] = [
    ("gelu", Activation::Gelu),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("relu", Activation::Relu),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
];

const SIZE: &str = "a positive whole number";
const MODEL_TYPES: &str = "gpt2, bert, electra, llama, mistral, qwen2 or qwen3";

/// The outermost keys of a config.
struct Config<'a>(&'a Cursor<'a>);

impl<'a> Config<'a> {
    /// The value of a key, where there is one and it is not `null`.
    fn find(&self, key: &str) -> Option<Cursor<'a>> {
        self.0.find(key).filter(|found| *found.node() != Node::Null)
    }

    fn size(&self, key: &str) -> Result<usize, Error> {
        self.0.get(key, SIZE)?.size()
    }

    fn size_or(&self, key: &str, default: usize) -> Result<usize, Error> {
        self.find(key).map_or(Ok(default), |found| found.size())
    }

    fn number_or(&self, key: &str, default: f64) -> Result<f64, Error> {
        self.0.find(key).map_or(Ok(default), |found| found.number())
    }

    fn flag_or(&self, key: &str, default: bool) -> Result<bool, Error> {
        self.find(key).map_or(Ok(default), |found| found.flag())
    }

    /// The number of blocks. Checked before any list is made, since the count
    /// alone may ask for all memory.
    fn layers(&self, key: &str) -> Result<usize, Error> {
        let layers = self.size(key)?;
        match layers <= MAX_BLOCKS {
            true => Ok(layers),
            false => Err(self.0.get(key, SIZE)?.error(Problem::TooMany {
                count: layers as u128,
                what: "blocks",
                limit: MAX_BLOCKS as u128,
            })),
        }
    }

    fn activation_or(&self, key: &str, default: Activation) -> Result<Activation, Error> {
        let Some(found) = self.0.find(key) else {
            return Ok(default);
        };
        let name = found.text()?;
        let known = ACTIVATIONS.iter().find(|(known, _)| *known == name);
        let known = known.ok_or_else(|| found.unexpected("gelu, gelu_new, relu or silu"))?;
        Ok(known.1)
    }

    /// Refuses other values of these keys than the given ones.
    fn require(&self, fixed: &[(&str, Node)]) -> Result<(), Error> {
        for (key, wanted) in fixed {
            if let Some(found) = self.0.find(key)
                && found.node() != wanted
            {
                return Err(found.unexpected(wanted.to_string()));
            }
        }
        Ok(())
    }
}

/// Reads the contents of a `config.json`.
///
/// # Errors
/// [`Error::Value`], naming the key; a model type that is not known is one.
pub fn read(root: &Cursor<'_>) -> Result<Architecture, Error> {
    let model_type = root.get("model_type", MODEL_TYPES)?;
    let name = model_type.text()?;
    if let Some(model) = llama::MODELS.iter().find(|model| model.name == name) {
        return llama::read(root, model);
    }
    let model = match name {
        "gpt2" => &GPT2,
        "bert" | "electra" => &BERT,
        _ => return Err(model_type.unexpected(MODEL_TYPES)),
    };
    let config = Config(root);
    config.require(model.fixed)?;
    if let Some(found) = root.find("position_embedding_type")
        && found.text()? != "absolute"
    {
        return Err(found.unexpected("\"absolute\""));
    }

    let size = |key: &str| config.size(key);
    let layers = config.layers(model.layers)?;
    let width = size(model.width)?;
    let decoder = model.kind == Kind::Decoder;
    let hidden = match decoder {
        true => config.size_or(model.hidden, width.saturating_mul(4))?,
        false => size(model.hidden)?,
    };
    let activation = match decoder {
        true => config.activation_or(model.activation, Activation::GeluTanh)?,
        false => config.activation_or(model.activation, Activation::Gelu)?,
    };
    let heads = size(model.heads)?;
    let vocabulary = size("vocab_size")?;
    let deviation = config.number_or("initializer_range", 0.02)?;
    let block = Block::attention(heads, FeedForward::dense(vec![hidden], activation));
    let architecture = Architecture {
        kind: model.kind,
        vocabulary,
        positions: size(model.positions)?,
        token_types: if decoder {
            0
        } else {
            config.size_or("type_vocab_size", 2)?
        },
        width,
        embedding: Embedding {
            width: match name {
                "electra" => size("embedding_size")?,
                _ => width,
            },
            cutoffs: vec![vocabulary],
            division: 1,
            projection_bias: !decoder,
            scale_by_root_width: false,
            position_width: match decoder {
                true => PositionWidth::Model,
                false => PositionWidth::Embedding,
            },
            norm: !decoder,
        },
        blocks: vec![block; layers],
        norm_placement: match decoder {
            true => NormPlacement::Pre,
            false => NormPlacement::Post,
        },
        norm_kind: NormKind::Layer,
        norm_epsilon: config.number_or(model.epsilon.0, model.epsilon.1)?,
        head: if decoder { Head::Tied } else { Head::None },
        initialisation: Initialisation {
            weight: deviation,
            residual: decoder.then(|| deviation / (2.0 * layers as f64).sqrt()),
            projection: deviation,
        },
    };
    architecture
        .validate_as(|field| key(field, model))
        .map_err(|invalid| root.place().invalid(invalid))?;
    Ok(architecture)
}

/// The key that a value of the architecture came from.
fn key(field: Field, model: &Model) -> String {
    match field {
        Field::Vocabulary | Field::Cutoffs => "vocab_size",
        Field::Positions => model.positions,
        Field::Width => model.width,
        Field::EmbeddingWidth => "embedding_size",
        Field::Blocks => model.layers,
        Field::Heads { .. } | Field::Mixer { .. } => model.heads,
        Field::HiddenLayers { .. } | Field::Hidden { .. } => model.hidden,
        Field::NormEpsilon => model.epsilon.0,
        Field::InitialWeight | Field::InitialProjection => "initializer_range",
        // Of mixers and feed-forward networks that are not read here, or fixed.
        Field::Whole
        | Field::Division
        | Field::Head
        | Field::Kernel { .. }
        | Field::KeyValueHeads { .. }
        | Field::HeadWidth { .. }
        | Field::RotaryBase { .. }
        | Field::RotaryScaling { .. }
        | Field::Adapters { .. }
        | Field::Gate { .. } => "",
    }
    .to_owned()
}
