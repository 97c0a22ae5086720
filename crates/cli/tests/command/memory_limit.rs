//! `--memory`: what networks may take together, for every command that runs some.

use std::fs;
use std::path::Path;

use crate::support::lpzero;

/// LLaMA-7B, as its folder describes it.
const LLAMA: &str = r#"{"model_type": "llama", "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32000,
    "max_position_embeddings": 2048, "rms_norm_eps": 1e-6, "tie_word_embeddings": false}"#;

/// Six networks in a table.
fn table(folder: &Path) -> String {
    let mut rows = "architecture,loss\n".to_owned();
    for blocks in 1..=6 {
        let config = format!(
            r#"{{"model_type": "gpt2", "n_layer": {blocks}, "n_head": 2, "n_embd": 64, "n_positions": 64, "vocab_size": 500}}"#
        );
        fs::write(folder.join(format!("{blocks}.json")), config).unwrap();
        rows += &format!("{blocks}.json,{blocks}\n");
    }
    let path = folder.join("table.csv");
    fs::write(&path, rows).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn every_command_that_runs_networks_takes_a_limit_and_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let truth = table(folder.path());
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    for line in [
        &["rank", "--truth", &truth, "--proxy", "snip"][..],
        &["score", "--truth", &truth, "--proxy", "snip"],
        &[
            "search", "--truth", &truth, "--budget", "10", "--split", "2/2",
        ],
        &["nas", "--budget", "4", "--population", "4"],
        &[
            "truth",
            "build",
            "--architectures",
            "2",
            "--steps",
            "1",
            "--out",
            out,
        ],
    ] {
        let run = lpzero(folder.path(), &[line, &["--memory", "100kB"]].concat());
        assert_eq!(run.status, 2, "{line:?}: {}", run.stderr);
        assert!(run.stderr.contains("--memory"), "{line:?}: {}", run.stderr);
        assert!(!Path::new(out).exists());
    }
    let scores = |memory: &str| {
        let line = [
            "score", "--truth", &truth, "--proxy", "snip", "--format", "csv",
        ];
        let run = lpzero(folder.path(), &[&line[..], &["--memory", memory]].concat());
        assert_eq!(run.status, 0, "{}", run.stderr);
        run.stdout
    };
    // Streamed, to the same bits.
    assert_eq!(scores("9MB"), scores("4GB"));
}

#[test]
fn llama_7b_fits_into_the_default_limit() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    fs::write(&config, LLAMA).unwrap();
    let estimate = |memory: &str| {
        let line = [
            "score",
            config.to_str().unwrap(),
            "--proxy",
            "snip",
            "--memory",
            memory,
        ];
        let run = lpzero(folder.path(), &line);
        assert_eq!(run.status, 2, "{}", run.stderr);
        let (_, rest) = run.stderr.split_once("one pass takes about ").unwrap();
        let (megabytes, _) = rest.split_once(" MB").unwrap();
        megabytes.parse::<u64>().unwrap()
    };
    let megabytes = estimate("1GB");
    // It takes 2.8 GB.
    assert!((2_800..4_000).contains(&megabytes), "{megabytes} MB");
}
