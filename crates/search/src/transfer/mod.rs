//! Formulas that carry over: products of at most two factors, chosen for ordering
//! networks of like size on every ground truth at once.
//!
//! What fits one benchmark best says nothing about the next. So there is little to fit:
//! few kinds of factors (`grammar`), two of them at most, low exponents, a price for the
//! second. A formula is worth what it is worth on average over ground truths, and over
//! several traces of each (other initial weights), so that what depends on chance loses.
//! One whose ranking moves with what must not matter more than between two seeds comes after
//! all others ([`stability`]).
//!
//! Counts are no factors beside networks: the number of heads as a second factor fits some
//! ground truths and misleads on others. They are what a formula is compared with.
//!
//! How well the procedure itself does is measured by leaving out one ground truth after
//! the other, beside the same procedure over counts, which looks at no network.

mod carried;
mod grammar;
mod measure;

use lpzero_proxy::{Node, known};
use lpzero_run::{Cancel, ContentHash};
use rayon::prelude::*;

use crate::assess::Wanted;
use crate::control::Control;
use crate::criterion::{Criterion, Known};
use crate::factors::formulas;
use crate::found::Found;
use crate::generate::power;
use crate::run::{Recorded, Run};
use crate::settings::Settings;
use crate::{Benchmark, Error, Problem, language, stability};
pub use carried::{Carried, LeftOut};
use carried::{decode, encode};
use measure::{Differences, Ground};

/// Single factors that products are made of.
const POOL: usize = 60;

/// Ground truths without which a formula has one factor: what a second gains on fewer is
/// chance. With three left after one is left out, products do better there; with two,
/// single factors.
const GROUNDS: usize = 3;

/// Price of a second factor, as a share of pairs.
const PRICE: f64 = 0.01;

/// Formulas that a search keeps for its report.
const KEPT: usize = 16;

/// Formulas that are asked whether they are stable at most, best first.
const EXAMINED: usize = 1024;

/// What a formula is made of: a factor, its sign, perhaps another and its exponent.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Product {
    lead: usize,
    sign: f64,
    other: Option<(usize, f64)>,
}

/// Products with their worth on every ground truth.
struct Judged {
    product: Product,
    worth: Vec<f64>,
}

/// Finds the product that orders networks best on all ground truths; there is no budget.
///
/// # Errors
/// Settings out of range, a constant truth, or no factor that could be evaluated.
pub fn search(
    problem: Problem<'_>,
    settings: &Settings,
    control: &mut Control<'_>,
) -> Result<Found, Error> {
    let settings = &Settings {
        fitness: criterion(&problem, settings)?,
        ..settings.clone()
    };
    let mut run = Run::start(problem, settings, control)?;
    let piece = ContentHash::of_bytes(b"transfer");
    let carried = match run.recorded(Recorded::Next(piece), decode)? {
        Some(carried) => carried,
        None => {
            let carried = carry(&run.problem, run.settings, run.control)?;
            if run.control.cancelled() {
                return run.finish();
            }
            run.record(piece, encode(&carried).as_bytes())?;
            carried
        }
    };
    let formulas = carried.formulas.iter().filter_map(|node| run.admit(node));
    let batch: Vec<Node> = formulas.collect();
    run.evaluate(batch, &Wanted::ANY)?;
    run.show();
    let kept = run.archive.ranked();
    let canonical = carried.formulas.iter().map(language::canonical);
    run.preferred = canonical
        .into_iter()
        .find(|formula| kept.iter().any(|kept| kept.formula == *formula));
    let mut found = run.finish()?;
    found.carried = Some(carried);
    Ok(found)
}

/// Criterion of the front: pairs of like size, or all where a ground truth has none.
fn criterion(problem: &Problem<'_>, settings: &Settings) -> Result<Criterion, Error> {
    for benchmark in problem.benchmarks {
        let searched = &benchmark.split.search;
        let known = Known {
            truth: &benchmark.truths(searched),
            sizes: &benchmark.sizes_of(searched),
            tolerance: settings.tolerance,
        };
        if known.pairs()?.count() == 0 {
            return Ok(Criterion::SomersD);
        }
    }
    Ok(Criterion::SameSize)
}

/// Runs the procedure.
fn carry(
    problem: &Problem<'_>,
    settings: &Settings,
    control: &Control<'_>,
) -> Result<Carried, Error> {
    let grounds = problem.benchmarks.iter();
    let grounds =
        grounds.map(|benchmark| Ground::new(benchmark, settings.tolerance, settings.seed));
    let grounds = grounds.collect::<Result<Vec<_>, _>>()?;
    let factors = formulas(problem.vocabulary).into_iter();
    let factors: Vec<Node> = factors.filter(grammar::allows).collect();
    let (counts, networks): (Vec<Node>, Vec<Node>) =
        (factors.into_iter()).partition(|factor| matches!(factor, Node::Scalar(_)));
    let cancel = control.cancel;
    control.pool.install(|| {
        let nothing = || Error::NothingFound { generated: 0 };
        let benchmarks = problem.benchmarks;
        let of_networks = Procedure::judge(&grounds, networks, cancel);
        let of_counts = Procedure::judge(&grounds, counts, cancel);
        let best = |procedure: &Procedure, out: Option<usize>| {
            let best = procedure.best(benchmarks, out, 1).into_iter().next();
            best.ok_or_else(nothing)
        };
        let left_out = |truth: usize| {
            Ok(LeftOut {
                truth,
                formula: best(&of_networks, Some(truth))?,
                counts: best(&of_counts, Some(truth))?,
            })
        };
        let several = if grounds.len() > 1 { grounds.len() } else { 0 };
        let formulas = of_networks.best(benchmarks, None, KEPT);
        if formulas.is_empty() {
            return Err(nothing());
        }
        Ok(Carried {
            formulas,
            counts: best(&of_counts, None)?,
            left_out: (0..several).map(left_out).collect::<Result<_, Error>>()?,
        })
    })
}

