//! The command does what scripts rely on.
use crate::benchmark::{benchmark, write_benchmark};
use crate::support::{lpzero, published};
use lpzero::arch::Reading;
use lpzero::truth::GroundTruth;
use serde_json::json;

#[test]
fn the_help_teaches() {
    let folder = tempfile::tempdir().unwrap();
    let help = lpzero(folder.path(), &["--help"]);
    assert_eq!(help.status, 0);
    for part in ["search", "rank", "score", "proxies", "truth", "Exit status"] {
        assert!(help.stdout.contains(part), "{part}");
    }
}

#[test]
fn rank_reports_every_named_proxy_with_intervals() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(12));
    let json = lpzero(folder.path(), &["rank", "--truth", &path, "--json"]).json();
    assert_eq!(json["n"], 12);
    assert_eq!(json["reading"], "as-trained");
    let rows = json["rows"].as_array().unwrap();
    let row = |name: &str| rows.iter().find(|row| row["proxy"] == name).unwrap();
    for name in [
        "params",
        "decoder_params",
        "flops",
        "layers",
        "depth2_width",
        "grad_norm",
        "snip",
        "synaptic_saliency",
        "head_importance",
        "plain",
        "head_confidence",
        "softmax_confidence",
        "activation_distance",
        "lpzero_gpt2",
        "lpzero_bert",
    ] {
        let row = row(name);
        assert!(row["tau"].is_number(), "{row}");
        assert_eq!(row["tau_ci"].as_array().unwrap().len(), 2, "{row}");
        assert!(row["rho"].is_number() && row["ties"].is_number(), "{row}");
    }
    assert_eq!(row("params")["data_free"], true);
    assert_eq!(row("params")["needs_network"], false);
    assert_eq!(row("snip")["data_free"], false);
    let tau = |name: &str| row(name)["tau"].as_f64().unwrap();
    assert!(tau("layers") > 0.5);
    // Differences are paired, so that nothing differs from itself.
    let over = |name: &str, other: &str| row(name)[other].clone();
    assert_eq!(over("params", "over_params")["tau_ci"], json!([0.0, 0.0]));
    let gained = over("snip", "over_depth2_width")["tau"].as_f64().unwrap();
    assert!((gained - (tau("snip") - tau("depth2_width"))).abs() < 1e-12);
    let precision = row("snip")["precision_top10"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&precision));
}

#[test]
fn rank_finds_out_what_reads_no_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(6));
    let proxies = [
        "layers",
        "sum[block](l2(W))",
        "sum[block](l2(G))",
        "loss",
        "zerolm",
    ];
    let named = proxies.iter().flat_map(|proxy| ["--proxy", proxy]);
    let arguments: Vec<&str> = ["rank", "--truth", &path, "--json"]
        .into_iter()
        .chain(named)
        .collect();
    let json = lpzero(folder.path(), &arguments).json();
    // Rows are sorted by what they reach.
    let of = |key: &str| proxies.map(|proxy| row(&json, proxy)[key].as_bool().unwrap());
    assert_eq!(of("data_free"), [true, true, false, false, true]);
    assert_eq!(of("needs_network"), [false, true, true, true, true]);
}

/// The row of a proxy in the document of `rank`.
#[track_caller]
fn row<'a>(document: &'a serde_json::Value, proxy: &str) -> &'a serde_json::Value {
    let mut rows = document["rows"].as_array().unwrap().iter();
    rows.find(|row| row["proxy"] == proxy).unwrap()
}

#[test]
fn rank_prints_its_table_for_people_documents_and_programs() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(24));
    let saved = folder.path().join("saved.json");
    std::fs::write(&saved, "x".repeat(1 << 20)).unwrap();
    let arguments = |format: &'static str| {
        let formula = "sum[ffn, out](l2(W))";
        [
            "rank", "--truth", &path, "--proxy", "params", "--proxy", formula, "--format", format,
        ]
        .map(str::to_owned)
    };
    let run = |format| {
        let arguments = arguments(format);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let save = ["--save", saved.to_str().unwrap()];
        lpzero(folder.path(), &[&arguments[..], &save].concat()).stdout
    };
    let csv = run("csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert!(
        lines[0].starts_with("proxy,formula,sign,tau,tau_low,tau_high"),
        "{csv}"
    );
    let found = "\"sum[ffn, out](l2(W))\",\"sum[ffn, out](l2(W))\",1,";
    assert!(lines.iter().any(|line| line.starts_with(found)), "{csv}");
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&saved).unwrap()).unwrap();
    let tau = row(&json, "params")["tau"].as_f64().unwrap().to_string();
    let params = lines.iter().find(|line| line.starts_with("params,"));
    assert_eq!(params.unwrap().split(',').nth(3), Some(&*tau));
    let markdown = run("markdown");
    assert!(
        markdown.starts_with("| proxy | tau | 95 % interval |"),
        "{markdown}"
    );
    let cells = |line: &str| line.matches(" | ").count();
    let widths: Vec<usize> = markdown.lines().take(4).map(cells).collect();
    assert!(widths.iter().all(|&width| width == widths[0]), "{markdown}");
    assert_eq!(run("json").parse::<serde_json::Value>().unwrap()["n"], 24);
}

