//! The best formulas of every complexity, for ever.

use std::collections::{BTreeMap, HashSet};

use lpzero_proxy::Node;
use lpzero_run::{ContentHash, Hasher};

use crate::vary::negated;

/// A formula that was evaluated on the whole search split.
#[derive(Clone, Debug, PartialEq)]
pub struct Individual {
    /// Formula as it was evaluated; with [`reversed`](Self::reversed), smaller scores are better.
    pub formula: Node,
    /// Sum of the complexities of its nodes.
    pub complexity: u32,
    /// Absolute correlation on the search split.
    pub fitness: f64,
    /// Whether the correlation itself is negative.
    pub reversed: bool,
    /// Ranks of the scores on the search split, turned so that larger is
    /// better, times two (average ranks may end in 1/2).
    pub(crate) ranks: Vec<u32>,
    /// Identifies the rank vector.
    pub(crate) rank_hash: ContentHash,
}

impl Individual {
    /// A formula with what was measured; twice its ranks, larger being better.
    pub(crate) fn measured(formula: &Node, fitness: f64, reversed: bool, ranks: Vec<u32>) -> Self {
        let mut hasher = Hasher::new();
        for rank in &ranks {
            hasher.update(&rank.to_le_bytes());
        }
        Self {
            formula: formula.clone(),
            complexity: formula.complexity(),
            fitness,
            reversed,
            ranks,
            rank_hash: hasher.finish(),
        }
    }

    /// The formula, turned so that larger scores are better.
    pub fn turned(&self) -> Node {
        if self.reversed {
            negated(&self.formula)
        } else {
            self.formula.clone()
        }
    }

    /// Whether this one is at least as good in both respects and better in one.
    pub fn dominates(&self, other: &Individual) -> bool {
        self.fitness >= other.fitness
            && self.complexity <= other.complexity
            && (self.fitness > other.fitness || self.complexity < other.complexity)
    }

    /// Better first: fitness, then simplicity, then the formula's text, so
    /// that no order depends on chance.
    pub(crate) fn order(&self, other: &Individual) -> std::cmp::Ordering {
        other
            .fitness
            .total_cmp(&self.fitness)
            .then(self.complexity.cmp(&other.complexity))
            .then_with(|| self.formula.to_string().cmp(&other.formula.to_string()))
    }
}

/// Keeps, for every complexity (a niche), the fittest formulas with distinct
/// rank vectors. The Pareto front of fitness against complexity is always part
/// of it.
#[derive(Clone, Debug)]
pub struct Archive {
    niches: BTreeMap<u32, Vec<Individual>>,
    per_niche: usize,
    seen_ranks: HashSet<ContentHash>,
}

impl Archive {
    /// An empty archive that keeps so many formulas of every complexity.
    pub fn new(per_niche: usize) -> Self {
        Self {
            niches: BTreeMap::new(),
            per_niche: per_niche.max(1),
            seen_ranks: HashSet::new(),
        }
    }

    /// Offers a formula. Returns whether its rank vector is new, or simpler to
    /// get than before.
    pub fn offer(&mut self, candidate: &Individual) -> bool {
        let new = self.seen_ranks.insert(candidate.rank_hash);
        if !new {
            let niches = self.niches.range(..=candidate.complexity);
            let mut simpler = niches.flat_map(|(_, niche)| niche);
            if simpler.any(|kept| kept.rank_hash == candidate.rank_hash) {
                return false;
            }
            // One result, one formula: the simpler one takes its place.
            for niche in self.niches.values_mut() {
                niche.retain(|kept| kept.rank_hash != candidate.rank_hash);
            }
        }
        let niche = self.niches.entry(candidate.complexity).or_default();
        let at = niche.partition_point(|kept| kept.order(candidate).is_lt());
        if at < self.per_niche {
            niche.insert(at, candidate.clone());
            niche.truncate(self.per_niche);
        }
        true
    }

    /// Fitness that a formula of this complexity has to exceed to enter the front; 0 where none is
    /// as simple.
    pub fn front_at(&self, complexity: u32) -> f64 {
        let niches = self.niches.range(..=complexity);
        niches
            .filter_map(|(_, niche)| niche.first())
            .map(|best| best.fitness)
            .fold(0.0, f64::max)
    }

    /// Fitness of the formula of this rank, 0 being the fittest; 0 where there
    /// are fewer.
    pub fn fitness_at(&self, rank: usize) -> f64 {
        let niches = self.niches.values().flatten();
        let mut fitness: Vec<f64> = niches.map(|kept| kept.fitness).collect();
        if rank >= fitness.len() {
            return 0.0;
        }
        *fitness
            .select_nth_unstable_by(rank, |a, b| b.total_cmp(a))
            .1
    }

    /// The fittest of all.
    pub fn best(&self) -> Option<&Individual> {
        self.front().last().copied()
    }

    /// The Pareto front, simplest first: every member is fitter than all
    /// simpler ones.
    pub fn front(&self) -> Vec<&Individual> {
        let mut front: Vec<&Individual> = Vec::new();
        for best in self.niches.values().filter_map(|niche| niche.first()) {
            if front.last().is_none_or(|last| best.fitness > last.fitness) {
                front.push(best);
            }
        }
        front
    }

    /// Everything kept, fittest first.
    pub fn ranked(&self) -> Vec<&Individual> {
        let mut all: Vec<&Individual> = self.niches.values().flatten().collect();
        all.sort_by(|a, b| a.order(b));
        all
    }
}
