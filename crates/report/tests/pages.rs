//! Pages of documents as runs leave them, and as nobody should.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use lpzero_report::{Error, Kind, Page, Part, Run};
use serde_json::{Value, json};

fn search() -> Value {
    json!({
        "truth": "small", "n": 90, "method": "gp", "fitness": "same-size", "seed": 3,
        "best": {"formula": "sum[ffn](l1(G)) / params", "canonical": "x", "complexity": 5},
        "front": [
            {"formula": "params", "complexity": 1, "search": {"same_size": 0.6, "tau": 0.5}, "validation": {"same_size": 0.55, "tau": 0.5}},
            {"formula": "sum[ffn](l1(G)) / params", "complexity": 5, "search": {"same_size": 0.8, "tau": 0.7}, "validation": {"same_size": 0.75, "tau": 0.6}},
        ],
        "search": {}, "validation": {},
        "test": {
            "n": 30, "tau": 0.7, "tau_ci": [0.6, 0.8], "same_size": 0.79, "same_size_ci": [0.62, 0.93],
            "tau_within_group": {"2x32": 0.5, "4x64": null},
            "baselines": [
                {"name": "#Params", "tau": 0.5, "same_size": 0.41, "same_size_ci": [0.3, 0.6], "difference": 0.2, "difference_ci": [0.1, 0.3]},
                {"name": "depth", "tau": 0.1, "same_size": 0.25, "same_size_ci": [0.2, 0.3]},
            ],
        },
        "counts": {"generated": 100, "canonical": 90, "evaluated": 80, "pruned": {"constant": 3}},
        "seconds": {"trace": 1.0, "search": 2.0, "total": 3.0},
    })
}

fn page(document: &Value) -> Page {
    Page::new(&[Run::of_document("run", &document.to_string()).unwrap()])
}

#[test]
fn the_verdict_says_how_good_and_whether_a_count_does_as_well() {
    let verdict = page(&search()).sections[0].verdict.clone();
    assert_eq!(
        verdict,
        "On the test split, which took no part, the formula orders 79 % of the pairs of like size \
         right (95 % interval 62 to 93 %); the best count, #Params, orders 41 % (95 % interval 30 \
         to 60 %): the intervals do not meet."
    );
    // What was held out is worth more than a split.
    let mut document = search();
    document["held_out"] = json!([{"truth": "other", "n": 40, "same_size": 0.5, "same_size_ci": [0.4, 0.6],
        "counts": {"same_size": 0.55, "same_size_ci": [0.45, 0.65]}}]);
    let verdict = page(&document).sections[0].verdict.clone();
    assert!(
        verdict.starts_with("On other, which took no part, the formula orders 50 %"),
        "{verdict}"
    );
    assert!(
        verdict.contains("the best formula of counts") && verdict.contains("no proof"),
        "{verdict}"
    );
}

#[test]
fn every_picture_has_its_tables_and_stands_without_scripts() {
    let page = page(&search());
    let section = &page.sections[0];
    let known: Vec<&str> = section.tables().map(|table| &table.id[..]).collect();
    assert!(section.figures().count() >= 3);
    for figure in section.figures() {
        assert!(
            figure
                .tables
                .iter()
                .all(|table| known.contains(&&table[..])),
            "{}",
            figure.id
        );
        assert!(
            figure.svg.starts_with("<svg") && figure.svg.contains("<circle"),
            "{}",
            figure.id
        );
        // Every field that is drawn is a column.
        let columns: Vec<String> = section
            .tables()
            .filter(|table| figure.tables.contains(&table.id))
            .flat_map(|table| table.data()["columns"].as_array().unwrap().clone())
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        for field in fields(&figure.spec) {
            let drawn = field == "at" || columns.contains(&field);
            assert!(drawn, "{}: {field} is none of {columns:?}", figure.id);
        }
    }
    for (title, spec) in page.specifications() {
        let datasets = spec["datasets"].as_object().unwrap();
        assert!(
            datasets
                .values()
                .all(|rows| !rows.as_array().unwrap().is_empty()),
            "{title}"
        );
    }
}

