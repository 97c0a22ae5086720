//! `lpzero export`: sub-networks as folders of their own.
use std::collections::BTreeMap;
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
fn a_block_that_is_left_out_takes_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("part.json");
    let mut part = with_sizes([(2, 12), (1, 7)]);
    part.blocks[0].left_out = true;
    spec::write(&file, &part).unwrap();
    let out = folder.path().join("out");
    let run = export(&file, &out, &[]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let read = read_architecture(&out, Reading::default()).unwrap();
    assert_eq!(read.blocks, part.blocks[1..]);
    assert_eq!(read.parameters(), part.parameters());
    // The second block of the super-network is the first here.
    let whole = read_safetensors::<f64>(&supernet().join("model.safetensors")).unwrap();
    let written = read_safetensors::<f64>(&out.join("model.safetensors")).unwrap();
    let name = |layer: usize| format!("model.layers.{layer}.mlp.up_proj.weight");
    assert_eq!(written[&name(0)].1, whole[&name(1)].1[..7 * 8]);
    assert!(!written.contains_key(&name(1)));
    assert!(!out.join("subnetwork.json").exists());
}

#[test]
fn what_is_cut_from_a_folder_is_chosen_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let supernet = supernet();
    let supernet = supernet.to_str().unwrap();
    let place = folder.path().join("run");
    let search = lpzero(
        folder.path(),
        &[
            "nas",
            "--space",
            "cut",
            "--supernet",
            supernet,
            "--method",
            "exact",
            "--max-decoder-params",
            "60%",
            "--positions",
            "8",
            "--out",
            place.to_str().unwrap(),
            "--json",
        ],
    );
    assert_eq!(search.status, 0, "{}", search.stderr);
    // What has been trained is cut by what the loss would miss.
    assert_eq!(search.json()["proxy"], "snip");
    let found = fs::read_dir(place.join("architectures")).unwrap();
    let found = found.flatten().next().unwrap().path();
    let part = read_architecture(&found, Reading::default()).unwrap();
    let whole = read_architecture(supernet.as_ref(), Reading::default()).unwrap();
    let share = part.parameters().decoder() as f64 / whole.parameters().decoder() as f64;
    assert!(share <= 0.6, "{share}");
    let run = export(&found, &folder.path().join("out"), &[]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let read = read_architecture(&folder.path().join("out"), Reading::default()).unwrap();
    assert_eq!(read.parameters(), part.parameters());
    // Without a folder there is nothing to cut.
    let none = lpzero(folder.path(), &["nas", "--space", "cut"]);
    assert_eq!(none.status, 2);
    assert!(none.stderr.contains("--supernet"), "{}", none.stderr);
}

#[test]
fn the_tokenizer_of_a_folder_goes_with_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("model");
    fs::create_dir(&copy).unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(supernet().join(name), copy.join(name)).unwrap();
    }
    fs::write(copy.join("tokenizer.json"), "{}").unwrap();
    fs::write(copy.join("tokenizer_config.json"), "[]").unwrap();
    fs::write(copy.join("notes.txt"), "not ours").unwrap();
    let file = folder.path().join("part.json");
    spec::write(&file, &with_sizes([(1, 7), (1, 7)])).unwrap();
    let out = folder.path().join("out");
    let run = export_from(&copy, &file, &out, &[]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let text = |name: &str| fs::read_to_string(out.join(name)).ok();
    assert_eq!(text("tokenizer.json").as_deref(), Some("{}"));
    assert_eq!(text("tokenizer_config.json").as_deref(), Some("[]"));
    assert_eq!(text("notes.txt"), None);
}

#[test]
fn sorted_channels_and_heads_are_the_same_network() {
    let folder = tempfile::tempdir().unwrap();
    let (supernet, out) = (supernet(), folder.path().join("sorted"));
    let [from, to] = [&supernet, &out].map(|path| path.to_str().unwrap());
    let magnitude = "sum(sum(abs(W)))";
    let line = [
        "export",
        "--supernet",
        from,
        "--sort",
        magnitude,
        "--out",
        to,
    ];
    let run = lpzero(folder.path(), &[&line[..], &["--positions", "8"]].concat());
    assert_eq!(run.status, 0, "{}", run.stderr);
    let loss = |path: &str| {
        let line = [
            "score",
            path,
            "--positions",
            "8",
            "--proxy",
            "loss",
            "--json",
        ];
        let document = lpzero(folder.path(), &line).json();
        document["rows"][0]["scores"]["loss"].as_f64().unwrap()
    };
    let (before, after) = (loss(from), loss(to));
    assert!((before - after).abs() < 1e-5, "{before} {after}");

    // What each channel adds by hand, the first one most.
    let read = |folder: &Path| read_safetensors::<f64>(&folder.join("model.safetensors")).unwrap();
    let worth = |tensors: &BTreeMap<String, (Vec<usize>, Vec<f64>)>, layer: usize| -> Vec<f64> {
        let of = |name: &str| &tensors[&format!("model.layers.{layer}.mlp.{name}_proj.weight")];
        let (gate, up, down) = (of("gate"), of("up"), of("down"));
        let (hidden, width) = (up.0[0], up.0[1]);
        let row = |data: &[f64], row: usize| -> f64 {
            data[row * width..(row + 1) * width]
                .iter()
                .map(|x| x.abs())
                .sum()
        };
        let channel = |number: usize| {
            let column = (0..width).map(|row| down.1[row * hidden + number].abs());
            row(&gate.1, number) + row(&up.1, number) + column.sum::<f64>()
        };
        (0..hidden).map(channel).collect()
    };
    let (plain, sorted) = (read(&supernet), read(&out));
    for layer in 0..2 {
        let mut by_hand = worth(&plain, layer);
        assert!(!by_hand.is_sorted_by(|a, b| a >= b));
        by_hand.sort_by(|a, b| b.total_cmp(a));
        for (found, expected) in worth(&sorted, layer).iter().zip(&by_hand) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
    // What no channel has a share of sorts nothing.
    let line = [
        "export",
        "--supernet",
        from,
        "--sort",
        "max(l2(W))",
        "--out",
        "never",
    ];
    let wrong = lpzero(folder.path(), &line);
    assert_eq!(wrong.status, 2);
    assert!(
        wrong.stderr.contains("no sum over sites"),
        "{}",
        wrong.stderr
    );
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
