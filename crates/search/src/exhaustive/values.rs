//! The numbers of every branch at every site, evaluated once.

use std::collections::{BTreeMap, HashSet};

use lpzero_proxy::Symbol;
use lpzero_run::{Cancel, ContentHash, Hasher};
use lpzero_trace::Role;
use rayon::prelude::*;

use super::aggregate::{Aggregate, Numbered, is_at};
use super::branches::Branch;
use crate::score::Score;

/// Lanes of the innermost loop: segments are filled up with zeros to a multiple.
pub(super) const LANES: usize = 8;

/// Per architecture, sites with their numbers.
type AtSites = Vec<Vec<(usize, f64)>>;

/// Numbers of branches at the sites of their symbol.
pub(super) struct Values {
    /// Per symbol and architecture, the sites that have it.
    sites: BTreeMap<Symbol, Vec<Vec<usize>>>,
    /// Per architecture, the role of every site.
    roles: Vec<Vec<Role>>,
    /// Per branch its numbers, architecture after architecture; none where it
    /// could not be evaluated.
    numbers: Vec<Option<Vec<f64>>>,
}

/// Branches of one symbol at some of its sites, laid out for arithmetic.
pub(super) struct Side {
    /// Indices of the branches.
    pub(super) branches: Vec<usize>,
    /// Architecture by architecture, branch by branch, the numbers at the
    /// sites, filled up with zeros.
    values: Vec<f64>,
    /// Branch by branch, the aggregate over sites of every architecture.
    aggregates: Vec<f64>,
}

/// Two symbols at the sites that have both.
pub(super) struct SymbolPair {
    /// By number.
    pub(super) aggregate: usize,
    pub(super) left: Side,
    /// None where both symbols are the same.
    right: Option<Side>,
    /// Per architecture, what the aggregate divides a sum over its sites by, and
    /// where its numbers begin if there were one branch only, filled up to a multiple
    /// of [`LANES`].
    divisors: Vec<f64>,
    starts: Vec<usize>,
}

/// The sites of a block.
struct Sites<'a> {
    aggregate: Aggregate,
    /// Per architecture, the sites that have both symbols.
    common: &'a [Vec<usize>],
    /// See [`SymbolPair`].
    starts: &'a [usize],
    divisors: &'a [f64],
}

impl Values {
    /// Evaluates all branches on these architectures.
    pub(super) fn of(
        branches: &[Branch],
        scorer: &dyn Score,
        architectures: &[usize],
        cancel: &Cancel,
    ) -> Self {
        let evaluated: Vec<Option<AtSites>> = branches
            .par_iter()
            .map(|branch| {
                let cancelled = cancel.is_cancelled();
                (!cancelled).then(|| scorer.site_values(&branch.node, architectures))?
            })
            .collect();
        let mut sites = BTreeMap::new();
        let numbers = branches.iter().zip(evaluated).map(|(branch, values)| {
            let values = values?;
            let own = values.iter().map(|at| at.iter().map(|(site, _)| *site));
            let own: Vec<Vec<usize>> = own.map(Iterator::collect).collect();
            let known = sites.entry(branch.symbol).or_insert_with(|| own.clone());
            // Whether a branch has a value depends on its symbol only.
            (*known == own).then(|| values.into_iter().flatten().map(|(_, x)| x).collect())
        });
        let roles = architectures.iter().map(|index| scorer.site_roles(*index));
        Self {
            numbers: numbers.collect(),
            roles: roles.collect(),
            sites,
        }
    }

    /// The branches of two symbols at the sites that have both and that the aggregate
    /// takes; `None` where every formula is undefined.
    pub(super) fn block(
        &self,
        branches: &[Branch],
        symbols: [Symbol; 2],
        Numbered { number, aggregate }: Numbered,
    ) -> Option<SymbolPair> {
        let [left, right] = [self.sites.get(&symbols[0])?, self.sites.get(&symbols[1])?];
        let wanted = aggregate.roles();
        let common = left.iter().zip(right).zip(&self.roles);
        let common = common.map(|((left, right), roles)| {
            let both = left.iter().filter(|site| right.contains(site));
            both.copied()
                .filter(|site| is_at(wanted, roles, *site))
                .collect()
        });
        let common: Vec<Vec<usize>> = common.collect();
        let divisors = common.iter().map(|sites| aggregate.divisor(sites.len()));
        let divisors = divisors.collect::<Option<Vec<f64>>>()?;
        let mut starts = vec![0];
        for sites in &common {
            starts.push(starts[starts.len() - 1] + sites.len().next_multiple_of(LANES));
        }
        let same = symbols[0] == symbols[1];
        let sites = Sites {
            aggregate,
            common: &common,
            starts: &starts,
            divisors: &divisors,
        };
        let side = |symbol| self.side(branches, symbol, &sites, same);
        Some(SymbolPair {
            left: side(symbols[0]),
            right: (!same).then(|| side(symbols[1])),
            aggregate: number,
            divisors,
            starts,
        })
    }

