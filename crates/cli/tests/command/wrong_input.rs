//! Whatever the user gets wrong: exit status 2 and one clear message.
use crate::benchmark::{benchmark, write_benchmark};
use crate::support::lpzero;
use tempfile::TempDir;

/// Asserts that a command is refused with a message that has all of `parts`.
#[track_caller]
fn refused(folder: &TempDir, arguments: &[&str], parts: &[&str]) {
    let run = lpzero(folder.path(), arguments);
    assert_eq!(run.status, 2, "status of {arguments:?}: {}", run.stderr);
    assert!(
        run.stdout.is_empty(),
        "standard output of {arguments:?}: {}",
        run.stdout
    );
    for part in parts {
        assert!(
            run.stderr.contains(part),
            "{part:?} is not in: {}",
            run.stderr
        );
    }
}

/// Ranks a benchmark that `change` made wrong.
#[track_caller]
fn refused_benchmark(change: impl FnOnce(&mut serde_json::Value), parts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let mut records = benchmark(6);
    change(&mut records);
    let path = write_benchmark(folder.path(), &records);
    let arguments = [
        "rank",
        "--truth",
        &path,
        "--reading",
        "declared",
        "--proxy",
        "params",
    ];
    refused(&folder, &arguments, parts);
}

/// The first layer of record 2.
fn layer(records: &mut serde_json::Value) -> &mut serde_json::Value {
    &mut records[2]["hparams"]["model_hparam_overrides"]["nas_config"]["encoder_layers"][0]
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nowhere.json");
    refused(
        &folder,
        &["rank", "--truth", path.to_str().unwrap()],
        &["nowhere.json"],
    );
    refused(
        &folder,
        &["rank", "--score-column", "loss"],
        &["openlm", "not a table"],
    );
    refused(&folder, &["truth", "fetch", "tiny"], &["built in"]);
    refused(
        &folder,
        &["rank", "--truth", "flexibert"],
        &["known, but not on this machine"],
    );
}

#[test]
fn a_size_that_no_network_has_is_told_beside_the_smallest() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["rank", "--truth", "tiny", "--up-to", "1k"];
    refused(
        &folder,
        &arguments,
        &["tiny", "at most 1000", "smallest has"],
    );
}

#[test]
fn what_is_wrong_in_a_file_ends_with_a_command_that_writes_a_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let network = write("network.json", r#"{"model_type": "gpt2", "n_layer": -1}"#);
    let space = write("space.yaml", "format: lpzero-space\nversion: 1\n");
    let table = write("table.csv", "architecture\n1\n");
    for (arguments, command) in [
        (["score", &network], "lpzero new architecture mine.json"),
        (["compare", &network], "lpzero new architecture mine.json"),
        (
            ["nas", &format!("--space={space}")],
            "lpzero new space mine.yaml",
        ),
        (
            ["rank", &format!("--truth={table}")],
            "lpzero new truth mine.csv",
        ),
    ] {
        refused(&folder, &arguments, &[command]);
    }
}

#[test]
fn truncated_json_is_located() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(6));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    refused(
        &folder,
        &["rank", "--truth", &path],
        &["BERT_benchmark.json", "line 1"],
    );
}

#[test]
fn an_unknown_operation_names_record_and_key() {
    refused_benchmark(
        |records| layer(records)["operation_type"] = "RNN".into(),
        &["\"2\"", "encoder_layers[0].operation_type", "RNN"],
    );
}

#[test]
fn heads_must_divide_the_width() {
    refused_benchmark(
        |records| layer(records)["num_operation_heads"] = 3.into(),
        &["\"2\"", "encoder_layers[0].num_operation_heads", "3", "32"],
    );
}

#[test]
fn a_trillion_parameters_are_refused_before_memory_is_spent() {
    refused_benchmark(
        |records| layer(records)["feed_forward_dimension"] = 4_000_000_000_u64.into(),
        &["\"2\"", "parameters"],
    );
    // Below the limit of an architecture, above that of a pass.
    let folder = tempfile::tempdir().unwrap();
    let mut records = benchmark(6);
    layer(&mut records)["feed_forward_dimension"] = 40_000.into();
    let path = write_benchmark(folder.path(), &records);
    let arguments = [
        "rank",
        "--truth",
        &path,
        "--reading",
        "declared",
        "--proxy",
        "snip",
    ];
    refused(&folder, &arguments, &["architecture 2", "parameters", "MB"]);
}

#[test]
fn scores_must_be_there_and_finite() {
    refused_benchmark(
        |records| records[2]["scores"]["glue"] = serde_json::Value::Null,
        &["\"2\"", "glue"],
    );
    refused_benchmark(
        |records| records[2]["scores"] = serde_json::json!({}),
        &["\"2\"", "glue"],
    );
    refused_benchmark(
        |records| records[2]["scores"]["glue"] = "NaN".into(),
        &["\"2\"", "glue"],
    );
}

#[test]
fn a_split_must_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(6));
    for command in ["search", "rank"] {
        refused(
            &folder,
            &[command, "--truth", &path, "--split", "400/200"],
            &["400 + 200", "6"],
        );
        refused(
            &folder,
            &[command, "--truth", &path, "--split", "4/2"],
            &["test"],
        );
    }
    refused(
        &folder,
        &["search", "--truth", &path, "--split", "many"],
        &["100/50"],
    );
}

#[test]
fn a_formula_with_a_typo_points_at_the_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(6));
    for arguments in [
        vec!["proxies", "sum(sum(squrae(W)))"],
        vec!["rank", "--truth", &path, "--proxy", "sum(sum(squrae(W)))"],
        vec!["score", "--truth", &path, "--proxy", "sum(sum(squrae(W)))"],
    ] {
        refused(
            &folder,
            &arguments,
            &["squrae", "square", "column 9", "        ^^^^^^"],
        );
    }
}

