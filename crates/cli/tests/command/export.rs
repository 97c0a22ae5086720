//! `lpzero export`: sub-networks as folders of their own.
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Run, lpzero};
use lpzero::arch::{Architecture, GroupedAttention, Reading, read_architecture, spec};
use lpzero::nn::read_safetensors;

fn export(file: &Path, out: &Path, more: &[&str]) -> Run {
    export_from(&supernet(), file, out, more)
}

fn export_from(supernet: &Path, file: &Path, out: &Path, more: &[&str]) -> Run {
    let [file, out, supernet] = [file, out, supernet].map(|path| path.to_str().unwrap());
    let mut arguments = vec!["export", file, "--supernet", supernet, "--out", out];
    arguments.extend(more);
    lpzero(out.rsplit_once('/').unwrap().0.as_ref(), &arguments)
}

/// Two blocks of 4 heads that share 2 of keys, width 8, feed-forward 12.
fn supernet() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nn/tests");
    tests.join("fixtures/checkpoints/llama")
}

fn with_sizes(sizes: [(usize, usize); 2]) -> Architecture {
    let mut part = read_architecture(&supernet(), Reading::default()).unwrap();
    for (block, (keys, hidden)) in part.blocks.iter_mut().zip(sizes) {
        let attention = *block.mixer.grouped().unwrap();
        let (heads, key_value_heads) = (2 * keys, keys);
        let narrower = GroupedAttention {
            heads,
            key_value_heads,
            ..attention
        };
        block.mixer = narrower.into();
        block.feed_forward.hidden = vec![hidden];
    }
    part
}

#[test]
fn an_exported_sub_network_has_the_leading_rows_and_columns() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("part.json");
    spec::write(&file, &with_sizes([(1, 7), (1, 7)])).unwrap();
    let out = folder.path().join("out");
    let run = export(&file, &out, &[]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let whole = read_safetensors::<f64>(&supernet().join("model.safetensors")).unwrap();
    let part = read_safetensors::<f64>(&out.join("model.safetensors")).unwrap();
    assert_eq!(
        whole.keys().collect::<Vec<_>>(),
        part.keys().collect::<Vec<_>>()
    );
    for (name, (shape, data)) in &part {
        let (within, all) = &whole[name];
        let expected = match (name.rsplit('.').nth(1).unwrap(), &within[..]) {
            ("q_proj", [_, columns]) => vec![4, *columns],
            ("k_proj" | "v_proj", [_, columns]) => vec![2, *columns],
            ("o_proj", [rows, _]) => vec![*rows, 4],
            ("gate_proj" | "up_proj", [_, columns]) => vec![7, *columns],
            ("down_proj", [rows, _]) => vec![*rows, 7],
            (_, same) => same.to_vec(),
        };
        assert_eq!(*shape, expected, "{name}");
        let columns = *shape.last().unwrap();
        for (row, numbers) in data.chunks(columns).enumerate() {
            let first = row * within.last().unwrap();
            assert_eq!(numbers, &all[first..first + columns], "{name}");
        }
    }
    // One size for all blocks: a config that transformers reads.
    let config: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("config.json")).unwrap()).unwrap();
    assert_eq!(config["intermediate_size"], 7);
    assert_eq!(
        (&config["num_attention_heads"], &config["head_dim"]),
        (&2.into(), &2.into())
    );
    assert!(!out.join("subnetwork.json").exists());
}

#[test]
fn blocks_that_differ_are_read_again_by_lpzero() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("part.json");
    let part = with_sizes([(2, 5), (1, 12)]);
    spec::write(&file, &part).unwrap();
    let out = folder.path().join("out");
    let run = export(&file, &out, &["--precision", "bf16"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(read_architecture(&out, Reading::default()).unwrap(), part);
    assert!(out.join("subnetwork.json").exists());
    let scored = lpzero(
        folder.path(),
        &[
            "score",
            out.to_str().unwrap(),
            "--proxy",
            "snip",
            "--positions",
            "8",
        ],
    );
    assert_eq!(scored.status, 0, "{}", scored.stderr);
}

#[test]
fn what_is_no_part_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("part.json");
    spec::write(&file, &with_sizes([(1, 7), (1, 13)])).unwrap();
    let out = folder.path().join("out");
    let run = export(&file, &out, &[]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.contains("no wider feed-forward"),
        "{}",
        run.stderr
    );
    assert!(!out.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_killed_export_left_is_removed_by_the_next_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("part.json");
    spec::write(&file, &with_sizes([(1, 7), (1, 7)])).unwrap();
    let place = |name: &str| folder.path().join(name);
    for name in [
        ".out.lpzero-export-4000000",
        ".out.lpzero-export-4000001",
        ".out.lpzero-export-4000002",
        ".out.lpzero-export-mine",
        ".other.lpzero-export-4000000",
    ] {
        fs::create_dir(place(name)).unwrap();
        fs::write(place(name).join("model.safetensors"), "half").unwrap();
    }
    // Another export is filling this one.
    let held = fs::File::open(place(".out.lpzero-export-4000001")).unwrap();
    held.try_lock().unwrap();
    // Somebody keeps a file in this one.
    let kept = place(".out.lpzero-export-4000002").join("notes.txt");
    fs::write(&kept, "keep").unwrap();
    let run = export(&file, &place("out"), &[]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(!place(".out.lpzero-export-4000000").exists());
    for name in [
        ".out.lpzero-export-4000001",
        ".out.lpzero-export-mine",
        ".other.lpzero-export-4000000",
    ] {
        assert!(place(name).join("model.safetensors").exists(), "{name}");
    }
    assert!(kept.exists());
    let hidden = fs::read_dir(folder.path()).unwrap().flatten();
    let hidden = hidden.filter(|entry| entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 4);
}

/// A copy of the super-network in which the first number of the first down map is another.
fn supernet_with(number: f32, folder: &Path) -> PathBuf {
    let copy = folder.join("supernet");
    fs::create_dir(&copy).unwrap();
    fs::copy(supernet().join("config.json"), copy.join("config.json")).unwrap();
    let mut bytes = fs::read(supernet().join("model.safetensors")).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let start = &header["model.layers.0.mlp.down_proj.weight"]["data_offsets"][0];
    let at = 8 + length + start.as_u64().unwrap() as usize;
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    fs::write(copy.join("model.safetensors"), bytes).unwrap();
    copy
}

#[test]
fn numbers_that_a_precision_cannot_hold_are_told() {
    for (number, precision) in [(70_000.0, "f16"), (-1e6, "f16"), (f32::MAX, "bf16")] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("part.json");
        spec::write(&file, &with_sizes([(1, 7), (1, 7)])).unwrap();
        let supernet = supernet_with(number, folder.path());
        let out = folder.path().join("out");
        let run = export_from(&supernet, &file, &out, &["--precision", precision]);
        assert_eq!(run.status, 2, "{}", run.stderr);
        for part in ["block.0.ffn.1.weight", &number.to_string(), "infinite"] {
            assert!(run.stderr.contains(part), "{}", run.stderr);
        }
        // The same folder can be tried again.
        let run = export_from(&supernet, &file, &out, &[]);
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("part.json");
    spec::write(&file, &with_sizes([(1, 7), (1, 7)])).unwrap();
    let supernet = supernet_with(1e-9, folder.path());
    let out = folder.path().join("out");
    let run = export_from(&supernet, &file, &out, &["--precision", "f16"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    for part in [
        "1 numbers are too small for float16",
        "block.0.ffn.1.weight",
    ] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}
