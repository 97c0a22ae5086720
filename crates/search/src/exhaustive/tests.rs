//! The arithmetic of a block against the evaluator, formula by formula.
#![allow(clippy::unwrap_used)]

use lpzero_proxy::{Evaluator, Role, Symbol, known};
use lpzero_run::Cancel;

use super::aggregate::Numbered;
use super::*;
use crate::Vocabulary;
use crate::paper::{Branch, Tree};

#[allow(dead_code)]
#[path = "../../tests/common/mod.rs"]
mod common;

const ARCHITECTURES: [usize; 6] = [3, 1, 4, 15, 92, 65];

const AGGREGATES: [&str; 6] = [
    "mean",
    "sum",
    "mean[ffn]",
    "sum[attn]",
    "sum[ffn-in]",
    "mean[ffn-in]",
];

/// Traces of which one has no site of a role: a sum over none is 0, a mean undefined.
fn traces() -> Vec<lpzero_proxy::Trace> {
    let mut traces = common::traces();
    let sites = &mut traces[ARCHITECTURES[1]].sites;
    sites.retain(|site| site.site.role != Role::FfnIn);
    traces
}

fn numbered(aggregate: Aggregate) -> Numbered {
    Numbered {
        number: 0,
        aggregate,
    }
}

/// Checks that two columns of scores agree but for rounding of what they are
/// sums of, `size` being how large that is.
fn agree(found: &[f64], expected: &[f64], size: f64, tolerance: f64, what: &Node) {
    for (found, expected) in found.iter().zip(expected) {
        let scale = size.max(expected.abs());
        assert!(
            (found - expected).abs() <= tolerance * scale,
            "{what}: {found} instead of {expected}"
        );
    }
}

#[test]
fn every_pair_of_branches_scores_as_the_evaluator_says() {
    let traces = traces();
    let vocabulary = Vocabulary::of(&traces);
    let evaluator = Evaluator::new(&traces);
    let generator = Generator::new(&vocabulary, Grammar::Paper { unary: 1 }).unwrap();
    let branches = Branches::enumerate(&generator, 1);
    let cancel = Cancel::new();
    let values = Values::of(&branches.numbers, &evaluator, &ARCHITECTURES, &cancel);
    let mut formulas = 0;
    for symbols in [
        [Symbol::A; 2],
        [Symbol::A, Symbol::D],
        [Symbol::A, Symbol::H],
        [Symbol::D, Symbol::H],
    ] {
        for aggregate in AGGREGATES.map(|text| Aggregate::parse(text).unwrap()) {
            let block = values.block(&branches.numbers, symbols, numbered(aggregate));
            let Some(block) = block else {
                assert!(aggregate.is_mean() && aggregate != Aggregate::PAPER);
                continue;
            };
            let (left, right) = (&block.left, block.right());
            for (row, &i) in left.branches.iter().enumerate() {
                for (column, &j) in right.branches.iter().enumerate() {
                    let means = || left.aggregates(row).iter().zip(right.aggregates(column));
                    let products = 0..ARCHITECTURES.len();
                    for (operation, found) in [
                        (Operation::Add, means().map(|(a, b)| a + b).collect()),
                        (Operation::Sub, means().map(|(a, b)| a - b).collect()),
                        (
                            Operation::Mul,
                            products.map(|a| block.product(row, column, a)).collect(),
                        ),
                    ] {
                        let found: Vec<f64> = found;
                        let [a, b] = [i, j].map(|index| branches.numbers[index].node.clone());
                        let operator = match operation {
                            Operation::Add => known::ADD,
                            Operation::Sub => known::SUB,
                            _ => known::MUL,
                        };
                        let formula = aggregate.of(Node::binary(operator, a, b));
                        let expected = evaluator.scores(&formula, &ARCHITECTURES).unwrap();
                        let size = means().map(|(a, b)| a.abs() + b.abs()).fold(0.0, f64::max);
                        agree(&found, &expected, size, 1e-12, &formula);
                        formulas += 1;
                    }
                }
            }
        }
    }
    assert!(formulas > 8000, "{formulas}");
}

