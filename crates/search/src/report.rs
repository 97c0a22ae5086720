//! Report of a search, as the command prints it.

use std::collections::BTreeMap;

use lpzero_proxy::Node;
use lpzero_stats::{Bootstrap, Correlation, Interval, SameSize, compare, tau_within_groups, ties};
use serde::{Deserialize, Serialize};

use crate::control::Control;
use crate::criterion::Criterion;
use crate::exhaustive::{self, space::Census};
use crate::found::Found;
use crate::pruning::Counts;
use crate::select::{self, Candidate, Correlations, Performance};
use crate::settings::Settings;
use crate::stability::{self, Movement};
use crate::transfer::LeftOut;
use crate::{Baseline, Benchmark, Error, Problem, genetic, language, powers, random, transfer};

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
    /// [`transfer::search`].
    #[serde(rename = "transfer")]
    Transfer,
}

impl Method {
    /// Every method with the name that commands and reports use.
    pub const ALL: [(Method, &'static str); 5] = [
        (Method::Genetic, "gp"),
        (Method::Random, "random"),
        (Method::Exhaustive, "exhaustive"),
        (Method::Powers, "powers"),
        (Method::Transfer, "transfer"),
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
            Method::Transfer => transfer::search(problem, settings, control),
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
    /// Criterion that was maximised.
    pub fitness: Criterion,
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
    /// What the method finds without one ground truth after the other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leave_one_out: Vec<LeftOutReport>,
    /// Counts of formulas generated, pruned and evaluated, and the best formula that looks
    /// at no network.
    pub counts: Tally,
    /// The whole space, where all of it was searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space: Option<Census>,
    /// Scores of the best formula: by ground truth, then architecture. Not part of the
    /// document, whose readers want conclusions.
    #[serde(skip)]
    pub scores: Vec<Vec<f64>>,
}

/// Counts of a search, and the best formula of counts that its method finds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tally {
    /// Formulas generated, pruned and evaluated.
    #[serde(flatten)]
    pub formulas: Counts,
    /// The best formula of counts that the same method finds, where it was asked for.
    #[serde(rename = "formula", skip_serializing_if = "Option::is_none")]
    pub best: Option<String>,
}

impl std::ops::Deref for Tally {
    type Target = Counts;

    fn deref(&self) -> &Counts {
        &self.formulas
    }
}

/// The formula of a search that did not see a ground truth, on that ground truth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOutReport {
    /// The ground truth that took no part.
    pub truth: String,
    /// Formula that the others gave.
    pub formula: String,
    /// How it does, on all architectures whose truth is known.
    #[serde(flatten)]
    pub test: Test,
    /// The best formula of counts by the same procedure, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<OfCounts>,
    /// Scores of the formula, by architecture. Not part of the document.
    #[serde(skip)]
    pub scores: Vec<f64>,
}

/// A formula that looks at no network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfCounts {
    /// Formula, of counts alone.
    pub formula: String,
    /// How it does.
    #[serde(flatten)]
    pub on: Correlations,
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
    /// How its ranking moves with what must not matter, where that was measured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stability: Vec<StabilityOn>,
}

/// Movements of a formula on one ground truth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StabilityOn {
    /// The ground truth.
    pub truth: String,
    /// Number of networks that were run again, the smallest ones.
    pub n: usize,
    /// A row per variation.
    pub movements: Vec<Movement>,
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
    /// Variations of what must not matter that move its ranking more than two seeds do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unstable: Vec<String>,
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
    /// Equal-size accuracy: share of pairs of like size that are ordered right.
    pub same_size: Option<f64>,
    /// Confidence interval of it, over architectures.
    pub same_size_ci: Option<[f64; 2]>,
    /// Number of such pairs.
    pub same_size_pairs: usize,
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
    /// Equal-size accuracy of the baseline.
    pub same_size: Option<f64>,
    /// Confidence interval of it, over architectures.
    pub same_size_ci: Option<[f64; 2]>,
    /// Number of pairs of like size.
    pub same_size_pairs: usize,
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
        let front = front(problem, &candidates);
        let ranked = select::ranked(problem, settings, found, candidates)?;
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
                    verdict: Verdict::of(benchmark, performance, settings, scores)?,
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
            fitness: found.fitness,
            seed: settings.seed,
            interrupted: found.interrupted,
            best: Best {
                formula: best.formula.to_string(),
                canonical: language::canonical(&best.formula).to_string(),
                complexity: best.complexity,
                stability: stability_of(problem, &best.formula),
            },
            front,
            verdict,
            verdicts,
            leave_one_out: left_out(problem, settings, found)?,
            counts: Tally {
                formulas: found.counts.clone(),
                best: found
                    .carried
                    .as_ref()
                    .map(|carried| carried.counts.to_string()),
            },
            space: found.space.clone(),
            scores,
        })
    }
}

/// Movements of a formula, by ground truth that has variations.
fn stability_of(problem: &Problem<'_>, formula: &Node) -> Vec<StabilityOn> {
    let on = |benchmark: &Benchmark<'_>| {
        let first = benchmark.variations.first()?;
        Some(StabilityOn {
            truth: benchmark.name.to_owned(),
            n: first.architectures.len(),
            movements: stability::of_formula(benchmark, formula),
        })
    };
    problem.benchmarks.iter().filter_map(on).collect()
}

fn front(problem: &Problem<'_>, candidates: &[Candidate]) -> Vec<FrontEntry> {
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
                unstable: stability::unstable(problem.benchmarks, &candidate.formula),
            });
        }
    }
    front
}

