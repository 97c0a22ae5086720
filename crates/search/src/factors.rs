//! Factors of products of powers: formulas with positive scores on every architecture.
//!
//! Every reduction of a symbol that is worth a power is aggregated over every
//! group of roles and every single role, as it is and under a few functions;
//! network scalars come with them. Their logarithms are the columns that
//! [`powers`](crate::powers) regresses on.
//!
//! Which operators take part, and how, their rows in the table declare
//! ([`Factor`]). All reductions but those of attention probabilities follow from
//! the moments in a trace, so that what is fitted to them is exact.

use std::collections::HashSet;

use lpzero_proxy::{Factor, Kind, Node, OperatorId, ROLE_GROUPS, RoleSet, known};
use lpzero_stats::vector::centred;
use lpzero_trace::Symbol;
use rayon::prelude::*;

use crate::control::Control;
use crate::criterion::Criterion;
use crate::like_size::LikeSize;
use crate::settings::Settings;
use crate::{Problem, Vocabulary};

/// Relative difference below which the logarithms of two factors, brought to one
/// length, are the same column.
const SAME: f64 = 1e-6;

/// Standard deviation of logarithms from which a factor varies enough to be worth an
/// exponent. What varies by less, such as a mean of initial weights, mostly tells how many
/// were drawn, and would take exponents of a hundred.
const SPREAD: f64 = 0.03;

/// Factors on the architectures of all ground truths.
pub(crate) struct Factors {
    /// Positive on every architecture, simplest first, no two with the same
    /// logarithms up to an exponent and a constant factor.
    pub(crate) formulas: Vec<Node>,
    /// By factor, then ground truth: logarithms less their mean, one per
    /// architecture, those of the search split first and those of the test split last.
    /// Where pairs of like size decide, less the mean of networks of like size.
    pub(crate) logarithms: Vec<Vec<Vec<f64>>>,
}

impl Factors {
    /// Evaluates all factors that a vocabulary allows; a cancelled search gets
    /// some of them.
    pub(crate) fn of(problem: &Problem<'_>, settings: &Settings, control: &Control<'_>) -> Self {
        let alike = (settings.fitness == Criterion::SameSize).then(|| {
            let benchmarks = problem.benchmarks.iter();
            let alike = benchmarks.map(|benchmark| {
                let sizes = benchmark.sizes_of(&benchmark.all());
                LikeSize::new(&sizes, settings.tolerance)
            });
            alike.collect::<Vec<_>>()
        });
        let formulas = formulas(problem.vocabulary);
        let cancel = control.cancel;
        let evaluated: Vec<Option<Vec<Vec<f64>>>> = control.pool.install(|| {
            let evaluate = |formula: &Node| {
                if cancel.is_cancelled() {
                    return None;
                }
                logarithms(problem, alike.as_deref(), formula)
            };
            formulas.par_iter().map(evaluate).collect()
        });
        let mut met = HashSet::new();
        let mut factors = Self {
            formulas: Vec::new(),
            logarithms: Vec::new(),
        };
        for (formula, columns) in formulas.into_iter().zip(evaluated) {
            if let Some(columns) = columns.filter(|columns| met.insert(direction(columns))) {
                factors.formulas.push(formula);
                factors.logarithms.push(columns);
            }
        }
        factors
    }
}

/// Every factor, simplest first.
pub(crate) fn formulas(vocabulary: &Vocabulary) -> Vec<Node> {
    let scalars = vocabulary.scalars().iter().copied().map(Node::Scalar);
    let mut formulas: Vec<Node> = scalars.collect();
    let mut tensors: Vec<(Node, Symbol)> = Vec::new();
    for (symbol, _) in vocabulary.symbols() {
        tensors.push((Node::Symbol(*symbol), *symbol));
        if *symbol == Symbol::G {
            let saliency = [Symbol::W, Symbol::G].map(Node::Symbol);
            let [weight, gradient] = saliency;
            tensors.push((Node::binary(known::MUL, weight, gradient), *symbol));
        }
    }
    for (tensor, symbol) in tensors {
        let filters = filters(vocabulary.roles(&[symbol]));
        for reduced in OperatorId::all().flat_map(|id| reductions(id, &tensor)) {
            for filter in &filters {
                formulas.extend(aggregates(&reduced, *filter));
            }
        }
    }
    formulas.sort_by_cached_key(|formula| (formula.complexity(), formula.to_string()));
    formulas
}

/// A tensor under an operator that reduces it to a factor's number per site,
/// after each of its chains.
fn reductions(id: OperatorId, tensor: &Node) -> Vec<Node> {
    match (id.row().factor, tensor) {
        (Factor::Reduction(chains), _) => {
            let after = |chain: &&[&str]| {
                let functions = chain
                    .iter()
                    .filter_map(|name| OperatorId::elementwise(name));
                let inner = functions.fold(tensor.clone(), |x, function| Node::unary(function, x));
                Node::unary(id, inner)
            };
            chains.iter().map(after).collect()
        }
        (Factor::Symbols(symbols), Node::Symbol(symbol)) if symbols.contains(symbol) => {
            vec![Node::unary(id, tensor.clone())]
        }
        _ => Vec::new(),
    }
}

