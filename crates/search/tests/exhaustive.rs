//! Searches of the paper's whole space on a synthetic ground truth.
#![allow(clippy::unwrap_used)]

use lpzero_proxy::{Evaluator, Trace, parse};
use lpzero_run::Cancel;
use lpzero_search::exhaustive::Aggregate;
use lpzero_search::generate::Grammar;
use lpzero_search::{Benchmark, Error, Journal, Method, Problem, Report, Settings, Vocabulary};
use lpzero_search::{Budget, Control, Snapshot};
use lpzero_stats::Split;

mod common;
use common::{ARCHITECTURES, noise, traces};

/// Sizes of architectures that are all alike.
const SIZES: [f64; 1000] = [1.0; 1000];

/// A member of the space with one operation per branch, but for noise.
const PLANTED: &str = "mean(std(D) * l2(A))";

struct Planted {
    traces: Vec<Trace>,
    truth: Vec<f64>,
}

impl Planted {
    fn new() -> Self {
        let traces = traces();
        let planted = parse(PLANTED).unwrap();
        let scores = Evaluator::new(&traces).all_scores(&planted).unwrap();
        let noisy = |(i, score): (usize, &f64)| score + 0.02 * noise(7, i as u64);
        Self {
            truth: scores.iter().enumerate().map(noisy).collect(),
            traces,
        }
    }

    fn run(&self, method: Method, settings: &Settings, threads: usize) -> Result<Report, Error> {
        self.run_until(method, settings, threads, None, 2.0)
    }

    /// Cancelled when so much of the space is done.
    fn run_until(
        &self,
        method: Method,
        settings: &Settings,
        threads: usize,
        journal: Option<&mut Journal>,
        share: f64,
    ) -> Result<Report, Error> {
        let ids: Vec<usize> = (0..ARCHITECTURES).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let benchmark = Benchmark {
            name: "planted",
            scorer: &Evaluator::new(&self.traces),
            further: &[],
            variations: &[],
            sizes: &SIZES[..self.truth.len()],
            truth: &self.truth,
            split: &Split::draw(&ids, 40, 30, 0)?,
            groups: &[],
            baselines: &[],
        };
        let problem = Problem {
            benchmarks: &[benchmark],
            vocabulary: &Vocabulary::of(&self.traces),
            seeds: &[],
        };
        let cancel = Cancel::new();
        let mut progress = |progress: Snapshot<'_>| {
            if progress.spent >= share {
                cancel.cancel();
            }
        };
        let mut control = Control {
            pool: &pool.build().unwrap(),
            cancel: &cancel,
            progress: &mut progress,
            journal,
        };
        method.run(problem, settings, &mut control)
    }
}

fn settings(unary: usize) -> Settings {
    Settings {
        grammar: Grammar::Paper { unary },
        budget: Budget::Evaluations(3000),
        ..Settings::default()
    }
}

#[test]
fn nothing_that_is_bred_or_drawn_in_the_space_beats_its_optimum() {
    let benchmark = Planted::new();
    for unary in [1, 2] {
        let whole = benchmark
            .run(Method::Exhaustive, &settings(unary), 2)
            .unwrap();
        let optimum = whole.space.unwrap().optimum.fitness;
        assert!(optimum > 0.9, "{optimum}");
        for method in [Method::Genetic, Method::Random] {
            let found = benchmark.run(method, &settings(unary), 2).unwrap();
            let strongest = found.front.last().unwrap().search.rho.unwrap();
            assert!(strongest <= optimum + 1e-9, "{strongest} > {optimum}");
        }
    }
}

#[test]
fn evolution_comes_close_to_the_optimum() {
    let benchmark = Planted::new();
    let space = benchmark.run(Method::Exhaustive, &settings(2), 2).unwrap();
    let optimum = space.space.unwrap().optimum.fitness;
    let found = benchmark.run(Method::Genetic, &settings(2), 2).unwrap();
    let strongest = found.front.last().unwrap().search.rho.unwrap();
    assert!(strongest > 0.98 * optimum, "{strongest} < {optimum}");
}

#[test]
fn the_report_does_not_depend_on_the_threads() {
    let benchmark = Planted::new();
    let json = |threads| {
        let report = benchmark.run(Method::Exhaustive, &settings(2), threads);
        serde_json::to_string(&report.unwrap()).unwrap()
    };
    assert_eq!(json(1), json(2));
}

