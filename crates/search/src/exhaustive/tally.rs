//! Tally of an enumeration: its counts, and the best that it meets.

use std::collections::BTreeMap;

use crate::pruning::{self, Counts, Rule};
use crate::record::take;

use super::distinct::Distinct;
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
    /// Matrix product of tensors; the indices are those of tensors.
    Matmul,
}

impl Operation {
    const ALL: [Self; 5] = [Self::Single, Self::Add, Self::Sub, Self::Mul, Self::Matmul];
}

/// A member of the space: an aggregate by number, an operation, the indices of two
/// branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    pub(super) aggregate: usize,
    pub(super) operation: Operation,
    pub(super) left: usize,
    pub(super) right: usize,
}

/// Counts of formulas met; tallies of parts add up to that of the whole in any order.
#[derive(Default, Debug, PartialEq)]
pub(super) struct Tally {
    pub(super) histogram: [u64; BINS],
    pub(super) measured: u64,
    pub(super) undefined: BTreeMap<Rule, u64>,
    /// Hashes of the rankings of measured formulas.
    pub(super) rankings: Distinct,
    best: BTreeMap<u32, Vec<(Ranked, Member)>>,
}

impl Tally {
    pub(super) fn count(&mut self, member: Member, complexity: u32, ranked: Result<Ranked, Rule>) {
        let ranked = match ranked {
            Ok(ranked) => ranked,
            Err(rule) => return *self.undefined.entry(rule).or_default() += 1,
        };
        self.measured += 1;
        self.rankings.insert(ranked.hash);
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
        self.rankings.add(other.rankings);
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

    /// Adds what has no ranking to the counters of a search.
    pub(super) fn report(&self, counts: &mut Counts) {
        for (rule, number) in &self.undefined {
            *counts.pruned.entry(rule).or_default() += number;
        }
    }

    /// Encodes the tally as a journal keeps it. Numbers are little-endian.
    ///
    /// ```text
    /// u64 measured, u64 bin (20 times), u8 rules, (u8 length, rule, u64)*,
    /// u32 kept, (u32 complexity, u32 aggregate, u8 operation, u32 left, u32 right,
    /// f64 strength, u64 hash)*,
    /// rankings
    /// ```
    pub(super) fn encode(&mut self) -> Vec<u8> {
        let mut bytes = self.measured.to_le_bytes().to_vec();
        bytes.extend(self.histogram.iter().flat_map(|bin| bin.to_le_bytes()));
        bytes.push(self.undefined.len() as u8);
        for (rule, number) in &self.undefined {
            bytes.push(rule.len() as u8);
            bytes.extend_from_slice(rule.as_bytes());
            bytes.extend(number.to_le_bytes());
        }
        let kept = self.best.values().map(Vec::len).sum::<usize>() as u32;
        bytes.extend(kept.to_le_bytes());
        for (complexity, niche) in &self.best {
            for (ranked, member) in niche {
                bytes.extend(complexity.to_le_bytes());
                bytes.extend((member.aggregate as u32).to_le_bytes());
                bytes.push(member.operation as u8);
                bytes.extend((member.left as u32).to_le_bytes());
                bytes.extend((member.right as u32).to_le_bytes());
                bytes.extend(ranked.strength.to_le_bytes());
                bytes.extend(ranked.hash.to_le_bytes());
            }
        }
        self.rankings.encode(&mut bytes);
        bytes
    }

    /// Decodes the bytes of [`encode`](Self::encode); `None` where they say anything else.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let mut tally = Self {
            measured: u64::from_le_bytes(take(bytes)?),
            ..Self::default()
        };
        for bin in &mut tally.histogram {
            *bin = u64::from_le_bytes(take(bytes)?);
        }
        let [rules] = take(bytes)?;
        for _ in 0..rules {
            let [length] = take(bytes)?;
            let name = bytes.split_off(..usize::from(length))?;
            let mut rules = pruning::MEASURED.into_iter();
            let rule = rules.find(|rule| rule.as_bytes() == name)?;
            tally
                .undefined
                .insert(rule, u64::from_le_bytes(take(bytes)?));
        }
        for _ in 0..u32::from_le_bytes(take(bytes)?) {
            let complexity = u32::from_le_bytes(take(bytes)?);
            let aggregate = u32::from_le_bytes(take(bytes)?) as usize;
            let [operation] = take(bytes)?;
            let member = Member {
                aggregate,
                operation: *Operation::ALL.get(usize::from(operation))?,
                left: u32::from_le_bytes(take(bytes)?) as usize,
                right: u32::from_le_bytes(take(bytes)?) as usize,
            };
            let ranked = Ranked {
                strength: f64::from_le_bytes(take(bytes)?),
                hash: u64::from_le_bytes(take(bytes)?),
            };
            let niche = tally.best.entry(complexity).or_default();
            niche.push((ranked, member));
        }
        tally.rankings = Distinct::decode(bytes)?;
        bytes.is_empty().then_some(tally)
    }

    /// Whether every formula kept is one of a space with so many aggregates, numbers
    /// and tensors.
    pub(super) fn fits(&self, aggregates: usize, numbers: usize, tensors: usize) -> bool {
        self.best().all(|member| {
            let count = match member.operation {
                Operation::Matmul => tensors,
                _ => numbers,
            };
            member.aggregate < aggregates && member.left.max(member.right) < count
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_tally_survives_its_bytes_and_cut_ones_are_refused() {
        let mut tally = Tally::default();
        for place in 0..100usize {
            let member = Member {
                aggregate: place % 3,
                operation: Operation::ALL[place % 5],
                left: place,
                right: place + 1,
            };
            let ranked = Ranked {
                strength: place as f64 / 100.0,
                hash: place as u64 % 70,
            };
            let rule = if place % 2 == 0 {
                pruning::CONSTANT
            } else {
                pruning::NOT_FINITE
            };
            let ranked = if place % 7 == 0 {
                Err(rule)
            } else {
                Ok(ranked)
            };
            tally.count(member, 3 + place as u32 % 4, ranked);
        }
        let bytes = tally.encode();
        assert_eq!(Tally::decode(&bytes).unwrap(), tally);
        assert!(tally.fits(3, 101, 101) && !tally.fits(3, 50, 101) && !tally.fits(2, 101, 101));
        for end in 0..bytes.len() {
            assert_eq!(Tally::decode(&bytes[..end]), None);
        }
    }
}
