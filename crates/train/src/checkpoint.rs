//! Checkpoints: weights, moments, and how far the training was, in one
//! safetensors file; losses so far beside it.
//!
//! | tensor | holds |
//! | --- | --- |
//! | `weight.<name>` | the weights |
//! | `moment.1.<name>`, `moment.2.<name>` | AdamW's moments |
//!
//! The metadata hold, under `lpzero`, the step, the architecture, the recipe, and the
//! checksum of all that, of the tensors and of the losses.

use std::path::Path;

use lpzero_arch::Architecture;
use lpzero_nn::{Parameter, Tensors, read_metadata, read_safetensors, write_safetensors};
use lpzero_run::input;
use lpzero_run::{ContentHash, Hasher};
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
/// Bytes before the header, which begins with a brace.
const HEADER_LENGTH: usize = 8;
const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    step: u64,
    architecture: Architecture,
    recipe: Recipe,
    /// [`checksum`] in hexadecimal digits.
    checksum: String,
}

/// Weights, first and second moments, in the order of the network's parameters.
type Kinds<'a> = [Vec<&'a [f32]>; 3];

/// The hash of everything that a checkpoint says: of its header but for the checksum,
/// of its tensors, and of the losses up to its step.
fn checksum(
    header: &Header,
    parameters: &[Parameter<f32>],
    kinds: &Kinds<'_>,
    curve: &Curve,
) -> String {
    let Header {
        version,
        step,
        architecture,
        recipe,
        ..
    } = header;
    let mut hasher = Hasher::new();
    let said = ContentHash::of(&(version, step, architecture, recipe));
    hasher.update(said.as_bytes());
    for (prefix, kind) in PREFIXES.iter().zip(kinds) {
        for (Parameter { name, shape, .. }, data) in parameters.iter().zip(kind) {
            hasher.update(format!("{prefix}{name} {shape:?}\n").as_bytes());
            // In pieces: a hasher is slow where it is given four bytes at a time.
            for numbers in data.chunks(PIECE) {
                let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
                hasher.update(&bytes);
            }
        }
    }
    hasher.update(curve.to_csv().as_bytes());
    hasher.finish().to_string()
}

fn slices(tensors: &[Vec<f32>]) -> Vec<&[f32]> {
    tensors.iter().map(|data| &data[..]).collect()
}

/// Numbers that are hashed at once.
const PIECE: usize = 1 << 14;

/// Writes both files. The curve goes first: rows behind the checkpoint's step are
/// dropped when it is read.
pub(crate) fn save(training: &Training<'_>, folder: &Path) -> Result<(), Error> {
    training.curve().write(&folder.join(CURVE))?;
    let parameters = training.network.parameters();
    let [first, second] = training.optimiser.moments();
    let weights = parameters.iter().map(|parameter| &parameter.data[..]);
    let kinds: Kinds<'_> = [weights.collect(), slices(first), slices(second)];
    let mut header = Header {
        version: VERSION,
        step: training.step(),
        architecture: training.network().architecture().clone(),
        recipe: training.recipe().clone(),
        checksum: String::new(),
    };
    header.checksum = checksum(&header, parameters, &kinds, training.curve());
    let path = folder.join(CHECKPOINT);
    let header = serde_json::to_string(&header).map_err(|error| Error::Checkpoint {
        path: path.clone(),
        what: error.to_string(),
    })?;
    let tensors = PREFIXES.iter().zip(&kinds).flat_map(|(prefix, kind)| {
        let named = parameters.iter().zip(kind);
        named.map(move |(Parameter { name, shape, .. }, data)| {
            (format!("{prefix}{name}"), &shape[..], *data)
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
    let curve = Curve::read(&folder.join(CURVE))?.until(header.step);
    if curve.0.len() as u64 != header.step {
        let rows = curve.0.len();
        let path = folder.join(CURVE);
        let what = format!(
            "{rows} rows up to update {}, expected one each",
            header.step
        );
        return Err(Error::Checkpoint { path, what });
    }
    let kinds: Vec<Vec<&[f32]>> = taken.iter().map(|kind| slices(kind)).collect();
    let parameters = training.network.parameters();
    let found = (kinds.try_into()).map(|kinds| checksum(&header, parameters, &kinds, &curve));
    if found.is_ok_and(|found| found != header.checksum) {
        return Err(wrong(&format!(
            "damaged, or {CURVE} beside it is: the checksum of both differs from the one that \
             was written; restore both files, or remove them to train from the beginning"
        )));
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
    training.curve = curve;
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
    let header = read_metadata(path, KEY)?;
    let header = header.ok_or_else(|| wrong(format!("its metadata have no `{KEY}`")))?;
    // The version first: the rest may read differently.
    let Version { version } =
        serde_json::from_str(&header).map_err(|error| wrong(error.to_string()))?;
    if version != VERSION {
        return Err(Error::Checkpoint {
            path: path.to_owned(),
            what: format!(
                "a checkpoint of version {version}; expected version {VERSION}; continue with \
                 the version that wrote it, or remove the file to train from the beginning"
            ),
        });
    }
    serde_json::from_str(&header).map_err(|error| wrong(error.to_string()))
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}