#[test]
fn every_matrix_product_scores_as_the_evaluator_says() {
    let traces = traces();
    let vocabulary = Vocabulary::of(&traces);
    let evaluator = Evaluator::new(&traces);
    let generator = Generator::new(&vocabulary, Grammar::Paper { unary: 1 }).unwrap();
    let branches = Branches::enumerate(&generator, 1);
    let aggregates = AGGREGATES.map(|text| Aggregate::parse(text).unwrap());
    let (mut formulas, mut met) = (0, std::collections::BTreeSet::new());
    let mut visit = |aggregate: Aggregate, places: [usize; 2], found: &[f64]| {
        let [a, b] = places.map(|index| branches.tensors[index].node.clone());
        let product = Node::binary(known::MATMUL, a, b);
        let formula = aggregate.of(Node::unary(known::R_MEAN, product.clone()));
        let expected = evaluator.scores(&formula, &ARCHITECTURES).unwrap();
        // What cancels in the mean shows in the mean of absolute values.
        let size = aggregate.of(Node::unary(known::R_L1, product));
        let sizes = evaluator.scores(&size, &ARCHITECTURES).unwrap();
        let size = sizes.into_iter().fold(0.0, f64::max);
        agree(found, &expected, size, 1e-5, &formula);
        formulas += 1;
        met.insert(aggregate.to_string());
    };
    for piece in Piece::all(&vocabulary, &aggregates, &branches) {
        if matches!(piece.kind, Kind::Products(_)) {
            products::for_each_score(&piece, &branches, &evaluator, &ARCHITECTURES, &mut visit);
        }
    }
    let met: Vec<String> = met.into_iter().collect();
    assert_eq!(
        met,
        ["mean", "mean[ffn]", "sum", "sum[attn]", "sum[ffn-in]"]
    );
    assert!(formulas > 1000, "{formulas}");
}

/// Every tree with one operation per branch, over a vocabulary.
fn trees(generator: &Generator<'_>) -> Vec<Tree> {
    let operators = generator.operators().iter().map(|(id, _)| *id);
    let operators: Vec<_> = operators.collect();
    let symbols = generator.vocabulary().symbols().iter();
    let branches: Vec<Branch> = symbols
        .flat_map(|(symbol, _)| {
            let unary = operators
                .iter()
                .filter(|id| crate::paper::fits(id.row().kind, true));
            unary.map(|id| Branch {
                symbol: *symbol,
                chain: vec![*id],
            })
        })
        .collect();
    let binary = operators.iter().filter(|id| id.row().arity() == 2);
    let mut trees = Vec::new();
    for operator in binary {
        for left in &branches {
            for right in &branches {
                trees.push(Tree {
                    operator: *operator,
                    branches: [left.clone(), right.clone()],
                });
            }
        }
    }
    trees
}

#[test]
fn every_tree_of_a_small_space_is_a_member_of_the_enumeration() {
    let vocabulary = Vocabulary::of(&common::traces());
    let generator = Generator::new(&vocabulary, Grammar::Paper { unary: 1 }).unwrap();
    let branches = Branches::enumerate(&generator, 1);
    let trees = trees(&generator);
    assert_eq!(trees.len() as u64, branches.trees);

    let form = |node: &Node| {
        let form = language::canonical(&lpzero_proxy::simplify(node));
        lpzero_proxy::check(&form).is_ok().then(|| form.to_string())
    };
    let wanted: std::collections::HashSet<String> =
        trees.iter().filter_map(|tree| form(&tree.node())).collect();
    let mut members = std::collections::HashSet::new();
    for operation in [
        Operation::Single,
        Operation::Add,
        Operation::Sub,
        Operation::Mul,
        Operation::Matmul,
    ] {
        let count = match operation {
            Operation::Matmul => branches.tensors.len(),
            _ => branches.numbers.len(),
        };
        for left in 0..count {
            for right in 0..count {
                // Both orders and signs, as trees have them.
                let member = Member {
                    aggregate: 0,
                    operation,
                    left,
                    right,
                };
                members.insert(node(member, &[Aggregate::PAPER], &branches).to_string());
            }
        }
    }
    // Two forms that differ by a sign inside a sum or a matrix product rank
    // alike, and have one member.
    let missing = wanted.iter().filter(|form| {
        let unsigned = |text: &str| text.replace(['-', '+', '(', ')', ' '], "");
        !members.contains(*form)
            && !members
                .iter()
                .any(|member| unsigned(member) == unsigned(form))
    });
    let missing: Vec<&String> = missing.collect();
    assert!(missing.is_empty(), "{missing:?}");
}