#[test]
fn whole_tensors_may_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(24));
    let formula = "sum[ffn](max(W * G)) / sum[ffn](max(abs(W * G)))";
    let arguments = [
        "rank", "--truth", &path, "--proxy", formula, "--exact", "--json",
    ];
    let rank = lpzero(folder.path(), &arguments).json();
    let arguments = ["score", "--truth", &path, "--proxy", formula, "--json"];
    let scores = lpzero(folder.path(), &arguments).json();
    let rows = scores["rows"].as_array().unwrap().iter();
    let scores: Vec<f64> = rows
        .map(|row| row["scores"][formula].as_f64().unwrap())
        .collect();
    let truth = GroundTruth::read(path.as_ref(), Reading::AsTrained).unwrap();
    let truth: Vec<f64> = truth.entries.iter().map(|entry| entry.score).collect();
    let tau = lpzero::stats::tau(&scores, &truth).unwrap().unwrap();
    assert_eq!(rank["rows"][0]["tau"].as_f64(), Some(tau));
    assert_eq!(rank["exact"], true);
}

#[test]
fn a_product_of_ranks_stands_beside_what_it_is_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(12));
    let rank = ["rank", "--truth", &path, "--proxy", "az_nas", "--json"];
    let json = lpzero(folder.path(), &rank).json();
    let rows = json["rows"].as_array().unwrap();
    let mut names: Vec<_> = rows
        .iter()
        .map(|row| row["proxy"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    let parts = ["az_expressivity", "az_trainability", "flops"];
    assert_eq!(
        names,
        ["az_expressivity", "az_nas", "az_trainability", "flops"]
    );
    let product = row(&json, "az_nas");
    assert!(rows.iter().all(|row| row["tau"].is_number()), "{json}");
    assert_eq!(product["data_free"], false);
    // It ranks by the product of the ranks that `score` gives.
    let mut score = vec!["score", "--truth", &path, "--json"];
    score.extend(parts.iter().flat_map(|part| ["--proxy", part]));
    let scores = lpzero(folder.path(), &score).json();
    let scores = scores["rows"].as_array().unwrap();
    let mut products = vec![1.0; scores.len()];
    for part in parts {
        let column: Vec<f64> = (scores.iter())
            .map(|row| row["scores"][part].as_f64().unwrap())
            .collect();
        let ranks = lpzero::stats::rank(&column).unwrap();
        products
            .iter_mut()
            .zip(ranks)
            .for_each(|(p, rank)| *p *= rank);
    }
    let truth = GroundTruth::read(path.as_ref(), Reading::AsTrained).unwrap();
    let truth: Vec<f64> = truth.entries.iter().map(|entry| entry.score).collect();
    let tau = lpzero::stats::tau(&products, &truth).unwrap();
    assert_eq!(product["tau"].as_f64(), tau);

    let refused = lpzero(
        folder.path(),
        &["score", "--truth", &path, "--proxy", "az_nas"],
    );
    let message = refused.stderr;
    assert_eq!(refused.status, 2);
    assert!(message.contains("lpzero rank --proxy az_nas"), "{message}");
}

#[test]
fn a_found_proxy_carries_over_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(30));
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    let search = [
        "search", "--truth", &path, "--split", "12/6", "--budget", "200", "--out", run, "--json",
    ];
    let report = lpzero(folder.path(), &search).json();
    let list = folder.path().join("mine.txt");
    std::fs::write(
        &list,
        "# mine\n\nsize = layers * width # remark\nsum[ffn](l2(W))\n",
    )
    .unwrap();
    let (at_run, at_list) = (format!("@{run}"), format!("@{}", list.display()));
    let others = folder.path().join("others");
    std::fs::create_dir(&others).unwrap();
    let other = write_benchmark(&others, &benchmark(12));
    let rank = [
        "rank", "--truth", &other, "--proxy", &at_run, "--proxy", &at_list, "--json",
    ];
    let json = lpzero(folder.path(), &rank).json();
    assert_eq!(row(&json, &at_run)["formula"], report["best"]["formula"]);
    assert_eq!(row(&json, "size")["formula"], "layers * width");
    assert_eq!(json["rows"].as_array().unwrap().len(), 3);
    assert_eq!(
        row(&json, "sum[ffn](l2(W))")["sign"],
        serde_json::Value::Null
    );

    for (text, expected) in [
        ("", "holds no formula"),
        ("a = sum(W)", "line 1"),
        ("{}", "best"),
    ] {
        std::fs::write(&list, text).unwrap();
        let refused = lpzero(
            folder.path(),
            &["rank", "--truth", &other, "--proxy", &at_list],
        );
        assert_eq!(refused.status, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
}

#[test]
fn score_prints_csv_json_and_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(3));
    let score = |format: &str| {
        let arguments = [
            "score", "--truth", &path, "--proxy", "params", "--proxy", "snip", "--format", format,
        ];
        crate::support::command(folder.path())
            .args(arguments)
            .output()
            .unwrap()
    };
    let csv = String::from_utf8(score("csv").stdout).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "id,params,snip");
    assert_eq!(lines.len(), 4);
    assert!(lines[1].starts_with("0,") && lines[3].starts_with("2,"));
    let json: serde_json::Value = serde_json::from_slice(&score("json").stdout).unwrap();
    let snip = json["rows"][0]["scores"]["snip"].as_f64().unwrap();
    assert!(
        snip > 0.0 && lines[1].ends_with(&snip.to_string()),
        "{} {snip}",
        lines[1]
    );
    let parquet = score("parquet").stdout;
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
}

