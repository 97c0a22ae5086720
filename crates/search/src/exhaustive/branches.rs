//! The branches of the paper's space: symbols under chains of operations, each
//! in one form and up to its sign.

use std::collections::{BTreeSet, HashMap, HashSet};

use lpzero_proxy::{Class, Interner, Kind, Node, Symbol, Type, check, known, simplify, type_of};
use lpzero_run::{ContentHash, Hasher};

use super::aggregate::Aggregate;
use super::sample::Sample;
use crate::generate::Generator;
use crate::language;
use crate::paper::{fits, reduced};

/// One operand of a binary operation, up to its sign, which no ranking of the
/// whole space depends on: with x and y, the space holds x + y, x - y and their
/// negatives.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) symbol: Symbol,
    /// One number per site, or a tensor.
    pub(super) node: Node,
    pub(super) complexity: u32,
    /// Tells which branches are powers of one expression: products of those
    /// may be other members of the space.
    pub(super) base: usize,
}

/// All branches of a space, those of one symbol side by side.
#[derive(Debug, Default)]
pub(super) struct Branches {
    /// One number per site.
    pub(super) numbers: Vec<Branch>,
    /// Tensors, which only matrix products read.
    pub(super) tensors: Vec<Branch>,
    /// Products of powers of one expression that are constant, or equal to
    /// another member of the space by algebra: pairs of indices of numbers,
    /// the smaller first.
    pub(super) redundant: HashSet<(usize, usize)>,
    /// Trees of the space as the paper counts them.
    pub(super) trees: u64,
}

impl Branches {
    /// Enumerates chains of up to so many operations. That is what chains of
    /// exactly so many come to, since `no_op` is among them.
    pub(super) fn enumerate(generator: &Generator<'_>, unary: usize) -> Self {
        let mut branches = Self::default();
        let mut bases = Interner::default();
        for (symbol, _) in generator.vocabulary().symbols() {
            let (mut numbers, mut tensors) = (HashSet::new(), HashSet::new());
            for node in chains(generator, *symbol, unary) {
                let mut add = |node: Node, known: &mut HashSet<Node>, list: &mut Vec<Branch>| {
                    let node = unsigned(node);
                    let base = bases.intern(base(&node)).index();
                    if known.insert(node.clone()) {
                        list.push(Branch {
                            symbol: *symbol,
                            complexity: node.complexity(),
                            node,
                            base,
                        });
                    }
                };
                let number = simplify(&reduced(node.clone()));
                if check(&mean_of(number.clone())).is_ok() {
                    add(number, &mut numbers, &mut branches.numbers);
                }
                if matches!(type_of(&node), Ok(Type::Tensor(_))) {
                    add(node, &mut tensors, &mut branches.tensors);
                }
            }
        }
        branches.redundant = redundant(&branches.numbers);
        branches.trees = trees(generator, unary);
        branches
    }

    /// Members of the space over the numbers of two symbols that differ by more than
    /// algebra, signs and monotone outermost functions: one per number, three per pair
    /// of numbers, one square.
    pub(super) fn formulas(&self, symbols: [Symbol; 2]) -> u64 {
        let of = |symbol| branches_of(&self.numbers, symbol);
        let [left, right] = symbols.map(of);
        if symbols[0] != symbols[1] {
            return 3 * left * right;
        }
        let own = |(index, _): &&(usize, usize)| self.numbers[*index].symbol == symbols[0];
        let redundant = self.redundant.iter().filter(own).count() as u64;
        2 * left + 3 * pairs(left) - redundant
    }

    /// Matrix products of the tensors of two symbols of one class.
    pub(super) fn products(&self, symbols: [Symbol; 2]) -> u64 {
        let [left, right] = symbols.map(|symbol| branches_of(&self.tensors, symbol));
        if symbols[0] == symbols[1] {
            pairs(left) + left
        } else {
            left * right
        }
    }

    /// Bytes that measuring them takes at a time, on the safe side: the numbers
    /// of all branches with a block of two symbols laid out beside them, or the
    /// vectors of two symbols in one architecture with the scores of all their
    /// products, for which pairs of symbols come with their number of parts.
    pub(super) fn memory(
        &self,
        sample: Sample<'_>,
        products: impl Iterator<Item = ([Symbol; 2], usize)>,
    ) -> u64 {
        let Sample {
            scorer,
            architectures,
            ..
        } = sample;
        let sites = |symbol| {
            let number = reduced(Node::Symbol(symbol));
            let values = scorer.site_values(&number, architectures);
            let sites = values.unwrap_or_default();
            sites.iter().map(Vec::len).sum::<usize>() as u64
        };
        let longest = |symbol| {
            let length = |&architecture: &usize| {
                let sites = scorer.site_columns(&Node::Symbol(symbol), architecture);
                let lengths = sites.unwrap_or_default().into_iter();
                let length = |site: lpzero_proxy::SiteColumns| {
                    site.values.len() + site.values.len() / site.columns.max(1)
                };
                lengths.map(length).sum::<usize>() as u64
            };
            architectures.iter().map(length).max().unwrap_or(0)
        };
        let symbols: BTreeSet<Symbol> = self.numbers.iter().map(|b| b.symbol).collect();
        let numbers = symbols.iter().map(|&symbol| {
            let bytes = 8 * sites(symbol) * branches_of(&self.numbers, symbol);
            // Padding makes a block up to twice as large.
            [bytes, 2 * bytes]
        });
        let numbers: Vec<[u64; 2]> = numbers.collect();
        let block = numbers.iter().map(|[_, block]| *block).max().unwrap_or(0);
        let numbers = numbers.iter().map(|[bytes, _]| bytes).sum::<u64>() + 2 * block;
        let products = products.map(|(symbols, parts)| {
            let [left, right] = symbols.map(|symbol| branches_of(&self.tensors, symbol));
            let [a, b] = symbols.map(longest);
            let scores = left * right * (parts * architectures.len()) as u64;
            8 * scores + 4 * (left * a + right * b)
        });
        numbers.max(products.max().unwrap_or(0))
    }

