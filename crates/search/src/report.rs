//! Report of a search, as the command prints it.

use std::collections::BTreeMap;

use lpzero_stats::{Bootstrap, Correlation, compare, tau_within_groups, ties};
use serde::{Deserialize, Serialize};

use crate::control::Control;
use crate::exhaustive::{self, space::Census};
use crate::found::Found;
use crate::pruning::Counts;
use crate::select::{self, Candidate, Correlations, Performance};
use crate::settings::Settings;
use crate::{Baseline, Benchmark, Error, Problem, genetic, language, powers, random};

/// A way to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Method {
    /// [`genetic::search`].
    #[default]
    #[serde(rename = "gp")]
    Genetic,
    /// [`random::search`].
    #[serde(rename = "random")]
    Random,
    /// [`exhaustive::search`].
    #[serde(rename = "exhaustive")]
    Exhaustive,
    /// [`powers::search`].
    #[serde(rename = "powers")]
    Powers,
}

impl Method {
    /// Every method with the name that commands and reports use.
    pub const ALL: [(Method, &'static str); 4] = [
        (Method::Genetic, "gp"),
        (Method::Random, "random"),
        (Method::Exhaustive, "exhaustive"),
        (Method::Powers, "powers"),
    ];

    /// The method's name.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Runs the method.
    ///
    /// # Errors
    /// Settings out of range, an empty vocabulary, a constant truth, or nothing
    /// that could be evaluated.
    pub fn search(
        self,
        problem: Problem<'_>,
        settings: &Settings,
        control: &mut Control<'_>,
    ) -> Result<Found, Error> {
        match self {
            Method::Genetic => genetic::search(problem, settings, control),
            Method::Random => random::search(problem, settings, control),
            Method::Exhaustive => exhaustive::search(problem, settings, control),
            Method::Powers => powers::search(problem, settings, control),
        }
    }

    /// Runs the method, then selects with search and validation split together
    /// and tests the winner once.
    ///
    /// # Errors
    /// As [`search`](Self::search), and NaN among the truths.
    pub fn run(
        self,
        problem: Problem<'_>,
        settings: &Settings,
        control: &mut Control<'_>,
    ) -> Result<Report, Error> {
        let found = self.search(problem, settings, control)?;
        Report::conclude(self, &problem, settings, &found)
    }
}

/// The outcome of a search. Serialised, it is the part of the command's JSON
/// that does not depend on the clock or on where the ground truth came from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// How it was searched.
    pub method: Method,
    /// Correlation that was maximised.
    pub fitness: Correlation,
    /// Run seed.
    pub seed: u64,
    /// Whether the search was cancelled before its budget was spent; left out
    /// where it was not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// The formula to keep.
    pub best: Best,
    /// The Pareto front of fitness on the search split against complexity,
    /// simplest first.
    pub front: Vec<FrontEntry>,
    /// The best formula on the ground truth; of several, on the one whose test
    /// split it does worst on.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The best formula on each ground truth, where there are several.
    #[serde(rename = "truths", skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<Named>,
    /// Counts of formulas generated, pruned and evaluated.
    pub counts: Counts,
    /// The whole space, where all of it was searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space: Option<Census>,
}

/// A formula on the three splits of a ground truth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// On the search split, which it was found on.
    pub search: Correlations,
    /// On the validation split, which it was chosen with.
    pub validation: Correlations,
    /// On the test split.
    pub test: Test,
    /// Excess of the correlations on the search split over those on the test split.
    pub optimism: Optimism,
}

/// Correlations on the search split minus those on the test split: far above
/// 0, the formula fits the architectures that it was found on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Optimism {
    /// Difference of Kendall's tau-b.
    pub tau: Option<f64>,
    /// Difference of Spearman's rho.
    pub rho: Option<f64>,
}

