//! The file of a journal: behind its own header where the first byte is even. What can be
//! opened can be written to, and holds what was written.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use lpzero_run::{ContentHash, Kind, Piece, Pieces};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

const KIND: Kind = Kind {
    format: "lpzero-fuzz",
    version: 1,
    each: true,
    work: "fuzzing",
    inputs: "other inputs",
};
const WRITER: &str = "main";

#[derive(Serialize, Deserialize)]
struct Finished {
    name: String,
    seconds: f64,
}

impl Piece for Finished {
    const MEASURED: &'static [&'static str] = &["/seconds"];

    fn piece(&self) -> String {
        self.name.clone()
    }
}

/// A folder, and the bytes of an empty journal in it.
static EMPTY: OnceLock<(TempDir, Vec<u8>)> = OnceLock::new();

fn inputs() -> ContentHash {
    ContentHash::of_bytes(b"inputs")
}

fn empty() -> (TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pieces = Pieces::<Finished>::open(folder.path(), KIND, WRITER, inputs());
    drop(pieces.expect("a journal"));
    let bytes = std::fs::read(folder.path().join(WRITER)).expect("its file");
    (folder, bytes)
}

/// Reads all records; adds one where told to, and returns how many there are.
fn read(folder: &Path, add: bool) -> Option<usize> {
    let (mut pieces, _) = Pieces::<Finished>::open(folder, KIND, WRITER, inputs()).ok()?;
    if add {
        let name = "a piece that no input holds".to_owned();
        pieces.append(Finished { name, seconds: 1.0 }).ok()?;
    }
    Some(pieces.records().len())
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else {
        return;
    };
    let (folder, header) = EMPTY.get_or_init(empty);
    let mut file = match first % 2 {
        0 => header.clone(),
        _ => Vec::new(),
    };
    file.extend_from_slice(rest);
    std::fs::write(folder.path().join(WRITER), file).expect("a file");
    if let Some(count) = read(folder.path(), true) {
        assert_eq!(read(folder.path(), false), Some(count));
    }
});
