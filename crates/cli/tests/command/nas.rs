//! `lpzero nas`: on the small space `tiny`, which is scored in milliseconds.
use std::collections::HashSet;
use std::fs;
use std::path::Path;

use crate::support::{interrupted, lpzero};
use lpzero::arch::{Reading, Space, read_architecture};

const QUICK: &str = "--budget 40 --population 12 --batch 2 --positions 16 --quiet";

fn nas(folder: &Path, line: &str) -> crate::support::Run {
    let line = format!("nas {line}");
    lpzero(folder, &line.split(' ').collect::<Vec<_>>())
}

/// The report of a finished search, without its time.
fn report(run: &Path) -> serde_json::Value {
    let text = fs::read_to_string(run.join("report.json")).unwrap();
    let mut report: serde_json::Value = serde_json::from_str(&text).unwrap();
    report.as_object_mut().unwrap().remove("seconds").unwrap();
    report
}

#[test]
fn what_serving_takes_can_be_bounded_and_traded_for() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let options = "--cost serving --max-serving 400kB --serve 4x64";
    let line = format!("{options} --out {} --json {QUICK}", run.display());
    let printed = nas(folder.path(), &line).json();
    let front = printed["front"].as_array().unwrap();
    assert!(!front.is_empty());
    for member in front {
        let file = run.join(member["file"].as_str().unwrap());
        let network = read_architecture(&file, Reading::default()).unwrap();
        // Keys and values of 4 x 64 tokens, as wide as the network in each block.
        let cache = 4 * 64 * 2 * network.width * network.blocks.len();
        let bytes = 2.0 * (network.parameters().total() as f64 + cache as f64);
        assert_eq!(member["serving"].as_f64(), Some(bytes));
        assert!(bytes <= 400_000.0);
    }
    let table = nas(folder.path(), &format!("{options} {QUICK}"));
    assert!(table.stdout.contains(" serving "), "{}", table.stdout);
    let wrong = nas(folder.path(), &format!("--serve 4 {QUICK}"));
    assert!(
        wrong.status == 2 && wrong.stderr.contains("8x4096"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn the_front_is_written_and_keeps_to_the_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let line = format!(
        "--max-params 60k --min-params 10000 --max-flops 1.5M --max-memory 1M --out {} --json {QUICK}",
        run.display()
    );
    let printed = nas(folder.path(), &line).json();
    assert_eq!(printed["evaluated"], 40);
    assert_eq!(
        printed["bounds"]["params"],
        serde_json::json!([10000.0, 60000.0])
    );
    let front = printed["front"].as_array().unwrap();
    assert!(front.len() > 2);
    let mut last = (f64::NEG_INFINITY, 0.0);
    for member in front {
        let number = |key: &str| member[key].as_f64().unwrap();
        assert!((1e4..=6e4).contains(&number("params")) && number("flops") <= 1.5e6);
        assert!(number("memory") <= 1e6);
        for key in ["params", "decoder_params", "flops", "memory"] {
            assert_eq!(member["recount"][key].as_f64(), member[key].as_f64());
        }
        // By increasing cost, and so by increasing score.
        assert!(number("score") > last.0 && number("params") > last.1);
        last = (number("score"), number("params"));
        let file = run.join(member["file"].as_str().unwrap());
        let architecture = read_architecture(&file, Reading::default()).unwrap();
        assert_eq!(architecture.parameters().total() as f64, number("params"));
    }
    // What `score` says of a file is what the search said.
    let file = run.join(front[0]["file"].as_str().unwrap());
    let line = format!("score {} --batch 2 --positions 16 --json", file.display());
    let scored = lpzero(folder.path(), &line.split(' ').collect::<Vec<_>>());
    assert!(
        scored.stdout.contains(&front[0]["score"].to_string()),
        "{} {}",
        scored.stdout,
        front[0]["score"]
    );
    let choices = front[0]["choices"].as_object().unwrap();
    let names: Vec<_> = choices.keys().collect();
    assert_eq!(names, ["blocks", "width", "heads", "feed_forward"]);
    let table = fs::read_to_string(run.join("front.csv")).unwrap();
    assert_eq!(table.lines().count(), front.len() + 1);
    assert!(table.starts_with("id,score,params,decoder_params,flops,memory,"));
    let evaluated = fs::read_to_string(run.join("evaluated.csv")).unwrap();
    let ids: HashSet<&str> = evaluated
        .lines()
        .map(|l| l.split(',').next().unwrap())
        .collect();
    assert_eq!(ids.len(), 41);
    let svg = fs::read_to_string(run.join("front.svg")).unwrap();
    assert_eq!(svg.matches("<circle").count(), 40 + front.len());
    let again = nas(folder.path(), &format!("--resume {}", run.display()));
    assert_eq!(again.status, 2);
    assert!(again.stderr.contains("is finished"), "{}", again.stderr);
}

#[test]
fn the_same_on_any_number_of_threads_and_after_an_interruption() {
    let folder = tempfile::tempdir().unwrap();
    for method in ["nsga2", "evolution", "random"] {
        let line = |run: &Path, threads: &str| {
            format!(
                "--method {method} --seed 7 --budget 150 --population 12 --batch 4 --positions 32 \
                 --quiet --threads {threads} --out {}",
                run.display()
            )
        };
        let whole = folder.path().join(format!("{method}-whole"));
        assert_eq!(nas(folder.path(), &line(&whole, "2")).status, 0);

        let stopped = folder.path().join(format!("{method}-stopped"));
        let journal = stopped.join("journal/main");
        let recorded = || fs::metadata(&journal).map_or(0, |file| file.len()) > 1500;
        let run = interrupted(
            folder.path(),
            &format!("nas {}", line(&stopped, "1")),
            recorded,
        );
        assert_eq!(run.status, 130, "{}", run.stderr);
        assert!(run.stderr.contains("nas --resume"), "{}", run.stderr);
        // A torn last record, as a machine that goes down leaves it.
        let text = fs::read(&journal).unwrap();
        fs::write(&journal, &text[..text.len() - 5]).unwrap();
        let resumed = nas(folder.path(), &format!("--resume {}", stopped.display()));
        assert_eq!(resumed.status, 0, "{}", resumed.stderr);
        assert!(resumed.stderr.contains("warning"), "{}", resumed.stderr);
        assert_eq!(report(&stopped), report(&whole), "{method}");
        for file in ["front.csv", "evaluated.csv", "front.svg"] {
            let read = |run: &Path| fs::read_to_string(run.join(file)).unwrap();
            assert_eq!(read(&stopped), read(&whole), "{method} {file}");
        }
    }
}

#[test]
fn counts_alone_need_no_network_and_latency_is_measured_twice() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("--proxy depth2_width --cost latency --max-latency 10s --json {QUICK}");
    let found = nas(folder.path(), &line).json();
    let front = found["front"].as_array().unwrap();
    assert!(!front.is_empty());
    for member in front {
        for key in ["latency", "latency_again"] {
            assert!(member[key].as_f64().unwrap() > 0.0);
        }
    }
}

