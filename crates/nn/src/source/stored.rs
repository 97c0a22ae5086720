//! Weights in safetensors files: one, or a folder as transformers writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use lpzero_arch::hugging_face::{self, TakenRows};
use lpzero_arch::{Architecture, Block, Document, Head, Problem};

use super::file::{Stored as StoredTensor, StoredFile, Window, leads_nowhere};
use super::folder::{self, Found};
use super::layout::{self, CONFIG, Layout, OWN, Piece};
use super::naming::{self, Prefix};
use super::{Fill, Request, Source};
use crate::kernels::threads::Threads;
use crate::network::requests;
use crate::parameters::Tensors;
use crate::{Error, Objective, Real};

/// The file of a folder that says of what architecture its weights are, under our
/// own names.
const ARCHITECTURE: &str = "architecture.json";
/// Keys of a `config.json` under which quantisation is described.
const QUANTISATION: [&str; 2] = ["quantization_config", "compression_config"];

/// Stored weights, read tensor by tensor. Half precision becomes what the network
/// computes in.
#[derive(Debug)]
pub struct Stored {
    path: PathBuf,
    files: Vec<StoredFile>,
    /// Tensors by the names that their class gives them.
    owners: BTreeMap<String, Owner>,
    layout: &'static Layout,
    prefix: Prefix,
    /// Whether the head is the table of tokens.
    tied: bool,
    /// Blocks of the architecture that the folder says, none where it says none.
    blocks: Vec<Block>,
}

/// Where a tensor is.
#[derive(Debug)]
struct Owner {
    file: usize,
    /// Name in that file.
    name: String,
}

