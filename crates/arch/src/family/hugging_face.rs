//! Hugging Face `config.json` of `model_type` gpt2, bert and electra.
//!
//! Defaults of keys that a file leaves out are those of the transformers
//! library. Keys that would make another network must have the value that does not.

use crate::architecture::{
    Activation, Architecture, Block, Embedding, FeedForward, Head, Initialisation, Kind, Mixer,
    NormPlacement, PositionWidth,
};
use crate::document::{Cursor, Node};
use crate::error::{Error, Problem};
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

const ACTIVATIONS: [(&str, Activation); 4] = [
    ("gelu", Activation::Gelu),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("relu", Activation::Relu),
];

const SIZE: &str = "a positive whole number";

/// Reads the contents of a `config.json`.
///
/// # Errors
/// [`Error::Value`], naming the key; a model type that is not known is one.
pub fn read(root: &Cursor<'_>) -> Result<Architecture, Error> {
    let model_type = root.get("model_type", "gpt2, bert or electra")?;
    let model = match model_type.text()? {
        "gpt2" => &GPT2,
        "bert" | "electra" => &BERT,
        _ => return Err(model_type.unexpected("gpt2, bert or electra")),
    };
    for (key, wanted) in model.fixed {
        if let Some(found) = root.find(key)
            && found.node() != wanted
        {
            return Err(found.unexpected(wanted.to_string()));
        }
    }
    if let Some(found) = root.find("position_embedding_type")
        && found.text()? != "absolute"
    {
        return Err(found.unexpected("\"absolute\""));
    }

    let size = |key: &str| root.get(key, SIZE)?.size();
    let layers = size(model.layers)?;
    // Before any list is made, since the count alone may ask for all memory.
    if layers > MAX_BLOCKS {
        return Err(root.get(model.layers, SIZE)?.error(Problem::TooMany {
            count: layers as u128,
            what: "blocks",
            limit: MAX_BLOCKS as u128,
        }));
    }
    let width = size(model.width)?;
    let size_or = |key: &str, default: usize| match root.find(key) {
        Some(found) if *found.node() != Node::Null => found.size(),
        _ => Ok(default),
    };
    let number_or = |key: &str, default: f64| root.find(key).map_or(Ok(default), |f| f.number());
    let decoder = model.kind == Kind::Decoder;
    let hidden = match decoder {
        true => size_or(model.hidden, width.saturating_mul(4))?,
        false => size(model.hidden)?,
    };
    let activation = match root.find(model.activation) {
        None if decoder => Activation::GeluTanh,
        None => Activation::Gelu,
        Some(found) => {
            let name = found.text()?;
            let known = ACTIVATIONS.iter().find(|(known, _)| *known == name);
            known
                .ok_or_else(|| found.unexpected("gelu, gelu_new or relu"))?
                .1
        }
    };
    let heads = size(model.heads)?;
    let vocabulary = size("vocab_size")?;
    let deviation = number_or("initializer_range", 0.02)?;
    let block = Block {
        mixer: Mixer::Attention {
            heads,
            weighted: false,
        },
        feed_forward: FeedForward {
            hidden: vec![hidden],
            activation,
        },
    };
    let architecture = Architecture {
        kind: model.kind,
        vocabulary,
        positions: size(model.positions)?,
        token_types: if decoder {
            0
        } else {
            size_or("type_vocab_size", 2)?
        },
        width,
        embedding: Embedding {
            width: match model_type.text()? {
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
        norm_epsilon: number_or(model.epsilon.0, model.epsilon.1)?,
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
        Field::Whole | Field::Division | Field::Head | Field::Kernel { .. } => "",
    }
    .to_owned()
}
