//! Searches on a synthetic ground truth whose best formula is known.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use lpzero_proxy::{Evaluator, NetworkScalar, Node, Role, RoleSet, Symbol, Trace, parse};
use lpzero_run::Cancel;
use lpzero_search::pruning::{Rule, UPPER_BOUND};
use lpzero_search::{
    Baseline, Benchmark, Criterion, Error, Method, Problem, Report, Settings, Vocabulary, genetic,
    random,
};
use lpzero_search::{Budget, Control, Snapshot};
use lpzero_stats::Split;
use rayon::ThreadPool;

mod common;
use common::{ARCHITECTURES, noise, traces};

/// Sizes of architectures that are all alike.
const SIZES: [f64; 1000] = [1.0; 1000];

/// What the trained scores follow, but for a little noise.
const PLANTED: &str = "layers ^ 2 * sum[ffn](l1(D)) / width ^ 0.5";

/// A ground truth on which [`PLANTED`] is nearly the best formula.
struct Planted {
    traces: Vec<Trace>,
    truth: Vec<f64>,
    groups: Vec<String>,
    vocabulary: Vocabulary,
    baselines: Vec<Baseline>,
}

impl Planted {
    fn new() -> Self {
        let traces = traces();
        let planted = parse(PLANTED).unwrap();
        let scores = Evaluator::new(&traces).all_scores(&planted).unwrap();
        let noisy = |(i, score): (usize, &f64)| score.ln() + 0.1 * noise(7, i as u64);
        let layers = traces.iter().map(|trace| trace.scalars[7]).collect();
        Self {
            truth: scores.iter().enumerate().map(noisy).collect(),
            groups: (0..ARCHITECTURES).map(|i| (i % 3).to_string()).collect(),
            vocabulary: Vocabulary::of(&traces),
            baselines: vec![Baseline {
                name: "depth".into(),
                scores: layers,
            }],
            traces,
        }
    }

    fn run(
        &self,
        method: Method,
        settings: &Settings,
        seeds: &[Node],
        threads: usize,
    ) -> Result<Report, Error> {
        let split = Split::draw(
            &(0..ARCHITECTURES).collect::<Vec<_>>(),
            60,
            30,
            settings.seed,
        )?;
        let mut control = Control {
            pool: &pool(threads),
            cancel: &Cancel::new(),
            progress: &mut |_: Snapshot<'_>| {},
            journal: None,
        };
        let evaluator = Evaluator::new(&self.traces);
        let problem = Problem {
            benchmarks: &[self.benchmark(&evaluator, &split)],
            vocabulary: &self.vocabulary,
            seeds,
        };
        method.run(problem, settings, &mut control)
    }

    fn benchmark<'a>(&'a self, evaluator: &'a Evaluator<'a>, split: &'a Split) -> Benchmark<'a> {
        Benchmark {
            name: "planted",
            scorer: evaluator,
            further: &[],
            variations: &[],
            sizes: &SIZES[..self.truth.len()],
            truth: &self.truth,
            split,
            groups: &self.groups,
            baselines: &self.baselines,
        }
    }
}

fn pool(threads: usize) -> ThreadPool {
    let builder = rayon::ThreadPoolBuilder::new();
    builder.num_threads(threads).build().unwrap()
}

fn run(method: Method, settings: &Settings, seeds: &[Node], threads: usize) -> Report {
    let planted = Planted::new();
    planted.run(method, settings, seeds, threads).unwrap()
}

fn settings(seed: u64) -> Settings {
    Settings {
        seed,
        budget: Budget::Evaluations(4000),
        ..Settings::default()
    }
}

#[test]
fn genetic_programming_finds_a_planted_formula() {
    for seed in 0..3 {
        let report = run(Method::Genetic, &settings(seed), &[], 1);
        let formula = &report.best.formula;
        assert!(formula.contains('D'), "{formula}");
        assert!(report.verdict.test.rho.unwrap() > 0.97, "{report:?}");
    }
}

#[test]
fn regression_alone_finds_a_planted_product_of_powers() {
    for seed in 0..3 {
        let report = run(Method::Powers, &settings(seed), &[], 1);
        assert!(report.verdict.test.rho.unwrap() > 0.98, "{report:?}");
        let products = report.counts.evaluated;
        assert!((1..1000).contains(&products), "{products}");
        // What all factors agree on has several of them, and is not the shortest.
        assert!(
            report.best.complexity > report.front[0].complexity,
            "{report:?}"
        );
    }
}

