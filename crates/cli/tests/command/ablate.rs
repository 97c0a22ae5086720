//! `lpzero ablate`: one thing changed at a time.
use std::fs;

use crate::benchmark::{benchmark, write_benchmark};
use crate::support::{lpzero, records};
use lpzero::language::{Node, parse};

#[test]
fn an_ablation_can_be_continued() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(16));
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    let line = [
        "ablate", "split", "--out", out, "--json", "--truth", &path, "--split", "8/4", "--seeds",
        "2", "--budget", "30",
    ];
    let json = lpzero(folder.path(), &line).json();
    let rows = json["rows"].as_array().unwrap();
    let variants: Vec<_> = rows
        .iter()
        .map(|row| row["variant"].as_str().unwrap())
        .collect();
    assert_eq!(variants, ["8", "4", "2"]);
    assert!(rows.iter().all(|row| row["seeds"] == 2), "{json}");
    assert_eq!(rows[0]["difference"], 0.0);

    // Files for documents, spreadsheets and eyes.
    for name in ["split.csv", "split.md", "split.svg", "report.json"] {
        let text = fs::read_to_string(folder.path().join("out").join(name)).unwrap();
        assert!(text.len() > 100, "{name}");
    }

    // With half of its searches, the next one torn, it ends with the same report.
    let journal = folder.path().join("out/journal/main");
    let whole = fs::read(&journal).unwrap();
    let fourth = records(&journal)[3];
    fs::write(&journal, &whole[..fourth + 20]).unwrap();
    let again = lpzero(folder.path(), &["ablate", "--resume", out, "--json"]);
    let said = &again.stderr;
    assert!(said.contains("not written to its end"), "{said}");
    assert!(said.contains("continuing after 3 searches"), "{said}");
    let again = again.json();
    for (a, b) in rows.iter().zip(again["rows"].as_array().unwrap()) {
        for key in [
            "axis",
            "variant",
            "test_tau",
            "difference",
            "evaluated",
            "pruned",
        ] {
            assert_eq!(a[key], b[key], "{key}");
        }
    }
}

#[test]
fn what_is_withheld_is_not_in_the_formula() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(16));
    let line = [
        "ablate", "inputs", "--json", "--truth", &path, "--split", "8/4", "--seeds", "1",
        "--budget", "20",
    ];
    let json = lpzero(folder.path(), &line).json();
    let searches = json["searches"].as_array().unwrap();
    assert_eq!(searches.len(), 11);
    for search in searches {
        let formula = parse(search["formula"].as_str().unwrap()).unwrap();
        let (mut scalars, symbols) = (0, formula.symbols());
        formula.walk(&mut |node| scalars += usize::from(matches!(node, Node::Scalar(_))));
        match search["variant"].as_str().unwrap() {
            "all" => {}
            "scalars only" => assert!(symbols.is_empty(), "{formula}"),
            "no scalars" => assert!(scalars == 0 && !symbols.is_empty(), "{formula}"),
            without => {
                let symbol = without.strip_prefix("no ").unwrap();
                let names = symbols.iter().map(|symbol| format!("{symbol:?}"));
                assert!(names.into_iter().all(|name| name != symbol), "{formula}");
            }
        }
    }
}

#[test]
fn wrong_ablations_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(12));
    let wrong = |arguments: &[&str], words: &str| {
        let run = lpzero(folder.path(), arguments);
        assert_eq!(run.status, 2, "{}", run.stderr);
        assert!(run.stderr.contains(words), "{}", run.stderr);
    };
    wrong(&["ablate", "colour"], "possible values: unary, population");
    wrong(&["ablate", "--truth", &path, "--split", "12/6"], "12");
    let nowhere = folder.path().join("nowhere");
    wrong(
        &["ablate", "--resume", nowhere.to_str().unwrap()],
        "nowhere",
    );
}
