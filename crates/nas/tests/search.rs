//! Searches over the small space `tiny`, scored by a formula of the architecture.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::time::Duration;

use lpzero_arch::{Architecture, Genotype, Space};
use lpzero_nas::{
    Bound, Budget, Cost, Error, History, JOURNAL_KIND, Method, Problem, Record, Scorer, Strategy,
    front, hypervolume, search,
};
use lpzero_run::{ContentHash, MAIN, Pieces};
use rand::Rng;

const METHODS: [Method; 3] = [Method::Nsga2, Method::Evolution, Method::Random];

/// Depth is worth most, as in a trained decoder; stops after so many scores.
struct Depth {
    left: u64,
    scored: u64,
}

#[derive(Debug)]
enum Stop {
    Nas(Error),
    Enough,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Nas(error)
    }
}

fn depth() -> Depth {
    Depth {
        left: u64::MAX,
        scored: 0,
    }
}

fn score(architecture: &Architecture) -> f64 {
    let hidden = architecture.blocks[0].feed_forward.hidden[0] as f64;
    let heads = architecture.blocks[0].mixer.heads() as f64;
    let depth = architecture.blocks.len() as f64;
    depth.powi(2) * (architecture.width as f64).sqrt() + hidden.sqrt() - 0.01 * heads
}

/// A made-up time: that of a network with twice the blocks is twice as long.
fn seconds(architecture: &Architecture) -> f64 {
    0.001 * architecture.blocks.len() as f64
}

impl Scorer for Depth {
    type Error = Stop;

    fn scores(&mut self, ids: &[String], architectures: &[Architecture]) -> Result<Vec<f64>, Stop> {
        assert_eq!(ids.len(), architectures.len());
        self.scored += ids.len() as u64;
        match self.scored > self.left {
            true => Err(Stop::Enough),
            false => Ok(architectures.iter().map(score).collect()),
        }
    }

    fn latency(&mut self, _: &str, architecture: &Architecture) -> Result<f64, Stop> {
        Ok(seconds(architecture))
    }
}

fn tiny() -> Space {
    Space::read("tiny".as_ref()).unwrap()
}

fn problem<'a>(space: &'a Space, bounds: &'a [Bound]) -> Problem<'a> {
    Problem {
        space,
        cost: Cost::Params,
        bounds,
        load: (2, 16).into(),
        table: None,
    }
}

fn strategy(method: Method, evaluations: u64) -> Strategy {
    Strategy {
        method,
        population: 16,
        seed: 3,
        budget: Budget::Evaluations(evaluations),
    }
}

fn most(cost: Cost, most: f64) -> Bound {
    Bound {
        cost,
        least: 0.0,
        most,
    }
}

fn pairs(found: &History) -> Vec<(f64, f64)> {
    let candidates = found.candidates.iter();
    candidates.map(|c| (c.score, c.costs.params)).collect()
}

/// Everything that a search ends with but its time.
fn outcome(found: &History) -> (Vec<(String, u64)>, Vec<usize>) {
    let candidates = found.candidates.iter();
    let scored = candidates.map(|c| (c.id.clone(), c.score.to_bits()));
    (scored.collect(), found.front.clone())
}

#[test]
fn every_method_scores_as_many_different_networks_as_it_may_and_keeps_the_bounds() {
    let space = tiny();
    let bounds = [
        Bound {
            cost: Cost::Params,
            least: 20_000.0,
            most: 60_000.0,
        },
        most(Cost::Flops, 1.2e6),
        most(Cost::Memory, 400_000.0),
    ];
    for method in METHODS {
        let mut scorer = depth();
        let strategy = strategy(method, 60);
        let found = search(
            problem(&space, &bounds),
            strategy,
            &mut scorer,
            None,
            &mut |_| (),
        );
        let found = found.unwrap();
        assert_eq!((found.evaluated, scorer.scored), (60, 60));
        let ids: HashSet<_> = found.candidates.iter().map(|c| &c.id).collect();
        assert_eq!(ids.len(), 60);
        assert!(found.rejected > 0 && !found.exhausted);
        for candidate in &found.candidates {
            assert!((20_000.0..=60_000.0).contains(&candidate.costs.params));
            assert!(candidate.costs.flops <= 1.2e6 && candidate.costs.memory <= 400_000.0);
            assert_eq!(candidate.score, score(&candidate.architecture));
        }
        assert_eq!(found.front, front(&pairs(&found)));
    }
}

