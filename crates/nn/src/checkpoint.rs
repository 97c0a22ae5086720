//! Weights from and to safetensors files.

use std::collections::HashMap;
use std::path::Path;

use lpzero_run::write_whole;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::parameters::Tensors;
use crate::source::Stored;
use crate::{Error, Real};

/// Reads every tensor of a safetensors file, converting between precisions where
/// needed.
///
/// # Errors
/// Where the file cannot be read, its header contradicts it, or it holds a tensor
/// of another element type than real numbers.
pub fn read_safetensors<F: Real>(path: &Path) -> Result<Tensors<F>, Error> {
    Stored::open(path)?.read_all()
}

/// Writes tensors in single precision, (name, shape, elements) each, whole or
/// not at all: what `path` held before is kept until all is on the disk.
/// `metadata`, one (key, value), goes into the header; the bytes are a function
/// of the arguments.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_safetensors<'a>(
    path: &Path,
    tensors: impl IntoIterator<Item = (String, &'a [usize], &'a [f32])>,
    metadata: Option<(&str, &str)>,
) -> Result<(), Error> {
    let bytes: Vec<_> = (tensors.into_iter())
        .map(|(name, shape, data)| {
            let bytes: Vec<u8> = data.iter().flat_map(|x| x.to_le_bytes()).collect();
            (name, shape.to_vec(), bytes)
        })
        .collect();
    let malformed = |source| Error::Checkpoint {
        path: path.to_owned(),
        source,
    };
    let views = bytes
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>, _>>().map_err(malformed)?;
    let metadata = metadata.map(|(key, value)| HashMap::from([(key.into(), value.into())]));
    let whole = safetensors::serialize(views, metadata).map_err(malformed)?;
    let file = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    write_whole(path, &whole).map_err(file)
}