/// A site's number under every aggregator, and under functions of it.
fn aggregates(reduced: &Node, filter: Option<RoleSet>) -> Vec<Node> {
    let aggregators = OperatorId::all().filter(|id| id.row().kind == Kind::Aggregator);
    let mut aggregates: Vec<Node> = aggregators
        .map(|aggregator| Node::aggregate(aggregator, filter, reduced.clone()))
        .collect();
    let taking = |part: Factor| OperatorId::all().filter(move |id| id.row().factor == part);
    for aggregator in taking(Factor::OverFunctions) {
        aggregates.extend(taking(Factor::Function).map(|function| {
            Node::aggregate(aggregator, filter, Node::unary(function, reduced.clone()))
        }));
    }
    aggregates
}

/// No filter, every group and every single role, those that let the same roles
/// through once.
fn filters(found: RoleSet) -> Vec<Option<RoleSet>> {
    let met = |filter: RoleSet| found.difference(found.difference(filter));
    let groups = ROLE_GROUPS.iter().map(|(_, group)| *group);
    let roles = found.iter().map(|role| RoleSet::of(&[role]));
    let mut seen = vec![met(RoleSet::DEFAULT)];
    let mut filters = vec![None];
    for filter in groups.chain(roles) {
        let through = met(filter);
        if !through.is_empty() && !seen.contains(&through) {
            seen.push(through);
            filters.push(Some(filter));
        }
    }
    filters
}

/// Centred logarithms by ground truth, unless the formula is somewhere not
/// positive, or hardly varies anywhere.
fn logarithms(
    problem: &Problem<'_>,
    alike: Option<&[LikeSize]>,
    formula: &Node,
) -> Option<Vec<Vec<f64>>> {
    let columns = problem
        .benchmarks
        .iter()
        .enumerate()
        .map(|(number, benchmark)| {
            let mut column = benchmark.finite_scores(formula, &benchmark.all())?;
            for score in &mut column {
                *score = (*score > 0.0).then(|| score.ln())?;
            }
            if let Some(alike) = alike {
                column = alike[number].beyond_size(&column);
            }
            Some(centred(column))
        });
    let columns = columns.collect::<Option<Vec<_>>>()?;
    let varies = columns.iter().any(|column| {
        let squares = column.iter().map(|x| x * x).sum::<f64>();
        squares > SPREAD * SPREAD * column.len() as f64
    });
    varies.then_some(columns)
}

/// Direction of the logarithms of a factor. Powers of one another times a constant share it, up to
/// [`SAME`]. Columns of several ground truths need not differ by one exponent only to be apart.
fn direction(columns: &[Vec<f64>]) -> Vec<i64> {
    let values = || columns.iter().flatten();
    let length = values().map(|x| x * x).sum::<f64>().sqrt();
    let sign = values().find(|x| x.abs() > SAME * length);
    let scale = sign.map_or(1.0, |x| x.signum()) / (length * SAME);
    values().map(|x| (x * scale).round() as i64).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use lpzero_proxy::check_score;
    use lpzero_run::ContentHash;

    use super::*;

    #[test]
    fn factors_are_scores_over_what_the_vocabulary_has() {
        let vocabulary = Vocabulary::everything();
        let formulas = formulas(&vocabulary);
        assert!(formulas.len() > 1000);
        for formula in &formulas {
            check_score(formula).unwrap();
            assert!(vocabulary.covers(formula));
        }
        let texts: HashSet<String> = formulas.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), formulas.len());
    }

    /// Number of factors, and BLAKE3 of their lines. Without the role `other`, which no
    /// network of the engine has, they were 19,078 before rows declared them, and are.
    const DECLARED: [(usize, &str); 2] = [
        (
            19_078,
            "1dbfd072fcb96fd1ccd0ae2a147d7a06ad372cf865d6079358ab86ed13e9c284",
        ),
        (
            19_828,
            "64707580df1f6b803e7efd7911629b5e7c1bc074929215b3b38e90b7b27b65c2",
        ),
    ];

    #[test]
    fn what_the_rows_declare_are_the_factors_there_always_were() {
        let everything = formulas(&Vocabulary::everything());
        let texts: Vec<String> = everything.iter().map(ToString::to_string).collect();
        let of_engine = |text: &&String| !text.contains("[other]");
        let engine: Vec<&String> = texts.iter().filter(of_engine).collect();
        for (found, declared) in [engine, texts.iter().collect()].into_iter().zip(DECLARED) {
            let lines: String = found.iter().map(|text| format!("{text}\n")).collect();
            let hash = ContentHash::of_bytes(lines.as_bytes()).to_string();
            assert_eq!((found.len(), hash.as_str()), declared);
        }
    }

    #[test]
    fn powers_and_multiples_of_one_factor_have_one_direction() {
        let column = vec![vec![0.5, -0.25, -0.25]];
        let power = vec![column[0].iter().map(|x| -3.0 * x).collect()];
        assert_eq!(direction(&column), direction(&power));
        assert_ne!(direction(&column), direction(&[vec![0.5, -0.5, 0.0]]));
    }
}
