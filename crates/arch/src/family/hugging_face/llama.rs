//! `model_type` llama, and what has the same block: mistral, qwen2, qwen3.
//!
//! Grouped attention with rotary positions, RMSNorm before each half of a block
//! and after the last one, a gated feed-forward network. They differ in biases, in
//! norms of queries and keys, and in their defaults.

use super::{Config, SIZE};
use crate::adapters::Adapters;
use crate::architecture::{
    Architecture, Embedding, Head, Initialisation, NormKind, NormPlacement, PositionWidth,
};
use crate::block::{Activation, Block, FeedForward};
use crate::document::Cursor;
use crate::error::{Error, Problem};
use crate::mixer::{AttentionBiases, GroupedAttention, HeadNorms, Kind};
use crate::rotary::{Rotary, RotaryScaling};
use crate::validate::Field;

/// What a model type is, and what its class in transformers assumes.
pub(super) struct Model {
    pub(super) name: &'static str,
    /// Number of key heads where no key says; as many as heads where `None`.
    key_value_heads: Option<usize>,
    /// Head width where no key says; the width over the heads where `None`.
    head_width: Option<usize>,
    /// Biases that no key decides; `None` where `attention_bias` does.
    biases: Option<AttentionBiases>,
    /// Whether `mlp_bias` is a key.
    feed_forward_bias: bool,
    normed: HeadNorms,
    window: Window,
}

/// When `sliding_window` holds, beside where `layer_types` say so.
enum Window {
    /// Never: it is no key of this model type.
    Never,
    Always,
    /// Where `use_sliding_window` is true.
    Flagged,
}

pub(super) const MODELS: [Model; 4] = [
    Model {
        name: "llama",
        key_value_heads: None,
        head_width: None,
        biases: None,
        feed_forward_bias: true,
        normed: HeadNorms::None,
        window: Window::Never,
    },
    Model {
        name: "mistral",
        key_value_heads: Some(8),
        head_width: None,
        biases: Some(AttentionBiases::None),
        feed_forward_bias: false,
        normed: HeadNorms::None,
        window: Window::Always,
    },
    Model {
        name: "qwen2",
        key_value_heads: Some(32),
        head_width: None,
        biases: Some(AttentionBiases::QueryKeyValue),
        feed_forward_bias: false,
        normed: HeadNorms::None,
        window: Window::Flagged,
    },
    Model {
        name: "qwen3",
        key_value_heads: Some(32),
        head_width: Some(128),
        biases: None,
        feed_forward_bias: false,
        normed: HeadNorms::Each,
        window: Window::Flagged,
    },
];

