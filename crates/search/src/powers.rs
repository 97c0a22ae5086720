//! Products of powers with fitted exponents.
//!
//! The logarithm of a product of powers is linear in the exponents, so that the
//! exponents of given factors are a regression and no search at all. Which
//! factors is forward selection with a beam: the best few sets of k factors are
//! each extended by the factors that explain most of what they leave. What is
//! explained is the truth on the search split, as it is or as normal scores of
//! its ranks. Where there are several ground truths, one set of exponents has to
//! explain all of them, each with a slope of its own.
//!
//! Where a search of formulas of any shape starts from, and a quick search of its own:
//! genetic programming would have to come upon three unlike factors at once, and
//! then on their exponents: on LiteTransformerSearch's decoders, where embeddings,
//! mixers and gradients all count, it does not.

use std::collections::BTreeSet;

use lpzero_proxy::{Node, known, parse};
use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::archive::Individual;
use crate::assess::Wanted;
use crate::budget::Control;
use crate::factors::Factors;
use crate::gaussian_process::{cholesky, solve_lower, solve_upper};
use crate::generate::power;
use crate::record::truncated;
use crate::regression::{Basis, dot};
use crate::run::{Found, Run, Settings};
use crate::statistics::{Correlation, Workspace, rank};
use crate::{Error, Problem};

/// Fits products of powers and searches no further; there is no budget.
///
/// # Errors
/// Settings out of range, a constant truth, or no factor that could be evaluated.
pub fn search(
    problem: Problem<'_>,
    settings: &Settings,
    control: &mut Control<'_>,
) -> Result<Found, Error> {
    let mut run = Run::start(problem, settings, control)?;
    Products::of(&mut run)?.evaluate(&mut run)?;
    run.finish()
}

/// Factors of the largest products.
const FACTORS: usize = 5;

/// Sets of factors of one size that are kept.
const WIDTH: usize = 20;

/// Factors that each of them is extended by.
const BRANCHES: usize = 20;

/// Ridge, of columns of length 1: keeps the exponents of factors that are nearly
/// the same from running away from each other.
const RIDGE: f64 = 1e-3;

/// Of the squared length of a factor, what must be beyond those it joins.
const NEW: f64 = 1e-3;

/// Slopes of the second ground truth relative to the first, that of a third to
/// the second and so on: how much a logarithm is worth on either is not known.
const SLOPES: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// Of what a product leaves unexplained, how much more it may be for shorter
/// exponents.
const ROUNDING: f64 = 0.01;

/// What a product explains of each ground truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The scores themselves.
    Scores,
    /// Normal scores of their ranks (Blom 1958): no outlier counts for many.
    NormalScores,
}

/// Products found.
pub(crate) struct Products {
    /// The products, best of each size and target first.
    pub(crate) formulas: Vec<Node>,
    /// By ground truth, the strongest correlation that a product has there which
    /// was fitted to it alone; 1 where there is only one, with nothing to be
    /// weighed against.
    pub(crate) attainable: Vec<f64>,
}