impl Stored {
    /// One file, under the names of [`names`](crate::names).
    ///
    /// # Errors
    /// Where it cannot be read, or its header contradicts it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::of(
            path,
            vec![StoredFile::open(path)?],
            &OWN,
            (false, Vec::new()),
        )
    }

    /// A folder with a `config.json` of transformers, and `model.safetensors` or its
    /// index, or one that a training has left, with an `architecture.json`; `None`
    /// where there are no weights in it.
    ///
    /// # Errors
    /// As [`open`](Self::open); where the model type is not known, weights are quantised or
    /// of a kind that is not read, or the index names a file that is missing or outside the
    /// folder, or that lacks a tensor.
    pub fn open_folder(folder: &Path) -> Result<Option<Self>, Error> {
        let Some(found) = folder::find(folder)? else {
            return Ok(None);
        };
        let own = !folder.join(CONFIG).exists() && folder.join(ARCHITECTURE).exists();
        let (layout, of_config) = match own {
            true => (&OWN, (false, Vec::new())),
            false => {
                let config = Document::read(&folder.join(CONFIG))?;
                refuse_quantised(&config)?;
                let architecture = hugging_face::read(&config.root())?;
                let tied = architecture.head != Head::Free;
                (Layout::of_config(&config)?, (tied, architecture.blocks))
            }
        };
        let files = match &found {
            Found::Whole(path) => vec![StoredFile::open(path)?],
            Found::Index(path) => open_shards(folder, path)?,
        };
        Ok(Some(Self::of(folder, files, layout, of_config)?))
    }

    fn of(
        path: &Path,
        files: Vec<StoredFile>,
        layout: &'static Layout,
        (tied, blocks): (bool, Vec<Block>),
    ) -> Result<Self, Error> {
        let mut owners: BTreeMap<String, Owner> = BTreeMap::new();
        for (number, file) in files.iter().enumerate() {
            let malformed = |reason: String| Error::Malformed {
                path: file.path.clone(),
                reason,
            };
            for name in file.names() {
                let plain = match layout.is_own() {
                    true => name.to_owned(),
                    false => naming::plain(name),
                };
                let owner = Owner {
                    file: number,
                    name: name.to_owned(),
                };
                let Some(other) = owners.insert(plain.clone(), owner) else {
                    continue;
                };
                return Err(malformed(match other.file == number {
                    true => format!("tensors `{}` and `{name}` are both `{plain}`", other.name),
                    false => {
                        let path = files[other.file].path.display();
                        format!("tensor `{name}` is in {path} too")
                    }
                }));
            }
        }
        let quantised = owners.iter().find(|(name, _)| naming::is_quantised(name));
        if let (Some((_, owner)), false) = (quantised, layout.is_own()) {
            return Err(Error::Malformed {
                path: files[owner.file].path.clone(),
                reason: format!(
                    "tensor `{}` is of quantised weights, which are not read: expected those \
                     before quantisation",
                    owner.name
                ),
            });
        }
        let names: BTreeSet<&str> = owners.keys().map(String::as_str).collect();
        let prefix = naming::prefix(layout, &names).map_err(|[one, other]| Error::Malformed {
            path: path.to_owned(),
            reason: format!("two models, whose names begin with `{one}` and with `{other}`"),
        })?;
        Ok(Stored {
            path: path.to_owned(),
            files,
            owners,
            layout,
            prefix,
            tied,
            blocks,
        })
    }

    /// Every tensor's name in its file, and its shape.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.owners.values().filter_map(|owner| {
            let tensor = self.files[owner.file].find(&owner.name)?;
            Some((owner.name.as_str(), &tensor.shape[..]))
        })
    }

    /// The files that are read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// Names in the files of tensors that a network of this architecture has no place for,
    /// such as further blocks, biases, or the head of another task. A head of its own is one
    /// where the configuration says that head and token table are one, and they differ.
    ///
    /// # Errors
    /// Where the network cannot be built, or the files cannot be read.
    pub fn unplaced(&self, architecture: &Architecture) -> Result<Vec<&str>, Error> {
        let objective = Objective::default_for(architecture);
        let mut placed: BTreeSet<String> = BTreeSet::new();
        for (ours, _) in requests(architecture, objective)? {
            let mut found = None;
            for (name, _) in self.candidates(&ours) {
                let tensor = self.owners.get(&name).and_then(|owner| {
                    let file = &self.files[owner.file];
                    Some((file, file.find(&owner.name)?))
                });
                match (found, tensor) {
                    // Only the first one is read.
                    (Some((file, used)), Some(second)) => {
                        if !StoredFile::begins_as(file, used, second)? {
                            continue;
                        }
                    }
                    (None, Some(first)) => found = Some(first),
                    (_, None) => {}
                }
                placed.insert(name);
            }
        }
        let rest = self.owners.iter().filter(|(name, _)| {
            let is_buffer = !self.layout.is_own() && naming::is_buffer(name);
            !placed.contains(*name) && !is_buffer
        });
        Ok(rest.map(|(_, owner)| &owner.name[..]).collect())
    }

    /// Every tensor, whole, under the name that it has in the file.
    pub(crate) fn read_all<F: Real>(&self) -> Result<Tensors<F>, Error> {
        let mut tensors = Tensors::new();
        for owner in self.owners.values() {
            let (name, file) = (&owner.name, &self.files[owner.file]);
            let Some(tensor) = file.find(name) else {
                continue;
            };
            file.check_element(name, tensor)?;
            let mut data = vec![F::zero(); tensor.shape.iter().product()];
            let window = window(&tensor.shape, &tensor.shape, Piece::Whole);
            file.read(tensor, window, Threads::ONE, &mut data)?;
            tensors.insert(name.clone(), (tensor.shape.clone(), data));
        }
        Ok(tensors)
    }

    /// Names that one of our tensors may have, and how it stands in theirs; the first is
    /// that of its class.
    fn candidates<'a>(&'a self, ours: &'a str) -> impl Iterator<Item = (String, Piece)> + 'a {
        let Prefix { foreign, class } = &self.prefix;
        let of_class = self.layout.theirs(class, ours).into_iter();
        let tied = self.layout.tied(ours).filter(|_| self.tied);
        let tied = tied.map(|name| (name.to_owned(), Piece::Whole));
        of_class.chain(tied).flat_map(move |(name, piece)| {
            // A head may stand beside the model that has a name.
            let bare = (!foreign.is_empty()).then(|| (name.clone(), piece));
            [(format!("{foreign}{name}"), piece)]
                .into_iter()
                .chain(bare)
        })
    }

    /// Where a tensor of ours stands, and how.
    fn find(&self, request: &Request<'_>) -> Result<Place<'_>, Error> {
        let mut first = None;
        for (name, piece) in self.candidates(request.name) {
            let Some(owner) = self.owners.get(&name) else {
                first.get_or_insert((name, piece));
                continue;
            };
            let file = &self.files[owner.file];
            let Some(tensor) = file.find(&owner.name) else {
                continue;
            };
            let rows = self.rows(request.name, piece)?;
            let expected = layout::theirs(request.within, piece, rows.as_ref());
            if tensor.shape != expected {
                let (name, found) = (&owner.name, &tensor.shape);
                return Err(Error::Malformed {
                    path: file.path.clone(),
                    reason: format!(
                        "tensor `{name}` has shape {found:?}, but the architecture asks for \
                         {expected:?}"
                    ),
                });
            }
            return Ok(Place {
                file,
                tensor,
                piece,
                rows,
                name: &owner.name,
            });
        }
        let path = self.path.clone();
        Err(match first {
            Some((name, piece)) => Error::NotInFile {
                path,
                name,
                expected: layout::theirs(
                    request.within,
                    piece,
                    self.rows(request.name, piece)?.as_ref(),
                ),
            },
            None => Error::Malformed {
                path,
                reason: format!("a model of this type has no tensor for `{}`", request.name),
            },
        })
    }
}