impl Verdict {
    fn of(
        benchmark: &Benchmark<'_>,
        performance: &Performance,
        settings: &Settings,
        scores: &[f64],
    ) -> Result<Self, Error> {
        let split = benchmark.split;
        let test = Test::of(benchmark, &split.test, settings, scores)?;
        let interval = |on: Correlations, part: &[usize]| {
            let column = |of: &[f64]| part.iter().map(|&i| of[i]).collect::<Vec<f64>>();
            let (scores, truth) = (column(scores), column(benchmark.truth));
            let sizes = column(benchmark.sizes);
            let sizes = (&sizes[..], settings.tolerance);
            let again = Correlations::with_interval(&scores, &truth, sizes, settings.seed)?;
            Ok::<_, Error>(Correlations {
                same_size_ci: again.same_size_ci,
                ..on
            })
        };
        let search = interval(performance.search, &split.search)?;
        let excess = |search: Option<f64>, test: Option<f64>| Some(search? - test?);
        Ok(Self {
            search,
            validation: interval(performance.validation, &split.validation)?,
            optimism: Optimism {
                tau: excess(search.tau, test.tau),
                rho: excess(search.rho, test.rho),
            },
            test,
        })
    }
}

/// Every ground truth under the formula that was found without it.
fn left_out(
    problem: &Problem<'_>,
    settings: &Settings,
    found: &Found,
) -> Result<Vec<LeftOutReport>, Error> {
    let left_out = found.carried.iter().flat_map(|carried| &carried.left_out);
    let report = |left: &LeftOut| {
        let benchmark = &problem.benchmarks[left.truth];
        let all: Vec<usize> = (0..benchmark.truth.len()).collect();
        let scores = |formula| {
            let scores = benchmark.finite_scores(formula, &all);
            scores.ok_or(Error::NothingFound { generated: 0 })
        };
        let counts = scores(&left.counts)?;
        let own = scores(&left.formula)?;
        let sizes = (benchmark.sizes, settings.tolerance);
        Ok(LeftOutReport {
            truth: benchmark.name.to_owned(),
            formula: left.formula.to_string(),
            test: Test::of(benchmark, &all, settings, &own)?,
            counts: Some(OfCounts {
                formula: left.counts.to_string(),
                on: Correlations::with_interval(&counts, benchmark.truth, sizes, settings.seed)?,
            }),
            scores: own,
        })
    };
    left_out.map(report).collect()
}

impl Test {
    /// A formula on some architectures of a ground truth, given its scores on all.
    ///
    /// # Errors
    /// NaN among scores or truths.
    pub fn of(
        benchmark: &Benchmark<'_>,
        indices: &[usize],
        settings: &Settings,
        scores: &[f64],
    ) -> Result<Self, Error> {
        let on = |column: &[f64]| indices.iter().map(|&i| column[i]).collect::<Vec<f64>>();
        let (scores, truth) = (on(scores), on(benchmark.truth));
        let sizes = on(benchmark.sizes);
        let correlations = Correlations::of(&scores, &truth, (&sizes, settings.tolerance))?;
        let mut test = Self {
            n: correlations.n,
            tau: correlations.tau,
            tau_ci: None,
            rho: correlations.rho,
            rho_ci: None,
            same_size: correlations.same_size,
            same_size_ci: None,
            same_size_pairs: correlations.same_size_pairs,
            ties: 0.0,
            tau_within_group: BTreeMap::new(),
            baselines: Vec::new(),
        };
        if indices.len() < 2 {
            return Ok(test);
        }
        let bootstrap = Bootstrap {
            seed: settings.seed,
            ..Bootstrap::default()
        };
        let ends = |interval: Option<Interval>| interval.map(|found| [found.low, found.high]);
        let interval = |kind| bootstrap.interval(kind, &scores, &truth);
        test.tau_ci = ends(interval(Correlation::Kendall)?);
        test.rho_ci = ends(interval(Correlation::Spearman)?);
        let same = SameSize::new(&sizes, &truth, settings.tolerance)?;
        test.same_size_ci = ends(same.interval(&bootstrap, &scores)?);
        test.ties = ties(&scores)?;
        if !benchmark.groups.is_empty() {
            let groups = indices.iter().map(|&i| benchmark.groups[i].clone());
            let within = tau_within_groups(&scores, &truth, &groups.collect::<Vec<_>>())?;
            let large = within.into_iter().filter(|group| group.n >= MINIMUM_GROUP);
            test.tau_within_group = large.map(|group| (group.group, group.tau)).collect();
        }
        let compare = |baseline: &Baseline| {
            let theirs = on(&baseline.scores);
            let sizes = (&sizes[..], settings.tolerance);
            let alone = Correlations::with_interval(&theirs, &truth, sizes, settings.seed)?;
            let difference =
                bootstrap.difference(Correlation::Kendall, &scores, &theirs, &truth)?;
            Ok(Comparison {
                name: baseline.name.clone(),
                tau: alone.tau,
                rho: alone.rho,
                same_size: alone.same_size,
                same_size_ci: alone.same_size_ci,
                same_size_pairs: alone.same_size_pairs,
                difference: correlations.tau.zip(alone.tau).map(|(a, b)| a - b),
                difference_ci: ends(difference),
            })
        };
        let baselines = benchmark.baselines.iter().map(compare);
        test.baselines = baselines.collect::<Result<_, Error>>()?;
        Ok(test)
    }
}
