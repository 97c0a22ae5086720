//! Writes a config of LLaMA and its descendants.

use serde_json::{Map, Value, json};

use super::super::config::activation_name;
use super::super::model_type::per_block;
use super::blocks::KINDS;
use super::class::{ADAPTED, Class, INTERMEDIATE, KEPT_BLOCKS, RANKS, Window};
use super::rotary::{SHARE, write_scaling};
use crate::architecture::{Architecture, Head};
use crate::mixer::{AttentionBiases, GroupedAttention};
use crate::rotary::Rotary;

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
        "max_position_embeddings": architecture.positions,
        "initializer_range": architecture.initialisation.weight,
        "rms_norm_eps": architecture.norm_epsilon,
        "tie_word_embeddings": architecture.head == Head::Tied,
        "torch_dtype": "float32",
    });
    config[class.activation.0] = activation_name(first.feed_forward.activation).into();
    write_positions(&mut config, &attentions, class);
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
    if blocks.iter().any(|block| block.left_out) {
        let kept = blocks.iter().map(|block| u8::from(!block.left_out));
        config[KEPT_BLOCKS] = kept.collect();
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

/// Writes how the blocks see positions. What the keys cannot say, such as several windows,
/// is then read as something else, and refused for that.
fn write_positions(config: &mut Value, attentions: &[&GroupedAttention], class: &Class) {
    let rotary = |windowed: bool| {
        let mut all = attentions.iter();
        let found = all.find(|attention| attention.window.is_some() == windowed);
        found.map(|attention| attention.rotary)
    };
    let mut write = |key: &str, value: Value| config[key] = value;
    let full = |write: &mut dyn FnMut(&str, Value), rotary: Rotary| {
        write("rope_theta", rotary.base.into());
        write("rope_scaling", write_scaling(rotary.scaling));
    };
    if let (Some(turned), Some(_)) = (attentions[0].rotary.turned, class.rotary.partial) {
        write(
            SHARE,
            (turned as f64 / attentions[0].head_width as f64).into(),
        );
    }
    if !matches!(class.window, Window::OfBlocks) {
        if let Some(rotary) = rotary(false) {
            full(&mut write, rotary);
        }
        return;
    }
    if let Some(rotary) = rotary(false) {
        full(&mut write, rotary);
    }
    if let Some(rotary) = rotary(true) {
        write("rope_local_base_freq", rotary.base.into());
    }
    let kinds = attentions
        .iter()
        .map(|attention| KINDS[usize::from(attention.window.is_some())]);
    write("layer_types", kinds.collect());
    let window = attentions.iter().find_map(|attention| attention.window);
    if let Some(window) = window {
        write("sliding_window", window.into());
    }
    write("query_pre_attn_scalar", attentions[0].head_width.into());
}
