//! Writes a config of LLaMA and its descendants.

use serde_json::{Map, Value, json};

use super::super::config::activation_name;
use super::super::model_type::per_block;
use super::class::{ADAPTED, Class, INTERMEDIATE, RANKS, Window};
use super::rotary::write_scaling;
use crate::architecture::{Architecture, Head};
use crate::mixer::{AttentionBiases, GroupedAttention};

/// Writes a config of a class.
pub(in super::super) fn write(architecture: &Architecture, class: &Class) -> Result<Value, String> {
    let blocks = &architecture.blocks;
    let attentions = blocks.iter().map(|block| block.mixer.grouped());
    let attentions: Option<Vec<&GroupedAttention>> = attentions.collect();
    let attentions = attentions.ok_or("it needs grouped attention in every block")?;
    let (first, attention) = (blocks.first().zip(attentions.first())).ok_or("it needs a block")?;
    let of = |size: fn(&GroupedAttention) -> usize| {
        per_block(attentions.iter().map(|attention| size(attention)).collect())
    };
    let hidden = blocks
        .iter()
        .filter_map(|block| block.feed_forward.hidden.first());
    let mut config = json!({
        "vocab_size": architecture.vocabulary,
        "hidden_size": architecture.width,
        INTERMEDIATE: per_block(hidden.copied().collect()),
        "num_hidden_layers": blocks.len(),
        "num_attention_heads": of(|attention| attention.heads),
        "num_key_value_heads": of(|attention| attention.key_value_heads),
        "head_dim": attention.head_width,
        "hidden_act": activation_name(first.feed_forward.activation),
        "max_position_embeddings": architecture.positions,
        "initializer_range": architecture.initialisation.weight,
        "rms_norm_eps": architecture.norm_epsilon,
        "rope_theta": attention.rotary.base,
        "rope_scaling": write_scaling(attention.rotary.scaling),
        "tie_word_embeddings": architecture.head == Head::Tied,
        "torch_dtype": "float32",
    });
    if class.biases.is_none() {
        config["attention_bias"] = (attention.biases == AttentionBiases::All).into();
    }
    if class.feed_forward_bias {
        config["mlp_bias"] = first.feed_forward.bias.into();
    }
    if matches!(class.window, Window::Always) {
        // Left out, it would be the window of the first network of the class.
        config["sliding_window"] = Value::Null;
    }
    let mut ranks = Map::new();
    for (name, rank) in ADAPTED {
        let sizes = blocks
            .iter()
            .map(|block| *rank(&mut block.adapters.clone()));
        let sizes: Vec<usize> = sizes.collect();
        if sizes.iter().any(|&size| size > 0) {
            ranks.insert(name.to_owned(), per_block(sizes));
        }
    }
    if !ranks.is_empty() {
        config[RANKS] = Value::Object(ranks);
    }
    Ok(config)
}
