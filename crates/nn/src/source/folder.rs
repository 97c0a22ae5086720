//! Which files of a folder hold its weights, and which look like weights that are not read.
//!
//! A folder without weights is a network whose weights are drawn. So nothing that looks like
//! weights may be passed over: it is refused by name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Error;

/// The file of a folder with all weights.
pub(super) const WHOLE: &str = "model.safetensors";
/// The file that says which of several files has which tensor.
pub(super) const INDEX: &str = "model.safetensors.index.json";
/// Where a download into a folder keeps what it has not finished.
const DOWNLOADS: &str = ".cache/huggingface/download";

/// Files that hold the weights of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Whole(PathBuf),
    Index(PathBuf),
}

/// Names that look like weights, by how they end, and what is said of them.
struct Look {
    ends: &'static [&'static str],
    what: &'static str,
}

const UNFINISHED: Look = Look {
    ends: &[
        ".incomplete",
        ".part",
        ".partial",
        ".crdownload",
        ".aria2",
        ".download",
    ],
    what: "a download that is not finished",
};

/// In the order in which they are tried.
const LOOKS: [Look; 9] = [
    UNFINISHED,
    Look {
        ends: &["adapter_model.safetensors", "adapter_model.bin"],
        what: "an adapter, which is merged into other weights (--adapter), is not read alone",
    },
    Look {
        ends: &["checkpoint.safetensors"],
        what: "the checkpoint of a training that is not finished is not read",
    },
    Look {
        ends: &[".safetensors"],
        what: "weights under this name are not read",
    },
    Look {
        ends: &[
            ".safetensors.index.json",
            ".bin.index.json",
            ".h5.index.json",
            ".msgpack.index.json",
        ],
        what: "an index without the weights that are read",
    },
    Look {
        ends: &[
            ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".ot", ".distcp",
        ],
        what: "pickled weights are not read",
    },
    Look {
        ends: &[
            ".h5",
            ".hdf5",
            ".keras",
            ".pb",
            ".tflite",
            ".ckpt.index",
            ".ckpt.meta",
        ],
        what: "weights of TensorFlow are not read",
    },
    Look {
        ends: &[".msgpack", ".npz", ".npy"],
        what: "weights of Flax or NumPy are not read",
    },
    Look {
        ends: &[
            ".gguf",
            ".ggml",
            ".onnx",
            ".onnx_data",
            ".mlmodel",
            ".engine",
        ],
        what: "weights that were converted for inference are not read",
    },
];

/// Beginnings of names that end so, and are no weights.
const OTHERS: [&str; 11] = [
    "training_args",
    "optimizer",
    "scheduler",
    "scaler",
    "rng_state",
    "random_states",
    "tokenizer",
    "vocab",
    "merges",
    "spiece",
    "sentencepiece",
];

/// The files with the weights of a folder; `None` where nothing looks like weights.
///
/// # Errors
/// Where what looks like weights is not read, or the folder cannot be.
pub(super) fn find(folder: &Path) -> Result<Option<Found>, Error> {
    let (whole, index) = (folder.join(WHOLE), folder.join(INDEX));
    if is_there(&whole)? {
        return Ok(Some(Found::Whole(whole)));
    }
    if is_there(&index)? {
        return Ok(Some(Found::Index(index)));
    }
    match unread(folder)? {
        None => Ok(None),
        Some((path, what)) => Err(Error::UnreadWeights { path, what }),
    }
}

/// Whether a folder has an entry of this name, be it a link that leads nowhere.
fn is_there(path: &Path) -> Result<bool, Error> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(Error::File {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The first entry of a folder, or of a folder in it, that looks like weights.
fn unread(folder: &Path) -> Result<Option<(PathBuf, &'static str)>, Error> {
    let here = entries(folder)?;
    let found = here
        .iter()
        .find_map(|path| Some((path.clone(), look(path)?)));
    if found.is_some() {
        return Ok(found);
    }
    let inner = here.into_iter().filter(|path| path.is_dir());
    for folder in inner.chain([folder.join(DOWNLOADS)]) {
        // What cannot be listed inside is no reason to refuse the rest.
        let inner = entries(&folder).unwrap_or_default();
        let found = inner.into_iter().find_map(|path| {
            let what = look(&path)?;
            Some((path, what))
        });
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The entries of a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
        let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
        entries.sort();
        Ok(entries)
    };
    list().map_err(|source| Error::File {
        path: folder.to_owned(),
        source,
    })
}

/// What a file is, where its name looks like that of weights.
fn look(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    if OTHERS.iter().any(|other| name.starts_with(other)) {
        return None;
    }
    if name.contains(".ckpt") && name.contains(".data-") {
        return Some("weights of TensorFlow are not read");
    }
    let mut looks = LOOKS.iter();
    let found = looks.find(|look| look.ends.iter().any(|end| name.ends_with(end)));
    found.map(|look| look.what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_looks_like_weights_is_told_by_its_name() {
        for name in [
            "pytorch_model.bin",
            "pytorch_model-00001-of-00002.bin",
            "pytorch_model.bin.index.json",
            "model-00001-of-00002.safetensors",
            "Model.SafeTensors",
            "model.safetensors.part",
            "tf_model.h5",
            "flax_model.msgpack",
            "bert_model.ckpt.data-00000-of-00001",
            "consolidated.00.pth",
            "llama.Q4_K_M.gguf",
            "adapter_model.safetensors",
        ] {
            assert!(look(Path::new(name)).is_some(), "{name}");
        }
        for name in [
            "config.json",
            "training_args.bin",
            "optimizer.pt",
            "rng_state_0.pth",
            "tokenizer.json",
            "tokenizer.model",
            "README.md",
            "curve.svg",
        ] {
            assert_eq!(look(Path::new(name)), None, "{name}");
        }
    }

    #[test]
    fn weights_are_found_where_a_folder_has_them_in_another() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(find(folder.path()).unwrap(), None);
        let inner = folder.path().join("original");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("params.json"), "{}").unwrap();
        assert_eq!(find(folder.path()).unwrap(), None);
        fs::write(inner.join("consolidated.00.pth"), "").unwrap();
        let error = find(folder.path()).unwrap_err().to_string();
        assert!(error.contains("original/consolidated.00.pth"), "{error}");
    }
}
