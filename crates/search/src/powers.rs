//! Products of powers with fitted exponents.
//!
//! The logarithm of a product of powers is linear in the exponents, so that the
//! exponents of given factors are a regression and no search at all. Which
//! factors is forward selection with a beam: the best few sets of k factors are
//! each extended by the factors that explain most of what they leave.
//!
//! What is explained is not the truth itself, of which few noisy scores are known, but
//! what all factors together say of it, of every architecture: the consensus. A handful
//! out of ten thousand factors that fits a hundred noisy scores fits the noise; one that
//! agrees with all of them everywhere has nothing to gain from it. Truths of the search
//! and validation splits decide what the consensus is, and none is left to judge by. Of
//! the test split only the factors are read. Where there are several ground truths, one
//! set of exponents has to explain the consensus on all of them, each with a slope of its
//! own.
//!
//! Where a search of formulas of any shape starts from, and a quick search of its own:
//! genetic programming would have to come upon three unlike factors at once, and
//! then on their exponents: on LiteTransformerSearch's decoders, where embeddings,
//! mixers and gradients all count, it does not.

use std::collections::{BTreeMap, BTreeSet};

use lpzero_proxy::{Node, known, parse};
use lpzero_run::ContentHash;
use lpzero_stats::regression::Basis;
use lpzero_stats::vector::{centred, dot, norm};
use lpzero_stats::{Cholesky, Workspace, rank, ridge};
use rayon::prelude::*;

use crate::archive::Individual;
use crate::assess::Wanted;
use crate::control::Control;
use crate::criterion::{Criterion, Known};
use crate::factors::Factors;
use crate::found::Found;
use crate::generate::power;
use crate::like_size::LikeSize;
use crate::run::{Recorded, Run};
use crate::settings::Settings;
use crate::vary::Limits;
use crate::{Error, Problem, language};

/// Fits products of powers and searches no further; there is no budget.
///
/// # Errors
/// Settings out of range, a constant truth, or no factor that could be evaluated.
pub fn search(
    problem: Problem<'_>,
    settings: &Settings,
    control: &mut Control<'_>,
) -> Result<Found, Error> {
    let settings = &Settings {
        limits: LIMITS,
        ..settings.clone()
    };
    let mut run = Run::start(problem, settings, control)?;
    let products = Products::of(&mut run)?;
    let formulas: Vec<Node> = products.formulas.iter().map(language::canonical).collect();
    products.evaluate(&mut run)?;
    let kept = run.archive.ranked();
    let is_kept = |formula: &Node| kept.iter().any(|kept| kept.formula == *formula);
    run.preferred = formulas.into_iter().find(is_kept);
    run.finish()
}

/// Factors of the largest products.
const FACTORS: usize = 8;

/// Sets of factors of one size that are kept.
const WIDTH: usize = 20;

/// Factors that each of them is extended by.
const BRANCHES: usize = 20;

/// Ridge, of columns of length 1: keeps the exponents of factors that are nearly
/// the same from running away from each other.
const RIDGE: f64 = 1e-3;

/// Least share of a factor's squared length that lies beyond the factors it joins.
const NEW: f64 = 1e-3;

/// Slopes of the second ground truth relative to the first, that of a third to
/// the second and so on: how much a logarithm is worth on either is not known.
const SLOPES: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// The largest products of a search that breeds nothing from them.
const LIMITS: Limits = Limits {
    complexity: 60,
    depth: 24,
};

/// Share by which shorter exponents may increase what a product leaves unexplained.
const ROUNDING: f64 = 0.01;

/// Products found.
pub(crate) struct Products {
    /// The products, the one to keep first: what says most of what all factors say, on
    /// the ground truth of which it says least.
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
        let piece = ContentHash::of_bytes(b"powers");
        if let Some(known) = run.recorded(Recorded::Next(piece), Self::decode)? {
            return Ok(known);
        }
        let fitted = Self::fit(&run.problem, run.settings, run.control)?;
        if run.control.cancelled() {
            return Ok(Self {
                formulas: Vec::new(),
                attainable: fitted.attainable,
            });
        }
        run.record(piece, fitted.encode().as_bytes())?;
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

