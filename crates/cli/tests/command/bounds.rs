//! Time and memory are bounded: what cannot end is not begun, and what runs is stopped.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Run, command, finished, lpzero};

/// The folder of a LLaMA as Hugging Face describes it.
fn llama(folder: &Path, blocks: usize, width: usize) -> String {
    let path = folder.join(format!("llama-{blocks}-{width}"));
    fs::create_dir_all(&path).unwrap();
    let config = serde_json::json!({
        "model_type": "llama", "vocab_size": 64, "max_position_embeddings": 1 << 18,
        "hidden_size": width, "num_hidden_layers": blocks, "num_attention_heads": 2,
        "intermediate_size": 2 * width, "hidden_act": "silu", "rms_norm_eps": 1e-5,
    });
    fs::write(path.join("config.json"), config.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Scores of one architecture by proxies with such names.
fn scores(folder: &Path, architecture: &str, proxies: [&str; 2]) -> [Option<f64>; 2] {
    let mut arguments = vec![
        "score",
        architecture,
        "--batch",
        "1",
        "--positions",
        "4",
        "--json",
    ];
    proxies
        .iter()
        .for_each(|proxy| arguments.extend(["--proxy", *proxy]));
    let document = lpzero(folder, &arguments).json();
    let text = document.to_string();
    proxies.map(|proxy| {
        let key = format!("\"{proxy}\":");
        let rest = &text[text.find(&key).unwrap() + key.len()..];
        let end = rest.find([',', '}']).unwrap();
        rest[..end].parse().ok()
    })
}

#[test]
fn synaptic_flow_of_two_hundred_blocks_is_finite() {
    let folder = tempfile::tempdir().unwrap();
    let of = |blocks| {
        let architecture = llama(folder.path(), blocks, 16);
        scores(folder.path(), &architecture, ["synflow", "logsynflow"])
    };
    let found: Vec<_> = [2, 8, 10, 40, 200].map(of).to_vec();
    for pair in found.windows(2) {
        for (fewer, more) in pair[0].iter().zip(pair[1]) {
            let (fewer, more) = (fewer.unwrap(), more.unwrap());
            assert!(
                fewer.is_finite() && more.is_finite() && fewer < more,
                "{found:?}"
            );
        }
    }
}

#[test]
fn decompositions_beyond_the_patience_are_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let wide = llama(folder.path(), 32, 4096);
    let start = Instant::now();
    let refused = |line: &[&str]| {
        let run = lpzero(folder.path(), line);
        assert_eq!(run.status, 2, "{}", run.stderr);
        assert!(run.stdout.is_empty());
        for part in ["4096 x 4096", "minutes", "--patience"] {
            assert!(run.stderr.contains(part), "{}", run.stderr);
        }
    };
    let eznas = ["--proxy", "eznas", "--threads", "1"];
    refused(&[&["score", &wide], &eznas[..]].concat());
    refused(&[&["compare", &wide, &wide], &eznas[..]].concat());
    assert!(start.elapsed() < Duration::from_secs(20));
    // What was asked for is not refused, and what is small never was.
    let narrow = llama(folder.path(), 2, 16);
    for (patience, status) in [("1ns", 2), ("1h", 0)] {
        let patience = ["--patience", patience, "--positions", "4"];
        let run = lpzero(
            folder.path(),
            &[&["score", &narrow], &eznas[..], &patience[..]].concat(),
        );
        assert_eq!(run.status, status, "{}", run.stderr);
    }
}

/// Starts a command, stops it after a while, and says how long it took to end then.
fn stopped(folder: &Path, line: &str, after: Duration) -> (Run, Duration) {
    let mut command = command(folder);
    command.args(line.split(' '));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    std::thread::sleep(after);
    let kill = ["-INT".to_owned(), child.id().to_string()];
    assert!(Command::new("kill").args(kill).status().unwrap().success());
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    (finished(&output), start.elapsed())
}

#[test]
fn whatever_is_at_work_ends_soon_after_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (deep, wide) = (
        llama(folder.path(), 4000, 16),
        llama(folder.path(), 2, 2048),
    );
    let lines = [
        "truth audit --permutations 1000000".to_owned(),
        format!("score {wide} --proxy synaptic_diversity --batch 1 --positions 8"),
        format!("score {deep} --proxy zico --batch 8 --positions 64"),
        "train --validation-batches 1000000 --steps 1".to_owned(),
        format!(
            "train --validation-batches 1000000 --steps 1 --out {}",
            at("trained")
        ),
    ];
    for line in lines {
        let (run, time) = stopped(folder.path(), &line, Duration::from_millis(1500));
        assert_eq!(run.status, 130, "{line}: {}{}", run.stdout, run.stderr);
        assert!(time < Duration::from_secs(3), "{line}: {time:?}");
        assert!(run.stdout.is_empty(), "{line}: {}", run.stdout);
        let mut said = run
            .stderr
            .lines()
            .filter(|line| line.starts_with("lpzero:"));
        let said = (said.next(), said.next());
        let once = said
            .0
            .is_some_and(|line| line.contains("interrupted") || line.contains("cancelled"))
            && said.1.is_none();
        assert!(once, "{line}: {}", run.stderr);
    }
}

