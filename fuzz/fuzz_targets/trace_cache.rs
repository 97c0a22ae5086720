//! The file of a trace cache: behind its own header where the first byte is even. Damage
//! is a warning.
#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use lpzero_trace::{ArchitectureKey, Trace, TraceCache, TraceSpec};
use tempfile::TempDir;

/// A folder, the file of an empty cache in it, and its bytes.
static EMPTY: OnceLock<(TempDir, PathBuf, Vec<u8>)> = OnceLock::new();

fn spec() -> TraceSpec {
    TraceSpec::new("fuzz", 0)
}

fn empty() -> (TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (cache, _) = TraceCache::open(folder.path(), &spec()).expect("a cache");
    let path = cache.path().to_owned();
    drop(cache);
    let bytes = std::fs::read(&path).expect("its file");
    (folder, path, bytes)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else {
        return;
    };
    let (folder, path, header) = EMPTY.get_or_init(empty);
    let mut file = match first % 2 {
        0 => header.clone(),
        _ => Vec::new(),
    };
    file.extend_from_slice(rest);
    std::fs::write(path, file).expect("a file");
    let Ok((cache, _)) = TraceCache::open(folder.path(), &spec()) else {
        return;
    };
    let text = r#"{"hidden_size": 128, "nas_config": {"encoder_layers": [
        {"operation_type": "SA", "operation_parameter": "SDP", "num_operation_heads": 2,
         "feed_forward_dimension": 512, "num_feed_forward": 1}]}}"#;
    let document = lpzero_arch::Document::parse_json("example.json", text).expect("JSON");
    let read = lpzero_arch::flexibert::read(&document.root(), lpzero_arch::Reading::AsTrained);
    let architecture = read.expect("an architecture");
    let (key, trace) = (ArchitectureKey::of(&architecture), Trace::data_free(&architecture));
    let _ = cache.get(&key);
    cache.append(key, &trace);
    let _ = cache.get(&key);
});
