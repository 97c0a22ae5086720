//! What `truth audit` finds: planted effects, and what is known of the published
//! ground truths.
use crate::support::{lpzero, published};
use serde_json::{Value, json};

/// Pseudo-random numbers in [0, 1), the same on every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[(self.next() * from.len() as f64) as usize].clone()
    }
}

/// Encoders whose score responds to depth, heads and stacked feed-forwards, to
/// `feed_forward_dimension` where they are stacked, and to nothing else.
fn planted(n: usize) -> Value {
    // Under some seeds a dead variable has p < .05, as one in twenty must.
    let mut noise = Noise(11);
    let records = (0..n).map(|id| {
        let depth = noise.pick(&[2, 4]);
        let mut score = 60.0 + 3.0 * f64::from(depth);
        let layers: Vec<Value> = (0..depth)
            .map(|_| {
                let (kind, parameter) = noise.pick(&[
                    ("SA", json!("SDP")),
                    ("SA", json!("WMA")),
                    ("LT", json!("DFT")),
                    ("DSC", json!(5)),
                ]);
                let heads = noise.pick(&[2, 4]);
                let stacked = noise.pick(&[1, 3]);
                let dimension = noise.pick(&[512, 1024]);
                score += 0.3 * f64::from(heads);
                if stacked == 3 {
                    score += 0.5 + f64::from(dimension) / 1024.0;
                }
                json!({
                    "operation_type": kind,
                    "operation_parameter": parameter,
                    "num_operation_heads": heads,
                    "feed_forward_dimension": dimension,
                    "num_feed_forward": stacked,
                })
            })
            .collect();
        let width = noise.pick(&[128, 256]);
        score += noise.next() + noise.next() - 1.0;
        json!({
            "id": id,
            "scores": { "glue": score },
            "hparams": { "model_hparam_overrides": {
                "hidden_size": width,
                "nas_config": { "encoder_layers": layers },
            }},
        })
    });
    records.collect()
}

/// The row of a variable, inside a part of the blocks or everywhere.
fn row<'a>(audit: &'a Value, variable: &str, inside: Option<(&str, &str)>) -> &'a Value {
    let wanted = match inside {
        Some((variable, value)) => json!({ "variable": variable, "value": value }),
        None => Value::Null,
    };
    let rows = audit["responses"].as_array().unwrap();
    rows.iter()
        .find(|row| row["variable"] == variable && row["inside"] == wanted)
        .unwrap()
}

fn says(audit: &Value, parts: &[&str]) -> bool {
    let findings = audit["findings"].as_array().unwrap();
    findings.iter().any(|finding| {
        let finding = finding.as_str().unwrap();
        parts.iter().all(|part| finding.contains(part))
    })
}

#[test]
fn planted_effects_are_found_and_dead_variables_called_dead() {
    let folder = tempfile::tempdir().unwrap();
    let path = crate::benchmark::write_benchmark(folder.path(), &planted(400));
    let arguments = ["truth", "audit", &path, "--json", "--permutations", "999"];
    let audit = lpzero(folder.path(), &arguments).json();
    let verdict = |variable, inside| row(&audit, variable, inside)["verdict"].clone();
    for live in [
        "number of encoder_layers",
        "num_operation_heads",
        "num_feed_forward",
        "feed_forward_dimension",
    ] {
        assert_eq!(verdict(live, None), "responds", "{live}");
    }
    for dead in ["operation_type", "hidden_size"] {
        assert_eq!(
            verdict(dead, None),
            "no-response",
            "{}",
            row(&audit, dead, None)
        );
    }
    let stacked = |value| Some(("num_feed_forward", value));
    assert_eq!(verdict("feed_forward_dimension", stacked("3")), "responds");
    let single = row(&audit, "feed_forward_dimension", stacked("1"));
    assert_eq!(single["verdict"], "no-response", "{single}");
    assert!(says(&audit, &["operation_type", "explains nothing beyond"]));
    assert!(says(
        &audit,
        &[
            "feed_forward_dimension",
            "looks dead",
            "num_feed_forward is 1"
        ]
    ));
    // The noise is small, so little stands between a regression and the scores.
    assert!(audit["ceiling"]["regression"]["tau"].as_f64().unwrap() > 0.8);
}

