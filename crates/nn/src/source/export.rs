//! Weights as transformers stores them, written tensor by tensor.

use std::io::{self, Write as _};
use std::path::Path;

use half::{bf16, f16};
use lpzero_arch::Architecture;
use lpzero_run::Whole;

use super::layout::{Layout, Standing};
use super::{Fill, Initial, Request, Source};
use crate::kernels::threads::Threads;
use crate::network::declared;
use crate::{Error, Objective};

/// In what precision weights are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
}

impl Precision {
    /// In safetensors files, and behind `torch.` in a `config.json`.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Precision::F32 => ("F32", "float32"),
            Precision::F16 => ("F16", "float16"),
            Precision::Bf16 => ("BF16", "bfloat16"),
        }
    }

    const fn size(self) -> u64 {
        match self {
            Precision::F32 => 4,
            Precision::F16 | Precision::Bf16 => 2,
        }
    }

    /// The number that is read where this one was written.
    fn rounded(self, x: f32) -> f32 {
        match self {
            Precision::F32 => x,
            Precision::F16 => f16::from_f32(x).to_f32(),
            Precision::Bf16 => bf16::from_f32(x).to_f32(),
        }
    }

    fn write(self, numbers: &[f32], out: &mut impl io::Write) -> io::Result<()> {
        numbers.iter().try_for_each(|&x| match self {
            Precision::F32 => out.write_all(&x.to_le_bytes()),
            Precision::F16 => out.write_all(&f16::from_f32(x).to_le_bytes()),
            Precision::Bf16 => out.write_all(&bf16::from_f32(x).to_le_bytes()),
        })
    }
}

/// What a precision took from weights that were written in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Numbers that are too small for it, and were written as 0.
    pub vanished: u64,
    /// The first tensor with such a number.
    pub first: Option<String>,
}

impl Lost {
    /// Enters the numbers of a tensor.
    fn add(&mut self, name: &str, numbers: &[f32], precision: Precision) -> Result<(), Error> {
        for &value in numbers {
            let rounded = precision.rounded(value);
            if !rounded.is_finite() {
                return Err(Error::BeyondPrecision {
                    name: name.to_owned(),
                    value,
                    precision: precision.names().1,
                });
            }
            if rounded == 0.0 && value != 0.0 {
                self.vanished += 1;
                self.first.get_or_insert_with(|| name.to_owned());
            }
        }
        Ok(())
    }
}

/// A tensor that is written, and those of ours in it.
struct Packed {
    name: String,
    shape: Vec<usize>,
    pieces: Vec<(Ours, Standing)>,
}

/// A tensor of ours.
struct Ours {
    name: String,
    shape: Vec<usize>,
    initial: Initial,
}

impl Ours {
    fn request(&self) -> Request<'_> {
        Request {
            name: &self.name,
            shape: &self.shape,
            within: &self.shape,
            initial: self.initial,
        }
    }
}

/// Writes the weights that a source has of a network as a `model.safetensors` under
/// the names of a layout, one tensor of theirs in memory at a time; what `path` held before
/// is kept until all is on the disk.
///
/// # Errors
/// Where the network cannot be built, the layout has no name for a tensor, a tensor cannot be read or holds a number that the precision would make
/// infinite, or the file cannot be written.
pub fn export_weights(
    path: &Path,
    architecture: &Architecture,
    objective: Objective,
    source: &dyn Source<f32>,
    layout: &Layout,
    precision: Precision,
) -> Result<Lost, Error> {
    let malformed = |reason: String| Error::Malformed {
        path: path.to_owned(),
        reason,
    };
    let mut theirs: Vec<Packed> = Vec::new();
    for (name, shape, initial) in declared(architecture, objective)? {
        let ours = Ours {
            name,
            shape,
            initial,
        };
        source.check(&ours.request())?;
        let standing =
            layout.standing(layout.body(), &architecture.blocks, &ours.name, &ours.shape);
        let standing = standing.ok_or_else(|| {
            malformed(format!("this model type has no tensor for `{}`", ours.name))
        })?;
        match theirs.iter_mut().find(|known| known.name == standing.name) {
            Some(known) => known.pieces.push((ours, standing)),
            None => theirs.push(Packed {
                name: standing.name.clone(),
                shape: standing.shape.clone(),
                pieces: vec![(ours, standing)],
            }),
        }
    }
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".into(), serde_json::json!({"format": "pt"}));
    let mut end = 0;
    for packed in &theirs {
        let elements = (packed.shape.iter()).fold(1u64, |all, &n| all.saturating_mul(n as u64));
        let start = end;
        end += elements * precision.size();
        header.insert(
            packed.name.clone(),
            serde_json::json!({
                "dtype": precision.names().0,
                "shape": packed.shape,
                "data_offsets": [start, end],
            }),
        );
    }
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    let mut text = serde_json::Value::Object(header).to_string();
    // Data begin at a multiple of 8 bytes.
    text.push_str(&" ".repeat((8 - text.len() % 8) % 8));
    let mut out = Whole::create(path).map_err(failed)?;
    let length = (text.len() as u64).to_le_bytes();
    let begun = out
        .write_all(&length)
        .and_then(|()| out.write_all(text.as_bytes()));
    begun.map_err(failed)?;
    let (mut whole, mut numbers) = (Vec::new(), Vec::new());
    let mut lost = Lost::default();
    for packed in &theirs {
        whole.clear();
        whole.resize(packed.shape.iter().product(), 0.0);
        for (ours, standing) in &packed.pieces {
            numbers.clear();
            numbers.resize(ours.shape.iter().product(), 0.0);
            source.fill(&ours.request(), Fill(Threads::ONE), &mut numbers)?;
            standing.place(&ours.shape, &numbers, &mut whole);
        }
        if precision != Precision::F32 {
            lost.add(&packed.pieces[0].0.name, &whole, precision)?;
        }
        precision.write(&whole, &mut out).map_err(failed)?;
    }
    out.commit().map_err(failed)?;
    Ok(lost)
}
