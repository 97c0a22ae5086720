//! `lpzero search`: what it finds, reports and keeps.
use crate::benchmark::{benchmark, write_benchmark};
use crate::support::lpzero;

#[test]
fn a_search_finds_what_the_scores_were_made_of_and_reports_it_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(40));
    let run = lpzero(
        folder.path(),
        &[
            "search", "--truth", &path, "--split", "16/8", "--budget", "300", "--json",
        ],
    );
    let json = run.json();
    assert!(
        run.stderr.is_empty(),
        "progress belongs on a terminal: {}",
        run.stderr
    );
    assert_eq!(json["n"], 40);
    assert_eq!(json["method"], "gp");
    assert_eq!(json["seed"], 0);
    for part in ["search", "validation", "test"] {
        assert!(json[part]["tau"].is_number(), "{part}: {json}");
        assert!(json[part]["rho"].is_number(), "{part}: {json}");
    }
    assert_eq!(json["test"]["n"], 16);
    assert_eq!(json["test"]["tau_ci"].as_array().unwrap().len(), 2);
    assert!(json["test"]["tau"].as_f64().unwrap() > 0.8, "{json}");
    assert!(json["best"]["formula"].is_string());
    assert!(json["best"]["canonical"].is_string());
    assert!(json["best"]["complexity"].is_number());
    assert!(!json["front"].as_array().unwrap().is_empty());
    for count in ["generated", "canonical", "evaluated"] {
        assert!(json["counts"][count].as_u64().unwrap() > 0, "{count}");
    }
    assert!(json["counts"]["pruned"].is_object());
    for part in ["trace", "search", "total"] {
        assert!(json["seconds"][part].is_number(), "{part}");
    }
}

#[test]
fn several_ground_truths_are_searched_together() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| {
        let below = folder.path().join(name);
        std::fs::create_dir(&below).unwrap();
        let n = if name == "first" { 30 } else { 24 };
        write_benchmark(&below, &benchmark(n))
    });
    let search = |more: &[&str]| {
        let arguments = ["search", "--truth", &first, "--truth", &second, "--json"];
        lpzero(folder.path(), &[&arguments, more].concat())
    };
    let json = search(&["--split", "12/8", "--split", "10/6", "--budget", "200"]).json();
    assert_eq!(json["truth"], "flexibert + flexibert");
    assert_eq!(json["n"], 54);
    let truths = json["truths"].as_array().unwrap();
    let sizes: Vec<_> = truths
        .iter()
        .map(|on| [&on["n"], &on["test"]["n"]])
        .collect();
    assert_eq!(sizes, [[30, 10], [24, 8]]);
    let tau = |on: &serde_json::Value| on["test"]["tau"].as_f64().unwrap();
    assert_eq!(tau(&json), tau(&truths[0]).min(tau(&truths[1])));

    let wrong = search(&["--split", "12/8", "--split", "10/6", "--split", "10/6"]);
    assert_eq!(wrong.status, 2);
    assert!(
        wrong.stderr.contains("--split: given 3 times"),
        "{}",
        wrong.stderr
    );
    let wrong = search(&["--method", "exhaustive"]);
    assert_eq!(wrong.status, 2);
    assert!(
        wrong.stderr.contains("one ground truth"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn a_template_confines_a_search() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(30));
    let search = |template: &str, more: &[&str]| {
        let arguments = ["search", "--truth", &path, "--split", "12/8", "--json"];
        let template = ["--template", template, "--budget", "200"];
        lpzero(folder.path(), &[&arguments[..], &template, more].concat())
    };
    for method in ["gp", "random"] {
        let json = search("sum[ffn](?(D)) / layers ^ ?", &["--method", method]).json();
        // Which way up, and a power of the whole, make no other ranking.
        for member in json["front"].as_array().unwrap() {
            let formula = member["formula"].as_str().unwrap();
            assert!(
                formula.contains("[ffn]") && formula.contains('D'),
                "{formula}"
            );
            assert!(
                !formula.contains('A') && !formula.contains("[attn]"),
                "{formula}"
            );
        }
    }
    for (template, part) in [
        ("sum(l1(D))", "at least one hole"),
        ("sum(?(D", "closing bracket"),
        ("sum(l1(W + A)) ^ ?", "can be filled"),
    ] {
        let wrong = search(template, &[]);
        assert_eq!(wrong.status, 2, "{}", wrong.stderr);
        assert!(wrong.stderr.contains(part), "{}", wrong.stderr);
    }
    assert_eq!(search("?", &["--grammar", "paper"]).status, 2);
}