    /// The branches of a symbol that are finite at all of these sites and
    /// differ from each other there by more than a sign. The mean of a constant ranks
    /// nothing; beside branches of another symbol one of them stays, since it
    /// leaves the mean over fewer sites. The sum of a constant counts sites, but for 0.
    fn side(&self, all: &[Branch], symbol: Symbol, sites: &Sites<'_>, same: bool) -> Side {
        let Some(own) = self.sites.get(&symbol) else {
            return Side::empty();
        };
        let mut places = Vec::new();
        let mut offset = 0;
        for (own, common) in own.iter().zip(sites.common) {
            let places_of = own.iter().enumerate();
            let kept = places_of.filter(|(_, site)| common.contains(site));
            places.extend(kept.map(|(place, _)| offset + place));
            offset += own.len();
        }
        let mut known: HashSet<ContentHash> = HashSet::new();
        let mut rows: Vec<(usize, Vec<f64>)> = Vec::new();
        for (index, branch) in all.iter().enumerate() {
            let Some(numbers) = self.numbers[index].as_ref() else {
                continue;
            };
            if branch.symbol != symbol {
                continue;
            }
            let numbers: Vec<f64> = places.iter().map(|place| numbers[*place]).collect();
            let finite = numbers.iter().all(|number| number.is_finite());
            let constant =
                sites.aggregate.is_mean() && numbers.windows(2).all(|pair| pair[0] == pair[1]);
            let nothing = constant || numbers.iter().all(|number| *number == 0.0);
            if !finite || (nothing && same) {
                continue;
            }
            let identity = if constant {
                ContentHash::from_bytes([0; 32])
            } else {
                identity(&numbers)
            };
            if known.insert(identity) {
                rows.push((index, numbers));
            }
        }
        Side::new(rows, sites)
    }
}

/// Identifies numbers up to a common sign.
fn identity(numbers: &[f64]) -> ContentHash {
    let turned = numbers
        .iter()
        .find(|x| **x != 0.0)
        .is_some_and(|x| *x < 0.0);
    let mut hasher = Hasher::new();
    for number in numbers {
        let number = if turned { -number } else { *number };
        hasher.update(&(number + 0.0).to_le_bytes());
    }
    hasher.finish()
}

impl Side {
    fn empty() -> Self {
        Side {
            branches: Vec::new(),
            values: Vec::new(),
            aggregates: Vec::new(),
        }
    }

    fn new(rows: Vec<(usize, Vec<f64>)>, sites: &Sites<'_>) -> Self {
        let (common, starts) = (sites.common, sites.starts);
        let count = rows.len();
        let mut values = vec![0.0; starts[common.len()] * count];
        let mut aggregates = Vec::with_capacity(count * common.len());
        for (place, (_, numbers)) in rows.iter().enumerate() {
            let mut offset = 0;
            for (architecture, own) in common.iter().enumerate() {
                let numbers = &numbers[offset..offset + own.len()];
                let padded = starts[architecture + 1] - starts[architecture];
                let start = starts[architecture] * count + place * padded;
                values[start..start + own.len()].copy_from_slice(numbers);
                aggregates.push(numbers.iter().sum::<f64>() / sites.divisors[architecture]);
                offset += own.len();
            }
        }
        Side {
            branches: rows.into_iter().map(|(index, _)| index).collect(),
            values,
            aggregates,
        }
    }

    /// Aggregates over sites of the branch at this place, one per architecture.
    pub(super) fn aggregates(&self, place: usize) -> &[f64] {
        let architectures = self.aggregates.len() / self.branches.len().max(1);
        &self.aggregates[place * architectures..][..architectures]
    }
}

impl SymbolPair {
    pub(super) fn architectures(&self) -> usize {
        self.divisors.len()
    }

    /// Whether both branches of a formula are of one symbol.
    pub(super) fn is_symmetric(&self) -> bool {
        self.right.is_none()
    }

    pub(super) fn right(&self) -> &Side {
        self.right.as_ref().unwrap_or(&self.left)
    }

    /// For two places, the aggregate over sites of the product of both branches, in
    /// one architecture.
    pub(super) fn product(&self, left: usize, right: usize, architecture: usize) -> f64 {
        let start = self.starts[architecture];
        let length = self.starts[architecture + 1] - start;
        let values = |side: &'_ Side, place: usize| start * side.branches.len() + place * length;
        let (a, b) = (values(&self.left, left), values(self.right(), right));
        let a = &self.left.values[a..a + length];
        let b = &self.right().values[b..b + length];
        dot(a, b) / self.divisors[architecture]
    }
}

/// Sum of products in a fixed order that vectorises.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum()
}
