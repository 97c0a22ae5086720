//! Weights in safetensors files: one, or a folder as transformers writes it.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use lpzero_arch::{Document, Problem};

use super::file::{Stored as StoredTensor, StoredFile, Window};
use super::layout::{CONFIG, Layout, OWN, Piece};
use super::{Fill, Request, Source};
use crate::kernels::threads::Threads;
use crate::parameters::Tensors;
use crate::{Error, Real};

/// The file of a folder with all weights.
const WHOLE: &str = "model.safetensors";
/// The file that says which of several files has which tensor.
const INDEX: &str = "model.safetensors.index.json";
/// The file of a folder that says of what architecture its weights are, under our
/// own names.
const ARCHITECTURE: &str = "architecture.json";

/// Stored weights, read tensor by tensor. Half precision becomes what the network
/// computes in.
#[derive(Debug)]
pub struct Stored {
    path: PathBuf,
    files: Vec<StoredFile>,
    /// Which file has a tensor.
    owners: HashMap<String, usize>,
    layout: &'static Layout,
    prefix: &'static str,
}

impl Stored {
    /// One file, under the names of [`names`](crate::names).
    ///
    /// # Errors
    /// Where it cannot be read, or its header contradicts it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::of(path, vec![StoredFile::open(path)?], &OWN)
    }

    /// A folder with a `config.json` of transformers, and `model.safetensors` or its
    /// index, or one that a training has left, with an `architecture.json`; `None`
    /// where there are no weights in it.
    ///
    /// # Errors
    /// As [`open`](Self::open); where the model type is not known, or the index names
    /// a file that is missing or outside the folder, or that lacks a tensor.
    pub fn open_folder(folder: &Path) -> Result<Option<Self>, Error> {
        let (whole, index) = (folder.join(WHOLE), folder.join(INDEX));
        if !whole.exists() && !index.exists() {
            let pickled = folder.join("pytorch_model.bin");
            return match pickled.exists() {
                true => Err(Error::Malformed {
                    path: pickled,
                    reason: format!("pickled weights are not read: expected {WHOLE}"),
                }),
                false => Ok(None),
            };
        }
        let own = !folder.join(CONFIG).exists() && folder.join(ARCHITECTURE).exists();
        let layout = match own {
            true => &OWN,
            false => Layout::of_folder(folder)?,
        };
        let files = match whole.exists() {
            true => vec![StoredFile::open(&whole)?],
            false => open_shards(folder, &index)?,
        };
        Ok(Some(Self::of(folder, files, layout)?))
    }

    fn of(path: &Path, files: Vec<StoredFile>, layout: &'static Layout) -> Result<Self, Error> {
        let mut owners = HashMap::new();
        for (number, file) in files.iter().enumerate() {
            for name in file.names() {
                if let Some(other) = owners.insert(name.to_owned(), number) {
                    return Err(Error::Malformed {
                        path: file.path.clone(),
                        reason: format!(
                            "tensor `{name}` is in {} too",
                            files[other].path.display()
                        ),
                    });
                }
            }
        }
        let prefix = layout.prefix(|name| owners.contains_key(name));
        Ok(Stored {
            path: path.to_owned(),
            files,
            owners,
            layout,
            prefix,
        })
    }

    /// Every tensor's name and shape, in no particular order.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.owners.iter().filter_map(|(name, &owner)| {
            let tensor = self.files[owner].find(name)?;
            Some((name.as_str(), &tensor.shape[..]))
        })
    }

    /// Every tensor, whole, under the name that it has in the file.
    pub(crate) fn read_all<F: Real>(&self) -> Result<Tensors<F>, Error> {
        let mut tensors = Tensors::new();
        for (name, &owner) in &self.owners {
            let file = &self.files[owner];
            let Some(tensor) = file.find(name) else {
                continue;
            };
            file.check_element(name, tensor)?;
            let mut data = vec![F::zero(); tensor.shape.iter().product()];
            let block = block(&tensor.shape, &tensor.shape, Piece::Whole);
            file.read(tensor, block, Threads::ONE, &mut data)?;
            tensors.insert(name.clone(), (tensor.shape.clone(), data));
        }
        Ok(tensors)
    }

    /// Where a tensor of ours stands, and how.
    fn find(
        &self,
        request: &Request<'_>,
    ) -> Result<(&StoredFile, &StoredTensor, Piece, String), Error> {
        let (name, piece) = self
            .layout
            .theirs(self.prefix, request.name)
            .ok_or_else(|| Error::Malformed {
                path: self.path.clone(),
                reason: format!("a model of this type has no tensor for `{}`", request.name),
            })?;
        let expected = theirs(request.within, piece);
        let owner = self.owners.get(&name).map(|&owner| &self.files[owner]);
        let found = owner.and_then(|file| Some((file, file.find(&name)?)));
        let Some((file, tensor)) = found else {
            return Err(Error::Malformed {
                path: self.path.clone(),
                reason: format!("tensor `{name}` of shape {expected:?} is missing"),
            });
        };
        if tensor.shape != expected {
            let found = &tensor.shape;
            return Err(Error::Malformed {
                path: file.path.clone(),
                reason: format!(
                    "tensor `{name}` has shape {found:?}, but the architecture asks for {expected:?}"
                ),
            });
        }
        Ok((file, tensor, piece, name))
    }
}