#[test]
fn single_architectures_are_scored_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let records = benchmark(1);
    let config = folder.path().join("encoder.json");
    let overrides = &records[0]["hparams"]["model_hparam_overrides"];
    std::fs::write(&config, overrides.to_string()).unwrap();
    let run = lpzero(
        folder.path(),
        &[
            "score",
            config.to_str().unwrap(),
            "--proxy",
            "sum(l2(G))",
            "--format",
            "csv",
        ],
    );
    assert_eq!(run.status, 0, "{}", run.stderr);
    let score: f64 = run
        .stdout
        .lines()
        .nth(1)
        .unwrap()
        .rsplit(',')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(score.is_finite() && score > 0.0);
}

#[test]
fn a_formula_may_begin_with_a_minus_sign() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(12));
    let formula = "-layers";
    let json = lpzero(
        folder.path(),
        &["rank", "--truth", &path, "--proxy", formula, "--json"],
    )
    .json();
    assert!(json["rows"][0]["tau"].as_f64().unwrap() < 0.0);
    assert_eq!(lpzero(folder.path(), &["proxies", formula]).status, 0);
}

#[test]
fn the_baselines_of_flexibert_are_those_measured_elsewhere() {
    let Some(truth) = published("flexibert/BERT_benchmark.json") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "truth",
        "show",
        "--truth",
        truth.to_str().unwrap(),
        "--json",
    ];
    let json = lpzero(folder.path(), &arguments).json();
    assert_eq!(json["n"], 500);
    assert_eq!(json["different_networks"], 301);
    let baselines = json["baselines"].as_array().unwrap();
    let row = |name: &str| {
        baselines
            .iter()
            .find(|row| row["baseline"] == name)
            .unwrap()
    };
    for (name, tau, rho) in [("depth", 0.682, 0.834), ("depth^2 x width", 0.801, 0.925)] {
        assert!(
            (row(name)["tau"].as_f64().unwrap() - tau).abs() < 5e-4,
            "{name}"
        );
        assert!(
            (row(name)["rho"].as_f64().unwrap() - rho).abs() < 5e-4,
            "{name}"
        );
    }
}

#[test]
fn params_of_the_reference_reading_equal_the_released_count() {
    let Some(truth) = published("flexibert/BERT_benchmark.json") else {
        return;
    };
    let Some(released) = published("flexibert/reference_proxies.csv") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let run = lpzero(
        folder.path(),
        &[
            "score",
            "--truth",
            truth.to_str().unwrap(),
            "--reading",
            "reference",
            "--proxy",
            "params",
            "--format",
            "csv",
        ],
    );
    assert_eq!(run.status, 0, "{}", run.stderr);
    let released = std::fs::read_to_string(released).unwrap();
    let column = released
        .lines()
        .next()
        .unwrap()
        .split(',')
        .position(|c| c == "Number of Parameters");
    let expected: Vec<String> = released
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!("{},{}", cells[0], cells[column.unwrap()])
        })
        .collect();
    let scored: Vec<&str> = run.stdout.lines().skip(1).collect();
    assert_eq!(scored.len(), 500);
    assert_eq!(scored, expected);
}

#[test]
fn a_table_of_ones_own_is_a_ground_truth() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from("architecture,loss,seconds\n");
    for i in 0..8 {
        let layers = 1 + i % 4;
        let config = format!(
            r#"{{"model_type": "gpt2", "n_layer": {layers}, "n_head": 2, "n_embd": {}, "n_positions": 64, "vocab_size": 200}}"#,
            16 * (1 + i / 4)
        );
        text += &format!("\"{}\",{},{i}\n", config.replace('"', "\"\""), 9 - layers);
    }
    let path = folder.path().join("mine.csv");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let ambiguous = lpzero(folder.path(), &["rank", "--truth", path]);
    assert_eq!(ambiguous.status, 2);
    assert!(
        ambiguous.stderr.contains("loss or seconds"),
        "{}",
        ambiguous.stderr
    );
    let chosen = [
        "--truth",
        path,
        "--score-column",
        "loss",
        "--lower-is-better",
    ];
    let proxies = [
        "rank",
        "--proxy",
        "layers",
        "--proxy",
        "grad_norm",
        "--json",
    ];
    let json = lpzero(folder.path(), &[&proxies[..], &chosen].concat()).json();
    assert_eq!(
        (&json["n"], &json["rows"][0]["tau"]),
        (&8.into(), &1.0.into())
    );
    let show = [&["truth", "show", "--json"][..], &chosen].concat();
    assert_eq!(lpzero(folder.path(), &show).json()["metric"], "loss");
}
