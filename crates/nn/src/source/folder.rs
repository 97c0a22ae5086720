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

/// Endings behind those of weights, of files that were packed or put aside.
const BEHIND: [&str; 14] = [
    ".bak", ".backup", ".old", ".orig", ".tmp", ".save", ".gz", ".xz", ".zst", ".bz2", ".zip",
    ".enc", ".gpg", "~",
];
/// Archives, where their names say that they hold a model.
const ARCHIVES: [&str; 9] = [
    ".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".7z", ".rar", ".mar",
];
/// Words in the names of such archives.
const MODELS: [&str; 4] = ["model", "weight", "checkpoint", "ckpt"];

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
    let by_ending = |name: &str| {
        let mut looks = LOOKS.iter();
        let found = looks.find(|look| look.ends.iter().any(|end| name.ends_with(end)));
        found.map(|look| look.what)
    };
    if let Some(what) = by_ending(&name) {
        return Some(what);
    }
    // Part of a saved TensorFlow model: `variables.data-00000-of-00001`.
    if name.contains(".data-") && name.contains("-of-") {
        return Some("weights of TensorFlow are not read");
    }
    let mut inner = &name[..];
    while let Some(rest) = behind(inner) {
        inner = rest;
    }
    if inner.len() < name.len() && by_ending(inner).is_some() {
        return Some("weights that were packed or put aside are not read");
    }
    let archive = ARCHIVES.iter().find_map(|end| name.strip_suffix(end));
    let of_model = |rest: &str| MODELS.iter().any(|word| rest.contains(word));
    let packed = archive.is_some_and(of_model) || name.ends_with(".nemo");
    packed.then_some("an archive, which may hold weights, is not read")
}

/// A name without an ending that says that the file was packed or put aside, or a number
/// as downloads and backups have it.
fn behind(name: &str) -> Option<&str> {
    let without = BEHIND.iter().find_map(|end| name.strip_suffix(end));
    without.or_else(|| {
        let (rest, end) = name.rsplit_once('.')?;
        let is_number = !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(rest)
    })
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
            "model.safetensors.bak",
            "model.safetensors~",
            "model.safetensors.1",
            "pytorch_model.bin.gz",
            "pytorch_model.bin.old.2",
            "variables.data-00000-of-00001",
            "megatron.nemo",
            "model.tar.gz",
            "weights.zip",
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
            "config.json.bak",
            "model.safetensors.lock",
            "optimizer.pt.bak",
            "code.zip",
            "events.out.tfevents.1700000000",
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