/// Factors, and every product of them that may be best with or without a ground truth.
struct Procedure {
    /// Number of ground truths.
    grounds: usize,
    factors: Vec<Node>,
    singles: Vec<Judged>,
    products: Vec<Judged>,
}

impl Procedure {
    fn judge(grounds: &[Ground<'_>], factors: Vec<Node>, cancel: &Cancel) -> Self {
        let judged = factors.into_par_iter().filter_map(|factor| {
            if cancel.is_cancelled() {
                return None;
            }
            let differences = grounds.iter().map(|ground| ground.differences(&factor));
            let differences = differences.collect::<Option<Vec<_>>>()?;
            Some((factor, differences))
        });
        let (factors, differences): (Vec<Node>, Vec<Vec<Differences>>) = judged.unzip();
        let worth = |product: &Product| {
            let grounds = grounds.iter().enumerate();
            let worth = grounds.map(|(number, ground)| {
                let lead = (&differences[product.lead][number], product.sign as f32);
                let other = product
                    .other
                    .map(|(other, exponent)| (&differences[other][number], exponent as f32));
                ground.worth(lead, other)
            });
            worth.collect::<Vec<f64>>()
        };
        let judge = |product: Product| Judged {
            worth: worth(&product),
            product,
        };
        let single = |lead: usize, sign: f64| {
            judge(Product {
                lead,
                sign,
                other: None,
            })
        };
        let singles = (0..factors.len()).into_par_iter();
        let singles = singles.flat_map_iter(|lead| [single(lead, 1.0), single(lead, -1.0)]);
        let mut procedure = Self {
            grounds: grounds.len(),
            singles: singles.collect(),
            factors,
            products: Vec::new(),
        };
        if grounds.len() < GROUNDS {
            return procedure;
        }
        // A ground truth that is left out leaves another pool.
        let outs = std::iter::once(None).chain((0..grounds.len()).map(Some));
        let mut pool: Vec<(usize, f64)> = Vec::new();
        for out in outs {
            for product in procedure.pool(out) {
                if !pool.contains(&product) {
                    pool.push(product);
                }
            }
        }
        let pairs = pool.par_iter().flat_map_iter(|&(lead, sign)| {
            let others = pool.iter().filter(move |(other, _)| *other != lead);
            others.flat_map(move |&(other, _)| {
                grammar::EXPONENTS.map(|exponent| Product {
                    lead,
                    sign,
                    other: Some((other, exponent)),
                })
            })
        });
        let pairs = pairs.filter(|_| !cancel.is_cancelled());
        procedure.products = pairs.map(judge).collect();
        procedure
    }

    /// The best single factors without a ground truth.
    fn pool(&self, out: Option<usize>) -> Vec<(usize, f64)> {
        let mut order: Vec<&Judged> = self.singles.iter().collect();
        order.sort_by(|a, b| mean(&b.worth, out).total_cmp(&mean(&a.worth, out)));
        let best = order.iter().take(POOL);
        best.map(|judged| (judged.product.lead, judged.product.sign))
            .collect()
    }

    /// The best formulas without a ground truth, simplest first where they are equal. Those
    /// that are unstable come after all that are not.
    fn best(&self, benchmarks: &[Benchmark<'_>], out: Option<usize>, count: usize) -> Vec<Node> {
        let grounds = self.grounds - usize::from(out.is_some());
        let pool = self.pool(out);
        let in_pool = |factor: usize| pool.iter().any(|(lead, _)| *lead == factor);
        let products = self.products.iter().filter(|judged| {
            let Product { lead, other, .. } = judged.product;
            grounds >= GROUNDS && in_pool(lead) && other.is_none_or(|(other, _)| in_pool(other))
        });
        let price = |judged: &Judged| {
            if judged.product.other.is_some() {
                PRICE
            } else {
                0.0
            }
        };
        let all = self.singles.iter().chain(products);
        let mut ranked: Vec<(f64, &Judged)> = all
            .map(|judged| (mean(&judged.worth, out) - price(judged), judged))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let kept = benchmarks.iter().enumerate();
        let kept = kept.filter(|(number, _)| Some(*number) != out);
        let kept: Vec<&Benchmark<'_>> = kept.map(|(_, benchmark)| benchmark).collect();
        let (mut best, mut marked) = (Vec::new(), Vec::new());
        for (_, judged) in ranked.into_iter().take(EXAMINED.max(count)) {
            let formula = self.formula(judged.product);
            match stability::unstable(kept.iter().copied(), &formula).is_empty() {
                true => best.push(formula),
                false => marked.push(formula),
            }
            if best.len() == count {
                break;
            }
        }
        best.extend(marked);
        best.truncate(count);
        best
    }

    fn formula(&self, product: Product) -> Node {
        let lead = power(self.factors[product.lead].clone(), product.sign);
        match product.other {
            None => lead,
            Some((other, exponent)) => {
                let other = power(self.factors[other].clone(), exponent);
                Node::binary(known::MUL, lead, other)
            }
        }
    }
}

/// Mean over all ground truths but one.
fn mean(worth: &[f64], out: Option<usize>) -> f64 {
    let kept = worth.iter().enumerate();
    let kept = kept.filter(|(number, _)| Some(*number) != out);
    let (sum, count) = kept.fold((0.0, 0.0), |(sum, count), (_, x)| (sum + x, count + 1.0));
    sum / f64::max(count, 1.0)
}
