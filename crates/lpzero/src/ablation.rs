//! Worth of each part of a search: one search, repeated with one thing changed.
//!
//! The axes are declared data. Variants of an axis are compared on the same test
//! splits, seed by seed.

use lpzero_run::Piece;
use lpzero_search::Settings;
use lpzero_search::generate::Grammar;
use lpzero_stats::{MINIMUM_PART, Split, mean_interval};
use lpzero_trace::Symbol;
use serde::{Deserialize, Serialize};

/// A search, as an ablation changes it.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How it searches.
    pub settings: Settings,
    /// How many architectures it searches on, the first of the search split.
    pub searched: usize,
    /// Symbols that it does without.
    pub symbols: Vec<Symbol>,
    /// Whether it does without scalars.
    pub scalars: bool,
}

impl Setup {
    /// A search with these settings on this many architectures, nothing withheld.
    pub fn new(settings: Settings, searched: usize) -> Self {
        Self {
            settings,
            searched,
            symbols: Vec::new(),
            scalars: false,
        }
    }

    /// The split of this search: fewer architectures to search on, the same to
    /// select with and to test on.
    pub fn split(&self, split: &Split) -> Split {
        let mut split = split.clone();
        // A prefix is itself a random sample.
        split.search.truncate(self.searched);
        split
    }
}

/// One thing that is changed.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// Name of the axis in the command.
    pub name: &'static str,
    /// One sentence about it.
    pub about: &'static str,
    /// Makes the variants of the search as it is by default. The one that others are compared
    /// with comes first.
    variants: fn(&Setup) -> Vec<Variant>,
}

/// A search with one thing changed.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Difference from the default, in words.
    pub name: String,
    /// The search.
    pub setup: Setup,
}

/// Every axis.
pub const AXES: [Axis; 5] = [
    Axis {
        name: "unary",
        about: "unary operations per branch of the paper's formulas",
        variants: |base| {
            let unary = |n: usize| {
                vary(base, n, |setup| {
                    setup.settings.grammar = Grammar::Paper { unary: n };
                })
            };
            [2, 1, 3, 4, 5].map(unary).to_vec()
        },
    },
    Axis {
        name: "population",
        about: "size of the population",
        variants: |base| {
            let size = |size: usize| vary(base, size, |setup| setup.settings.population = size);
            [80, 20, 40, 160, 320].map(size).to_vec()
        },
    },
    Axis {
        name: "split",
        about: "architectures to search on, tested on the same others",
        variants: |base| {
            let parts = [1, 2, 4, 8].map(|part| base.searched / part);
            let large = parts.into_iter().filter(|n| *n >= MINIMUM_PART);
            large
                .map(|n| vary(base, n, |setup| setup.searched = n))
                .collect()
        },
    },
    Axis {
        name: "pruning",
        about: "rules and prediction, which save evaluations",
        variants: |base| {
            let parts = [
                ("both", true, true),
                ("prediction only", false, true),
                ("rules only", true, false),
                ("neither", false, false),
            ];
            let with = |(name, rules, prediction)| {
                vary(base, name, |setup| {
                    setup.settings.rules = rules;
                    setup.settings.prediction = prediction;
                })
            };
            parts.map(with).to_vec()
        },
    },
    Axis {
        name: "inputs",
        about: "what formulas may read: all, all but one, or one part only",
        variants: |base| {
            let without = |symbol: &Symbol| {
                vary(base, format!("no {symbol:?}"), |setup| {
                    setup.symbols = vec![*symbol];
                })
            };
            let all = [vary(base, "all", |_| ())];
            let parts = [
                vary(base, "no scalars", |setup| setup.scalars = true),
                vary(base, "scalars only", |setup| {
                    setup.symbols = Symbol::ALL.to_vec()
                }),
            ];
            let each = Symbol::ALL.iter().map(without);
            all.into_iter().chain(each).chain(parts).collect()
        },
    },
];

fn vary(base: &Setup, name: impl ToString, change: impl FnOnce(&mut Setup)) -> Variant {
    let mut setup = base.clone();
    change(&mut setup);
    Variant {
        name: name.to_string(),
        setup,
    }
}

impl Axis {
    /// The axis of this name.
    pub fn named(name: &str) -> Option<&'static Axis> {
        AXES.iter().find(|axis| axis.name == name)
    }

    /// Variants of the axis, the one that others are compared with first.
    pub fn variants(&self, base: &Setup) -> Vec<Variant> {
        (self.variants)(base)
    }
}

/// Result of one search of an ablation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The axis.
    pub axis: String,
    /// The variant.
    pub variant: String,
    /// Seed of the split and the search.
    pub seed: u64,
    /// The formula that was found.
    pub formula: String,
    /// Kendall's tau of the formula on the search split.
    pub search_tau: Option<f64>,
    /// Kendall's tau on the test split.
    pub test_tau: Option<f64>,
    /// Spearman's rho on the test split.
    pub test_rho: Option<f64>,
    /// Formulas that were evaluated.
    pub evaluated: u64,
    /// Formulas that were discarded before.
    pub pruned: u64,
    /// Time of the search without traces.
    pub seconds: f64,
}

impl Piece for Outcome {
    const MEASURED: &'static [&'static str] = &["/seconds"];

    fn piece(&self) -> String {
        format!("{} {} seed {}", self.axis, self.variant, self.seed)
    }
}

