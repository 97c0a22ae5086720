//! A folder that `from_pretrained` of transformers reads: `config.json` and
//! `model.safetensors`. A network of ours is written as a `GPT2LMHeadModel`, one that came
//! from a folder as what it was.

use std::path::Path;

use lpzero_arch::Architecture;
use lpzero_arch::hugging_face::{NotWritable, model_type};
use lpzero_nn::{Layout, Network, Precision, Resident, export_weights, write_safetensors};
use lpzero_run::write_whole;
use serde_json::{Map, Value};

use crate::Error;

const GPT2: &str = "gpt2";

/// Whether the architecture is one of transformers' `GPT2LMHeadModel`.
///
/// # Errors
/// [`Error::NotWritable`] with the first thing that is not.
pub fn check(architecture: &Architecture) -> Result<(), Error> {
    config(architecture).map(|_| ())
}

fn config(architecture: &Architecture) -> Result<Map<String, Value>, Error> {
    let unknown = || NotWritable {
        class: GPT2,
        reason: "it is no known model type".into(),
    };
    let gpt2 = model_type(GPT2).ok_or_else(unknown)?;
    Ok(gpt2.config(architecture)?)
}

/// Writes both files into a folder that exists.
///
/// # Errors
/// As [`check`], and where a file cannot be written.
pub fn write(folder: &Path, network: &Network<f32>) -> Result<(), Error> {
    write_config(folder, &config(network.architecture())?)?;
    let ours = network.parameters().iter();
    let ours = ours.map(|tensor| (&tensor.name[..], &tensor.shape[..], &tensor.data[..]));
    let blocks = &network.architecture().blocks;
    let tensors = Layout::of(GPT2).map_or_else(Vec::new, |layout| layout.tensors(blocks, ours));
    let tensors = (tensors.iter()).map(|(name, shape, data)| (name.clone(), &shape[..], &data[..]));
    let path = folder.join("model.safetensors");
    Ok(write_safetensors(&path, tensors, Some(("format", "pt")))?)
}

/// Writes both files of a network that came from a folder with this `config.json`, in single
/// precision, into a folder that exists.
///
/// # Errors
/// A model type that is not known, or a file that cannot be written.
pub fn write_as(
    config: &Map<String, Value>,
    folder: &Path,
    network: &Network<f32>,
) -> Result<(), Error> {
    let model_type = config.get("model_type").and_then(Value::as_str);
    let layout = model_type.and_then(Layout::of);
    let layout = layout.ok_or_else(|| NotWritable {
        class: "transformers",
        reason: "it is no known model type".into(),
    })?;
    let mut config = config.clone();
    for key in ["dtype", "torch_dtype"] {
        if config.contains_key(key) {
            config.insert(key.into(), Precision::F32.names().1.into());
        }
    }
    write_config(folder, &config)?;
    export_weights(
        &folder.join("model.safetensors"),
        network.architecture(),
        network.objective(),
        &Resident::of(network),
        layout,
        Precision::F32,
    )?;
    Ok(())
}

fn write_config(folder: &Path, config: &Map<String, Value>) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(config).unwrap_or_default() + "\n";
    let path = folder.join("config.json");
    write_whole(&path, text.as_bytes()).map_err(Error::written(&path))
}
