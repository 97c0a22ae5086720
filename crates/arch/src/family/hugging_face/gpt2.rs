//! `model_type` gpt2.

use serde_json::{Value, json};

use super::config::{Config, activation_name};
use super::model_type::{ModelType, needs};
use super::tensors::{TRANSPOSED, TensorNames, WHOLE, third};
use crate::architecture::{
    Architecture, Embedding, Head, Initialisation, NormKind, NormPlacement, PositionWidth,
};
use crate::block::{Activation, Block, FeedForward};
use crate::document::{Cursor, Node};
use crate::error::Error;
use crate::mixer::Kind;
use crate::validate::Field;

pub(super) const GPT2: ModelType = ModelType {
    name: "gpt2",
    class: "GPT2LMHeadModel",
    tensors: TensorNames {
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
        tied: &[("embedding.0.table", "lm_head.weight")],
    },
    read,
    write,
};

/// Keys that must have this value where they are given.
const FIXED: [(&str, Node); 4] = [
    ("tie_word_embeddings", Node::Bool(true)),
    ("add_cross_attention", Node::Bool(false)),
    ("scale_attn_weights", Node::Bool(true)),
    ("scale_attn_by_inverse_layer_idx", Node::Bool(false)),
];

fn read(root: &Cursor<'_>) -> Result<Architecture, Error> {
    let config = Config(root);
    config.require(&FIXED)?;
    config.require_absolute_positions()?;
    let layers = config.layers("n_layer")?;
    let width = config.size("n_embd")?;
    let hidden = config.size_or("n_inner", width.saturating_mul(4))?;
    let activation = config.activation_or("activation_function", Activation::GeluTanh)?;
    let heads = config.size("n_head")?;
    let vocabulary = config.size("vocab_size")?;
    let deviation = config.number_or("initializer_range", 0.02)?;
    let block = Block::attention(heads, FeedForward::dense(vec![hidden], activation));
    let architecture = Architecture {
        kind: Kind::Decoder,
        vocabulary,
        positions: config.size_or("n_positions", 1024)?,
        token_types: 0,
        width,
        embedding: Embedding::plain(vocabulary, width, PositionWidth::Model),
        blocks: vec![block; layers],
        norm_placement: NormPlacement::Pre,
        norm_kind: NormKind::Layer,
        norm_epsilon: config.number_or("layer_norm_epsilon", 1e-5)?,
        head: Head::Tied,
        initialisation: Initialisation {
            weight: deviation,
            residual: Some(deviation / (2.0 * layers as f64).sqrt()),
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
        Field::Positions => "n_positions",
        Field::Width | Field::EmbeddingWidth => "n_embd",
        Field::Blocks => "n_layer",
        Field::Heads { .. } | Field::Mixer { .. } => "n_head",
        Field::HiddenLayers { .. } | Field::Hidden { .. } => "n_inner",
        Field::NormEpsilon => "layer_norm_epsilon",
        Field::InitialWeight | Field::InitialProjection => "initializer_range",
        _ => "",
    }
    .to_owned()
}

fn write(architecture: &Architecture) -> Result<Value, String> {
    let Architecture {
        kind,
        width,
        token_types,
        embedding,
        blocks,
        norm_placement,
        head,
        ..
    } = architecture;
    let first = blocks.first().ok_or("it needs a block")?;
    let plain = |block: &Block| {
        let attention = Block::attention(block.mixer.heads(), block.feed_forward.clone());
        block.mixer == attention.mixer && block.feed_forward.hidden.len() == 1
    };
    needs(&[
        (*kind == Kind::Decoder, "a decoder"),
        (
            *norm_placement == NormPlacement::Pre,
            "norms before each half of a block",
        ),
        (*head == Head::Tied, "a head tied to the table of tokens"),
        (*token_types == 0, "no table of segments"),
        (
            embedding.width == *width && embedding.division == 1,
            "embeddings of the model's width",
        ),
        (
            !embedding.scale_by_root_width,
            "token embeddings that are not scaled",
        ),
        (
            embedding.position_width == PositionWidth::Model && !embedding.norm,
            "positions added at the model's width, without a norm",
        ),
        (
            blocks.iter().all(plain),
            "plain attention and one hidden layer in every block",
        ),
        (
            blocks.iter().all(|block| block == first),
            "blocks that are all alike",
        ),
    ])?;
    Ok(json!({
        "vocab_size": architecture.vocabulary,
        "n_positions": architecture.positions,
        "n_embd": width,
        "n_layer": blocks.len(),
        "n_head": first.mixer.heads(),
        "n_inner": first.feed_forward.hidden.first(),
        "activation_function": activation_name(first.feed_forward.activation),
        "layer_norm_epsilon": architecture.norm_epsilon,
        "initializer_range": architecture.initialisation.weight,
        "tie_word_embeddings": true,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "torch_dtype": "float32",
    }))
}