#[test]
fn a_space_and_a_table_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let space = folder.path().join("space.yaml");
    let text = "
format: lpzero-space
version: 1
space:
  name: mine
  blocks: [1, 2, 3]
  variables:
    - {name: heads, choices: [2, 4]}
    - {name: hidden, per: block, choices: {from: 16, to: 64, step: 16}}
  template:
    model_type: hf_gpt2_flex
    n_token: 60
    tgt_len: 32
    cutoffs: [20, 40]
    tie_projs: [false, true, true]
    d_model: 16
    d_embed: 24
    div_val: 2
    n_layer: $blocks
    n_head: $heads
    d_inner: {$each: $hidden}
";
    fs::write(&space, text).unwrap();
    let table = folder.path().join("table.csv");
    let rows = "variable,value,cost\nhidden,16,1\nhidden,32,2.5\nhidden,48,4\nhidden,64,5\n";
    fs::write(&table, rows).unwrap();
    let line = format!(
        "--space {} --table {} --cost table --max-table 7 --json {QUICK}",
        space.display(),
        table.display()
    );
    let found = nas(folder.path(), &line).json();
    let front = found["front"].as_array().unwrap();
    assert!(!front.is_empty());
    assert!(
        front
            .iter()
            .all(|member| member["table"].as_f64().unwrap() <= 7.0)
    );
}