#[test]
fn without_powers_a_search_has_to_find_products_by_itself() {
    let evaluations = |powers| {
        let budget = Budget::Evaluations(300);
        let settings = Settings {
            budget,
            powers,
            ..settings(0)
        };
        run(Method::Genetic, &settings, &[], 1).verdict.search.rho
    };
    assert!(evaluations(true) > evaluations(false));
}

#[test]
fn evolution_beats_random_search_with_the_same_budget() {
    let evolved = run(Method::Genetic, &settings(0), &[], 1);
    let drawn = run(Method::Random, &settings(0), &[], 1);
    assert!(evolved.verdict.test.rho > drawn.verdict.test.rho);
    assert!(drawn.counts.canonical >= 4000);
}

#[test]
fn prediction_misses_none_of_the_steps_to_a_planted_formula() {
    // Nearly all of it is found from half of the architectures, and in fewer evaluations.
    let sum = |prediction| {
        let reports = (0..5).map(|seed| {
            let settings = Settings {
                prediction,
                ..settings(seed)
            };
            let report = run(Method::Genetic, &settings, &[], 1);
            (report.verdict.search.rho.unwrap(), report.counts.evaluated)
        });
        reports.fold((0.0, 0), |(rho, n), report| (rho + report.0, n + report.1))
    };
    let ((with, fewer), (without, evaluated)) = (sum(true), sum(false));
    assert!(with > without - 0.005, "{with} {without}");
    assert!(2 * fewer < evaluated, "{fewer} {evaluated}");
}

#[test]
fn the_report_depends_on_the_seed_and_not_on_the_threads() {
    for method in [Method::Genetic, Method::Random, Method::Powers] {
        let json = |seed, threads| {
            let report = run(method, &settings(seed), &[], threads);
            serde_json::to_string(&report).unwrap()
        };
        assert_eq!(json(5, 1), json(5, 2));
        assert_ne!(json(5, 1), json(6, 1));
    }
}

#[test]
fn a_seeded_formula_is_never_lost() {
    let planted = parse(PLANTED).unwrap();
    let budget = Budget::Evaluations(300);
    let settings = Settings {
        budget,
        ..settings(0)
    };
    let report = run(Method::Genetic, &settings, &[planted], 1);
    assert!(report.verdict.test.rho.unwrap() > 0.99, "{report:?}");
}

#[test]
fn stopping_early_saves_work_and_keeps_the_best() {
    let with = |prediction| {
        let settings = Settings {
            prediction,
            budget: Budget::Iterations(300),
            ..settings(2)
        };
        run(Method::Random, &settings, &[], 1)
    };
    let (stopped, complete) = (with(true), with(false));
    assert_eq!(stopped.counts.generated, complete.counts.generated);
    assert!(stopped.counts.evaluated < complete.counts.evaluated * 3 / 4);
    let strongest = |report: &Report| report.front.last().unwrap().clone();
    assert_eq!(strongest(&stopped), strongest(&complete));
}

#[test]
fn without_rules_and_prediction_nothing_is_discarded_by_them() {
    let pruned = |rules, prediction| {
        let settings = Settings {
            rules,
            prediction,
            budget: Budget::Iterations(60),
            ..settings(2)
        };
        let counts = run(Method::Random, &settings, &[], 1).counts;
        assert!(counts.evaluated > 0);
        counts.formulas.pruned
    };
    let by_rules = |pruned: &BTreeMap<Rule, u64>| {
        let rules = lpzero_proxy::Rule::ALL.map(lpzero_proxy::Rule::key);
        rules
            .iter()
            .filter_map(|rule| pruned.get(rule))
            .sum::<u64>()
    };
    let both = pruned(true, true);
    assert!(by_rules(&both) > 0 && both.contains_key(UPPER_BOUND));
    let neither = pruned(false, false);
    assert_eq!(by_rules(&neither), 0);
    assert!(!neither.contains_key(UPPER_BOUND));
}

#[test]
fn the_front_gets_stronger_with_complexity() {
    let report = run(Method::Genetic, &settings(0), &[], 1);
    for pair in report.front.windows(2) {
        assert!(pair[0].complexity < pair[1].complexity);
        assert!(pair[0].search.rho < pair[1].search.rho);
    }
}