/// Reads a config of one of [`MODELS`].
pub(super) fn read(root: &Cursor<'_>, model: &Model) -> Result<Architecture, Error> {
    let config = Config(root);
    let layers = config.layers("num_hidden_layers")?;
    let width = config.size("hidden_size")?;
    let all_heads = per_block(&root.get("num_attention_heads", SIZE)?, layers)?;
    // There is a block: `layers` is positive.
    let heads = all_heads.first().copied().unwrap_or(1);
    let all_keys = match (config.find("num_key_value_heads"), model.key_value_heads) {
        (Some(found), _) => per_block(&found, layers)?,
        (None, Some(default)) if root.find("num_key_value_heads").is_none() => {
            vec![default; layers]
        }
        (None, _) => all_heads.clone(),
    };
    let head_width = match (config.find("head_dim"), model.head_width) {
        (Some(found), _) => found.size()?,
        (None, Some(default)) => default,
        (None, None) if all_heads.iter().any(|&other| other != heads) => root
            .get(
                "head_dim",
                "a width of heads, where their number differs between blocks",
            )?
            .size()?,
        (None, None) if width.is_multiple_of(heads) => width / heads,
        (None, None) => {
            return Err(root
                .get("num_attention_heads", SIZE)?
                .error(Problem::NotDivisor {
                    value: heads,
                    whole_key: "hidden_size".into(),
                    whole: width,
                }));
        }
    };
    let biases = match model.biases {
        Some(biases) => biases,
        None if config.flag_or("attention_bias", false)? => AttentionBiases::All,
        None => AttentionBiases::None,
    };
    let (rotary, original) = rotary(&config)?;
    let positions = config.size("max_position_embeddings")?;
    // Within a window, attention is what it is without one: so the window, and
    // the length up to which a dynamic scaling does nothing, are what the network
    // is read as being meant for.
    let limits = [original, window(&config, model)?];
    let positions = limits.into_iter().flatten().fold(positions, usize::min);
    let activation = config.activation_or("hidden_act", Activation::Silu)?;
    let feed_forward_bias = model.feed_forward_bias && config.flag_or("mlp_bias", false)?;
    let block = |heads: usize, key_value_heads: usize, hidden: usize, adapters: Adapters| Block {
        mixer: GroupedAttention {
            heads,
            key_value_heads,
            head_width,
            rotary,
            biases,
            normed: model.normed,
        }
        .into(),
        feed_forward: FeedForward {
            hidden: vec![hidden],
            activation,
            gated: true,
            bias: feed_forward_bias,
        },
        adapters,
    };
    let hidden = per_block(&root.get(INTERMEDIATE, SIZE)?, layers)?;
    let ranks = ranks(&config, layers)?;
    let blocks = all_heads
        .into_iter()
        .zip(all_keys)
        .zip(hidden.into_iter().zip(ranks));
    let vocabulary = config.size("vocab_size")?;
    let deviation = config.number_or("initializer_range", 0.02)?;
    let architecture = Architecture {
        kind: Kind::Decoder,
        vocabulary,
        positions,
        token_types: 0,
        width,
        embedding: Embedding {
            width,
            cutoffs: vec![vocabulary],
            division: 1,
            projection_bias: false,
            scale_by_root_width: false,
            position_width: PositionWidth::None,
            norm: false,
        },
        blocks: blocks
            .map(|((heads, keys), (hidden, ranks))| block(heads, keys, hidden, ranks))
            .collect(),
        norm_placement: NormPlacement::Pre,
        norm_kind: NormKind::Rms,
        norm_epsilon: config.number_or("rms_norm_eps", 1e-6)?,
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

const INTERMEDIATE: &str = "intermediate_size";

/// Ranks of adapters, which no class of transformers reads: a mapping from the maps
/// below to a rank, or to a list of one per block.
const RANKS: &str = "lora_ranks";

/// The maps that adapters are named by.
type Rank = (&'static str, fn(&mut Adapters) -> &mut usize);
const ADAPTED: [Rank; 7] = [
    ("q_proj", |ranks| &mut ranks.query),
    ("k_proj", |ranks| &mut ranks.key),
    ("v_proj", |ranks| &mut ranks.value),
    ("o_proj", |ranks| &mut ranks.out),
    ("gate_proj", |ranks| &mut ranks.ffn_gate),
    ("up_proj", |ranks| &mut ranks.ffn_in),
    ("down_proj", |ranks| &mut ranks.ffn_out),
];

/// A size for all blocks, or a list of one per block, as sub-networks have them.
fn per_block(at: &Cursor<'_>, layers: usize) -> Result<Vec<usize>, Error> {
    let Ok(items) = at.items() else {
        return Ok(vec![at.size()?; layers]);
    };
    if items.len() != layers {
        return Err(at.unexpected(format!("a size, or a list of {layers}, one per block")));
    }
    items.iter().map(Cursor::size).collect()
}

/// The ranks of adapters by block.
fn ranks(config: &Config<'_>, layers: usize) -> Result<Vec<Adapters>, Error> {
    let mut blocks = vec![Adapters::NONE; layers];
    let Some(found) = config.find(RANKS) else {
        return Ok(blocks);
    };
    for (name, value) in found.entries()? {
        let known = ADAPTED.iter().find(|(known, _)| *known == name);
        let (_, rank) = known.ok_or_else(|| {
            let names = ADAPTED.map(|(name, _)| name);
            found.unexpected(format!("keys out of {}", names.join(", ")))
        })?;
        for (block, size) in blocks.iter_mut().zip(per_block(&value, layers)?) {
            *rank(block) = size;
        }
    }
    Ok(blocks)
}

/// Under which key the scaling of rotary positions stands: newer files have both
/// it and the base in one mapping.
const SCALINGS: [&str; 2] = ["rope_parameters", "rope_scaling"];

/// The rotary embedding, and the length up to which it is this one, where a
/// scaling depends on the length of a sequence.
fn rotary(config: &Config<'_>) -> Result<(Rotary, Option<usize>), Error> {
    let whole = |cursor: &Cursor<'_>| match cursor.find("partial_rotary_factor") {
        Some(share) if share.number()? != 1.0 => {
            Err(share.unexpected("1 (positions turn whole heads)"))
        }
        _ => Ok(()),
    };
    whole(config.0)?;
    let base = config.number_or("rope_theta", 10_000.0)?;
    let plain = Rotary {
        base,
        scaling: RotaryScaling::None,
    };
    let Some(found) = SCALINGS.iter().find_map(|key| config.find(key)) else {
        return Ok((plain, None));
    };
    whole(&found)?;
    let number = |key: &str| found.get(key, "a number")?.number();
    let base = match found.find("rope_theta") {
        Some(found) => found.number()?,
        None => base,
    };
    let mut original = None;
    let kind = match found.find("rope_type") {
        Some(kind) => kind,
        None => found.get("type", "the kind of scaling, as `rope_type` or `type`")?,
    };
    let scaling = match kind.text()? {
        "default" => RotaryScaling::None,
        // Beyond the length of training the base grows with the sequence; up to
        // it, it is what it was.
        "dynamic" => {
            let key = "original_max_position_embeddings";
            original = found.find(key).map(|found| found.size()).transpose()?;
            RotaryScaling::None
        }
        "linear" => RotaryScaling::Linear {
            factor: number("factor")?,
        },
        "llama3" => RotaryScaling::Llama3 {
            factor: number("factor")?,
            low: number("low_freq_factor")?,
            high: number("high_freq_factor")?,
            original_positions: found
                .get("original_max_position_embeddings", SIZE)?
                .size()?,
        },
        _ => return Err(kind.unexpected("default, linear, dynamic or llama3")),
    };
    Ok((Rotary { base, scaling }, original))
}

/// How many positions a token sees, itself included, where any block limits them.
fn window(config: &Config<'_>, model: &Model) -> Result<Option<usize>, Error> {
    let sliding = match config.0.find("layer_types") {
        None => false,
        Some(list) => {
            let mut sliding = false;
            for item in list.items()? {
                match item.text()? {
                    "full_attention" => {}
                    "sliding_attention" => sliding = true,
                    _ => return Err(item.unexpected("full_attention or sliding_attention")),
                }
            }
            sliding
        }
    };
    let holds = match model.window {
        Window::Never => sliding,
        Window::Always => true,
        Window::Flagged => sliding || config.flag_or("use_sliding_window", false)?,
    };
    match config.find("sliding_window") {
        Some(found) if holds => Ok(Some(found.size()?)),
        _ => Ok(None),
    }
}

/// The key that a value of the architecture came from.
fn key(field: Field, config: &Config<'_>) -> String {
    let scaling = || {
        let found = SCALINGS.iter().find(|key| config.find(key).is_some());
        found.copied().unwrap_or("rope_scaling")
    };
    match field {
        Field::Vocabulary | Field::Cutoffs => "vocab_size",
        Field::Positions => "max_position_embeddings",
        Field::Width | Field::EmbeddingWidth => "hidden_size",
        Field::Blocks => "num_hidden_layers",
        Field::Heads { .. } | Field::Mixer { .. } => "num_attention_heads",
        Field::KeyValueHeads { .. } => "num_key_value_heads",
        Field::HeadWidth { .. } => "head_dim",
        Field::RotaryBase { .. } => "rope_theta",
        Field::RotaryScaling { name, .. } => {
            let name = match name {
                "low" => "low_freq_factor",
                "high" => "high_freq_factor",
                "original_positions" => "original_max_position_embeddings",
                _ => name,
            };
            return format!("{}.{name}", scaling());
        }
        Field::Adapters { .. } => RANKS,
        Field::HiddenLayers { .. } | Field::Hidden { .. } => INTERMEDIATE,
        Field::NormEpsilon => "rms_norm_eps",
        Field::InitialWeight | Field::InitialProjection => "initializer_range",
        Field::Whole
        | Field::Division
        | Field::Head
        | Field::Kernel { .. }
        | Field::Gate { .. } => "",
    }
    .to_owned()
}
