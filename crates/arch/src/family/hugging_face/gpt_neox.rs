//! `model_type` gpt_neox (Black et al. 2022, "GPT-NeoX-20B"; Pythia): both halves of a
//! block read the same input and are added to it together, positions turn a share of each
//! head, and queries, keys and values are one fused map, head by head.

use serde_json::{Value, json};

use super::config::{Config, activation_name};
use super::llama::{RotaryKeys, read_rotary, scaling_key, write_scaling};
use super::model_type::{ModelType, needs};
use super::tensors::{Piece, Rows, TensorNames, WHOLE};
use crate::architecture::{
    Architecture, Embedding, Head, Initialisation, NormKind, NormPlacement, PositionWidth,
};
use crate::block::{Activation, Block, FeedForward};
use crate::document::Cursor;
use crate::error::{Error, Problem};
use crate::mixer::{AttentionBiases, GroupedAttention, HeadNorms, Kind};
use crate::validate::Field;

const fn fused(index: usize) -> Piece {
    Piece::Rows(Rows::Heads(index))
}

pub(super) const GPT_NEOX: ModelType = ModelType {
    name: "gpt_neox",
    class: "GPTNeoXForCausalLM",
    tensors: TensorNames {
        prefixes: &["gpt_neox.", ""],
        outer: &[
            ("embedding.0.table", "embed_in.weight", WHOLE),
            ("final.norm.gain", "final_layer_norm.weight", WHOLE),
            ("final.norm.bias", "final_layer_norm.bias", WHOLE),
        ],
        block: "layers.",
        inner: &[
            ("norm.0.gain", "input_layernorm.weight", WHOLE),
            ("norm.0.bias", "input_layernorm.bias", WHOLE),
            ("query.", "attention.query_key_value.", fused(0)),
            ("key.", "attention.query_key_value.", fused(1)),
            ("value.", "attention.query_key_value.", fused(2)),
            ("out.", "attention.dense.", WHOLE),
            ("norm.1.gain", "post_attention_layernorm.weight", WHOLE),
            ("norm.1.bias", "post_attention_layernorm.bias", WHOLE),
            ("ffn.0.", "mlp.dense_h_to_4h.", WHOLE),
            ("ffn.1.", "mlp.dense_4h_to_h.", WHOLE),
        ],
        head: &[("head.weight", "embed_out.weight", WHOLE)],
        tied: &[("embedding.0.table", "embed_out.weight")],
    },
    read,
    write,
};

const ROTARY: RotaryKeys = RotaryKeys {
    base: "rotary_emb_base",
    share: "rotary_pct",
    partial: Some(0.25),
};
const PARALLEL: &str = "use_parallel_residual";

fn read(root: &Cursor<'_>) -> Result<Architecture, Error> {
    let config = Config(root);
    let layers = config.layers("num_hidden_layers")?;
    let width = config.size("hidden_size")?;
    let heads = config.size("num_attention_heads")?;
    if !width.is_multiple_of(heads) {
        let at = root.get("num_attention_heads", "a divisor of hidden_size")?;
        return Err(at.error(Problem::NotDivisor {
            value: heads,
            whole_key: "hidden_size".into(),
            whole: width,
        }));
    }
    let head_width = width / heads;
    let (rotary, original) = read_rotary(&config, &ROTARY, head_width)?;
    let positions = config.size_or("max_position_embeddings", 2048)?;
    let activation = config.activation_or("hidden_act", Activation::Gelu)?;
    let hidden = config.size("intermediate_size")?;
    let vocabulary = config.size("vocab_size")?;
    let deviation = config.number_or("initializer_range", 0.02)?;
    let attention = GroupedAttention {
        heads,
        key_value_heads: heads,
        head_width,
        rotary,
        window: None,
        biases: match config.flag_or("attention_bias", true)? {
            true => AttentionBiases::All,
            false => AttentionBiases::None,
        },
        normed: HeadNorms::None,
    };
    let block = Block::new(attention, FeedForward::dense(vec![hidden], activation));
    let architecture = Architecture {
        kind: Kind::Decoder,
        vocabulary,
        positions: original.map_or(positions, |original| original.min(positions)),
        token_types: 0,
        width,
        embedding: Embedding::plain(vocabulary, width, PositionWidth::None),
        blocks: vec![block; layers],
        norm_placement: match config.flag_or(PARALLEL, true)? {
            true => NormPlacement::Parallel,
            false => NormPlacement::Pre,
        },
        norm_kind: NormKind::Layer,
        norm_epsilon: config.number_or("layer_norm_eps", 1e-5)?,
        head: match config.flag_or("tie_word_embeddings", false)? {
            true => Head::Tied,
            false => Head::Free,
        },
        initialisation: Initialisation {
            weight: deviation,
            residual: None,
            projection: deviation,
        },
    };
    architecture
        .validate_as(|field| key(field, &config))
        .map_err(|invalid| root.place().invalid(invalid))?;
    Ok(architecture)
}

/// The key that a value of the architecture came from; none where it is fixed.
fn key(field: Field, config: &Config<'_>) -> String {
    match field {
        Field::Vocabulary | Field::Cutoffs => "vocab_size",
        Field::Positions => "max_position_embeddings",
        Field::Width | Field::EmbeddingWidth => "hidden_size",
        Field::Blocks => "num_hidden_layers",
        Field::Heads { .. } | Field::HeadWidth { .. } | Field::Mixer { .. } => {
            "num_attention_heads"
        }
        Field::RotaryBase { .. } => ROTARY.base,
        Field::RotaryTurned { .. } => ROTARY.share,
        Field::RotaryScaling { name, .. } => return scaling_key(config, name),
        Field::HiddenLayers { .. } | Field::Hidden { .. } => "intermediate_size",
        Field::NormEpsilon => "layer_norm_eps",
        Field::InitialWeight | Field::InitialProjection => "initializer_range",
        _ => "",
    }
    .to_owned()
}

fn write(architecture: &Architecture) -> Result<Value, String> {
    let blocks = &architecture.blocks;
    let first = blocks.first().ok_or("it needs a block")?;
    let attention = first.mixer.grouped();
    let attention = attention.ok_or("it needs grouped attention in every block")?;
    needs(&[(
        blocks.iter().all(|block| block == first),
        "blocks that are all alike",
    )])?;
    let turned = attention.rotary.turned.unwrap_or(attention.head_width);
    Ok(json!({
        "vocab_size": architecture.vocabulary,
        "hidden_size": architecture.width,
        "intermediate_size": first.feed_forward.hidden.first(),
        "num_hidden_layers": blocks.len(),
        "num_attention_heads": attention.heads,
        "hidden_act": activation_name(first.feed_forward.activation),
        "max_position_embeddings": architecture.positions,
        "initializer_range": architecture.initialisation.weight,
        "layer_norm_eps": architecture.norm_epsilon,
        "rotary_emb_base": attention.rotary.base,
        "rotary_pct": turned as f64 / attention.head_width as f64,
        "rope_scaling": write_scaling(attention.rotary.scaling),
        "attention_bias": attention.biases != AttentionBiases::None,
        PARALLEL: architecture.norm_placement == NormPlacement::Parallel,
        "tie_word_embeddings": architecture.head == Head::Tied,
        "hidden_dropout": 0.0,
        "attention_dropout": 0.0,
        "torch_dtype": "float32",
    }))
}