#[test]
fn the_space_is_counted_from_trees_to_rankings() {
    let report = Planted::new()
        .run(Method::Exhaustive, &settings(1), 1)
        .unwrap();
    let space = report.space.unwrap();
    // Three symbols, twenty operations each, four between two branches.
    assert_eq!(space.trees, 60 * 60 * 4);
    assert!(space.canonical < space.trees);
    assert!(space.measured < space.canonical);
    assert!(space.rankings < space.measured);
    assert_eq!(space.histogram.iter().sum::<u64>(), space.measured);
    let strongest = space.histogram.iter().rposition(|count| *count > 0);
    assert_eq!(strongest, Some((space.optimum.fitness * 20.0) as usize));
    assert_eq!(report.counts.evaluated, space.measured);
}

#[test]
fn only_the_papers_space_is_small_enough() {
    for grammar in [
        Grammar::Aggregates,
        Grammar::Paper { unary: 0 },
        Grammar::Paper { unary: 4 },
    ] {
        let settings = Settings {
            grammar,
            ..settings(1)
        };
        let error = Planted::new()
            .run(Method::Exhaustive, &settings, 1)
            .unwrap_err();
        assert!(matches!(
            error,
            Error::Setting {
                name: "grammar",
                ..
            }
        ));
    }
}

#[test]
fn a_cancelled_search_reports_on_what_it_has_and_is_continued_to_the_same_report() {
    let benchmark = Planted::new();
    let settings = settings(2);
    let exhaustive = Method::Exhaustive;
    let expected = benchmark.run(exhaustive, &settings, 2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut before = 0;
    for share in [0.2, 0.5, 0.9] {
        let (mut journal, torn) = Journal::open(&path).unwrap();
        assert_eq!(torn, None);
        assert!(before == 0 || journal.batches_left() > 0);
        let run = benchmark.run_until(exhaustive, &settings, 2, Some(&mut journal), share);
        let report = run.unwrap();
        let space = report.space.unwrap();
        assert!(report.interrupted);
        assert!(0.0 < space.done && space.done < 1.0, "{}", space.done);
        assert!(before < space.measured && space.measured < report.counts.canonical);
        assert!(!report.front.is_empty());
        assert!(space.optimum.fitness <= expected.space.as_ref().unwrap().optimum.fitness);
        before = space.measured;
    }
    let (mut journal, _) = Journal::open(&path).unwrap();
    let run = benchmark.run_until(exhaustive, &settings, 1, Some(&mut journal), 2.0);
    assert_eq!(run.unwrap(), expected);
}

#[test]
fn a_journal_of_another_space_is_refused() {
    let benchmark = Planted::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let run = |unary| {
        let (mut journal, _) = Journal::open(&path).unwrap();
        let settings = settings(unary);
        benchmark.run_until(Method::Exhaustive, &settings, 2, Some(&mut journal), 2.0)
    };
    run(1).unwrap();
    assert!(matches!(run(2), Err(Error::Journal(_))));
}

#[test]
fn sums_over_roles_are_a_larger_space_that_holds_the_papers() {
    let benchmark = Planted::new();
    let run = |aggregates: Vec<Aggregate>| {
        let settings = Settings {
            aggregates,
            ..settings(1)
        };
        let report = benchmark.run(Method::Exhaustive, &settings, 2).unwrap();
        report.space.unwrap()
    };
    let paper = run(vec![Aggregate::PAPER]);
    let all = run(Aggregate::all());
    assert_eq!(all.trees, paper.trees * Aggregate::all().len() as u64);
    assert!(all.canonical > 2 * paper.canonical && all.measured > 2 * paper.measured);
    assert!(all.rankings > paper.rankings);
    assert!(all.optimum.fitness >= paper.optimum.fitness);
    assert_eq!(all.histogram.iter().sum::<u64>(), all.measured);
    let settings = Settings {
        aggregates: Vec::new(),
        ..settings(1)
    };
    let error = benchmark.run(Method::Exhaustive, &settings, 1).unwrap_err();
    assert!(error.to_string().contains("aggregates"), "{error}");
}