#[test]
fn the_report_has_the_shape_that_scripts_rely_on() {
    let report = run(Method::Genetic, &settings(0), &[], 1);
    let json = serde_json::to_value(&report).unwrap();
    let keys = |value: &serde_json::Value| {
        let object = value.as_object().unwrap();
        object.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        keys(&json),
        [
            "method",
            "fitness",
            "seed",
            "best",
            "front",
            "search",
            "validation",
            "test",
            "optimism",
            "counts"
        ]
    );
    assert_eq!(json["method"], "gp");
    assert_eq!(keys(&json["best"]), ["formula", "canonical", "complexity"]);
    let like = ["same_size", "same_size_ci", "same_size_pairs"];
    let on = [&["n", "tau", "rho"][..], &like].concat();
    assert_eq!(keys(&json["search"]), on);
    assert_eq!(
        keys(&json["test"]),
        [
            "n",
            "tau",
            "tau_ci",
            "rho",
            "rho_ci",
            "same_size",
            "same_size_ci",
            "same_size_pairs",
            "ties",
            "tau_within_group",
            "baselines"
        ]
    );
    assert_eq!(keys(&json["test"]["tau_within_group"]), ["0", "1", "2"]);
    assert_eq!(
        keys(&json["counts"]),
        ["generated", "canonical", "pruned", "evaluated"]
    );
}

#[test]
fn the_winner_is_compared_with_the_baselines() {
    let report = run(Method::Genetic, &settings(0), &[], 1);
    let depth = &report.verdict.test.baselines[0];
    let difference = depth.difference.unwrap();
    let [low, high] = depth.difference_ci.unwrap();
    assert_eq!(depth.name, "depth");
    assert!((report.verdict.test.tau.unwrap() - depth.tau.unwrap() - difference).abs() < 1e-12);
    assert!(0.0 < low && low < difference && difference < high);
}

#[test]
fn a_fitness_that_counts_ties_keeps_a_formula_with_fewer_of_them() {
    let by = |fitness| {
        let settings = Settings {
            fitness,
            // Groups of equal depth, and little besides.
            budget: Budget::Evaluations(500),
            ..settings(1)
        };
        run(Method::Random, &settings, &[], 1).verdict.test.ties
    };
    assert!(by(Criterion::SomersD) <= by(Criterion::Kendall));
}

#[test]
fn the_vocabulary_is_what_the_traces_hold() {
    let vocabulary = Vocabulary::of(&traces());
    let queries = RoleSet::of(&[Role::Query]);
    let all = RoleSet::of(&[Role::Query, Role::FfnIn, Role::FfnOut]);
    assert_eq!(
        vocabulary.symbols(),
        [(Symbol::A, all), (Symbol::D, all), (Symbol::H, queries)]
    );
    assert_eq!(vocabulary.roles(&[Symbol::A, Symbol::H]), queries);
    // The embedding width is the same for all.
    assert_eq!(vocabulary.scalars().len(), 12);
}

#[test]
fn a_cancelled_search_returns_what_it_has() {
    let planted = Planted::new();
    let evaluator = Evaluator::new(&planted.traces);
    let split = Split::draw(&(0..ARCHITECTURES).collect::<Vec<_>>(), 60, 30, 0).unwrap();
    for search in [genetic::search, random::search] {
        let cancel = Cancel::new();
        let mut calls = 0;
        let mut progress = |progress: Snapshot<'_>| {
            calls += 1;
            assert!((0.0..=1.0).contains(&progress.spent));
            if progress.evaluated > 100 {
                cancel.cancel();
            }
        };
        let mut control = Control {
            pool: &pool(1),
            cancel: &cancel,
            progress: &mut progress,
            journal: None,
        };
        let problem = Problem {
            benchmarks: &[planted.benchmark(&evaluator, &split)],
            vocabulary: &planted.vocabulary,
            seeds: &[],
        };
        let found = search(problem, &settings(0), &mut control).unwrap();
        assert!(found.interrupted);
        assert!(found.counts.evaluated < 200);
        assert!(found.archive.best().is_some());
        assert!(calls > 1);
    }
}