#[test]
fn the_audit_is_a_function_of_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let path = crate::benchmark::write_benchmark(folder.path(), &planted(120));
    let audit = |threads: &str, seed: &str| {
        let arguments = [
            "truth",
            "audit",
            &path,
            "--json",
            "--threads",
            threads,
            "--seed",
            seed,
            "--permutations",
            "199",
        ];
        lpzero(folder.path(), &arguments).json()
    };
    assert_eq!(audit("1", "0"), audit("3", "0"));
    assert_ne!(audit("2", "0"), audit("2", "1"));
}

#[test]
fn a_wrong_score_a_contradiction_and_too_few_architectures_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = planted(200);
    // As trained, record 5 is the network of record 4, with a score far below.
    records[5]["hparams"] = records[4]["hparams"].clone();
    records[5]["scores"]["glue"] = json!(20.0);
    for twin in 10..16 {
        records[2 * twin + 1] = records[2 * twin].clone();
        records[2 * twin + 1]["id"] = json!(2 * twin + 1);
        records[2 * twin + 1]["scores"]["glue"] =
            json!(records[2 * twin]["scores"]["glue"].as_f64().unwrap() + 0.1);
    }
    let path = crate::benchmark::write_benchmark(folder.path(), &records);
    let arguments = [
        "truth",
        "audit",
        "--truth",
        &path,
        "--json",
        "--permutations",
        "99",
    ];
    let audit = lpzero(folder.path(), &arguments).json();
    assert_eq!(audit["suspects"]["outliers"][0]["id"], "5");
    assert_eq!(audit["suspects"]["conflicts"][0]["ids"][0], "5");
    assert!(audit["ceiling"]["twins"]["networks"].as_u64().unwrap() >= 7);

    let path = crate::benchmark::write_benchmark(folder.path(), &planted(12));
    let run = lpzero(folder.path(), &["truth", "audit", &path]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.contains("12 architectures are too few"),
        "{}",
        run.stderr
    );
}

#[test]
fn flexibert_does_not_respond_to_what_it_declares() {
    let Some(truth) = published("flexibert/BERT_benchmark.json") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["truth", "audit", truth.to_str().unwrap(), "--json"];
    let audit = lpzero(folder.path(), &arguments).json();
    let number = |row: &Value, key: &str| row["scores"][key].as_f64().unwrap();

    let operations = row(&audit, "operation_type", None);
    assert_eq!(operations["verdict"], "no-response");
    assert_eq!(operations["scores"]["freedom"], 5);
    assert!(
        (number(operations, "f") - 0.33).abs() < 0.02,
        "{operations}"
    );
    for key in ["p", "p_permutation"] {
        assert!(
            (number(operations, key) - 0.90).abs() < 0.02,
            "{operations}"
        );
    }
    let single = Some(("num_feed_forward", "1"));
    let dimension = row(&audit, "feed_forward_dimension", single);
    assert_eq!(dimension["verdict"], "no-response");
    assert!((number(dimension, "p") - 0.6).abs() < 0.05, "{dimension}");
    assert!(says(&audit, &["operation_type explains nothing beyond"]));
    assert!(says(
        &audit,
        &["feed_forward_dimension looks dead in blocks where num_feed_forward is 1"]
    ));
    for live in [
        "number of encoder_layers",
        "hidden_size",
        "num_operation_heads",
    ] {
        assert_eq!(row(&audit, live, None)["verdict"], "responds", "{live}");
    }
    assert_eq!(audit["ceiling"]["twins"]["records"], 276);
    let ceiling = &audit["ceiling"]["regression_on_ranks"]["tau"];
    assert!(
        (0.72..0.78).contains(&ceiling.as_f64().unwrap()),
        "{ceiling}"
    );
}

#[test]
fn gpt2_responds_to_embeddings_and_not_to_heads() {
    let Some(truth) = published("lts/random_GPT2_wt103") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["truth", "audit", truth.to_str().unwrap(), "--json"];
    let audit = lpzero(folder.path(), &arguments).json();
    for live in ["n_layer", "d_model", "d_inner", "d_embed", "div_val"] {
        assert_eq!(row(&audit, live, None)["verdict"], "responds", "{live}");
    }
    assert_eq!(row(&audit, "n_head", None)["verdict"], "no-response");
    let ceiling = audit["ceiling"]["regression"]["tau"].as_f64().unwrap();
    assert!((0.96..0.99).contains(&ceiling), "{ceiling}");
    assert_eq!(audit["suspects"]["counts"], json!([]));
    assert_eq!(audit["ceiling"]["twins"], Value::Null);
}