#[test]
fn a_training_that_was_stopped_in_its_validation_ends_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let recipe = "--steps 3 --validate-every 1 --validation-batches 2000 --batch 2 --positions 16 \
                  --width 16 --layers 1 --heads 2";
    let train = |out: &str| format!("train {recipe} --out {}", at(out));
    let (run, _) = stopped(folder.path(), &train("stopped"), Duration::from_millis(700));
    assert!([0, 130].contains(&run.status), "{}", run.stderr);
    if run.status == 130 {
        let resumed = lpzero(folder.path(), &["train", "--resume", &at("stopped")]);
        assert_eq!(resumed.status, 0, "{}", resumed.stderr);
    }
    let whole = lpzero(
        folder.path(),
        &train("whole").split(' ').collect::<Vec<_>>(),
    );
    assert_eq!(whole.status, 0, "{}", whole.stderr);
    for file in ["curve.csv", "model.safetensors"] {
        let read = |run: &str| fs::read(folder.path().join(run).join(file)).unwrap();
        assert!(read("stopped") == read("whole"), "{file}");
    }
}

/// Refused at once, for the input, with these words.
fn refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let start = Instant::now();
    let run = lpzero(folder, arguments);
    assert_eq!(run.status, 2, "{arguments:?}: {}{}", run.stdout, run.stderr);
    assert!(start.elapsed() < Duration::from_secs(10), "{arguments:?}");
    assert_eq!(run.stderr.trim().lines().count(), 1, "{}", run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn what_cannot_end_is_not_begun() {
    let folder = tempfile::tempdir().unwrap();
    let train = |options: &str, words: &[&str]| {
        let line = format!("train {options}");
        refused(folder.path(), &line.split(' ').collect::<Vec<_>>(), words);
    };
    let words = ["--validation-batches", "passes"];
    train("--validation-batches 1000000000000", &words);
    train(
        "--validation-batches 1000000000000 --batch 1 --positions 2",
        &words,
    );
    train("--steps 1000000000000000", &["--steps", "passes"]);
    train(
        "--steps 10000000 --accumulate 4000000000",
        &["--steps", "passes"],
    );

    let plan = folder.path().join("plan.json");
    let tiny = include_str!("../../../train/src/plans/tiny.json");
    let mut document: serde_json::Value = serde_json::from_str(tiny).unwrap();
    document["plan"]["space"]["layers"] = serde_json::json!([1, 1_000_000_000]);
    fs::write(&plan, document.to_string()).unwrap();
    let (plan, out) = (plan.to_str().unwrap(), folder.path().join("out"));
    let build = [
        "truth",
        "build",
        "--plan",
        plan,
        "--out",
        out.to_str().unwrap(),
    ];
    refused(folder.path(), &build, &["plan.space.layers", "4096"]);
    assert!(!out.exists());
}

#[test]
fn decompositions_that_do_not_fit_are_refused_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let wide = llama(folder.path(), 1, 4096);
    let arguments = [
        "score",
        &wide,
        "--proxy",
        "synaptic_diversity",
        "--memory",
        "700MB",
    ];
    let words = ["beside a pass", "--memory", "--positions", "llama-1-4096"];
    refused(folder.path(), &arguments, &words);

    // So many tokens were a square of 137 GB; now it has the side of the units.
    let small = llama(folder.path(), 1, 16);
    let many = [
        "score",
        &small,
        "--proxy",
        "naswot",
        "--batch",
        "64",
        "--positions",
        "512",
        "--json",
    ];
    let run = lpzero(folder.path(), &many);
    assert_eq!(run.status, 0, "{}", run.stderr);
}

/// Runs the command in a shell that limits something.
fn limited(folder: &Path, limit: &str, arguments: &str) -> Run {
    let program = command(folder);
    let script = format!(
        "{limit} && exec {} {arguments}",
        program.get_program().display()
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]);
    for (key, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(key, value),
            None => shell.env_remove(key),
        };
    }
    finished(&shell.output().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn threads_and_stacks_without_room_are_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for limit in [1_000_000, 2_000_000, 3_000_000] {
        let limit = format!("ulimit -v {limit}");
        let run = limited(folder.path(), &limit, "rank --proxy params --threads 1024");
        assert_eq!(run.status, 2, "{limit}: {}", run.stderr);
        assert_eq!(run.stderr.trim().lines().count(), 1, "{}", run.stderr);
        assert!(run.stderr.contains("--threads 1024"), "{}", run.stderr);
    }
    let run = limited(folder.path(), "ulimit -s 64", "rank --proxy params --json");
    assert_eq!(run.status, 0, "{}", run.stderr);
}