/// Every `field` of a specification.
fn fields(spec: &Value) -> Vec<String> {
    match spec {
        Value::Object(object) => object
            .iter()
            .flat_map(|(key, value)| match (&key[..], value) {
                ("field", Value::String(field)) => vec![field.clone()],
                ("datasets", _) => Vec::new(),
                _ => fields(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(fields).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn what_a_document_says_is_shown_and_never_obeyed() {
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'";
    let mut document = search();
    for place in ["truth", "method"] {
        document[place] = json!(hostile);
    }
    document["best"]["formula"] = json!(hostile);
    document["front"][0]["formula"] = json!(hostile);
    document["test"]["baselines"][0]["name"] = json!(hostile);
    document["points"] = json!({"truth": hostile, "rows": [{"id": hostile, "part": hostile, "size": 1e6, "trained": 1, "score": 2}]});
    document["provenance"] = json!({"command": hostile});
    let html = page(&document).to_html();
    assert!(
        !html.contains("<script>alert") && !html.contains("<img src=x"),
        "a text is an element"
    );
    // Four scripts run, and one element is data.
    assert_eq!(html.matches("<script").count(), 5);
    assert!(html.contains("&#60;img") || html.contains("&lt;img"));
}

#[test]
fn a_document_of_the_wrong_types_is_a_page_of_little() {
    for wrong in [
        json!(null),
        json!(7),
        json!("x"),
        json!([]),
        json!({}),
        json!([[1], {"a": null}]),
    ] {
        let documents = [
            json!({"best": wrong, "front": wrong, "counts": wrong, "test": wrong, "held_out": wrong, "truths": wrong, "points": wrong, "history": wrong}),
            json!({"truth": wrong, "rows": wrong, "n": wrong, "points": wrong}),
            json!({"space": wrong, "front": wrong, "combinations": wrong, "cost": wrong}),
            json!({"responses": wrong, "findings": wrong, "ceiling": wrong, "suspects": wrong}),
            json!({"validation_loss": wrong, "steps": wrong, "parameters": wrong}),
            json!({"rows": wrong, "searches": wrong}),
        ];
        for document in documents {
            let html = page(&document).to_html();
            assert!(
                html.ends_with("</html>\n") || html.ends_with("</html>"),
                "{document}"
            );
        }
    }
    assert!(matches!(
        Run::of_document("x", "{}"),
        Err(Error::Document { .. })
    ));
    assert!(matches!(
        Run::of_document("x", "not json"),
        Err(Error::Document { .. })
    ));
}

#[test]
fn a_folder_is_read_with_what_lies_beside_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let missing = Run::read(folder.path());
    assert!(matches!(missing, Err(Error::Read { .. })));
    write("report.json", &json!({
        "space": "s", "combinations": 8.0, "method": "nsga2", "proxy": "params", "formula": "params",
        "cost": "params", "evaluated": 3,
        "front": [
            {"id": "a1", "score": 1.0, "params": 1000.0, "choices": {"width": "16", "depth": "2"}},
            {"id": "../../etc/passwd", "score": 2.0, "params": 2000.0, "choices": {"width": "32", "depth": "2"}},
        ],
    }).to_string());
    write(
        "evaluated.csv",
        "id,score,params\na1,1,1000\nb2,0.5,1500\nc3,2,2000\ntorn",
    );
    write(
        "provenance.json",
        r#"{"command": "lpzero nas --out 'a b'"}"#,
    );
    fs::create_dir(folder.path().join("architectures")).unwrap();
    write(
        "architectures/a1.json",
        r#"{"format": "lpzero-architecture"}"#,
    );
    let run = Run::read(folder.path()).unwrap();
    assert_eq!(run.kind, Kind::Nas);
    // A name leads nowhere else.
    assert_eq!(run.architectures.len(), 1);
    let page = Page::new(&[run]);
    let section = &page.sections[0];
    assert!(
        section
            .verdict
            .starts_with("Of 3 shapes that were scored, out of 8, 2 are on the front"),
        "{}",
        section.verdict
    );
    let all = section
        .tables()
        .find(|table| table.id.ends_with("evaluated"))
        .unwrap();
    assert_eq!(all.rows.len(), 4);
    // What all of the front have in common tells nothing.
    let choices = section
        .tables()
        .find(|table| table.id.ends_with("choices"))
        .unwrap();
    assert_eq!(choices.texts("choice"), ["width", "width"]);
    assert!(
        section
            .provenance
            .iter()
            .any(|(key, value)| key == "command" && value.ends_with("'a b'"))
    );
}

#[test]
fn runs_stand_side_by_side() {
    let row = |proxy: &str, share: f64, network: bool| {
        json!({"proxy": proxy, "formula": "params", "same_size": share,
        "same_size_ci": [share - 0.1, share + 0.1], "tau": share, "needs_network": network})
    };
    let ranking = json!({"truth": "t", "n": 9, "rows": [row("b", 0.6, false), row("a", 0.9, true), row("c", 0.7, false)]});
    let runs =
        [search(), ranking].map(|document| Run::of_document("run", &document.to_string()).unwrap());
    let page = Page::new(&runs);
    let (_, table) = page.together.as_ref().unwrap();
    assert_eq!(table.texts("kind"), ["found", "best proxy", "best count"]);
    assert_eq!(table.numbers("estimate"), [0.79, 0.9, 0.7]);
    let verdict = &page.sections[1].verdict;
    assert!(
        verdict.contains("a orders most pairs") && verdict.contains("best count, c, 70 %"),
        "{verdict}"
    );
    assert!(Page::new(&runs[..1]).together.is_none());
    // Best first.
    let proxies = page.sections[1].parts.iter().find_map(|part| match part {
        Part::Table(table) if table.id.ends_with("proxies") => Some(table.texts("name")),
        _ => None,
    });
    assert_eq!(proxies.unwrap(), ["a", "c", "b"]);
}

#[test]
fn a_page_of_many_points_is_below_two_megabytes() {
    let rows: Vec<Value> = (0..20_000).map(|i| json!({"id": format!("architecture-{i:08}"), "part": "test",
        "size": 1e6 + f64::from(i) * 1234.5678, "trained": f64::from(i).sin(), "score": f64::from(i).cos()})).collect();
    let mut document = search();
    document["points"] = json!({"truth": "many", "tolerance": 0.05, "rows": rows});
    let html = page(&document).to_html();
    assert!(html.len() < 2_000_000, "{}", html.len());
}

#[test]
fn nothing_is_read_that_is_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.json");
    fs::write(&file, "{\"hello\": 1}").unwrap();
    let error = Run::read(&file).unwrap_err().to_string();
    assert!(
        error.contains("not the document of a run") && error.contains("expected"),
        "{error}"
    );
    assert!(Run::read(Path::new("nowhere")).is_err());
}
