//! Low-rank adapters (Hu et al. 2022, LoRA) of PEFT on top of other weights.
//!
//! A map W of an adapted model is `W + s B A`: A of shape (r, inputs), B of shape
//! (outputs, r), and s the scale. The sum is made whenever a map is read, so that a
//! streamed network stays one, and A and B are in memory for that long only.

mod config;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lpzero_arch::{Architecture, Document};

use super::file::{Stored as StoredTensor, StoredFile, Window};
use super::layout::{Layout, Piece};
use super::{Fill, Request, Source};
use crate::kernels::matrix::{Into, Matrix, MatrixMut, product};
use crate::network::requests;
use crate::{Error, Objective, Real};
use config::Config;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
const PICKLED: &str = "adapter_model.bin";
/// Prefix that PEFT puts before the names of the model that it wraps.
const WRAPPER: &str = "base_model.model.";
/// Suffixes of A and of B behind the name of a map.
const DOWN: &str = ".lora_A.weight";
const UP: &str = ".lora_B.weight";

/// The weights of another source with an adapter of PEFT merged into the maps that it
/// adapts.
///
/// A request for a leading block of a map ([`Prefixes`](super::Prefixes)) reads the
/// leading columns of A and the leading rows of B; fewer ranks
/// ([`with_ranks`](Self::with_ranks)) read the leading rows of A and columns of B.
#[derive(Debug)]
pub struct Adapted<F> {
    inner: Arc<dyn Source<F>>,
    file: StoredFile,
    /// By the names of our tensors.
    maps: HashMap<String, Map>,
}

/// Low-rank update, s B A, of one of our maps.
#[derive(Clone, Debug)]
struct Map {
    /// A, and the rows of B that are this map's: of several that lie side by side in
    /// one of theirs, all share A.
    down: StoredTensor,
    up: StoredTensor,
    inputs: usize,
    outputs: usize,
    /// Ranks in the file, and how many of them are used.
    ranks: usize,
    used: usize,
    scale: f64,
}

impl<F: Real> Adapted<F> {
    /// The adapter in a folder with `adapter_config.json` and
    /// `adapter_model.safetensors`, on top of a model of this layout and architecture,
    /// of which `inner` has the weights.
    ///
    /// Which maps are adapted is what the file of weights says; `target_modules` of the
    /// configuration has to agree where it is a list.
    ///
    /// # Errors
    /// Where a file cannot be read or contradicts itself; where the adapter is of a kind
    /// that is not read, or adapts a map that the architecture does not have, or not in
    /// this shape.
    pub fn open(
        inner: Arc<dyn Source<F>>,
        layout: &Layout,
        architecture: &Architecture,
        folder: &Path,
    ) -> Result<Self, Error> {
        let document = Document::read(&folder.join(CONFIG))?;
        let config = Config::read(&document.root())?;
        let path = folder.join(WEIGHTS);
        if !path.exists() && folder.join(PICKLED).exists() {
            return Err(Error::Malformed {
                path: folder.join(PICKLED),
                reason: format!("pickled weights are not read: expected {WEIGHTS}"),
            });
        }
        let file = StoredFile::open(&path)?;
        let ours = maps_of(layout, architecture)?;
        let modules = pairs(&file)?.into_iter().map(|(module, pair)| {
            let file = &file;
            let adapter = Module { file, module, pair };
            let pieces = ours.get(module);
            let pieces =
                pieces.ok_or_else(|| adapter.wrong("", "the model has no such linear map"))?;
            config.check_target(module)?;
            Ok((adapter, pieces))
        });
        let modules: Result<Vec<_>, Error> = modules.collect();
        let mut maps = HashMap::new();
        for (adapter, pieces) in modules? {
            let module = adapter.module;
            let (alpha, ranks) = config.of(module);
            let (down, up) = adapter.tensors(pieces, ranks)?;
            let scale = config.scale(alpha, ranks);
            for piece in pieces {
                let map = Map {
                    down: down.clone(),
                    up: up.below_row(piece.index * piece.outputs),
                    inputs: piece.inputs,
                    outputs: piece.outputs,
                    ranks,
                    used: ranks,
                    scale,
                };
                maps.insert(piece.name.clone(), map);
            }
        }
        match maps.is_empty() {
            true => Err(Error::Malformed {
                path,
                reason: format!("no tensor ends in {DOWN}: expected those of an adapter"),
            }),
            false => Ok(Adapted { inner, file, maps }),
        }
    }

    /// The adapter with fewer ranks: of a map of ours such as `block.3.query` at most
    /// as many as `most` says, the leading ones; all where it says nothing. The scale
    /// stays that of all ranks.
    #[must_use]
    pub fn with_ranks(mut self, most: impl Fn(&str) -> Option<usize>) -> Self {
        for (name, map) in &mut self.maps {
            let most = most(name.strip_suffix(".weight").unwrap_or(name));
            map.used = most.map_or(map.ranks, |most| most.min(map.ranks));
        }
        self
    }

    /// Names of our maps that are adapted, such as `block.3.query`, in order, and their
    /// ranks in use.
    pub fn ranks(&self) -> BTreeMap<&str, usize> {
        let maps = self.maps.iter();
        maps.map(|(name, map)| (name.strip_suffix(".weight").unwrap_or(name), map.used))
            .collect()
    }
}

impl<F: Real> Source<F> for Adapted<F> {
    fn check(&self, request: &Request<'_>) -> Result<(), Error> {
        self.inner.check(request)?;
        match self.maps.get(request.name) {
            Some(map) if *request.within != [map.outputs, map.inputs] => Err(Error::TensorShape {
                name: request.name.to_owned(),
                expected: request.within.to_vec(),
                found: vec![map.outputs, map.inputs],
            }),
            _ => Ok(()),
        }
    }

