//! What formulas are judged by: pairs of like size, and whether a ranking stays as it is
//! when what must not matter changes.
#![allow(clippy::unwrap_used)]

use lpzero_proxy::{Evaluator, Node, Trace, parse};
use lpzero_run::Cancel;
use lpzero_search::score::Score;
use lpzero_search::stability::Varied;
use lpzero_search::{
    Benchmark, Budget, Control, Criterion, Error, Method, Problem, Report, Settings, Snapshot,
    Vocabulary,
};
use lpzero_stats::Split;

mod common;
use common::{noise, traces};

/// Says what is better inside a size.
const INSIDE: &str = "sum[ffn](l1(D))";

/// A ground truth whose sizes say most, and whose shapes of one size are told apart by
/// [`INSIDE`] alone.
struct Sized {
    traces: Vec<Trace>,
    sizes: Vec<f64>,
    truth: Vec<f64>,
    split: Split,
}

impl Sized {
    fn new() -> Self {
        let traces = traces();
        let inside = Evaluator::new(&traces).all_scores(&parse(INSIDE).unwrap());
        let inside = inside.unwrap();
        // Ten sizes, ten percent apart.
        let steps: Vec<f64> = (0..traces.len()).map(|i| (i % 10) as f64).collect();
        let truth = steps.iter().zip(&inside).enumerate();
        let truth =
            truth.map(|(i, (step, score))| 5.0 * step + score.ln() + 0.05 * noise(3, i as u64));
        Self {
            truth: truth.collect(),
            sizes: steps.iter().map(|step| 1.1f64.powf(*step)).collect(),
            split: Split {
                search: (0..100).collect(),
                validation: (100..150).collect(),
                test: (150..traces.len()).collect(),
            },
            traces,
        }
    }

    fn search(
        &self,
        (method, settings): (Method, &Settings),
        variations: &[Varied<'_>],
    ) -> Result<Report, Error> {
        let evaluator = Evaluator::new(&self.traces);
        let benchmark = Benchmark {
            name: "sized",
            scorer: &evaluator,
            further: &[],
            variations,
            sizes: &self.sizes,
            truth: &self.truth,
            split: &self.split,
            groups: &[],
            baselines: &[],
        };
        let problem = Problem {
            benchmarks: &[benchmark],
            vocabulary: &Vocabulary::of(&self.traces),
            seeds: &[],
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
        let mut control = Control {
            pool: &pool.unwrap(),
            cancel: &Cancel::new(),
            progress: &mut |_: Snapshot<'_>| {},
            journal: None,
        };
        method.run(problem, settings, &mut control)
    }
}

fn settings(fitness: Criterion) -> Settings {
    Settings {
        fitness,
        budget: Budget::Evaluations(2000),
        ..Settings::default()
    }
}

#[test]
fn searches_by_pairs_of_like_size_find_what_tells_shapes_of_one_size_apart() {
    let sized = Sized::new();
    for method in [Method::Powers, Method::Genetic, Method::Random] {
        let found = |fitness| sized.search((method, &settings(fitness)), &[]).unwrap();
        let accuracy = |report: &Report| report.verdict.test.same_size.unwrap();
        let by_pairs = found(Criterion::SameSize);
        assert_eq!(by_pairs.fitness, Criterion::SameSize);
        assert!(accuracy(&by_pairs) > 0.9, "{method:?}: {by_pairs:?}");
    }
}

#[test]
fn without_a_pair_of_like_size_there_is_nothing_to_judge_by() {
    let mut sized = Sized::new();
    sized.sizes = (0..sized.sizes.len())
        .map(|i| 2f64.powi(i as i32))
        .collect();
    let search = |method| sized.search((method, &settings(Criterion::SameSize)), &[]);
    let error = search(Method::Random).unwrap_err();
    assert!(matches!(error, Error::NoPairs { .. }), "{error}");
    // What carries over is then judged by all pairs.
    assert_eq!(
        search(Method::Transfer).unwrap().fitness,
        Criterion::SomersD
    );
}

/// Scores of some architectures, in reverse for formulas of gradients.
struct Reversing<'a> {
    evaluator: Evaluator<'a>,
    of: char,
}

impl Score for Reversing<'_> {
    fn scores(&self, formula: &Node, indices: &[usize]) -> Option<Vec<f64>> {
        let mut scores = Score::scores(&self.evaluator, formula, indices)?;
        if formula.to_string().contains(self.of) {
            scores.iter_mut().for_each(|score| *score = -*score);
        }
        Some(scores)
    }
}

#[test]
fn a_formula_that_moves_with_what_must_not_matter_loses_and_is_marked() {
    let sized = Sized::new();
    let some: Vec<usize> = (0..20).collect();
    let varied = |of| Reversing {
        evaluator: Evaluator::new(&sized.traces[..20]),
        of,
    };
    let search = |[seed, vocabulary]: [&Reversing<'_>; 2]| {
        let variation = |name, scorer, is_seed| Varied {
            name,
            architectures: &some,
            scorer,
            is_seed,
        };
        let variations = [
            variation("initialisation", seed as &dyn Score, true),
            variation("vocabulary", vocabulary, false),
        ];
        let with = (Method::Transfer, &settings(Criterion::SameSize));
        sized.search(with, &variations).unwrap()
    };
    let nothing_moves = search([&varied('~'), &varied('~')]);
    let stable = &nothing_moves.best;
    assert!(stable.formula.contains('D'), "{}", stable.formula);
    let movements = &stable.stability[0].movements;
    assert_eq!((movements.len(), stable.stability[0].n), (2, 20));
    assert!(movements.iter().all(|m| m.reordered == 0.0 && !m.unstable));

    let gradients_move = search([&varied('~'), &varied('D')]);
    let best = &gradients_move.best;
    assert!(!best.formula.contains('D'), "{}", best.formula);
    let front = gradients_move.front.iter();
    let marked = front.filter(|entry| entry.formula.contains('D'));
    for entry in marked {
        assert_eq!(entry.unstable, ["vocabulary"], "{}", entry.formula);
    }

    // What moves as much between two seeds is no better known.
    let seeds_move = search([&varied('D'), &varied('D')]);
    assert!(seeds_move.best.formula.contains('D'));
}
