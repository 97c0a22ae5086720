//! Searches through the library: what is reported was scored on whole tensors.
use std::path::Path;
use std::sync::atomic::AtomicBool;

use lpzero::arch::Reading;
use lpzero::language::{Evaluator, Node, parse};
use lpzero::search::budget::{Budget, Control, Progress};
use lpzero::search::{Method, Report, Settings};
use lpzero::truth::GroundTruth;
use lpzero::{Error, ExactScores, Finder, Ground, Pass, Withheld, Workbench};

use crate::benchmark::{benchmark, write_benchmark};

/// Read from samples: its mean does not follow from moments.
const SAMPLED: &str = "sum(l1(exp(W)))";

/// A short search that starts from [`SAMPLED`].
fn find(exact: &mut ExactScores<'_>) -> Result<Report, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(30));
    let truth = GroundTruth::read(Path::new(&path), Reading::AsTrained).unwrap();
    let workbench = Workbench::new(1, None, 0, Pass::default()).unwrap();
    let entries = truth.entries.iter();
    let (ids, architectures): (Vec<_>, Vec<_>) = entries
        .map(|entry| (entry.id.clone(), entry.architecture.clone()))
        .unzip();
    let cancel = AtomicBool::new(false);
    let traced = workbench.traces("test", &ids, &architectures, &|_| {}, &cancel);
    let traces = traced.unwrap().traces;
    let seed = parse(SAMPLED).unwrap();
    let evaluator = Evaluator::new(&traces);
    assert!(!evaluator.prepare(&seed).unwrap().is_exact());
    let ground = Ground {
        truth: &truth,
        traces: &traces,
        split: &lpzero::split(&truth, 12, 8, 0).unwrap(),
    };
    let finder = Finder {
        grounds: &[ground],
        seeds: &[seed],
        settings: &Settings {
            budget: Budget::Evaluations(40),
            ..Settings::default()
        },
        withheld: Withheld::default(),
    };
    let mut control = Control {
        pool: workbench.pool(),
        cancel: &cancel,
        progress: &mut |_: Progress<'_>| {},
        journal: None,
    };
    finder.find(Method::Genetic, &mut control, &mut |index, formulas| {
        for formula in formulas {
            assert!(!evaluator.prepare(formula).unwrap().is_exact(), "{formula}");
        }
        exact(index, formulas)
    })
}

#[test]
fn exact_scores_decide_what_is_reported() {
    // A formula whose whole tensors rank perfectly is reported; one whose whole
    // tensors say nothing is not, whatever its sample said.
    let mut asked = Vec::new();
    let perfect = find(&mut |_, formulas: &[Node]| {
        asked = formulas.iter().map(Node::to_string).collect();
        let truths = benchmark(30);
        let truths = truths.as_array().unwrap().iter();
        let truths: Vec<f64> = truths
            .map(|record| record["scores"]["glue"].as_f64().unwrap())
            .collect();
        Ok(vec![truths; formulas.len()])
    })
    .unwrap();
    assert!(asked.contains(&perfect.best.formula), "{perfect:?}");
    assert_eq!(perfect.verdict.test.rho, Some(1.0));

    let useless =
        find(&mut |_, formulas: &[Node]| Ok(vec![vec![1.0; 30]; formulas.len()])).unwrap();
    let reported = useless.front.iter().map(|entry| &entry.formula);
    for formula in reported.chain([&useless.best.formula]) {
        assert!(!asked.contains(formula), "{formula}");
    }
}

#[test]
fn a_search_that_cannot_be_checked_is_not_reported() {
    let outcome = find(&mut |_, _: &[Node]| Err(Error::Formula("out of reach".into())));
    assert!(matches!(outcome, Err(Error::Formula(_))), "{outcome:?}");
}