    /// Fits products on the search and validation splits. One problem and settings give
    /// the same products on any number of threads.
    fn fit(
        problem: &Problem<'_>,
        settings: &Settings,
        control: &Control<'_>,
    ) -> Result<Self, Error> {
        let factors = Factors::of(problem, settings, control);
        let benchmarks = problem.benchmarks.iter();
        let truths: Vec<Vec<f64>> = benchmarks
            .map(|benchmark| benchmark.truths(&benchmark.seen()))
            .collect();
        let numbers = 0..truths.len();
        let consensus: Vec<Vec<f64>> = numbers
            .clone()
            .map(|number| consensus(&factors, number, ranks(problem, settings, number)?))
            .collect::<Result<_, _>>()?;
        let search = |parts: &[(usize, f64)]| {
            let design = Design::new(&factors, &consensus, parts);
            let longest = settings.limits.complexity;
            let sets = control.pool.install(|| design.beam(&factors, longest));
            let sets = if control.cancelled() {
                Vec::new()
            } else {
                sets
            };
            (design, sets)
        };
        let mut attainable = vec![1.0; truths.len()];
        let mut slopes = &[1.0][..];
        if truths.len() > 1 {
            slopes = &SLOPES;
            for number in numbers.clone() {
                let (design, sets) = search(&[(number, 1.0)]);
                let benchmark = &problem.benchmarks[number];
                let known = Known {
                    truth: &truths[number],
                    sizes: &benchmark.sizes_of(&benchmark.seen()),
                    tolerance: settings.tolerance,
                };
                attainable[number] = strongest(&design, &sets, known, settings.fitness)?;
            }
        }
        let mut products: Vec<(Node, f64)> = Vec::new();
        for slope in slopes {
            let parts = numbers
                .clone()
                .map(|number| (number, f64::powi(*slope, number as i32)));
            let (design, sets) = search(&parts.collect::<Vec<_>>());
            products.extend(sets.iter().filter_map(|set| {
                let formula = design.formula(&factors, set)?;
                Some((formula, design.agreement(&factors, &consensus, set)))
            }));
        }
        products.sort_by(|a, b| b.1.total_cmp(&a.1));
        // No more than the archive has room for, or it would judge them.
        let mut niches: BTreeMap<u32, usize> = BTreeMap::new();
        products.retain(|(formula, _)| {
            let niche = niches.entry(formula.complexity()).or_default();
            *niche += 1;
            *niche <= settings.per_niche
        });
        Ok(Self {
            formulas: products.into_iter().map(|(formula, _)| formula).collect(),
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

/// Ranks of the truths that may be looked at. Where pairs of like size decide, less the mean of
/// networks of like size.
///
/// Ranks are evenly spaced: which of the worst architectures is worst is mostly noise, and normal
/// scores would have it weigh most.
fn ranks(problem: &Problem<'_>, settings: &Settings, number: usize) -> Result<Vec<f64>, Error> {
    let benchmark = &problem.benchmarks[number];
    let seen = benchmark.seen();
    let ranks = rank(&benchmark.truths(&seen))?;
    Ok(match settings.fitness {
        Criterion::SameSize => {
            let sizes = benchmark.sizes_of(&seen);
            LikeSize::new(&sizes, settings.tolerance).beyond_size(&ranks)
        }
        _ => ranks,
    })
}

/// Consensus of all factors about the ground truth `number`: its ranks less most of their noise,
/// with a value for every architecture, whether its truth is known or not. Mean 0 and length 1.
fn consensus(factors: &Factors, number: usize, ranks: Vec<f64>) -> Result<Vec<f64>, Error> {
    let target = centred(ranks);
    let known = factors.logarithms.iter().map(|columns| &columns[number]);
    let columns = known.map(|column| of_length_1(column.clone()));
    let columns: Vec<Vec<f64>> = columns.collect();
    Ok(of_length_1(centred(ridge::predict(&columns, &target))))
}

/// A regression of targets on logarithms of factors, ground truths one after the
/// other.
struct Design {
    /// By factor: logarithms, scaled to length 1.
    columns: Vec<Vec<f64>>,
    /// Length of each column before it was scaled.
    lengths: Vec<f64>,
    target: Vec<f64>,
}

/// A set of factors with what is known about it.
struct Set {
    /// Ascending.
    members: Vec<usize>,
    /// One per member, of scaled columns.
    coefficients: Vec<f64>,
    /// Residuals of the target.
    residuals: Vec<f64>,
    /// Squared residuals and the ridge's price.
    loss: f64,
}

impl Design {
    /// Stacks these ground truths, each with its slope.
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
        let columns: Vec<Vec<f64>> = stacked.collect();
        let lengths = columns.iter().map(|column| norm(column)).collect();
        Self {
            columns: columns.into_iter().map(of_length_1).collect(),
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
        let product = |i: usize, j: usize| {
            let ridge = if i == j { RIDGE } else { 0.0 };
            dot(columns[i], columns[j]) + ridge
        };
        let along = columns.iter().map(|column| dot(column, &self.target));
        let along: Vec<f64> = along.collect();
        let coefficients = Cholesky::new(n, product)?.solve(&along);
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

    /// Share of the consensus that a product says, on the ground truth of which it says
    /// least.
    fn agreement(&self, factors: &Factors, consensus: &[Vec<f64>], set: &Set) -> f64 {
        let shares = consensus.iter().enumerate().map(|(number, target)| {
            let terms = set.members.iter().zip(&set.coefficients);
            let terms = terms.map(|(&member, coefficient)| {
                let column = &factors.logarithms[member][number][..];
                (column, coefficient / self.lengths[member])
            });
            explained(&sum(target.len(), terms), target)
        });
        shares.fold(1.0, f64::min)
    }

    /// Share of the target that a product with these exponents explains.
    fn explained(&self, set: &Set, exponents: &[f64]) -> f64 {
        let terms = set
            .members
            .iter()
            .zip(exponents)
            .map(|(&member, exponent)| {
                let column = &self.columns[member][..];
                (column, exponent * self.lengths[member])
            });
        explained(&sum(self.target.len(), terms), &self.target)
    }
}

/// Columns of one length, each times a number.
fn sum<'a>(length: usize, terms: impl Iterator<Item = (&'a [f64], f64)>) -> Vec<f64> {
    let mut sum = vec![0.0; length];
    for (column, weight) in terms {
        let places = sum.iter_mut().zip(column);
        places.for_each(|(sum, x)| *sum += weight * x);
    }
    sum
}

/// Share of the variation of one centred column that another explains, which is none
/// where that does not vary.
fn explained(column: &[f64], target: &[f64]) -> f64 {
    let along = dot(column, target);
    let whole = dot(column, column) * dot(target, target);
    if whole > 0.0 {
        along * along / whole
    } else {
        0.0
    }
}

/// The strongest agreement of any of the products with the truth, on the architectures of
/// which it is known.
fn strongest(
    design: &Design,
    sets: &[Set],
    known: Known<'_>,
    criterion: Criterion,
) -> Result<f64, Error> {
    let mut workspace = Workspace::new();
    let mut strongest: f64 = 0.0;
    for set in sets {
        let fitted = design.target.iter().zip(&set.residuals);
        let fitted = fitted.map(|(target, residual)| target - residual);
        let fitted: Vec<f64> = fitted.take(known.truth.len()).collect();
        let found = criterion.judge(&fitted, known, &mut workspace)?;
        strongest = strongest.max(found.unwrap_or(0.0).abs());
    }
    Ok(if strongest > 0.0 { strongest } else { 1.0 })
}

/// The nearest number of so many digits after the first.
fn to_digits(value: f64, digits: usize) -> f64 {
    format!("{value:.digits$e}").parse().unwrap_or(value)
}

/// Scaled to length 1, unless it is 0 throughout.
fn of_length_1(mut x: Vec<f64>) -> Vec<f64> {
    let length = norm(&x);
    if length > 0.0 {
        x.iter_mut().for_each(|x| *x /= length);
    }
    x
}