#[test]
fn nsga2_finds_a_better_front_than_random_search_and_most_of_the_true_one() {
    let space = tiny();
    // The whole space, to know the truth.
    let mut all = Vec::new();
    for &blocks in &space.blocks {
        for width in 0..6 {
            for heads in 0..4 {
                for feed_forward in 0..4 {
                    let genotype = Genotype {
                        network: vec![width, heads, feed_forward],
                        blocks: vec![vec![]; blocks],
                    };
                    let architecture = space.architecture(&genotype).unwrap();
                    let params = architecture.parameters().total() as f64;
                    all.push((score(&architecture), params));
                }
            }
        }
    }
    let highest = all.iter().map(|pair| pair.1).fold(0.0, f64::max);
    let reference = (0.0, highest);
    let best = hypervolume(&all, reference);
    let share = |method: Method| {
        let of = |seed: u64| {
            let strategy = Strategy {
                seed,
                ..strategy(method, 120)
            };
            let found = search(
                problem(&space, &[]),
                strategy,
                &mut depth(),
                None,
                &mut |_| (),
            );
            hypervolume(&pairs(&found.unwrap()), reference) / best
        };
        (0..5).map(of).sum::<f64>() / 5.0
    };
    let (nsga2, random) = (share(Method::Nsga2), share(Method::Random));
    assert!(nsga2 > 0.98 && nsga2 > random, "{nsga2} {random}");
}

#[test]
fn a_search_is_the_same_under_an_increasing_function_of_the_score() {
    /// The same order as `Depth`, on another scale.
    struct Steep(Depth);
    impl Scorer for Steep {
        type Error = Stop;

        fn scores(
            &mut self,
            ids: &[String],
            architectures: &[Architecture],
        ) -> Result<Vec<f64>, Stop> {
            let scores = self.0.scores(ids, architectures)?;
            Ok(scores
                .into_iter()
                .map(|score| (score / 10.0).exp())
                .collect())
        }

        fn latency(&mut self, id: &str, architecture: &Architecture) -> Result<f64, Stop> {
            self.0.latency(id, architecture)
        }
    }
    let space = tiny();
    for method in METHODS {
        let strategy = strategy(method, 100);
        let flat = search(
            problem(&space, &[]),
            strategy,
            &mut depth(),
            None,
            &mut |_| (),
        );
        let mut steep = Steep(depth());
        let steep = search(
            problem(&space, &[]),
            strategy,
            &mut steep,
            None,
            &mut |_| (),
        );
        let ids = |found: History| -> Vec<String> {
            found.candidates.into_iter().map(|c| c.id).collect()
        };
        assert_eq!(ids(flat.unwrap()), ids(steep.unwrap()), "{method:?}");
    }
}

#[test]
fn evolution_finds_the_highest_score_under_a_bound() {
    let space = tiny();
    let bounds = [most(Cost::Params, 100_000.0)];
    let best = |method| {
        let found = search(
            problem(&space, &bounds),
            strategy(method, 150),
            &mut depth(),
            None,
            &mut |_| (),
        );
        let found = found.unwrap();
        found.candidates.iter().map(|c| c.score).fold(0.0, f64::max)
    };
    // Blocks are worth most, so eight of width 32 beat all wider ones.
    assert!(best(Method::Evolution) >= best(Method::Random));
}