/// The verdict on one of several ground truths.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Named {
    /// The ground truth.
    pub truth: String,
    /// How many architectures it has.
    pub n: usize,
    /// How the formula does there.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// The formula to keep, larger scores being better.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Best {
    /// Formula as found, turned so that larger is better.
    pub formula: String,
    /// The form that all formulas share that rank alike by algebra.
    pub canonical: String,
    /// Sum of the complexities of its nodes.
    pub complexity: u32,
}

/// A formula of the front.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FrontEntry {
    /// Turned so that larger is better.
    pub formula: String,
    /// Sum of the complexities of its nodes.
    pub complexity: u32,
    /// On the search split of the ground truth that it does worst on.
    pub search: Correlations,
    /// On the validation split of the same.
    pub validation: Correlations,
}

/// Correlations on the test split, with 95 % bootstrap intervals; `null` where
/// undefined.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Test {
    /// Number of architectures.
    pub n: usize,
    /// Kendall's tau-b.
    pub tau: Option<f64>,
    /// Confidence interval of tau.
    pub tau_ci: Option<[f64; 2]>,
    /// Spearman's rho.
    pub rho: Option<f64>,
    /// Confidence interval of rho.
    pub rho_ci: Option<[f64; 2]>,
    /// Share of pairs that the formula leaves tied.
    pub ties: f64,
    /// Kendall's tau inside groups of at least [`MINIMUM_GROUP`] architectures.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tau_within_group: BTreeMap<String, Option<f64>>,
    /// The winner against scores that need no search, on the same split.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<Comparison>,
}

/// A baseline on the test split, and how much better the winner is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The baseline.
    pub name: String,
    /// Kendall's tau-b of the baseline.
    pub tau: Option<f64>,
    /// Spearman's rho of the baseline.
    pub rho: Option<f64>,
    /// Tau of the winner minus tau of the baseline.
    pub difference: Option<f64>,
    /// Paired 95 % bootstrap interval of the difference.
    pub difference_ci: Option<[f64; 2]>,
}

/// Groups with fewer test architectures say nothing and are left out.
pub const MINIMUM_GROUP: usize = 10;

