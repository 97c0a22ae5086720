//! `model_type` bert and electra: one encoder, with or without embeddings of another
//! width than the model's.

use serde_json::{Value, json};

use super::config::{Config, activation_name};
use super::model_type::{ModelType, needs};
use super::tensors::{Rule, TensorNames, WHOLE};
use crate::architecture::{
    Architecture, Embedding, Head, Initialisation, NormKind, NormPlacement, PositionWidth,
};
use crate::block::{Activation, Block, FeedForward};
use crate::document::{Cursor, Node};
use crate::error::Error;
use crate::mixer::Kind;
use crate::validate::Field;

pub(super) const BERT: ModelType = ModelType {
    name: "bert",
    class: "BertForMaskedLM",
    tensors: TensorNames {
        prefixes: &["bert.", ""],
        outer: EMBEDDINGS,
        block: "encoder.layer.",
        inner: BLOCK,
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
        tied: &[
            ("embedding.0.table", "cls.predictions.decoder.weight"),
            ("objective.bias", "cls.predictions.decoder.bias"),
        ],
    },
    read: |root| read(root, |_, width| Ok(width)),
    write: |architecture| write(architecture, false),
};

pub(super) const ELECTRA: ModelType = ModelType {
    name: "electra",
    class: "ElectraForMaskedLM",
    tensors: TensorNames {
        prefixes: &["electra.", ""],
        outer: EMBEDDINGS,
        block: "encoder.layer.",
        inner: BLOCK,
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
        tied: &[("embedding.0.table", "generator_lm_head.weight")],
    },
    read: |root| read(root, |config, _| config.size(EMBEDDING_WIDTH)),
    write: |architecture| write(architecture, true),
};

const EMBEDDING_WIDTH: &str = "embedding_size";

const EMBEDDINGS: &[Rule] = &[
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

const BLOCK: &[Rule] = &[
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

/// Keys that must have this value where they are given.
const FIXED: [(&str, Node); 2] = [
    ("is_decoder", Node::Bool(false)),
    ("add_cross_attention", Node::Bool(false)),
];

/// The width of the embeddings is a function of the config and the model's width.
fn read(
    root: &Cursor<'_>,
    embedding_width: fn(&Config<'_>, usize) -> Result<usize, Error>,
) -> Result<Architecture, Error> {
    let config = Config(root);
    config.require(&FIXED)?;
    config.require_absolute_positions()?;
    let layers = config.layers("num_hidden_layers")?;
    let width = config.size("hidden_size")?;
    let hidden = config.size("intermediate_size")?;
    let activation = config.activation_or("hidden_act", Activation::Gelu)?;
    let heads = config.size("num_attention_heads")?;
    let vocabulary = config.size("vocab_size")?;
    let deviation = config.number_or("initializer_range", 0.02)?;
    let block = Block::attention(heads, FeedForward::dense(vec![hidden], activation));
    let architecture = Architecture {
        kind: Kind::Encoder,
        vocabulary,
        positions: config.size_or("max_position_embeddings", 512)?,
        token_types: config.size_or("type_vocab_size", 2)?,
        width,
        embedding: Embedding {
            projection_bias: true,
            norm: true,
            ..Embedding::plain(
                vocabulary,
                embedding_width(&config, width)?,
                PositionWidth::Embedding,
            )
        },
        blocks: vec![block; layers],
        norm_placement: NormPlacement::Post,
        norm_kind: NormKind::Layer,
        norm_epsilon: config.number_or("layer_norm_eps", 1e-12)?,
        head: Head::None,
        initialisation: Initialisation {
            weight: deviation,
            residual: None,
            projection: deviation,
        },
    };
    architecture
        .validate_as(key)
        .map_err(|invalid| root.place().invalid(invalid))?;
    Ok(architecture)
}

/// The key that a value of the architecture came from; none where it is fixed.
fn key(field: Field) -> String {
    match field {
        Field::Vocabulary | Field::Cutoffs => "vocab_size",
        Field::Positions => "max_position_embeddings",
        Field::Width => "hidden_size",
        Field::EmbeddingWidth => EMBEDDING_WIDTH,
        Field::Blocks => "num_hidden_layers",
        Field::Heads { .. } | Field::Mixer { .. } => "num_attention_heads",
        Field::HiddenLayers { .. } | Field::Hidden { .. } => "intermediate_size",
        Field::NormEpsilon => "layer_norm_eps",
        Field::InitialWeight | Field::InitialProjection => "initializer_range",
        _ => "",
    }
    .to_owned()
}

fn write(architecture: &Architecture, own_embedding_width: bool) -> Result<Value, String> {
    let blocks = &architecture.blocks;
    let first = blocks.first().ok_or("it needs a block")?;
    needs(&[
        (architecture.kind == Kind::Encoder, "an encoder"),
        (
            blocks.iter().all(|block| block == first),
            "blocks that are all alike",
        ),
    ])?;
    let mut config = json!({
        "vocab_size": architecture.vocabulary,
        "hidden_size": architecture.width,
        "num_hidden_layers": blocks.len(),
        "num_attention_heads": first.mixer.heads(),
        "intermediate_size": first.feed_forward.hidden.first(),
        "hidden_act": activation_name(first.feed_forward.activation),
        "max_position_embeddings": architecture.positions,
        "type_vocab_size": architecture.token_types,
        "layer_norm_eps": architecture.norm_epsilon,
        "initializer_range": architecture.initialisation.weight,
        "torch_dtype": "float32",
    });
    if own_embedding_width {
        config[EMBEDDING_WIDTH] = architecture.embedding.width.into();
    }
    Ok(config)
}