#[test]
fn a_search_that_was_stopped_anywhere_ends_as_one_that_was_not() {
    let space = tiny();
    let bounds = [most(Cost::Params, 150_000.0), most(Cost::Latency, 0.006)];
    for method in METHODS {
        let run = |scorer: &mut Depth, journal: Option<&mut Pieces<Record>>| {
            let strategy = strategy(method, 50);
            search(
                problem(&space, &bounds),
                strategy,
                scorer,
                journal,
                &mut |_| (),
            )
        };
        let whole = outcome(&run(&mut depth(), None).unwrap());
        for stop in [1, 9, 17, 33, 49] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("journal");
            let open = || {
                let inputs = ContentHash::of(&"inputs");
                Pieces::open(&path, JOURNAL_KIND, MAIN, inputs).unwrap().0
            };
            let mut stopped = Depth {
                left: stop,
                scored: 0,
            };
            let ended = run(&mut stopped, Some(&mut open()));
            assert!(matches!(ended, Err(Stop::Enough)));
            let recorded = open()
                .records()
                .iter()
                .filter(|r| r.score.is_some())
                .count() as u64;
            let mut scorer = depth();
            let found = run(&mut scorer, Some(&mut open())).unwrap();
            assert_eq!(outcome(&found), whole, "{method:?}, stopped at {stop}");
            assert_eq!(scorer.scored + recorded, 50, "nothing is scored twice");
        }
    }
}

#[test]
fn what_is_measured_too_slow_is_not_scored() {
    let space = tiny();
    let bounds = [most(Cost::Latency, 0.0025)];
    for method in METHODS {
        let mut scorer = depth();
        let strategy = strategy(method, 30);
        let found = search(
            problem(&space, &bounds),
            strategy,
            &mut scorer,
            None,
            &mut |_| (),
        );
        let found = found.unwrap();
        assert_eq!((found.evaluated, scorer.scored), (30, 30));
        assert!(found.too_slow > 0);
        for &i in &found.front {
            assert!(found.candidates[i].costs.latency.unwrap() <= 0.0025);
        }
    }
}

