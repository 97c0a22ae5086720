//! One safetensors file, of which the header is read and checked at once, and the
//! tensors only when they are asked for.
//!
//! Read by position and not mapped: the pages are the same ones of the system's
//! cache, a file that is cut off meanwhile is an error and not the end of the
//! process, and the memory of the process is what it holds, not what it has looked at.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use lpzero_arch::{Cursor, Document, Problem};
use lpzero_run::content;
use lpzero_run::input;

use crate::kernels::threads::{Threads, Write};
use crate::kernels::widen::{widen_double, widen_half, widen_single, widen_upper_half};
use crate::{Error, Real};

/// Largest header that is read, in bytes, as in the safetensors library.
const MAX_HEADER: u64 = 100_000_000;
/// Bytes by which a file of another kind is known.
const BEGINNING: u64 = 64;
/// About how many bytes are read at once.
const CHUNK: usize = 1 << 20;

/// The element types that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    F16,
    Bf16,
    F32,
    F64,
}

/// A name of the format, its bytes, and the type where it is read.
const ELEMENTS: [(&str, u64, Option<Element>); 14] = [
    ("F64", 8, Some(Element::F64)),
    ("F32", 4, Some(Element::F32)),
    ("F16", 2, Some(Element::F16)),
    ("BF16", 2, Some(Element::Bf16)),
    ("I64", 8, None),
    ("U64", 8, None),
    ("I32", 4, None),
    ("U32", 4, None),
    ("I16", 2, None),
    ("U16", 2, None),
    ("I8", 1, None),
    ("U8", 1, None),
    ("F8_E4M3", 1, None),
    ("BOOL", 1, None),
];
/// Further names, whose elements may be smaller than a byte.
const OTHERS: [&str; 8] = [
    "F8_E5M2",
    "F8_E8M0",
    "F8_E4M3FNUZ",
    "F8_E5M2FNUZ",
    "F6_E2M3",
    "F6_E3M2",
    "F4",
    "C64",
];

/// The error for a link to a file that is not there.
pub(super) fn leads_nowhere(path: &Path) -> Option<Error> {
    let target = path.read_link().ok()?;
    (!path.exists()).then(|| Error::Malformed {
        path: path.to_owned(),
        reason: format!(
            "a link to {}, which is not there, as an interrupted download leaves it",
            target.display()
        ),
    })
}

/// Bytes of two tensors that are compared.
const LOOK: usize = 1 << 20;

/// A tensor of a file.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// Name in the file.
    name: String,
    pub(super) shape: Vec<usize>,
    element: Option<Element>,
    /// Name that the file gives the element type.
    type_name: String,
    /// Where it begins in the file.
    start: u64,
}

impl Stored {
    /// Tensor of two dimensions without the first `row` rows of this one.
    pub(super) fn below_row(&self, row: usize) -> Self {
        let size = self.element.map_or(0, Element::size);
        let columns = self.shape.get(1).copied().unwrap_or(1);
        let mut rest = self.clone();
        rest.start += (row * columns * size) as u64;
        if let Some(rows) = rest.shape.first_mut() {
            *rows = rows.saturating_sub(row);
        }
        rest
    }
}

/// A file, open.
#[derive(Debug)]
pub(super) struct StoredFile {
    pub(super) path: PathBuf,
    file: Mutex<File>,
    tensors: HashMap<String, Stored>,
}

/// Rows that follow each other, and some columns, of a tensor of two dimensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Columns of the whole tensor.
    pub(super) whole_columns: usize,
    pub(super) first_row: usize,
    pub(super) rows: usize,
    pub(super) first_column: usize,
    pub(super) columns: usize,
    /// Whether it is written with rows as columns.
    pub(super) transposed: bool,
}