impl Products {
    /// The products of a search: from its journal, or fitted, and then recorded. A
    /// cancelled search has none.
    ///
    /// # Errors
    /// NaN among the truths, or a journal that belongs to another search or cannot
    /// be written.
    pub(crate) fn of(run: &mut Run<'_, '_>) -> Result<Self, Error> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"powers");
        let key = truncated(&hasher);
        if let Some(known) = run.recorded(key, Self::decode)? {
            return Ok(known);
        }
        let fitted = Self::fit(&run.problem, run.settings, run.control)?;
        if run.control.cancelled() {
            return Ok(Self {
                formulas: Vec::new(),
                attainable: fitted.attainable,
            });
        }
        run.record(key, fitted.encode().as_bytes())?;
        Ok(fitted)
    }

    /// A line of what is attainable, then a line per formula.
    fn encode(&self) -> String {
        let attainable = self.attainable.iter().map(|share| format!("{share:?}"));
        let formulas = self.formulas.iter().map(ToString::to_string);
        let first = attainable.collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = std::iter::once(first).chain(formulas).collect();
        lines.join("\n")
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(body).ok()?.lines();
        let attainable = lines.next()?.split(' ').map(|share| share.parse().ok());
        Some(Self {
            attainable: attainable.collect::<Option<_>>()?,
            formulas: lines.map(|line| parse(line).ok()).collect::<Option<_>>()?,
        })
    }

    /// Fits products on the search splits. One problem and settings give the same
    /// products on any number of threads.
    fn fit(
        problem: &Problem<'_>,
        settings: &Settings,
        control: &Control<'_>,
    ) -> Result<Self, Error> {
        let factors = Factors::of(problem, control);
        let benchmarks = problem.benchmarks.iter();
        let truths: Vec<Vec<f64>> = benchmarks
            .map(|benchmark| benchmark.truths(&benchmark.split.search))
            .collect();
        let longest = settings.limits.complexity;
        let mut formulas = Vec::new();
        let mut attainable = vec![1.0; truths.len()];
        let search = |design: &Design| {
            let sets = control.pool.install(|| design.beam(&factors, longest));
            if control.cancelled() {
                Vec::new()
            } else {
                sets
            }
        };
        for target in [Target::Scores, Target::NormalScores] {
            let targets = truths.iter().map(|truth| target.of(truth));
            let targets: Vec<Vec<f64>> = targets.collect::<Result<_, _>>()?;
            if truths.len() > 1 {
                for (index, truth) in truths.iter().enumerate() {
                    let alone = Design::new(&factors, &targets, &[(index, 1.0)]);
                    let best = strongest(&alone, &search(&alone), truth, settings.fitness)?;
                    let known = &mut attainable[index];
                    *known = if *known == 1.0 { best } else { known.max(best) };
                }
            }
            let slopes = if truths.len() > 1 {
                &SLOPES[..]
            } else {
                &[1.0]
            };
            for slope in slopes {
                let parts = (0..truths.len()).map(|index| (index, slope.powi(index as i32)));
                let design = Design::new(&factors, &targets, &parts.collect::<Vec<_>>());
                let sets = search(&design);
                formulas.extend(sets.iter().filter_map(|set| design.formula(&factors, set)));
            }
        }
        Ok(Self {
            formulas,
            attainable,
        })
    }
}

impl Products {
    /// Evaluates the products in a run, whose fitness is from then on relative to
    /// what is attainable. Returns those with a new rank vector.
    ///
    /// # Errors
    /// A journal that belongs to another search or cannot be written.
    pub(crate) fn evaluate(self, run: &mut Run<'_, '_>) -> Result<Vec<Individual>, Error> {
        run.weigh(&self.attainable);
        let mut new = Vec::new();
        for chunk in self.formulas.chunks(run.settings.offspring) {
            let batch = chunk.iter().filter_map(|formula| run.admit(formula));
            let batch = batch.collect();
            new.extend(run.evaluate(batch, &Wanted::ANY)?);
            run.show();
        }
        Ok(new)
    }
}

impl Target {
    /// The target, of mean 0 and length 1.
    fn of(self, truth: &[f64]) -> Result<Vec<f64>, Error> {
        let mut target = match self {
            Target::Scores => truth.to_vec(),
            Target::NormalScores => {
                let n = truth.len() as f64;
                let normal = Normal::standard();
                let score = |rank: &f64| normal.inverse_cdf((rank - 0.375) / (n + 0.25));
                rank(truth)?.iter().map(score).collect()
            }
        };
        let mean = target.iter().sum::<f64>() / target.len() as f64;
        target.iter_mut().for_each(|x| *x -= mean);
        let length = length(&target);
        target.iter_mut().for_each(|x| *x /= length);
        Ok(target)
    }
}

/// A regression of targets on logarithms of factors, ground truths one after the
/// other.
struct Design {
    /// By factor: logarithms, scaled to length 1.
    columns: Vec<Vec<f64>>,
    /// What each was divided by.
    lengths: Vec<f64>,
    target: Vec<f64>,
}

