//! `lpzero train --space` and `lpzero truth build --supernet`: a super-network, and a
//! ground truth of its parts.
use std::fs;
use std::path::Path;

use crate::support::{Run, lpzero};
use serde_json::Value;

const TRAIN: &str =
    "train --space tiny-elastic --batch 2 --positions 16 --validation-batches 2 --seed 3 --json";

fn run(folder: &Path, line: &str) -> Run {
    lpzero(folder, &line.split(' ').collect::<Vec<_>>())
}

fn document(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn parts_of_a_trained_super_network_make_a_ground_truth() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let net = path("net").display().to_string();
    let report = run(folder.path(), &format!("{TRAIN} --steps 8 --out {net}")).json();
    // Six blocks of four heads of 16 and of hidden width 192, width 48.
    let largest = 128 * 48 + 6 * (4 * 48 * 64 + 3 * 48 * 192 + 2 * 48) + 48;
    assert_eq!(report["parameters"], largest);

    let [whole, killed] = ["whole", "killed"].map(|name| path(name).display().to_string());
    let build = format!("truth build --supernet {net} --architectures 12 --json --out");
    let built = run(folder.path(), &format!("{build} {whole}")).json();
    assert_eq!(built["n"], 12);
    // Killed in the middle of a line.
    assert_eq!(run(folder.path(), &format!("{build} {killed}")).status, 0);
    let journal = path("killed").join("trainings/main");
    let text = fs::read(&journal).unwrap();
    fs::write(&journal, &text[..text.len() / 2]).unwrap();
    fs::remove_file(path("killed").join("truth.json")).unwrap();
    let resumed = run(
        folder.path(),
        &format!("truth build --resume {killed} --json"),
    );
    assert_eq!(resumed.status, 0, "{}", resumed.stderr);
    let truths = ["whole", "killed"].map(|name| document(&path(name).join("truth.json")));
    assert_eq!(truths[0]["entries"], truths[1]["entries"]);
    let provenance = &truths[0]["provenance"];
    assert_eq!(provenance["supernet"]["samples"], 2);
    assert_eq!(provenance["supernet"]["recipe"]["steps"], 8);

    // Other commands read it, and an entry can be trained from scratch as long.
    let truth = format!("{whole}/truth.json");
    let ranked = run(
        folder.path(),
        &format!("rank --json --no-cache --proxy params --truth {truth}"),
    );
    assert_eq!(ranked.json()["n"], 12);
    let entry = &truths[0]["entries"][0];
    let id = entry["id"].as_str().unwrap();
    let line = format!("train --json --truth {truth} --entry {id}");
    let scratch = run(folder.path(), &line).json();
    assert_eq!(scratch["steps"], 8);
    assert!(scratch["parameters"].as_u64().unwrap() < largest);

    // Weights of another training are other inputs.
    fs::remove_dir_all(path("net")).unwrap();
    let other = format!("{TRAIN} --steps 9 --out {net}");
    assert_eq!(run(folder.path(), &other).status, 0);
    let refused = run(folder.path(), &format!("truth build --resume {killed}"));
    assert_eq!(refused.status, 2);
    assert!(
        refused.stderr.contains("of a build with other inputs"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_killed_super_network_goes_on_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| folder.path().join(name));
    let line = |out: &Path| format!("{TRAIN} --steps 400 --out {}", out.display());
    assert_eq!(run(folder.path(), &line(&whole)).status, 0);
    let signalled = crate::support::interrupted(folder.path(), &line(&stopped), || {
        stopped.join("configuration.json").exists()
    });
    assert_eq!(signalled.status, 130, "{}", signalled.stderr);
    let resume = format!("train --resume {}", stopped.display());
    assert_eq!(run(folder.path(), &resume).status, 0);
    for name in ["model.safetensors", "curve.csv", "space.json"] {
        let same = fs::read(whole.join(name)).unwrap() == fs::read(stopped.join(name)).unwrap();
        assert!(same, "{name} differs");
    }
}

#[test]
fn what_is_no_super_network_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (line, expected) in [
        (
            "train --space nowhere",
            "--space nowhere: expected tiny-elastic",
        ),
        (
            "train --space tiny",
            "space.blocks: expected one number of blocks",
        ),
        (
            "train --space tiny-elastic --samples 5000",
            "samples: found 5000, expected at most 1000",
        ),
        (
            "truth build --supernet nowhere --out run",
            "expected the folder of a finished `lpzero train --space`",
        ),
        (
            "truth build --supernet plain --out run",
            "was not trained over a space",
        ),
    ] {
        let plain = folder.path().join("plain");
        if line.contains("plain") {
            let line = "train --layers 1 --width 8 --heads 1 --batch 1 --positions 8 --steps 1";
            let out = format!("{line} --validation-batches 1 --out {}", plain.display());
            assert_eq!(run(folder.path(), &out).status, 0);
        }
        let line = line.replace("plain", &plain.display().to_string());
        let refused = run(folder.path(), &line);
        assert_eq!(refused.status, 2, "{line}: {}", refused.stderr);
        assert!(
            refused.stderr.contains(expected),
            "{line}: {}",
            refused.stderr
        );
    }
    assert!(!Path::new("run").exists());
}