impl Report {
    /// Selects among what a search found, and tests the winner.
    ///
    /// # Errors
    /// NaN among the truths, or no formula with a finite score on every
    /// architecture.
    pub fn conclude(
        method: Method,
        problem: &Problem<'_>,
        settings: &Settings,
        found: &Found,
    ) -> Result<Self, Error> {
        problem.check()?;
        let candidates = select::candidates(problem, settings, found)?;
        let front = front(&candidates);
        let ranked = select::ranked(problem, settings, candidates)?;
        // A formula may turn out to be undefined on an architecture outside
        // the two splits; scores of the test split are asked for, its truths
        // are not.
        let winner = ranked.iter().find_map(|candidate| {
            let scores = problem.benchmarks.iter().map(|benchmark| {
                let all: Vec<usize> = (0..benchmark.truth.len()).collect();
                benchmark.finite_scores(&candidate.formula, &all)
            });
            Some((candidate, scores.collect::<Option<Vec<_>>>()?))
        });
        let Some((best, scores)) = winner else {
            return Err(Error::NothingFound {
                generated: found.counts.generated,
            });
        };
        let benchmarks = problem.benchmarks.iter().zip(&best.performances);
        let verdict =
            |((benchmark, performance), scores): ((&Benchmark<'_>, &Performance), &Vec<f64>)| {
                Ok(Named {
                    truth: benchmark.name.to_owned(),
                    n: benchmark.truth.len(),
                    verdict: Verdict::of(performance, test(benchmark, settings, scores)?),
                })
            };
        let verdicts = benchmarks.zip(&scores).map(verdict);
        let mut verdicts = verdicts.collect::<Result<Vec<Named>, Error>>()?;
        let tau = |named: &Named| named.verdict.test.tau.unwrap_or(-1.0);
        let weakest =
            (0..verdicts.len()).min_by(|a, b| compare(tau(&verdicts[*a]), tau(&verdicts[*b])));
        let verdict = verdicts[weakest.unwrap_or_default()].verdict.clone();
        if verdicts.len() == 1 {
            verdicts.clear();
        }
        Ok(Self {
            method,
            fitness: settings.fitness,
            seed: settings.seed,
            interrupted: found.interrupted,
            best: Best {
                formula: best.formula.to_string(),
                canonical: language::canonical(&best.formula).to_string(),
                complexity: best.complexity,
            },
            front,
            verdict,
            verdicts,
            counts: found.counts.clone(),
            space: found.space.clone(),
        })
    }
}

fn front(candidates: &[Candidate]) -> Vec<FrontEntry> {
    let mut by_complexity: Vec<&Candidate> = candidates.iter().collect();
    by_complexity.sort_by(|a, b| {
        let fittest_first = b.fitness.total_cmp(&a.fitness);
        a.complexity.cmp(&b.complexity).then(fittest_first)
    });
    let mut front: Vec<FrontEntry> = Vec::new();
    let mut strongest = f64::NEG_INFINITY;
    for candidate in by_complexity {
        if candidate.fitness > strongest {
            strongest = candidate.fitness;
            let weakest = &candidate.performances[candidate.weakest()];
            front.push(FrontEntry {
                formula: candidate.formula.to_string(),
                complexity: candidate.complexity,
                search: weakest.search,
                validation: weakest.validation,
            });
        }
    }
    front
}

impl Verdict {
    fn of(performance: &Performance, test: Test) -> Self {
        let search = performance.search;
        let excess = |search: Option<f64>, test: Option<f64>| Some(search? - test?);
        Self {
            search,
            validation: performance.validation,
            optimism: Optimism {
                tau: excess(search.tau, test.tau),
                rho: excess(search.rho, test.rho),
            },
            test,
        }
    }
}

fn test(benchmark: &Benchmark<'_>, settings: &Settings, scores: &[f64]) -> Result<Test, Error> {
    let indices = &benchmark.split.test;
    let on_test = |column: &[f64]| indices.iter().map(|&i| column[i]).collect::<Vec<f64>>();
    let (scores, truth) = (on_test(scores), on_test(benchmark.truth));
    let correlations = Correlations::of(&scores, &truth)?;
    let bootstrap = Bootstrap {
        seed: settings.seed,
        ..Bootstrap::default()
    };
    let interval = |correlation| {
        let interval = bootstrap.interval(correlation, &scores, &truth)?;
        Ok::<_, Error>(interval.map(|interval| [interval.low, interval.high]))
    };
    let within = if benchmark.groups.is_empty() {
        Vec::new()
    } else {
        let groups = indices.iter().map(|&i| benchmark.groups[i].clone());
        tau_within_groups(&scores, &truth, &groups.collect::<Vec<_>>())?
    };
    let compare = |baseline: &Baseline| {
        let theirs = on_test(&baseline.scores);
        let alone = Correlations::of(&theirs, &truth)?;
        let difference = bootstrap.difference(Correlation::Kendall, &scores, &theirs, &truth)?;
        Ok(Comparison {
            name: baseline.name.clone(),
            tau: alone.tau,
            rho: alone.rho,
            difference: correlations.tau.zip(alone.tau).map(|(a, b)| a - b),
            difference_ci: difference.map(|interval| [interval.low, interval.high]),
        })
    };
    Ok(Test {
        n: correlations.n,
        tau: correlations.tau,
        tau_ci: interval(Correlation::Kendall)?,
        rho: correlations.rho,
        rho_ci: interval(Correlation::Spearman)?,
        ties: ties(&scores)?,
        tau_within_group: within
            .into_iter()
            .filter(|group| group.n >= MINIMUM_GROUP)
            .map(|group| (group.group, group.tau))
            .collect(),
        baselines: benchmark
            .baselines
            .iter()
            .map(compare)
            .collect::<Result<_, Error>>()?,
    })
}