/// A set of factors with what is known about it.
struct Set {
    /// Ascending.
    members: Vec<usize>,
    /// One per member, of scaled columns.
    coefficients: Vec<f64>,
    /// What they leave of the target.
    residuals: Vec<f64>,
    /// Squared residuals and the ridge's price.
    loss: f64,
}

impl Design {
    /// Of these ground truths, each with its slope.
    fn new(factors: &Factors, targets: &[Vec<f64>], parts: &[(usize, f64)]) -> Self {
        // Dividing the logarithms by a slope is the same as multiplying the
        // target by it, and leaves all targets equally long.
        let stacked = factors.logarithms.iter().map(|columns| {
            let scaled = parts.iter().flat_map(|&(index, slope)| {
                let column = columns[index].iter();
                column.map(move |x| x / slope)
            });
            scaled.collect::<Vec<f64>>()
        });
        let mut columns: Vec<Vec<f64>> = stacked.collect();
        let lengths: Vec<f64> = columns.iter().map(|column| length(column)).collect();
        for (column, length) in columns.iter_mut().zip(&lengths) {
            if *length > 0.0 {
                column.iter_mut().for_each(|x| *x /= length);
            }
        }
        Self {
            columns,
            lengths,
            target: parts
                .iter()
                .flat_map(|(index, _)| targets[*index].iter().copied())
                .collect(),
        }
    }

    /// The best sets of one factor, of two and so on, best of each size first.
    fn beam(&self, factors: &Factors, longest: u32) -> Vec<Set> {
        let sizes: Vec<u32> = factors.formulas.iter().map(Node::complexity).collect();
        // Between two factors: a product, a power and an exponent.
        let complexity = |members: &[usize]| members.iter().map(|&m| sizes[m] + 3).sum::<u32>() - 3;
        let empty = Set {
            members: Vec::new(),
            coefficients: Vec::new(),
            residuals: self.target.clone(),
            loss: 1.0,
        };
        let mut all: Vec<Set> = Vec::new();
        let mut last = vec![empty];
        for _ in 0..FACTORS {
            let extended: Vec<Vec<Vec<usize>>> =
                last.par_iter().map(|set| self.extended(set)).collect();
            let sets: BTreeSet<Vec<usize>> = extended.into_iter().flatten().collect();
            let sets: Vec<Vec<usize>> = sets.into_iter().collect();
            let fitted = sets
                .into_par_iter()
                .filter(|set| complexity(set) <= longest);
            let mut fitted: Vec<Set> = fitted.filter_map(|set| self.fit(set)).collect();
            fitted.sort_by(|a, b| a.loss.total_cmp(&b.loss).then(a.members.cmp(&b.members)));
            fitted.truncate(WIDTH);
            all.append(&mut std::mem::replace(&mut last, fitted));
        }
        all.append(&mut last);
        all.retain(|set| !set.members.is_empty());
        all
    }

    /// The set with each of the factors that explain most of what it leaves.
    fn extended(&self, set: &Set) -> Vec<Vec<usize>> {
        let basis = Basis::new(set.members.iter().map(|&m| &self.columns[m][..]));
        let gain = |index: usize| {
            let column = &self.columns[index];
            let beyond = dot(column, column) - basis.explained(column);
            let gain = dot(column, &set.residuals).powi(2) / (beyond + RIDGE);
            (beyond > NEW && !set.members.contains(&index)).then_some((gain, index))
        };
        let mut gains: Vec<(f64, usize)> = (0..self.columns.len()).filter_map(gain).collect();
        gains.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        gains
            .iter()
            .take(BRANCHES)
            .map(|(_, index)| {
                let mut members = set.members.clone();
                members.push(*index);
                members.sort_unstable();
                members
            })
            .collect()
    }

