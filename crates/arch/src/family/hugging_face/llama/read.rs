//! Reads a config of LLaMA and its descendants.

use super::super::config::{Config, SIZE};
use super::blocks::{layer_types, of_blocks};
use super::class::{ADAPTED, Class, INTERMEDIATE, KEPT_BLOCKS, KEPT_KEY_HEADS, RANKS, Window};
use super::rotary::{SHARE, scaling_key};
use crate::adapters::Adapters;
use crate::architecture::{Architecture, Embedding, Head, Initialisation, NormKind, PositionWidth};
use crate::block::{Block, FeedForward};
use crate::document::Cursor;
use crate::error::{Error, Problem};
use crate::mixer::{AttentionBiases, GroupedAttention, Kind};
use crate::validate::Field;

/// Reads a config of a class.
pub(in super::super) fn read(root: &Cursor<'_>, class: &Class) -> Result<Architecture, Error> {
    let config = Config(root);
    let layers = config.layers("num_hidden_layers")?;
    let width = config.size("hidden_size")?;
    let heads = Heads::read(&config, class, layers, width)?;
    let biases = match class.biases {
        Some(biases) => biases,
        None if config.flag_or("attention_bias", false)? => AttentionBiases::All,
        None => AttentionBiases::None,
    };
    let (attended, original) = of_blocks(&config, class, (layers, heads.width))?;
    let positions = config.size_or("max_position_embeddings", class.positions)?;
    // Within a window, attention is what it is without one: so the window, and
    // the length up to which a dynamic scaling does nothing, are what the network
    // is read as being meant for.
    let limits = [original, window(&config, class)?];
    let positions = limits.into_iter().flatten().fold(positions, usize::min);
    let (activation_key, activation) = class.activation;
    let activation = config.activation_or(activation_key, activation)?;
    let bias = class.feed_forward_bias && config.flag_or("mlp_bias", false)?;
    let hidden = per_block(&root.get(INTERMEDIATE, SIZE)?, layers)?;
    let ranks = ranks(&config, layers)?;
    let kept = kept(&config, layers)?;
    let block = |layer: usize| Block {
        left_out: !kept[layer],
        mixer: GroupedAttention {
            heads: if kept[layer] {
                heads.queries[layer]
            } else {
                heads.share(layer)
            },
            key_value_heads: if kept[layer] { heads.keys[layer] } else { 1 },
            head_width: heads.width,
            rotary: attended[layer].rotary,
            window: attended[layer].window,
            biases,
            normed: class.normed,
        }
        .into(),
        feed_forward: FeedForward {
            hidden: vec![if kept[layer] { hidden[layer] } else { 1 }],
            activation,
            gated: true,
            bias,
        },
        adapters: if kept[layer] {
            ranks[layer]
        } else {
            Adapters::NONE
        },
    };
    let vocabulary = config.size("vocab_size")?;
    let deviation = config.number_or("initializer_range", 0.02)?;
    let architecture = Architecture {
        kind: Kind::Decoder,
        vocabulary,
        positions,
        token_types: 0,
        width,
        embedding: Embedding {
            scale_by_root_width: class.scaled_embedding,
            ..Embedding::plain(vocabulary, width, PositionWidth::None)
        },
        blocks: (0..layers).map(block).collect(),
        norm_placement: class.norm_placement,
        norm_kind: NormKind::Rms,
        norm_epsilon: config.number_or("rms_norm_eps", class.norm_epsilon)?,
        head: match config.flag_or("tie_word_embeddings", class.tied)? {
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

/// Heads by block, and their width.
struct Heads {
    queries: Vec<usize>,
    keys: Vec<usize>,
    width: usize,
}

impl Heads {
    fn read(
        config: &Config<'_>,
        class: &Class,
        layers: usize,
        model_width: usize,
    ) -> Result<Self, Error> {
        let root = config.0;
        let at = root.get("num_attention_heads", SIZE)?;
        let queries = per_block(&at, layers)?;
        // There is a block: `layers` is positive.
        let heads = queries.first().copied().unwrap_or(1);
        let keys = match (config.find("num_key_value_heads"), class.key_value_heads) {
            (Some(found), _) => per_block(&found, layers)?,
            (None, Some(default)) if root.find("num_key_value_heads").is_none() => {
                vec![default; layers]
            }
            (None, _) => queries.clone(),
        };
        let width = match (config.find("head_dim"), class.head_width) {
            (Some(found), _) => found.size()?,
            (None, Some(default)) => default,
            (None, None) if queries.iter().any(|&other| other != heads) => root
                .get(
                    "head_dim",
                    "a width of heads, where their number differs between blocks",
                )?
                .size()?,
            (None, None) if model_width.is_multiple_of(heads) => model_width / heads,
            (None, None) => {
                return Err(at.error(Problem::NotDivisor {
                    value: heads,
                    whole_key: "hidden_size".into(),
                    whole: model_width,
                }));
            }
        };
        let mut heads = Heads {
            queries,
            keys,
            width,
        };
        heads.keep(config, layers)?;
        Ok(heads)
    }

    /// How many heads of queries read one of keys.
    fn share(&self, layer: usize) -> usize {
        let share = self.queries[layer].checked_div(self.keys[layer]);
        share.unwrap_or(1).max(1)
    }

    /// Leaves the heads that a block keeps.
    fn keep(&mut self, config: &Config<'_>, layers: usize) -> Result<(), Error> {
        let Some(found) = config.find(KEPT_KEY_HEADS) else {
            return Ok(());
        };
        for (layer, kept) in per_block(&found, layers)?.into_iter().enumerate() {
            if kept > self.keys[layer] {
                let all = self.keys[layer];
                return Err(found.unexpected(format!("at most {all} of block {layer}")));
            }
            self.queries[layer] = kept.saturating_mul(self.share(layer));
            self.keys[layer] = kept;
        }
        Ok(())
    }
}

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

/// Which blocks are not left out.
fn kept(config: &Config<'_>, layers: usize) -> Result<Vec<bool>, Error> {
    let Some(found) = config.find(KEPT_BLOCKS) else {
        return Ok(vec![true; layers]);
    };
    let items = found.items()?;
    if items.len() != layers {
        return Err(found.unexpected(format!("a list of {layers}, one per block")));
    }
    let kept = |item: &Cursor<'_>| match item.node().as_whole() {
        Some(number @ (0 | 1)) => Ok(number == 1),
        _ => Err(item.unexpected("0 or 1")),
    };
    items.iter().map(kept).collect()
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

/// How many positions a token sees, itself included, where any block limits them.
fn window(config: &Config<'_>, class: &Class) -> Result<Option<usize>, Error> {
    let sliding = layer_types(config)?.is_some_and(|kinds| kinds.contains(&true));
    let holds = match class.window {
        Window::OfBlocks => false,
        Window::Never => sliding,
        Window::Always => true,
        Window::Flagged => sliding || config.flag_or("use_sliding_window", false)?,
    };
    match config.find("sliding_window") {
        Some(found) if holds => Ok(Some(found.size()?)),
        _ => Ok(None),
    }
}

/// The key that a value of the architecture came from; none where it is fixed.
fn key(field: Field, config: &Config<'_>) -> String {
    match field {
        Field::Vocabulary | Field::Cutoffs => "vocab_size",
        Field::Positions => "max_position_embeddings",
        Field::Width | Field::EmbeddingWidth => "hidden_size",
        Field::Blocks => "num_hidden_layers",
        Field::Heads { .. } | Field::Mixer { .. } => "num_attention_heads",
        Field::KeyValueHeads { .. } => "num_key_value_heads",
        Field::HeadWidth { .. } => "head_dim",
        Field::Window { .. } => "sliding_window",
        Field::RotaryBase { .. } => "rope_theta",
        Field::RotaryTurned { .. } => SHARE,
        Field::RotaryScaling { name, .. } => return scaling_key(config, name),
        Field::Adapters { .. } => RANKS,
        Field::HiddenLayers { .. } | Field::Hidden { .. } => INTERMEDIATE,
        Field::NormEpsilon => "rms_norm_eps",
        Field::InitialWeight | Field::InitialProjection => "initializer_range",
        _ => "",
    }
    .to_owned()
}
