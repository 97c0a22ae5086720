//! What an enumeration counts, and the best that it meets.

use std::collections::BTreeMap;

use crate::pruning::{Counts, Rule};

use super::ranking::Ranked;

/// Bins of a histogram of absolute correlations.
pub const BINS: usize = 20;

/// Formulas with different rankings kept per complexity, to be evaluated once
/// more by the scorer of the problem.
const KEPT: usize = 16;

/// How two branches are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    /// Only the first branch: the other one is disconnected.
    Single,
    Add,
    Sub,
    Mul,
    /// Of tensors, where the indices are those of tensors.
    Matmul,
}

/// A member of the space: an operation and the indices of two branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    pub(super) operation: Operation,
    pub(super) left: usize,
    pub(super) right: usize,
}

/// What was met; tallies of parts add up to that of the whole in any order.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) histogram: [u64; BINS],
    pub(super) measured: u64,
    pub(super) undefined: BTreeMap<Rule, u64>,
    /// One hash per measured formula.
    pub(super) rankings: Vec<u64>,
    best: BTreeMap<u32, Vec<(Ranked, Member)>>,
}

impl Tally {
    pub(super) fn count(&mut self, member: Member, complexity: u32, ranked: Result<Ranked, Rule>) {
        let ranked = match ranked {
            Ok(ranked) => ranked,
            Err(rule) => return *self.undefined.entry(rule).or_default() += 1,
        };
        self.measured += 1;
        self.rankings.push(ranked.hash);
        let bin = (ranked.strength * BINS as f64) as usize;
        self.histogram[bin.min(BINS - 1)] += 1;
        self.keep(member, complexity, ranked);
    }

    /// Keeps the strongest rankings of every complexity, each with the first
    /// formula that has it.
    fn keep(&mut self, member: Member, complexity: u32, ranked: Ranked) {
        let niche = self.best.entry(complexity).or_default();
        let before = |(known, first): &(Ranked, Member)| {
            let stronger = known.strength.total_cmp(&ranked.strength);
            stronger.then(member.cmp(first)).is_gt()
        };
        if niche.len() == KEPT && niche.last().is_some_and(before) {
            return;
        }
        let mut same = niche.iter();
        if let Some(place) = same.position(|(known, _)| known.hash == ranked.hash) {
            if before(&niche[place]) {
                return;
            }
            niche.remove(place);
        }
        let place = niche.partition_point(before);
        niche.insert(place, (ranked, member));
        niche.truncate(KEPT);
    }

    pub(super) fn add(&mut self, other: Tally) {
        for (bin, more) in self.histogram.iter_mut().zip(other.histogram) {
            *bin += more;
        }
        self.measured += other.measured;
        for (rule, more) in other.undefined {
            *self.undefined.entry(rule).or_default() += more;
        }
        self.rankings.extend(other.rankings);
        for (complexity, niche) in other.best {
            for (ranked, member) in niche {
                self.keep(member, complexity, ranked);
            }
        }
    }

    /// Strength of the best formula so far; 0 before there is one.
    pub(super) fn strongest(&self) -> f64 {
        let first = self.best.values().filter_map(|niche| niche.first());
        first.map(|(ranked, _)| ranked.strength).fold(0.0, f64::max)
    }

    /// The formulas kept, simple ones first.
    pub(super) fn best(&self) -> impl Iterator<Item = Member> + '_ {
        self.best.values().flatten().map(|(_, member)| *member)
    }

    /// Number of different rankings.
    pub(super) fn distinct(&mut self) -> u64 {
        self.rankings.sort_unstable();
        self.rankings.dedup();
        self.rankings.len() as u64
    }

    /// Adds what has no ranking to the counters of a search.
    pub(super) fn report(&self, counts: &mut Counts) {
        for (rule, number) in &self.undefined {
            *counts.pruned.entry(rule).or_default() += number;
        }
    }
}