impl<F: Real> Source<F> for Stored {
    fn check(&self, request: &Request<'_>) -> Result<(), Error> {
        let (file, tensor, _, name) = self.find(request)?;
        file.check_element(&name, tensor)
    }

    fn fill(&self, request: &Request<'_>, threads: Fill, out: &mut [F]) -> Result<(), Error> {
        let (file, tensor, piece, _) = self.find(request)?;
        let block = block(request.within, request.shape, piece);
        file.read(tensor, block, threads.0, out)
    }
}

/// The shape of theirs in which one of ours, of shape `ours`, is a piece.
fn theirs(ours: &[usize], piece: Piece) -> Vec<usize> {
    match (piece, ours) {
        (Piece::Transposed { of, .. }, &[outputs]) => vec![of * outputs],
        (Piece::Transposed { of, .. }, &[outputs, inputs]) => vec![inputs, of * outputs],
        _ => ours.to_vec(),
    }
}

/// Window to read for the leading block of shape `shape` of a tensor of ours, of shape
/// `within`.
fn block(within: &[usize], shape: &[usize], piece: Piece) -> Window {
    // A vector is one row, and what has more dimensions is flat behind the first.
    let flat = |shape: &[usize]| match *shape {
        [] => (1, 1),
        [columns] => (1, columns),
        [rows, ref rest @ ..] => (rows, rest.iter().product()),
    };
    let ((whole_rows, whole_columns), (rows, columns)) = (flat(within), flat(shape));
    match piece {
        Piece::Whole => Window {
            whole_columns,
            rows,
            first_column: 0,
            columns,
            transposed: false,
        },
        Piece::Transposed { index, of } if within.len() == 1 => Window {
            whole_columns: of * whole_columns,
            rows: 1,
            first_column: index * whole_columns,
            columns,
            transposed: false,
        },
        Piece::Transposed { index, of } => Window {
            whole_columns: of * whole_rows,
            rows: columns,
            first_column: index * whole_rows,
            columns: rows,
            transposed: true,
        },
    }
}

/// Opens the files that an index names.
fn open_shards(folder: &Path, index: &Path) -> Result<Vec<StoredFile>, Error> {
    let document = Document::read(index)?;
    let map = document.root();
    let map = map.get("weight_map", "a mapping from tensors to files")?;
    let mut shards: Vec<(&str, StoredFile)> = Vec::new();
    for (tensor, entry) in map.entries()? {
        let name = entry.text()?;
        let mut parts = Path::new(name).components();
        let plain = matches!(
            (parts.next(), parts.next()),
            (Some(Component::Normal(_)), None)
        );
        if !plain {
            return Err(entry
                .unexpected("the name of a file in the same folder")
                .into());
        }
        if !shards.iter().any(|(known, _)| *known == name) {
            let path = folder.join(name);
            if !path.exists() {
                let missing = format!("{name} is not there, which should hold this tensor");
                return Err(entry.error(Problem::Malformed(missing)).into());
            }
            shards.push((name, StoredFile::open(&path)?));
        }
        let shard = shards.iter().find(|(known, _)| *known == name);
        if shard.is_none_or(|(_, file)| file.find(tensor).is_none()) {
            let lacking = format!("{name} does not hold this tensor");
            return Err(entry.error(Problem::Malformed(lacking)).into());
        }
    }
    Ok(shards.into_iter().map(|(_, file)| file).collect())
}