#[test]
fn wrong_input_is_explained_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (_, tiny) = lpzero::arch::space::BUILT_IN[0];
    let misspelt = file("misspelt.json", &tiny.replace("\"$heads\"", "\"$hats\""));
    let broken = file("broken.json", &tiny[..tiny.len() / 2]);
    let other = file("other.json", "{\"format\": \"lpzero-architecture\"}");
    let never = file("never.json", &tiny.replace("[1, 2, 4, 8]", "[7]"));
    let table = file("table.csv", "variable,value,cost\nheads,3,1\n");
    let huge = tiny.replace("[16, 24, 32, 40, 48, 64]", "[40000]");
    let huge = file("huge.json", &huge.replace("[1, 2, 3, 4, 6, 8]", "[1]"));
    for (line, expected) in [
        ("--space tinny".to_owned(), "--space"),
        (
            format!("--space {misspelt}"),
            "attention.heads: expected one of $width",
        ),
        (format!("--space {broken}"), "not valid JSON"),
        (
            format!("--space {other}"),
            "format: expected \"lpzero-space\"",
        ),
        (
            format!("--space {never}"),
            "none of 1000 random choices is an architecture",
        ),
        (
            format!("--table {table}"),
            "line 2: value \"3\": expected a choice of heads: 1, 2, 4, 8",
        ),
        ("--cost table".to_owned(), "expected --table FILE"),
        (
            "--max-params 100".to_owned(),
            "closest has params 4536, more than 100",
        ),
        (
            "--min-params 2M --max-params 1M".to_owned(),
            "expected no more than",
        ),
        (
            "--population 1".to_owned(),
            "--population 1: expected between 4",
        ),
        ("--positions 100".to_owned(), "positions"),
        ("--proxy nonsense(".to_owned(), "nonsense"),
        (
            format!("--proxy params --space {huge}"),
            "bound the search by --max-params",
        ),
    ] {
        let line = format!("{line} --budget 8 --out {}", run.display());
        let wrong = nas(folder.path(), &line);
        assert_eq!(wrong.status, 2, "{line}: {}", wrong.stderr);
        assert!(wrong.stderr.contains(expected), "{line}: {}", wrong.stderr);
        assert!(!run.exists(), "{line}");
    }
    // What was measured is not thrown away.
    let line = format!("--max-latency 1us --budget 8 --out {}", run.display());
    let wrong = nas(folder.path(), &line);
    assert_eq!(wrong.status, 2, "{}", wrong.stderr);
    for part in ["more than 0.000001", "what is recorded is kept"] {
        assert!(wrong.stderr.contains(part), "{}", wrong.stderr);
    }
    assert!(run.join("journal/main").exists());
    fs::remove_dir_all(&run).unwrap();
    // A journal of another search.
    let line = format!("--out {} {QUICK}", run.display());
    assert_eq!(nas(folder.path(), &line).status, 0);
    fs::remove_file(run.join("report.json")).unwrap();
    let configuration = run.join("configuration.json");
    let text = fs::read_to_string(&configuration).unwrap();
    fs::write(&configuration, text.replace("\"seed\": 0", "\"seed\": 1")).unwrap();
    let wrong = nas(folder.path(), &format!("--resume {}", run.display()));
    assert_eq!(wrong.status, 2, "{}", wrong.stderr);
    assert!(
        wrong.stderr.contains("of a search with other inputs"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn the_ground_truth_tiny_was_drawn_from_the_space_tiny() {
    let space = Space::read("tiny".as_ref()).unwrap();
    let mut all = HashSet::new();
    for &blocks in &space.blocks {
        for choice in 0..6 * 4 * 4 {
            let genotype = lpzero::arch::Genotype {
                network: vec![choice / 16, choice / 4 % 4, choice % 4],
                blocks: vec![vec![]; blocks],
            };
            let architecture = space.architecture(&genotype).unwrap();
            all.insert(serde_json::to_string(&architecture).unwrap());
        }
    }
    let truth = lpzero::truth::embedded("tiny").unwrap().read().unwrap();
    for entry in &truth.entries {
        let text = serde_json::to_string(&entry.architecture).unwrap();
        assert!(all.contains(&text), "{}", entry.id);
    }
}
