//! Weights from and to safetensors files.

use std::io::{self, Read as _, Write as _};
use std::path::Path;

use lpzero_run::{Whole, input};
use serde_json::{Map, Value, json};

use crate::parameters::Tensors;
use crate::source::Stored;
use crate::{Error, Real};

/// Key of a header that metadata stand under.
const METADATA: &str = "__metadata__";

/// Reads every tensor of a safetensors file, converting between precisions where
/// needed.
///
/// # Errors
/// Where the file cannot be read, its header contradicts it, or it holds a tensor
/// of another element type than real numbers.
pub fn read_safetensors<F: Real>(path: &Path) -> Result<Tensors<F>, Error> {
    Stored::open(path)?.read_all()
}

/// One value of the metadata of a safetensors file; `None` where there is none.
///
/// # Errors
/// Where the file cannot be read, or has no header.
pub fn read_metadata(path: &Path, key: &str) -> Result<Option<String>, Error> {
    // Whatever is wrong with the header is said there.
    Stored::open(path)?;
    let failed = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    let (mut file, _) = input::open(path).map_err(failed)?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(failed)?;
    let header = file.take(u64::from_le_bytes(length));
    let header: Value = serde_json::from_reader(io::BufReader::new(header))
        .map_err(|error| failed(error.into()))?;
    let value = header.get(METADATA).and_then(|metadata| metadata.get(key));
    Ok(value.and_then(Value::as_str).map(str::to_owned))
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
    let mut tensors: Vec<_> = tensors.into_iter().collect();
    tensors.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    let written = write(path, &tensors, metadata);
    written.map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

/// Writes tensors one after the other, in their order: no second copy of them is in
/// memory.
fn write(
    path: &Path,
    tensors: &[(String, &[usize], &[f32])],
    metadata: Option<(&str, &str)>,
) -> io::Result<()> {
    let mut header = Map::new();
    if let Some((key, value)) = metadata {
        header.insert(METADATA.into(), json!({ key: value }));
    }
    let mut end = 0;
    for (name, shape, data) in tensors {
        let start = end;
        end += size_of_val(*data);
        let place = json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]});
        header.insert(name.clone(), place);
    }
    let mut header = Value::Object(header).to_string();
    // Data begin at a multiple of 8 bytes.
    header.push_str(&" ".repeat((8 - header.len() % 8) % 8));
    let mut file = Whole::create(path)?;
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for (_, _, data) in tensors {
        for number in *data {
            file.write_all(&number.to_le_bytes())?;
        }
    }
    file.commit()
}