#[test]
fn a_type_error_names_both_types() {
    let folder = tempfile::tempdir().unwrap();
    let run = lpzero(folder.path(), &["proxies", "sum(mean(W * X))"]);
    assert_eq!(run.status, 2);
    for part in ["parameter", "input", "column"] {
        assert!(
            run.stderr.contains(part),
            "{part:?} is not in: {}",
            run.stderr
        );
    }
}

#[test]
fn a_formula_nested_ten_thousand_deep_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let formula = format!("{}layers{}", "abs(".repeat(10_000), ")".repeat(10_000));
    refused(&folder, &["proxies", &formula], &["nested more than"]);
    let formula = format!("{}layers", "-".repeat(10_000));
    refused(&folder, &["proxies", &formula], &["nested more than"]);
}

#[test]
fn a_cache_that_cannot_be_written_to_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(6));
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let cache = file.join("cache");
    let arguments = [
        "rank",
        "--truth",
        &path,
        "--proxy",
        "snip",
        "--cache",
        cache.to_str().unwrap(),
    ];
    refused(&folder, &arguments, &["--cache", "a-file"]);
}

#[test]
fn a_corrupt_cache_is_made_again_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(6));
    let cache = folder.path().join("cache");
    let arguments = [
        "rank",
        "--truth",
        &path,
        "--proxy",
        "snip",
        "--json",
        "--cache",
        cache.to_str().unwrap(),
    ];
    let without_time = |mut json: serde_json::Value| {
        for time in ["seconds", "seconds_per_architecture"] {
            json["rows"][0][time] = 0.into();
        }
        json
    };
    let first = lpzero(folder.path(), &arguments);
    assert!(first.stderr.is_empty(), "{}", first.stderr);

    let file = std::fs::read_dir(&cache)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&file, bytes).unwrap();

    let second = lpzero(folder.path(), &arguments);
    assert!(second.stderr.contains("warning:"), "{}", second.stderr);
    assert!(
        second.stderr.contains(file.to_str().unwrap()),
        "{}",
        second.stderr
    );
    assert_eq!(without_time(first.json()), without_time(second.json()));
    let third = lpzero(folder.path(), &arguments);
    assert!(third.stderr.is_empty(), "{}", third.stderr);
}

#[test]
fn runs_are_never_overwritten_and_only_runs_are_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(12));
    let out = folder.path().to_str().unwrap();
    refused(
        &folder,
        &["search", "--truth", &path, "--out", out],
        &["exists already"],
    );
    refused(
        &folder,
        &["search", "--resume", out],
        &["configuration.json"],
    );
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    let arguments = [
        "search", "--truth", &path, "--split", "4/4", "--budget", "10",
    ];
    assert_eq!(
        lpzero(folder.path(), &[&arguments[..], &["--out", run]].concat()).status,
        0
    );
    let file = format!("{run}/configuration.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"gp\"", "\"guess\"")).unwrap();
    refused(
        &folder,
        &["search", "--resume", run],
        &["configuration.json", "guess", "gp"],
    );
}

#[test]
fn one_proxy_is_one_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(6));
    let arguments = [
        "score", "--truth", &path, "--proxy", "params", "--proxy", "params",
    ];
    refused(&folder, &arguments, &["params", "given twice"]);
    let arguments = [
        "score", "--truth", &path, "--proxy", "params", "--json", "--format", "csv",
    ];
    refused(&folder, &arguments, &["--json", "--format"]);
}

#[test]
fn an_option_without_effect_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(20));
    let exhaustive = &["--method", "exhaustive"][..];
    for (others, option, expected) in [
        (&[][..], &["--n-unary", "2"][..], "--grammar paper"),
        (&[], &["--aggregate", "sum"], "--method exhaustive"),
        (exhaustive, &["--budget", "100"], "every formula"),
        (exhaustive, &["--no-rules"], "every formula"),
        (exhaustive, &["--no-prediction"], "every formula"),
        (exhaustive, &["--powers"], "genetic programming"),
        (exhaustive, &["--from", "snip"], "genetic programming"),
        (
            &["--method", "powers"],
            &["--budget", "100"],
            "all evaluated",
        ),
        (
            &["--method", "random"],
            &["--from", "snip"],
            "genetic programming",
        ),
    ] {
        let arguments = [&["search", "--truth", &path], others, option].concat();
        refused(&folder, &arguments, &[option[0], expected]);
    }
    let arguments = [
        &["search", "--truth", &path, "--aggregate", "sum[fnn]"],
        exhaustive,
    ]
    .concat();
    refused(&folder, &arguments, &["aggregate", "sum[fnn]", "sum[ffn]"]);
    let arguments = ["search", "--up-to", "50M"];
    refused(&folder, &arguments, &["--up-to", "add --truth openlm"]);
    let arguments = ["search", "--truth", &path, "--from", "sum(l2(Q))"];
    refused(&folder, &arguments, &["`Q`", "column"]);
}

#[test]
fn a_search_cannot_start_from_what_traces_do_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(20));
    let arguments = ["search", "--truth", &path, "--from", "naswot"];
    refused(&folder, &arguments, &["--from naswot", "whole tensors"]);
}

#[test]
fn numbers_of_options_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(6));
    for (option, value, expected) in [
        ("--threads", "0", "between 1 and"),
        ("--threads", "1000000", "between 1 and"),
        ("--batch", "0", "tokens"),
        ("--positions", "600", "positions"),
        ("--batch", "99999999999", "tokens"),
    ] {
        let arguments = ["rank", "--truth", &path, "--proxy", "snip", option, value];
        refused(&folder, &arguments, &[expected]);
    }
}