#[test]
fn of_two_ground_truths_the_weaker_counts() {
    // The second one has so much noise that nothing does as well on it.
    let first = Planted::new();
    let mut second = Planted::new();
    for (i, score) in second.truth.iter_mut().enumerate() {
        *score += 2.0 * noise(11, i as u64);
    }
    let ids: Vec<usize> = (0..ARCHITECTURES).collect();
    let splits = [
        Split::draw(&ids, 60, 30, 0).unwrap(),
        Split::draw(&ids, 40, 20, 1).unwrap(),
    ];
    let evaluator = Evaluator::new(&first.traces);
    let search = |benchmarks: &[Benchmark<'_>], threads| {
        let problem = Problem {
            benchmarks,
            vocabulary: &first.vocabulary,
            seeds: &[parse(PLANTED).unwrap()],
        };
        let mut control = Control {
            pool: &pool(threads),
            cancel: &Cancel::new(),
            progress: &mut |_: Snapshot<'_>| {},
            journal: None,
        };
        let settings = Settings {
            budget: Budget::Evaluations(400),
            ..settings(0)
        };
        Method::Genetic
            .run(problem, &settings, &mut control)
            .unwrap()
    };
    let both = [
        first.benchmark(&evaluator, &splits[0]),
        Benchmark {
            name: "noisy",
            ..second.benchmark(&evaluator, &splits[1])
        },
    ];
    let report = search(&both, 1);
    assert_eq!(report, search(&both, 2));
    let names: Vec<&str> = report.verdicts.iter().map(|v| &v.truth[..]).collect();
    assert_eq!(names, ["planted", "noisy"]);
    let [strong, weak] = [0, 1].map(|i| &report.verdicts[i].verdict);
    assert_eq!(report.verdict, *weak);
    assert!(strong.test.rho > weak.test.rho);
    assert_eq!([strong.search.n, weak.search.n], [60, 40]);
    let optimism = weak.search.rho.unwrap() - weak.test.rho.unwrap();
    assert_eq!(weak.optimism.rho, Some(optimism));

    // Truths that contradict each other leave no formula with one sign for both.
    let opposite = Planted {
        truth: first.truth.iter().map(|score| -score).collect(),
        ..Planted::new()
    };
    let contradicting = [
        first.benchmark(&evaluator, &splits[0]),
        opposite.benchmark(&evaluator, &splits[0]),
    ];
    let report = search(&contradicting, 1);
    assert!(
        report
            .front
            .iter()
            .all(|entry| entry.search.rho <= Some(0.0))
    );
}

#[test]
fn what_ground_truths_share_is_where_all_have_it() {
    let roles = |roles: &[Role]| RoleSet::of(roles);
    let first = Vocabulary::new(
        vec![
            (Symbol::A, roles(&[Role::Query, Role::FfnIn])),
            (Symbol::D, roles(&[Role::Query])),
        ],
        vec![NetworkScalar::Layers],
    );
    let second = Vocabulary::new(
        vec![(Symbol::A, roles(&[Role::FfnIn, Role::FfnOut]))],
        vec![NetworkScalar::Width, NetworkScalar::Layers],
    );
    let shared = Vocabulary::shared([&first, &second]);
    assert_eq!(shared.symbols(), [(Symbol::A, roles(&[Role::FfnIn]))]);
    assert_eq!(shared.scalars().len(), 2);
    assert_eq!(shared, Vocabulary::shared([&second, &first]));
}

#[test]
fn a_constant_truth_is_refused() {
    let planted = Planted {
        truth: vec![1.0; ARCHITECTURES],
        ..Planted::new()
    };
    let error = planted
        .run(Method::Genetic, &settings(0), &[], 1)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "all 60 trained scores of the search split are equal, so nothing can be ranked"
    );
}

#[test]
fn settings_out_of_range_are_named() {
    let wrong = Settings {
        crossover: 1.5,
        ..settings(0)
    };
    let error = Planted::new()
        .run(Method::Genetic, &wrong, &[], 1)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "setting `crossover` is 1.5; expected a probability"
    );
}

#[test]
fn columns_of_different_length_are_refused() {
    let planted = Planted {
        groups: vec![String::new(); 3],
        ..Planted::new()
    };
    let result = planted.run(Method::Genetic, &settings(0), &[], 1);
    assert_eq!(
        result.unwrap_err(),
        Error::Statistics(lpzero_stats::Error::Lengths {
            left: ARCHITECTURES,
            right: 3
        })
    );
}
