//! Tables and published folders as people have them, seen through the command.

use std::fs;
use std::path::Path;

use crate::support::lpzero;

/// Writes networks of these numbers of blocks as files beside a table.
fn networks(folder: &Path, positions: usize) {
    for blocks in 1..=4 {
        let config = format!(
            r#"{{"model_type": "gpt2", "n_layer": {blocks}, "n_head": 2, "n_embd": 16, "n_positions": {positions}, "vocab_size": 50}}"#
        );
        fs::write(folder.join(format!("{blocks}.json")), config).unwrap();
    }
}

fn ranked(folder: &Path, name: &str, text: &str, options: &[&str]) -> crate::support::Run {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let line = [
        "rank", "--truth", path, "--proxy", "params", "--proxy", "snip",
    ];
    lpzero(folder, &[&line[..], options].concat())
}

#[test]
fn rows_without_a_score_are_left_out_where_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    networks(folder.path(), 64);
    let text = ";architecture;loss\r\n0;1.json;\r\n1;2.json;3,5\r\n2;3.json;3\r\n3;4.json;2\r\n";
    let refused = ranked(folder.path(), "mine.CSV", text, &["--lower-is-better"]);
    assert_eq!(refused.status, 2);
    assert!(
        refused.stderr.contains("line 2") && refused.stderr.contains("--skip-missing"),
        "{}",
        refused.stderr
    );
    let options = ["--lower-is-better", "--skip-missing", "--json"];
    let run = ranked(folder.path(), "mine.CSV", text, &options);
    assert_eq!(run.json()["n"], 3);
    assert!(
        run.stderr
            .contains("1 of 4 rows have no `loss` and are left out: line 2"),
        "{}",
        run.stderr
    );
    let elsewhere = lpzero(folder.path(), &["rank", "--skip-missing"]);
    assert_eq!(elsewhere.status, 2, "{}", elsewhere.stderr);
}

#[test]
fn a_network_of_few_positions_is_run_with_as_many() {
    let folder = tempfile::tempdir().unwrap();
    networks(folder.path(), 32);
    let text = "architecture,loss\n1.json,4\n2.json,3\n3.json,2\n";
    let run = ranked(folder.path(), "short.csv", text, &[]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("sequences of 32 tokens"),
        "{}",
        run.stderr
    );
    let asked = ranked(folder.path(), "short.csv", text, &["--positions", "33"]);
    assert_eq!(asked.status, 2, "{}", asked.stderr);
    let one = folder.path().join("1.json");
    let score = |options: &[&str]| {
        let line = [
            "score",
            one.to_str().unwrap(),
            "--proxy",
            "snip",
            "--format",
            "csv",
        ];
        let run = lpzero(folder.path(), &[&line[..], options].concat());
        assert_eq!(run.status, 0, "{}", run.stderr);
        run.stdout
    };
    assert_eq!(score(&[]), score(&["--positions", "32"]));
    let searched = folder.path().join("short.csv");
    let line = [
        "search",
        "--truth",
        searched.to_str().unwrap(),
        "--budget",
        "5",
        "--split",
        "1/1",
    ];
    let run = lpzero(folder.path(), &line);
    assert!(
        !run.stderr.contains("positions per sequence"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_published_folder_of_lm1b_is_ranked_without_an_option() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("pareto_GPT2_lm1b_arm");
    for blocks in 1..=4 {
        let job = folder.join(format!("M{blocks}"));
        fs::create_dir_all(&job).unwrap();
        let config = format!(
            "{{d_model: 64, n_layer: {blocks}, n_head: 2, d_inner: 192, n_token: 264, d_embed: -1, \
             cutoffs: [59997, 99997, 639997, 264], div_val: 4, tie_projs: [false], tgt_len: 32}}"
        );
        fs::write(job.join("model_config.yaml"), config).unwrap();
    }
    fs::write(
        folder.join("ppl_summary.yaml"),
        "M1: 74.5\nM2: 64.9\nM3: 50\n",
    )
    .unwrap();
    let truth = folder.to_str().unwrap();
    let run = lpzero(
        place.path(),
        &["rank", "--truth", truth, "--proxy", "snip", "--json"],
    );
    let report = run.json();
    assert_eq!(
        (&report["truth"], &report["n"]),
        (&"lts-gpt2-lm1b".into(), &3.into())
    );
    assert!(
        run.stderr
            .contains("1 of 4 architectures have no `valid_ppl`"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("M4"), "{}", run.stderr);
}

#[test]
fn what_is_equal_everywhere_is_said() {
    let folder = tempfile::tempdir().unwrap();
    networks(folder.path(), 64);
    let rank = |text: &str| {
        let run = ranked(folder.path(), "equal.csv", text, &["--lower-is-better"]);
        assert_eq!(run.status, 0, "{}", run.stderr);
        run.stderr
    };
    let scores = rank("architecture,loss\n1.json,2\n2.json,2\n3.json,2\n");
    assert!(
        scores.contains("all 3 scores are equal, so nothing can be ranked"),
        "{scores}"
    );
    let networks = rank("id,architecture,loss\na,1.json,2\nb,1.json,3\nc,1.json,4\n");
    assert!(
        networks.contains("all 3 networks are equal, so no proxy tells them apart"),
        "{networks}"
    );
    let different = rank("architecture,loss\n1.json,2\n2.json,3\n3.json,4\n");
    assert!(!different.contains("warning"), "{different}");
    let forgotten = "architecture,loss\n1.json,2\n2.json,3\n3.json,4\n";
    let forgotten = ranked(folder.path(), "equal.csv", forgotten, &[]);
    assert!(
        forgotten
            .stderr
            .contains("a larger `loss` counts as better; --lower-is-better"),
        "{}",
        forgotten.stderr
    );
    let run = ranked(
        folder.path(),
        "equal.csv",
        "architecture,loss\n1.json,2\n2.json,3\n3.json,4\n",
        &["--proxy", "mean(mean(sqrt(mul(W, 0))))"],
    );
    if run.status == 0 {
        assert!(
            run.stderr.contains("equal on all 3 architectures"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn networks_up_to_a_size_are_ranked() {
    let folder = tempfile::tempdir().unwrap();
    let count = |options: &[&str]| {
        let arguments = [&["rank", "--truth", "openlm", "--proxy", "params"], options].concat();
        let run = lpzero(folder.path(), &[&arguments[..], &["--json"]].concat());
        (run.json()["n"].as_u64().unwrap(), run.stderr)
    };
    let (all, said) = count(&[]);
    assert_eq!(all, 130);
    assert!(!said.contains("left out"), "{said}");
    let (small, said) = count(&["--up-to", "50M"]);
    assert!(small > 10 && small < 130, "{small}");
    assert!(
        said.contains("of 130 networks have more than 50000000 parameters"),
        "{said}"
    );
}
