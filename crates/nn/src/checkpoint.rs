//! Weights from safetensors files.

use std::fs;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use crate::parameters::Tensors;
use crate::{Error, Real};

/// Reads every tensor of a safetensors file, converting between single and
/// double precision where needed.
///
/// # Errors
/// Where the file cannot be read, is not a complete safetensors file, or holds
/// a tensor of another element type.
pub fn read_safetensors<F: Real>(path: &Path) -> Result<Tensors<F>, Error> {
    let bytes = fs::read(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })?;
    let file = SafeTensors::deserialize(&bytes).map_err(|source| Error::Checkpoint {
        path: path.to_owned(),
        source,
    })?;
    let convert = |(name, tensor): (&str, safetensors::tensor::TensorView<'_>)| {
        let data = match tensor.dtype() {
            Dtype::F32 => elements(tensor.data(), |bytes| f64::from(f32::from_le_bytes(bytes))),
            Dtype::F64 => elements(tensor.data(), f64::from_le_bytes),
            other => {
                return Err(Error::ElementType {
                    path: path.to_owned(),
                    name: name.to_owned(),
                    found: format!("{other:?}"),
                });
            }
        };
        Ok((name.to_owned(), (tensor.shape().to_vec(), data)))
    };
    file.iter().map(convert).collect()
}

/// Little-endian elements of N bytes.
fn elements<F: Real, const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f64) -> Vec<F> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|&bytes| F::of(decode(bytes))).collect()
}