impl Stored {
    /// Rows of theirs that one of our tensors is, where it is some of those of a tensor.
    fn rows(&self, ours: &str, piece: Piece) -> Result<Option<TakenRows>, Error> {
        let Piece::Rows(rows) = piece else {
            return Ok(None);
        };
        let layer = ours
            .strip_prefix("block.")
            .and_then(|rest| rest.split_once('.'));
        let layer = layer.and_then(|(layer, _)| layer.parse::<usize>().ok());
        let found = layer.and_then(|layer| rows.of(self.blocks.get(layer)?));
        found.map(Some).ok_or_else(|| Error::Malformed {
            path: self.path.clone(),
            reason: format!("the configuration has no block with `{ours}` in a fused map"),
        })
    }
}

/// Where a tensor of ours stands.
struct Place<'a> {
    file: &'a StoredFile,
    tensor: &'a StoredTensor,
    piece: Piece,
    /// Rows of theirs, where ours is some of them.
    rows: Option<TakenRows>,
    /// Name in the file.
    name: &'a str,
}

impl<F: Real> Source<F> for Stored {
    fn check(&self, request: &Request<'_>) -> Result<(), Error> {
        let place = self.find(request)?;
        place.file.check_element(place.name, place.tensor)
    }

    fn fill(&self, request: &Request<'_>, threads: Fill, out: &mut [F]) -> Result<(), Error> {
        let place = self.find(request)?;
        if let Some(rows) = &place.rows {
            return fill_rows(&place, rows, request, threads, out);
        }
        let window = window(request.within, request.shape, place.piece);
        place.file.read(place.tensor, window, threads.0, out)?;
        if place.piece == Piece::OneLess {
            out.iter_mut().for_each(|x| *x += F::one());
        }
        Ok(())
    }
}

/// Reads the leading rows and columns of a tensor that is some rows of theirs.
fn fill_rows<F: Real>(
    place: &Place<'_>,
    rows: &TakenRows,
    request: &Request<'_>,
    threads: Fill,
    out: &mut [F],
) -> Result<(), Error> {
    // A vector is one row there, of which ours are some columns.
    let is_vector = request.shape.len() == 1;
    let (whole, columns) = match (request.within, request.shape) {
        (&[_, whole], &[_, columns]) => (whole, columns),
        _ => (1, 1),
    };
    let mut rest = out;
    for range in &rows.ranges {
        let count = range.len().min(rest.len() / columns.max(1));
        let (here, behind) = rest.split_at_mut(count * columns);
        rest = behind;
        let window = match is_vector {
            true => Window {
                whole_columns: rows.all,
                first_row: 0,
                rows: usize::from(count > 0),
                first_column: range.start,
                columns: count,
                transposed: false,
            },
            false => Window {
                whole_columns: whole,
                first_row: range.start,
                rows: count,
                first_column: 0,
                columns,
                transposed: false,
            },
        };
        if count > 0 {
            place.file.read(place.tensor, window, threads.0, here)?;
        }
    }
    Ok(())
}

/// Window to read for the leading block of shape `shape` of a tensor of ours, of shape
/// `within`.
fn window(within: &[usize], shape: &[usize], piece: Piece) -> Window {
    // A vector is one row, and what has more dimensions is flat behind the first.
    let flat = |shape: &[usize]| match *shape {
        [] => (1, 1),
        [columns] => (1, columns),
        [rows, ref rest @ ..] => (rows, rest.iter().product()),
    };
    let ((whole_rows, whole_columns), (rows, columns)) = (flat(within), flat(shape));
    match piece {
        Piece::Whole | Piece::OneLess | Piece::Rows(_) => Window {
            whole_columns,
            first_row: 0,
            rows,
            first_column: 0,
            columns,
            transposed: false,
        },
        Piece::Transposed { index, of } if within.len() == 1 => Window {
            whole_columns: of * whole_columns,
            first_row: 0,
            rows: 1,
            first_column: index * whole_columns,
            columns,
            transposed: false,
        },
        Piece::Transposed { index, of } => Window {
            whole_columns: of * whole_rows,
            first_row: 0,
            rows: columns,
            first_column: index * whole_rows,
            columns: rows,
            transposed: true,
        },
    }
}

/// Refuses a model whose weights are quantised.
fn refuse_quantised(config: &Document) -> Result<(), Error> {
    let root = config.root();
    let found = QUANTISATION.iter().find_map(|key| root.given(key));
    let Some(found) = found else { return Ok(()) };
    let off = |key: &str| matches!(found.given(key).map(|at| at.flag()), Some(Ok(false)));
    if off("load_in_8bit") && off("load_in_4bit") {
        return Ok(());
    }
    let method = found.given("quant_method");
    let method = method.map_or("an unnamed method", |at| at.text().unwrap_or("another"));
    Err(found
        .error(Problem::Malformed(format!(
            "weights quantised by {method} are not read: expected those before quantisation"
        )))
        .into())
}

/// Opens the files that an index names.
fn open_shards(folder: &Path, index: &Path) -> Result<Vec<StoredFile>, Error> {
    if let Some(error) = leads_nowhere(index) {
        return Err(error);
    }
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
