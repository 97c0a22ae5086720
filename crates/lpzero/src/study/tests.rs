//! Searches whose formulas are scored once more: what is reported was scored on whole
//! tensors.
#![allow(clippy::unwrap_used)]

use lpzero_arch::Reading;
use lpzero_proxy::{Evaluator, Node, parse};
use lpzero_search::{Budget, Control, Snapshot};
use lpzero_search::{Method, Report, Settings};
use lpzero_truth::GroundTruth;

use super::{SplitSizes, Study};
use crate::finding::{ExactScores, Finder, TracedTruth};
use crate::subjects::Subjects;
use crate::{Error, Withheld, Workbench};

#[path = "../../tests/support/benchmark.rs"]
mod benchmarks;
use benchmarks::{benchmark, write_benchmark};

/// Read from samples: its mean does not follow from moments.
const SAMPLED: &str = "sum(l1(exp(W)))";

/// A short search that starts from [`SAMPLED`].
fn find(exact: &mut ExactScores<'_>) -> Result<Report, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = write_benchmark(folder.path(), &benchmark(30));
    let truth = GroundTruth::read(path.as_ref(), Reading::AsTrained).unwrap();
    let sizes = SplitSizes {
        search: 12,
        validation: 8,
    };
    let split = sizes.draw(&truth, 0).unwrap();
    let study = Study::new(vec![truth], Workbench::new(1).unwrap());
    let (truth, traces) = (&study.truths()[0], &study.traces().unwrap()[0]);
    let seed = parse(SAMPLED).unwrap();
    let evaluator = Evaluator::new(traces);
    assert!(!evaluator.prepare(&seed).unwrap().is_exact());
    let subjects = Subjects::from(truth);
    let truth = TracedTruth {
        subjects: &subjects,
        further: &[],
        varied: None,
        traces,
        split: &split,
    };
    let finder = Finder {
        truths: &[truth],
        seeds: &[seed],
        settings: &Settings {
            budget: Budget::Evaluations(40),
            ..Settings::default()
        },
        size: crate::Size::Params,
        withheld: &Withheld::default(),
    };
    let mut control = Control {
        pool: study.workbench().pool(),
        cancel: study.workbench().watch().flag(),
        progress: &mut |_: Snapshot<'_>| {},
        journal: None,
    };
    let mut checked = |index, formulas: &[Node]| {
        for formula in formulas {
            assert!(!evaluator.prepare(formula).unwrap().is_exact(), "{formula}");
        }
        exact(index, formulas)
    };
    finder.find(Method::Genetic, &mut control, Some(&mut checked))
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