#[test]
fn what_nothing_meets_is_an_error_and_no_endless_loop() {
    let space = tiny();
    for (bound, expected) in [
        (most(Cost::Params, 10.0), "has params 4536, more than 10"),
        (most(Cost::Latency, 1e-9), "has latency 0.001, more than"),
        (
            Bound {
                cost: Cost::Params,
                least: 1e12,
                most: f64::INFINITY,
            },
            "less than 1000000000000",
        ),
    ] {
        for method in METHODS {
            let bounds = [bound];
            let strategy = strategy(method, 30);
            let found = search(
                problem(&space, &bounds),
                strategy,
                &mut depth(),
                None,
                &mut |_| (),
            );
            let Err(Stop::Nas(error)) = found else {
                panic!("found something");
            };
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

#[test]
fn tight_bounds_are_met_by_repair() {
    let space = Space::read("lts-gpt2".as_ref()).unwrap();
    // About one draw in many thousands.
    let bounds = [
        Bound {
            cost: Cost::DecoderParams,
            least: 0.95e6,
            most: 1.0e6,
        },
        most(Cost::Params, 8.0e6),
    ];
    let found = search(
        problem(&space, &bounds),
        strategy(Method::Random, 20),
        &mut depth(),
        None,
        &mut |_| (),
    );
    assert_eq!(found.unwrap().evaluated, 20);
}

#[test]
fn a_space_ends_before_its_budget() {
    let text = r#"{"format": "lpzero-space", "version": 1, "space": {"name": "two", "blocks": [2],
        "variables": [{"name": "heads", "choices": [1, 2, 3]}],
        "template": {"model_type": "gpt2", "vocab_size": 20, "n_positions": 8, "n_embd": 8,
            "n_layer": "$blocks", "n_head": "$heads"}}}"#;
    let document = lpzero_arch::Document::parse_json("two.json", text).unwrap();
    let space = Space::of(&document.root()).unwrap();
    for method in METHODS {
        let found = search(
            problem(&space, &[]),
            strategy(method, 1000),
            &mut depth(),
            None,
            &mut |_| (),
        );
        let found = found.unwrap();
        // Three heads do not divide the width.
        assert_eq!((found.evaluated, found.exhausted), (2, true), "{method:?}");
    }
    let none = text.replace("[1, 2, 3]", "[3, 5]");
    let document = lpzero_arch::Document::parse_json("none.json", &none).unwrap();
    let space = Space::of(&document.root()).unwrap();
    let found = search(
        problem(&space, &[]),
        strategy(Method::Nsga2, 10),
        &mut depth(),
        None,
        &mut |_| (),
    );
    let Err(Stop::Nas(error)) = found else {
        panic!("found something");
    };
    assert!(
        error.to_string().contains("none of 1000 random choices"),
        "{error}"
    );
}

#[test]
fn a_time_budget_ends() {
    let space = tiny();
    let strategy = Strategy {
        budget: Budget::Time(Duration::from_millis(20)),
        ..strategy(Method::Nsga2, 0)
    };
    let found = search(
        problem(&space, &[]),
        strategy,
        &mut depth(),
        None,
        &mut |_| (),
    )
    .unwrap();
    assert!(found.evaluated > 0);
}

#[test]
fn hypervolume_is_the_share_of_random_points_that_are_dominated() {
    let mut random = lpzero_run::seed::stream(1, "points");
    for _ in 0..5 {
        let points: Vec<(f64, f64)> = (0..30)
            .map(|_| {
                (
                    random.random_range(-0.5..1.5),
                    random.random_range(-0.5..1.5),
                )
            })
            .collect();
        let (mut hits, draws) = (0, 200_000);
        for _ in 0..draws {
            let (score, cost) = (
                random.random_range(0.0..1.5),
                random.random_range(-0.5..1.0),
            );
            hits += u32::from(points.iter().any(|&(s, c)| s >= score && c <= cost));
        }
        let estimated = f64::from(hits) / f64::from(draws) * 1.5 * 1.5;
        let exact = hypervolume(&points, (0.0, 1.0));
        assert!((estimated - exact).abs() < 0.02, "{estimated} {exact}");
    }
    assert_eq!(hypervolume(&[], (0.0, 1.0)), 0.0);
    assert_eq!(
        hypervolume(&[(2.0, 0.25), (1.0, 0.5), (f64::NAN, 0.0)], (0.0, 1.0)),
        1.5
    );
}

/// Logarithm of the parameters of the blocks, which the tables of a network cost
/// without adding to it.
struct Blocks;

impl Scorer for Blocks {
    type Error = Error;

    fn scores(&mut self, _: &[String], networks: &[Architecture]) -> Result<Vec<f64>, Error> {
        let score = |network: &Architecture| (network.parameters().decoder() as f64).ln();
        Ok(networks.iter().map(score).collect())
    }

    fn latency(&mut self, _: &str, _: &Architecture) -> Result<f64, Error> {
        Ok(0.0)
    }
}

#[test]
fn the_front_of_nsga2_covers_more_than_that_of_random_search_at_equal_evaluations() {
    let space = Space::read("lts-gpt2".as_ref()).unwrap();
    let bounds = [most(Cost::Params, 60e6)];
    let covered = |method, seed| {
        let strategy = Strategy {
            seed,
            ..strategy(method, 400)
        };
        let problem = problem(&space, &bounds);
        let found = search(problem, strategy, &mut Blocks, None, &mut |_| ()).unwrap();
        let pairs = pairs(&found);
        let front: Vec<_> = found.front.iter().map(|&i| pairs[i]).collect();
        hypervolume(&front, (11.5, 60e6))
    };
    for seed in 0..3 {
        assert!(covered(Method::Nsga2, seed) > covered(Method::Random, seed));
    }
}