impl StoredFile {
    /// Opens a file and reads its header.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File {
            path: path.to_owned(),
            source,
        };
        let malformed = |reason: String| Error::Malformed {
            path: path.to_owned(),
            reason,
        };
        let (mut file, size) = match input::open(path) {
            Ok(opened) => opened,
            Err(source) => return Err(leads_nowhere(path).unwrap_or_else(|| failed(source))),
        };
        let mut length = [0; 8];
        if size < 8 {
            return Err(malformed(format!(
                "{size} bytes, but the length of the header alone takes 8"
            )));
        }
        file.read_exact(&mut length).map_err(failed)?;
        let length = u64::from_le_bytes(length);
        if length > (size - 8).min(MAX_HEADER) {
            file.rewind().map_err(failed)?;
            let mut start = Vec::new();
            let read = (&file).take(BEGINNING).read_to_end(&mut start);
            read.map_err(failed)?;
            return Err(malformed(match content::not_text(&start) {
                Some(what) => what.to_owned(),
                None if length > size - 8 => {
                    format!("a header of {length} bytes is announced, but the file has {size}")
                }
                None => format!("a header of {length} bytes, more than the limit of {MAX_HEADER}"),
            }));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(failed)?;
        let header = String::from_utf8(header)
            .map_err(|error| malformed(format!("the header is not UTF-8: {error}")))?;
        let document = Document::parse_json(path, &header)?;
        let tensors = read_header(&document.root(), 8 + length, size)?;
        Ok(StoredFile {
            path: path.to_owned(),
            file: Mutex::new(file),
            tensors,
        })
    }

    /// Every tensor's name.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Stored> {
        self.tensors.get(name)
    }

    /// Refuses a tensor whose elements are not real numbers of a size that is read.
    pub(super) fn check_element(&self, name: &str, tensor: &Stored) -> Result<(), Error> {
        match tensor.element {
            Some(_) => Ok(()),
            None => Err(Error::ElementType {
                path: self.path.clone(),
                name: name.to_owned(),
                found: tensor.type_name.clone(),
            }),
        }
    }

    /// Reads a block of a tensor into `out`, (rows, columns) or transposed, some rows
    /// at a time. [`check_element`](Self::check_element) has been called.
    pub(super) fn read<F: Real>(
        &self,
        tensor: &Stored,
        block: Window,
        threads: Threads,
        out: &mut [F],
    ) -> Result<(), Error> {
        let Some(element) = tensor.element else {
            unreachable!("the element type has been checked");
        };
        let row_bytes = block.whole_columns * element.size();
        let at_once = (CHUNK / row_bytes.max(1)).clamp(1, block.rows.max(1));
        let is_finite = AtomicBool::new(true);
        let decode = |bytes: &[u8], out: &mut [F]| {
            element.decode(bytes, out);
            if !all_finite(out) {
                is_finite.store(false, Ordering::Relaxed);
            }
        };
        // The bytes of some rows, of which each thread reads its own.
        let each = |rows: Range<usize>, work: &mut dyn FnMut(usize, &[u8])| -> io::Result<()> {
            let mut bytes = vec![0; at_once.min(rows.len()) * row_bytes];
            for first in rows.clone().step_by(at_once) {
                let bytes = &mut bytes[..at_once.min(rows.end - first) * row_bytes];
                let begin = (block.first_row + first) * row_bytes;
                self.read_at(tensor.start + begin as u64, bytes)?;
                for (row, bytes) in bytes.chunks_exact(row_bytes.max(1)).enumerate() {
                    let from = (block.first_column * element.size()).min(bytes.len());
                    let wanted = from..(from + block.columns * element.size()).min(bytes.len());
                    work(first + row, &bytes[wanted]);
                }
            }
            Ok(())
        };
        let outcome = if block.transposed {
            let mut decoded = vec![F::zero(); block.columns];
            each(0..block.rows, &mut |row, bytes| {
                decode(bytes, &mut decoded);
                let column = out.iter_mut().skip(row).step_by(block.rows);
                column.zip(&decoded).for_each(|(x, decoded)| *x = *decoded);
            })
        } else {
            let failed = Mutex::new(None);
            let tensors = (0..block.rows, Write(out, block.columns));
            threads.for_rows(block.rows, block.columns, tensors, |(rows, out)| {
                let start = rows.start;
                let outcome = each(rows, &mut |row, bytes| {
                    let out = &mut out.0[(row - start) * block.columns..][..block.columns];
                    decode(bytes, out);
                });
                if let Err(error) = outcome {
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            });
            let failed = failed.into_inner();
            failed
                .unwrap_or_else(PoisonError::into_inner)
                .map_or(Ok(()), Err)
        };
        outcome.map_err(|source| Error::File {
            path: self.path.clone(),
            source,
        })?;
        match is_finite.into_inner() {
            true => Ok(()),
            false => Err(Error::NotFinite {
                path: self.path.clone(),
                name: tensor.name.clone(),
            }),
        }
    }

    /// Whether two tensors begin with the same numbers, as far as a look reaches.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn begins_as(
        &self,
        tensor: &Stored,
        (other, its): (&StoredFile, &Stored),
    ) -> Result<bool, Error> {
        if tensor.shape != its.shape || tensor.type_name != its.type_name {
            return Ok(false);
        }
        let size = tensor.element.map_or(0, Element::size);
        let numbers: usize = tensor.shape.iter().product();
        let length = numbers.saturating_mul(size).min(LOOK);
        let start = |file: &StoredFile, start: u64| {
            let mut bytes = vec![0; length];
            let read = file.read_at(start, &mut bytes);
            read.map(|()| bytes).map_err(|source| Error::File {
                path: file.path.clone(),
                source,
            })
        };
        Ok(start(self, tensor.start)? == start(other, its.start)?)
    }

    fn read_at(&self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(bytes)
    }
}

