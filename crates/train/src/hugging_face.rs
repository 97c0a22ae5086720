//! A folder that transformers' `GPT2LMHeadModel.from_pretrained` reads:
//! `config.json` and `model.safetensors`.

use std::path::Path;

use lpzero_arch::{Activation, Architecture, Block, Head, Kind, NormPlacement, PositionWidth};
use lpzero_nn::{Layout, Network, write_safetensors};

use crate::Error;
use crate::curve::write_whole;

/// Whether the architecture is one of transformers' `GPT2LMHeadModel`.
///
/// # Errors
/// [`Error::NotGpt2`] with the first thing that is not.
pub fn check(architecture: &Architecture) -> Result<(), Error> {
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
    let first = blocks.first();
    let alike = |block| first == Some(block);
    let plain = blocks.iter().all(|block| {
        let attention = Block::attention(block.mixer.heads(), block.feed_forward.clone());
        block.mixer == attention.mixer && block.feed_forward.hidden.len() == 1
    });
    let needs = [
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
        (plain, "plain attention and one hidden layer in every block"),
        (blocks.iter().all(alike), "blocks that are all alike"),
    ];
    match needs.into_iter().find(|(met, _)| !met) {
        Some((_, need)) => Err(Error::NotGpt2(format!("it needs {need}"))),
        None => Ok(()),
    }
}

/// Writes both files into a folder that exists.
///
/// # Errors
/// As [`check`], and where a file cannot be written.
pub fn write(folder: &Path, network: &Network<f32>) -> Result<(), Error> {
    let architecture = network.architecture();
    check(architecture)?;
    let (mut heads, mut hidden, mut activation) = (1, 0, "gelu_new");
    if let Some(block) = architecture.blocks.first() {
        heads = block.mixer.heads();
        hidden = block.feed_forward.hidden[0];
        activation = match block.feed_forward.activation {
            Activation::Gelu => "gelu",
            Activation::GeluTanh => "gelu_new",
            Activation::Relu => "relu",
            Activation::Silu => "silu",
        };
    }
    let config = serde_json::json!({
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": architecture.vocabulary,
        "n_positions": architecture.positions,
        "n_embd": architecture.width,
        "n_layer": architecture.blocks.len(),
        "n_head": heads,
        "n_inner": hidden,
        "activation_function": activation,
        "layer_norm_epsilon": architecture.norm_epsilon,
        "initializer_range": architecture.initialisation.weight,
        "tie_word_embeddings": true,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "torch_dtype": "float32",
    });
    let text = serde_json::to_string_pretty(&config).unwrap_or_default() + "\n";
    write_whole(&folder.join("config.json"), text.as_bytes())?;
    let ours = network.parameters().iter();
    let ours = ours.map(|tensor| (&tensor.name[..], &tensor.shape[..], &tensor.data[..]));
    let layout = Layout::of("gpt2").ok_or_else(|| Error::NotGpt2("there is no layout".into()))?;
    let tensors = layout.tensors(ours);
    let tensors = (tensors.iter()).map(|(name, shape, data)| (name.clone(), &shape[..], &data[..]));
    let path = folder.join("model.safetensors");
    Ok(write_safetensors(&path, tensors, Some(("format", "pt")))?)
}