#[test]
fn a_search_starts_from_the_front_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(30));
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let search = |out: &std::path::Path, from: &str, budget: &str| {
        let arguments = ["search", "--truth", &path, "--split", "12/8", "--json"];
        let out = ["--out", out.to_str().unwrap()];
        let more = ["--budget", budget, "--from", from];
        lpzero(folder.path(), &[&arguments[..], &out, &more].concat())
    };
    let report = search(&first, "snip", "300").json();
    // A search of one batch knows little more than what it started from.
    let again = search(&second, first.to_str().unwrap(), "1").json();
    let configuration = std::fs::read_to_string(second.join("configuration.json")).unwrap();
    let configuration: serde_json::Value = serde_json::from_str(&configuration).unwrap();
    let front = report["front"].as_array().unwrap().iter();
    let front: Vec<_> = front.map(|member| member["formula"].clone()).collect();
    assert_eq!(configuration["from"].as_array().unwrap(), &front);
    let strongest = |json: &serde_json::Value| {
        let front = json["front"].as_array().unwrap();
        front.last().unwrap()["search"]["rho"].as_f64().unwrap()
    };
    assert!(strongest(&again) >= strongest(&report) - 1e-12);

    let third = folder.path().join("third");
    let wrong = search(&third, folder.path().to_str().unwrap(), "1");
    assert_eq!(wrong.status, 2);
    assert!(
        wrong.stderr.contains("the folder of a search"),
        "{}",
        wrong.stderr
    );
    assert!(!third.exists());
}

#[test]
fn the_same_seed_gives_the_same_report_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(20));
    let report = |threads: &str, method: &str| {
        let run = lpzero(
            folder.path(),
            &[
                "search",
                "--truth",
                &path,
                "--split",
                "8/4",
                "--budget",
                "100",
                "--json",
                "--no-cache",
                "--seed",
                "3",
                "--threads",
                threads,
                "--method",
                method,
            ],
        );
        let mut json = run.json();
        json["seconds"] = serde_json::Value::Null;
        json
    };
    for method in ["gp", "random"] {
        assert_eq!(report("1", method), report("2", method));
    }
}

#[test]
fn a_run_folder_holds_configuration_and_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(40));
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let arguments = [
        "search", "--truth", &path, "--split", "16/8", "--budget", "100", "--json", "--out", out,
    ];
    let first = lpzero(folder.path(), &arguments).json();
    let report = std::fs::read_to_string(format!("{out}/report.json")).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&report).unwrap(),
        first
    );
    assert_eq!(
        lpzero(folder.path(), &arguments).status,
        2,
        "a run is never overwritten"
    );

    // A run whose report is missing was interrupted: resumed, it ends the same.
    std::fs::remove_file(format!("{out}/report.json")).unwrap();
    let mut resumed = lpzero(folder.path(), &["search", "--resume", out, "--json"]).json();
    resumed["seconds"] = first["seconds"].clone();
    assert_eq!(resumed, first);
    assert_eq!(
        lpzero(folder.path(), &["search", "--resume", out]).status,
        2
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_says_how_to_continue_and_does_not_look_at_the_test_split() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(40));
    let out = folder.path().join("run");
    let child = crate::support::command(folder.path())
        .args(["search", "--truth", &path, "--split", "16/8", "--json"])
        .args(["--budget", "1000000000", "--out", out.to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The folder is made before anything else, the handler before the folder.
    while !out.join("configuration.json").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let run = crate::support::finished(&child.wait_with_output().unwrap());
    assert_eq!(run.status, 130, "{}", run.stderr);
    assert_eq!(run.stdout, "");
    let hint = format!("search --resume {}", out.display());
    assert!(run.stderr.contains(&hint), "{}", run.stderr);
    assert!(out.join("configuration.json").exists() && !out.join("report.json").exists());
}

#[test]
fn a_finished_run_is_kept_when_nobody_reads_its_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(40));
    let out = folder.path().join("run");
    let mut child = crate::support::command(folder.path())
        .args([
            "search", "--truth", &path, "--split", "16/8", "--budget", "50",
        ])
        .args(["--out", out.to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    assert!(out.join("configuration.json").exists() && out.join("report.json").exists());
}