    /// All pairs of symbols whose tensors have matrix products.
    pub(super) fn multiplied(&self) -> Vec<[Symbol; 2]> {
        let mut symbols: Vec<Symbol> = self.tensors.iter().map(|t| t.symbol).collect();
        symbols.dedup();
        let pairs = symbols.iter().enumerate().flat_map(|(place, &left)| {
            let rest = symbols[place..].iter();
            rest.map(move |&right| [left, right])
        });
        pairs
            .filter(|[left, right]| Class::of(*left) == Class::of(*right))
            .collect()
    }

    /// Identifies all branches and their order.
    pub(super) fn key(&self) -> ContentHash {
        let mut hasher = Hasher::new();
        for branch in self.numbers.iter().chain(&self.tensors) {
            hasher.update(format!("{:?} {}\n", branch.symbol, branch.node).as_bytes());
        }
        hasher.finish()
    }
}

/// How many branches start from a symbol.
fn branches_of(list: &[Branch], symbol: Symbol) -> u64 {
    let own = list.iter().filter(|branch| branch.symbol == symbol);
    own.count() as u64
}

/// Pairs of different ones among `n`.
fn pairs(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// A formula around one number per site, to tell which of them say the same. What
/// algebra says of a mean it says of a sum.
fn mean_of(site: Node) -> Node {
    Aggregate::PAPER.of(site)
}

/// The canonical forms of a symbol under up to so many operations.
fn chains(generator: &Generator<'_>, symbol: Symbol, unary: usize) -> Vec<Node> {
    let mut all = vec![Node::Symbol(symbol)];
    let mut known: HashSet<Node> = all.iter().cloned().collect();
    let mut start = 0;
    for _ in 0..unary {
        let end = all.len();
        for index in start..end {
            let tensor = matches!(type_of(&all[index]), Ok(Type::Tensor(_)));
            for (operator, _) in generator.operators() {
                let kind = operator.row().kind;
                if kind == Kind::Disconnect || !fits(kind, tensor) {
                    continue;
                }
                let node = simplify(&Node::unary(*operator, all[index].clone()));
                // What is undefined or constant stays so under any operation.
                let sound = check(&mean_of(reduced(node.clone()))).is_ok();
                if sound && known.insert(node.clone()) {
                    all.push(node);
                }
            }
        }
        start = end;
    }
    all
}

/// A canonical expression without its sign.
fn unsigned(node: Node) -> Node {
    match node {
        Node::Apply(known::NEG, arguments) => {
            arguments.into_iter().next().unwrap_or(Node::Number(0.0))
        }
        node => node,
    }
}

/// Strips powers, roots, reciprocals and signs off a canonical expression.
fn base(node: &Node) -> &Node {
    let Node::Apply(operator, arguments) = node else {
        return node;
    };
    let inner = match (*operator, &arguments[..]) {
        (known::SQUARE | known::SQRT | known::RECIPROCAL | known::ABS | known::NEG, [x]) => x,
        (known::POW, [x, Node::Number(_)]) | (known::DIV, [Node::Number(_), x]) => x,
        // The square of `l2(x)` is written as `sum(square(x))`.
        (known::R_L2, [x]) => x,
        (known::R_SUM, [Node::Apply(known::SQUARE, squared)]) => return &squared[0],
        _ => return node,
    };
    base(inner)
}

/// Finds products of two powers of one expression that stand for no formula of their own. They
/// break a rule, or have the canonical form of a single branch or of an earlier product.
fn redundant(numbers: &[Branch]) -> HashSet<(usize, usize)> {
    let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, branch) in numbers.iter().enumerate() {
        groups.entry(branch.base).or_default().push(index);
    }
    let form = |site: Node| language::canonical(&mean_of(site));
    let mut redundant = HashSet::new();
    for group in groups.values() {
        let singles = group.iter().map(|&index| form(numbers[index].node.clone()));
        let mut known: HashSet<Node> = singles.collect();
        for (place, &left) in group.iter().enumerate() {
            for &right in &group[place..] {
                let [a, b] = [left, right].map(|index| numbers[index].node.clone());
                let product = simplify(&mean_of(Node::binary(known::MUL, a, b)));
                let sound = check(&product).is_ok();
                if !sound || !known.insert(language::canonical(&product)) {
                    redundant.insert((left, right));
                }
            }
        }
    }
    redundant
}

/// Number of trees before anything is recognised as equal.
fn trees(generator: &Generator<'_>, unary: usize) -> u64 {
    let count = |of: &dyn Fn(Kind) -> bool| {
        let kinds = generator.operators().iter().map(|(id, _)| id.row().kind);
        kinds.filter(|kind| of(*kind)).count() as u64
    };
    let keeping = count(&|kind| fits(kind, true) && kind != Kind::Reduction);
    let reducing = count(&|kind| kind == Kind::Reduction);
    let after = count(&|kind| fits(kind, false));
    let (mut tensors, mut numbers) = (1u64, 0u64);
    for _ in 0..unary {
        numbers = numbers * after + tensors * reducing;
        tensors *= keeping;
    }
    let chains = generator.vocabulary().symbols().len() as u64 * (tensors + numbers);
    let binary = count(&|kind| matches!(kind, Kind::Binary | Kind::Product));
    chains * chains * binary
}
