//! Checkpoints: weights, moments, and how far the training was, in one
//! safetensors file; losses so far beside it.
//!
//! | tensor | holds |
//! | --- | --- |
//! | `weight.<name>` | the weights |
//! | `moment.1.<name>`, `moment.2.<name>` | AdamW's moments |
//!
//! The metadata hold, under `lpzero`, the step, the architecture and the recipe.

use std::path::Path;

use lpzero_arch::Architecture;
use lpzero_nn::{Parameter, Tensors, read_safetensors, write_safetensors};
use lpzero_run::input::{self, Limit};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use crate::training::Training;
use crate::{Curve, Error, Recipe};

/// The file of a checkpoint in its folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The losses, in the same folder.
pub const CURVE: &str = "curve.csv";

/// The prefixes of weights, first and second moments.
const PREFIXES: [&str; 3] = ["weight.", "moment.1.", "moment.2."];
const KEY: &str = "lpzero";
const VERSION: u32 = 1;
/// Size of the largest checkpoint.
const LIMIT: Limit = Limit::mebibytes("a checkpoint", 64 << 10);
/// Bytes before the header, which begins with a brace.
const HEADER_LENGTH: usize = 8;

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    step: u64,
    architecture: Architecture,
    recipe: Recipe,
}

/// Writes both files. The curve goes first: rows behind the checkpoint's step are
/// dropped when it is read.
pub(crate) fn save(training: &Training<'_>, folder: &Path) -> Result<(), Error> {
    training.curve().write(&folder.join(CURVE))?;
    let header = Header {
        version: VERSION,
        step: training.step(),
        architecture: training.network().architecture().clone(),
        recipe: training.recipe().clone(),
    };
    let path = folder.join(CHECKPOINT);
    let header = serde_json::to_string(&header).map_err(|error| Error::Checkpoint {
        path: path.clone(),
        what: error.to_string(),
    })?;
    let parameters = training.network.parameters();
    let [first, second] = training.optimiser.moments();
    let weights = parameters.iter().map(|parameter| &parameter.data);
    let kinds = [
        weights.collect(),
        first.iter().collect(),
        second.iter().collect::<Vec<_>>(),
    ];
    let tensors = PREFIXES.iter().zip(&kinds).flat_map(|(prefix, kind)| {
        let named = parameters.iter().zip(kind);
        named.map(move |(Parameter { name, shape, .. }, data)| {
            (format!("{prefix}{name}"), &shape[..], &data[..])
        })
    });
    Ok(write_safetensors(&path, tensors, Some((KEY, &header)))?)
}

/// Restores a training; does nothing where there is no checkpoint.
pub(crate) fn load(training: &mut Training<'_>, folder: &Path) -> Result<(), Error> {
    let path = folder.join(CHECKPOINT);
    if !path.exists() {
        return Ok(());
    }
    let wrong = |what: &str| Error::Checkpoint {
        path: path.clone(),
        what: what.to_owned(),
    };
    let header = header(&path)?;
    if header.version != VERSION {
        return Err(wrong("a checkpoint of another version; expected version 1"));
    }
    if header.architecture != *training.network().architecture() {
        return Err(wrong("a checkpoint of another architecture than the run's"));
    }
    if header.recipe != *training.recipe() {
        return Err(wrong("a checkpoint of another recipe than the run's"));
    }
    let mut tensors: Tensors<f32> = read_safetensors(&path)?;
    let mut taken = Vec::with_capacity(PREFIXES.len());
    for prefix in PREFIXES {
        let mut kind = Vec::new();
        for parameter in training.network.parameters() {
            let name = format!("{prefix}{}", parameter.name);
            match tensors.remove(&name) {
                Some((shape, data)) if shape == parameter.shape => kind.push(data),
                _ => {
                    return Err(wrong(&format!(
                        "`{name}` of {:?} is missing",
                        parameter.shape
                    )));
                }
            }
        }
        taken.push(kind);
    }
    let (Some(second), Some(first), Some(weights)) = (taken.pop(), taken.pop(), taken.pop()) else {
        return Err(wrong("tensors are missing"));
    };
    let names: Vec<String> = training
        .network
        .parameters()
        .iter()
        .map(|p| p.name.clone())
        .collect();
    for (name, data) in names.iter().zip(weights) {
        if let Some(weights) = training.network.parameter_mut(name) {
            weights.copy_from_slice(&data);
        }
    }
    if !training.optimiser.restore([first, second], header.step) {
        return Err(wrong("the moments do not fit the weights"));
    }
    let curve = Curve::read(&folder.join(CURVE))?;
    training.curve = curve.until(header.step);
    if training.curve.0.len() as u64 != header.step {
        let rows = training.curve.0.len();
        let path = folder.join(CURVE);
        let what = format!(
            "{rows} rows up to update {}, expected one each",
            header.step
        );
        return Err(Error::Checkpoint { path, what });
    }
    Ok(())
}

fn header(path: &Path) -> Result<Header, Error> {
    let wrong = |what: String| Error::Checkpoint {
        path: path.to_owned(),
        what: format!("not the checkpoint of a training: {what}"),
    };
    // Before gigabytes are read that are none.
    let beginning = input::read_first(path, HEADER_LENGTH as u64 + 1);
    let beginning = beginning.map_err(Error::read(path))?;
    if beginning.get(HEADER_LENGTH) != Some(&b'{') {
        return Err(wrong("it has no header".to_owned()));
    }
    let bytes = input::read(path, LIMIT).map_err(Error::read(path))?;
    let read = SafeTensors::read_metadata(&bytes);
    let (_, metadata) = read.map_err(|error| wrong(error.to_string()))?;
    let header = metadata
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(KEY));
    let header = header.ok_or_else(|| wrong(format!("its metadata have no `{KEY}`")))?;
    serde_json::from_str(header).map_err(|error| wrong(error.to_string()))
}