    fn fill(&self, request: &Request<'_>, threads: Fill, out: &mut [F]) -> Result<(), Error> {
        self.inner.fill(request, threads, out)?;
        let (Some(map), &[outputs, inputs]) = (self.maps.get(request.name), request.shape) else {
            return Ok(());
        };
        if map.used == 0 || outputs > map.outputs || inputs > map.inputs {
            return Ok(());
        }
        let read = |tensor, whole_columns, rows, columns| {
            let block = Window {
                whole_columns,
                first_row: 0,
                rows,
                first_column: 0,
                columns,
                transposed: false,
            };
            let mut data = vec![F::zero(); rows * columns];
            let read = self.file.read(tensor, block, threads.0, &mut data);
            read.map(|()| data)
        };
        let down = read(&map.down, map.inputs, map.used, inputs)?;
        let up = read(&map.up, map.ranks, outputs, map.used)?;
        product(
            threads.0,
            MatrixMut::new(out, inputs),
            Into::Sum,
            F::of(map.scale),
            Matrix::new(&up, map.used),
            Matrix::new(&down, inputs),
        );
        Ok(())
    }
}

/// A map of ours, and which of those side by side in a map of theirs it is.
#[derive(Debug)]
struct OurMap {
    name: String,
    index: usize,
    of: usize,
    outputs: usize,
    inputs: usize,
}

/// Maps of ours by the name of theirs that they are a part of, with every prefix.
fn maps_of(
    layout: &Layout,
    architecture: &Architecture,
) -> Result<HashMap<String, Vec<OurMap>>, Error> {
    let mut maps: HashMap<String, Vec<OurMap>> = HashMap::new();
    for (name, shape) in requests(architecture, Objective::default_for(architecture))? {
        // Tables of tokens and positions are adapted in another way.
        let &[outputs, inputs] = &shape[..] else {
            continue;
        };
        if !name.ends_with(".weight") {
            continue;
        }
        let mut known = Vec::new();
        for prefix in layout.prefixes() {
            let Some((theirs, piece)) = layout.theirs(prefix, &name) else {
                continue;
            };
            let Some(module) = theirs.strip_suffix(".weight") else {
                continue;
            };
            // A head has the same name with every prefix.
            if known.iter().any(|other| other == module) {
                continue;
            }
            let (index, of) = match piece {
                Piece::Whole | Piece::OneLess => (0, 1),
                Piece::Transposed { index, of } => (index, of),
                // Rows of one adapter that several maps share are not read.
                Piece::Rows(_) => continue,
            };
            known.push(module.to_owned());
            maps.entry(module.to_owned()).or_default().push(OurMap {
                name: name.clone(),
                index,
                of,
                outputs,
                inputs,
            });
        }
    }
    Ok(maps)
}

/// Both tensors of a module, where they are there.
type Pair<'a> = [Option<&'a StoredTensor>; 2];

/// A and B by the name of the map of theirs that they adapt.
fn pairs(file: &StoredFile) -> Result<BTreeMap<&str, Pair<'_>>, Error> {
    let mut pairs: BTreeMap<&str, Pair<'_>> = BTreeMap::new();
    let mut names: Vec<&str> = file.names().collect();
    names.sort_unstable();
    for name in names {
        let inner = name.strip_prefix(WRAPPER);
        let down = inner.and_then(|inner| inner.strip_suffix(DOWN));
        let up = inner.and_then(|inner| inner.strip_suffix(UP));
        let (Some(module), Some(tensor)) = (down.or(up), file.find(name)) else {
            return Err(Error::Malformed {
                path: file.path.clone(),
                reason: format!(
                    "tensor `{name}` is not read: expected {WRAPPER}(a linear map){DOWN} or {UP}"
                ),
            });
        };
        file.check_element(name, tensor)?;
        let pair = pairs.entry(module).or_default();
        pair[usize::from(down.is_none())] = Some(tensor);
    }
    Ok(pairs)
}

/// Tensors that the file has for one map of theirs.
struct Module<'a> {
    file: &'a StoredFile,
    module: &'a str,
    pair: Pair<'a>,
}

impl<'a> Module<'a> {
    /// A of shape (r, inputs) and B of shape (outputs, r).
    fn tensors(
        &self,
        pieces: &[OurMap],
        ranks: usize,
    ) -> Result<(&'a StoredTensor, &'a StoredTensor), Error> {
        let Some(OurMap {
            of,
            outputs,
            inputs,
            ..
        }) = pieces.first()
        else {
            return Err(self.wrong("", "the model has no such linear map"));
        };
        let tensor = |index: usize, name: &str, expected: [usize; 2]| match self.pair[index] {
            None => Err(self.wrong(name, &format!("of shape {expected:?} is missing"))),
            Some(tensor) if tensor.shape != expected => {
                let found = &tensor.shape;
                Err(self.wrong(
                    name,
                    &format!(
                        "has shape {found:?}, but {CONFIG} and the model ask for {expected:?}"
                    ),
                ))
            }
            Some(tensor) => Ok(tensor),
        };
        let down = tensor(0, DOWN, [ranks, *inputs])?;
        let up = tensor(1, UP, [of * outputs, ranks])?;
        Ok((down, up))
    }

    fn wrong(&self, tensor: &str, what: &str) -> Error {
        let path: PathBuf = self.file.path.clone();
        let (module, separator) = (self.module, if tensor.is_empty() { ":" } else { "" });
        Error::Malformed {
            path,
            reason: format!("`{WRAPPER}{module}{tensor}`{separator} {what}"),
        }
    }
}