/// A variant over all seeds. Intervals are Student's, of 95 %; they, and with one
/// seed the differences' too, are `None` where a number is not defined.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The axis.
    pub axis: String,
    /// The variant.
    pub variant: String,
    /// Searches.
    pub seeds: usize,
    /// Mean of tau on the search splits.
    pub search_tau: Option<f64>,
    /// Mean of tau on the test splits.
    pub test_tau: Option<f64>,
    /// Interval of that mean.
    pub test_tau_ci: Option<[f64; 2]>,
    /// Mean of rho on the test splits.
    pub test_rho: Option<f64>,
    /// Mean of the paired differences of test tau to the first variant.
    pub difference: Option<f64>,
    /// Interval of that mean.
    pub difference_ci: Option<[f64; 2]>,
    /// Mean of formulas evaluated.
    pub evaluated: f64,
    /// Mean of formulas pruned.
    pub pruned: f64,
    /// Mean of seconds.
    pub seconds: f64,
}

/// One line per variant of an axis, in their order; `outcomes` may hold others,
/// those of one variant in the order of the seeds.
pub fn summaries(axis: &str, variants: &[Variant], outcomes: &[Outcome]) -> Vec<Summary> {
    let of = |variant: &Variant| -> Vec<&Outcome> {
        let own = outcomes.iter().filter(|outcome| outcome.axis == axis);
        own.filter(|outcome| outcome.variant == variant.name)
            .collect()
    };
    let first: Vec<&Outcome> = variants.first().map(of).unwrap_or_default();
    let summary = |variant: &Variant| {
        let own = of(variant);
        let all = |value: fn(&Outcome) -> Option<f64>| -> Option<Vec<f64>> {
            own.iter().map(|outcome| value(outcome)).collect()
        };
        let mean = |values: Option<Vec<f64>>| {
            let values = values.filter(|values| !values.is_empty())?;
            Some(values.iter().sum::<f64>() / values.len() as f64)
        };
        let interval = |values: Option<Vec<f64>>| mean_interval(&values?, 0.95);
        let of_first = |outcome: &&Outcome| {
            let same = first.iter().find(|other| other.seed == outcome.seed)?;
            Some(outcome.test_tau? - same.test_tau?)
        };
        let differences: Option<Vec<f64>> = own.iter().map(of_first).collect();
        Summary {
            axis: axis.to_owned(),
            variant: variant.name.clone(),
            seeds: own.len(),
            search_tau: mean(all(|outcome| outcome.search_tau)),
            test_tau: mean(all(|outcome| outcome.test_tau)),
            test_tau_ci: interval(all(|outcome| outcome.test_tau)),
            test_rho: mean(all(|outcome| outcome.test_rho)),
            difference: mean(differences.clone()),
            difference_ci: interval(differences),
            evaluated: mean(all(|outcome| Some(outcome.evaluated as f64))).unwrap_or(0.0),
            pruned: mean(all(|outcome| Some(outcome.pruned as f64))).unwrap_or(0.0),
            seconds: mean(all(|outcome| Some(outcome.seconds))).unwrap_or(0.0),
        }
    };
    variants.iter().map(summary).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn base() -> Setup {
        Setup::new(Settings::default(), 100)
    }

    #[test]
    fn every_axis_starts_with_what_the_others_are_compared_with() {
        let first = |name: &str| Axis::named(name).unwrap().variants(&base()).remove(0);
        assert_eq!(
            first("unary").setup.settings.grammar,
            Grammar::Paper { unary: 2 }
        );
        assert_eq!(first("population").setup.settings.population, 80);
        assert_eq!(first("split").setup.searched, 100);
        assert!(first("pruning").setup.settings.rules && first("inputs").setup.symbols.is_empty());
        for axis in AXES {
            let mut names: Vec<_> = axis.variants(&base()).into_iter().map(|v| v.name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), axis.variants(&base()).len(), "{}", axis.name);
        }
    }

    #[test]
    fn a_smaller_search_split_leaves_the_test_split_alone() {
        let split = Split {
            search: vec![4, 2, 0, 6],
            validation: vec![1, 3],
            test: vec![5, 7],
        };
        let setup = Setup::new(Settings::default(), 2);
        let smaller = setup.split(&split);
        assert_eq!(smaller.search, [4, 2]);
        assert_eq!(
            (smaller.validation, smaller.test),
            (split.validation, split.test)
        );
    }

    #[test]
    fn differences_are_paired_by_seed() {
        let variants = Axis::named("population").unwrap().variants(&base());
        let outcome = |variant: &str, seed, tau| Outcome {
            axis: "population".into(),
            variant: variant.into(),
            seed,
            formula: "loss".into(),
            search_tau: Some(0.9),
            test_tau: tau,
            test_rho: Some(0.5),
            evaluated: 10,
            pruned: 4,
            seconds: 1.0,
        };
        let outcomes = [
            outcome("80", 0, Some(0.5)),
            outcome("80", 1, Some(0.7)),
            outcome("20", 0, Some(0.4)),
            outcome("20", 1, Some(0.6)),
            outcome("40", 0, None),
        ];
        let found = summaries("population", &variants, &outcomes);
        let of = |name: &str| {
            found
                .iter()
                .find(|summary| summary.variant == name)
                .unwrap()
        };
        assert!((of("80").test_tau.unwrap() - 0.6).abs() < 1e-12);
        assert!((of("20").difference.unwrap() + 0.1).abs() < 1e-12);
        let [low, high] = of("20").difference_ci.unwrap();
        assert!((low + 0.1).abs() < 1e-12 && (high + 0.1).abs() < 1e-12);
        assert_eq!((of("40").test_tau, of("40").difference), (None, None));
        assert_eq!((of("160").seeds, of("160").test_tau), (0, None));
    }
}