/// Whether all numbers are finite, some at a time without a branch.
fn all_finite<F: Real>(numbers: &[F]) -> bool {
    let mut chunks = numbers.chunks(256);
    let zero = F::zero();
    chunks.all(|chunk| chunk.iter().fold(true, |all, &x| all & (x * zero == zero)))
}

impl Element {
    /// In bytes.
    const fn size(self) -> usize {
        match self {
            Element::F16 | Element::Bf16 => 2,
            Element::F32 => 4,
            Element::F64 => 8,
        }
    }

    /// Numbers in the engine's precision, as many as there is room for.
    fn decode<F: Real>(self, bytes: &[u8], out: &mut [F]) {
        match self {
            Element::F16 => widen_half(bytes, out),
            Element::Bf16 => widen_upper_half(bytes, out),
            Element::F32 => widen_single(bytes, out),
            Element::F64 => widen_double(bytes, out),
        }
    }
}

/// The tensors of a header: each of a known type, with as many bytes as its shape
/// takes, none inside another, and all of them inside the file.
fn read_header(
    root: &Cursor<'_>,
    data: u64,
    size: u64,
) -> Result<HashMap<String, Stored>, lpzero_arch::Error> {
    let mut tensors = HashMap::new();
    let mut ranges = Vec::new();
    for (name, entry) in root.entries()? {
        if name == "__metadata__" {
            continue;
        }
        let element = entry.get("dtype", "an element type")?;
        let type_name = element.text()?;
        let known = ELEMENTS.iter().find(|(known, ..)| *known == type_name);
        if known.is_none() && !OTHERS.contains(&type_name) {
            let names = ELEMENTS.iter().map(|(name, ..)| *name);
            let names: Vec<_> = names.chain(OTHERS).collect();
            return Err(element.unexpected(format!("one of {}", names.join(", "))));
        }
        let shape = entry.get("shape", "a list of sizes")?;
        let sizes = shape.items()?;
        let sizes: Vec<u64> = sizes.iter().map(count).collect::<Result<_, _>>()?;
        let elements = sizes
            .iter()
            .try_fold(1u64, |all, &size| all.checked_mul(size));
        let offsets = entry.get("data_offsets", "where the tensor begins and ends")?;
        let ends: Vec<u64> = offsets
            .items()?
            .iter()
            .map(count)
            .collect::<Result<_, _>>()?;
        let [start, end] = ends[..] else {
            return Err(offsets.unexpected("two numbers"));
        };
        let malformed = |what| offsets.error(Problem::Malformed(what));
        if start > end {
            return Err(malformed(format!("{start} is behind {end}")));
        }
        if end > size - data {
            return Err(malformed(format!(
                "ends at byte {end} of the data, of which the file has only {}",
                size - data
            )));
        }
        if let Some((_, bytes, _)) = known {
            let bytes = elements.and_then(|elements| elements.checked_mul(*bytes));
            if bytes != Some(end - start) {
                return Err(malformed(format!(
                    "{} bytes, but {type_name} of shape {sizes:?} takes {}",
                    end - start,
                    bytes.map_or("more than 2^64".into(), |bytes| bytes.to_string())
                )));
            }
        }
        ranges.push((start, end, offsets));
        let stored = Stored {
            name: name.to_owned(),
            shape: sizes.iter().map(|&size| size as usize).collect(),
            element: known.and_then(|(_, _, element)| *element),
            type_name: type_name.to_owned(),
            start: data + start,
        };
        tensors.insert(name.to_owned(), stored);
    }
    ranges.sort_by_key(|&(start, end, _)| (start, end));
    for pair in ranges.windows(2) {
        let [(_, end, before), (start, _, after)] = pair else {
            continue;
        };
        if start < end {
            return Err(after.error(Problem::Malformed(format!(
                "begins at byte {start}, inside {}, which ends at {end}",
                before.place().key
            ))));
        }
    }
    Ok(tensors)
}

/// A whole number that is not negative.
fn count(at: &Cursor<'_>) -> Result<u64, lpzero_arch::Error> {
    let whole = at.node().as_whole();
    whole
        .and_then(|number| u64::try_from(number).ok())
        .ok_or_else(|| at.unexpected("a whole number that is not negative"))
}