    /// Ridge regression on a set.
    fn fit(&self, members: Vec<usize>) -> Option<Set> {
        let n = members.len();
        let columns: Vec<&[f64]> = members.iter().map(|&m| &self.columns[m][..]).collect();
        let mut products = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                products[i * n + j] = dot(columns[i], columns[j]);
            }
            products[i * n + i] += RIDGE;
        }
        let along = columns.iter().map(|column| dot(column, &self.target));
        let factor = cholesky(products, n)?;
        let coefficients = solve_upper(&factor, solve_lower(&factor, along.collect()));
        let mut residuals = self.target.clone();
        for (column, coefficient) in columns.iter().zip(&coefficients) {
            for (residual, x) in residuals.iter_mut().zip(*column) {
                *residual -= coefficient * x;
            }
        }
        let loss = dot(&residuals, &residuals) + RIDGE * dot(&coefficients, &coefficients);
        Some(Set {
            members,
            coefficients,
            residuals,
            loss,
        })
    }

    /// The product of powers: the factor that moves most has no exponent, and the
    /// others as few digits as do no harm. `None` where nothing moves.
    fn formula(&self, factors: &Factors, set: &Set) -> Option<Node> {
        let weights: Vec<f64> = (set.members.iter().zip(&set.coefficients))
            .map(|(&member, coefficient)| coefficient / self.lengths[member])
            .collect();
        let moves = |index: &usize| set.coefficients[*index].abs();
        let all = 0..weights.len();
        let lead = all.max_by(|a, b| moves(a).total_cmp(&moves(b)));
        let lead = lead.unwrap_or_default();
        let exact: Vec<f64> = weights.iter().map(|w| w / weights[lead]).collect();
        if !exact.iter().all(|exponent| exponent.is_finite()) {
            return None;
        }
        let unexplained = |exponents: &[f64]| 1.0 - self.explained(set, exponents);
        let enough = unexplained(&exact) * (1.0 + ROUNDING);
        let shorter = (0..3).map(|digits| {
            let exponents = exact.iter().map(|x| to_digits(*x, digits));
            exponents.collect::<Vec<f64>>()
        });
        let mut fitting = shorter.filter(|exponents| unexplained(exponents) <= enough);
        let exponents = fitting.next().unwrap_or(exact);
        let factor = |index: usize| {
            let base = factors.formulas[set.members[index]].clone();
            power(base, exponents[index])
        };
        let others = (0..exponents.len()).filter(|index| *index != lead);
        Some(others.fold(factor(lead), |product, index| {
            Node::binary(known::MUL, product, factor(index))
        }))
    }

    /// Share of the target that a product with these exponents explains.
    fn explained(&self, set: &Set, exponents: &[f64]) -> f64 {
        let mut product = vec![0.0; self.target.len()];
        for (&member, exponent) in set.members.iter().zip(exponents) {
            let scale = exponent * self.lengths[member];
            for (sum, x) in product.iter_mut().zip(&self.columns[member]) {
                *sum += scale * x;
            }
        }
        let along = dot(&product, &self.target);
        along * along / (dot(&product, &product) * dot(&self.target, &self.target))
    }
}

/// The strongest correlation of any of the products with the truth that they were
/// fitted to.
fn strongest(
    design: &Design,
    sets: &[Set],
    truth: &[f64],
    correlation: Correlation,
) -> Result<f64, Error> {
    let mut workspace = Workspace::new();
    let mut strongest: f64 = 0.0;
    for set in sets {
        let fitted = design.target.iter().zip(&set.residuals);
        let fitted: Vec<f64> = fitted.map(|(target, residual)| target - residual).collect();
        let found = workspace.correlate(correlation, &fitted, truth)?;
        strongest = strongest.max(found.unwrap_or(0.0).abs());
    }
    Ok(if strongest > 0.0 { strongest } else { 1.0 })
}

/// The nearest number of so many digits after the first.
fn to_digits(value: f64, digits: usize) -> f64 {
    format!("{value:.digits$e}").parse().unwrap_or(value)
}

fn length(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}
