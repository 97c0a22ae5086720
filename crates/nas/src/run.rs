//! A search under way: what is proposed, what is scored, and when it ends.

use std::collections::HashSet;
use std::time::Duration;

use lpzero_arch::{Architecture, Genotype, Space};
use lpzero_run::seed::Stream;
use lpzero_run::{Budget, Clock, ContentHash, Pieces};

use crate::genotype::{draw, mutate};
use crate::strategy::{History, Record, Snapshot, Strategy};
use crate::{Candidate, Costs, Error, Problem, Scorer, front};

/// Architectures that are scored together: what a killed process loses at most.
pub(crate) const CHUNK: usize = 8;

/// Plain draws before the closest of them is repaired.
const DRAWS: u64 = 32;
/// Mutations of a repair.
const STEPS: u64 = 400;
/// Repairs before nothing counts as possible.
const REPAIRS: u64 = 8;
/// Draws, none of them a network, before a space counts as empty.
const INVALID: u64 = 1000;
/// Proposals in a row that were met before, after which a space counts as exhausted.
const MET: u32 = 50;
/// Architectures in a row that are too slow, after which nothing counts as possible.
const SLOW: u64 = 200;

/// An architecture that meets what can be counted, to be scored.
pub(crate) struct Proposal {
    genotype: Genotype,
    architecture: Architecture,
    costs: Costs,
    violation: f64,
}

/// A search under way.
pub(crate) struct Run<'a, 'c, S> {
    pub(crate) problem: Problem<'a>,
    pub(crate) strategy: Strategy,
    scorer: &'c mut S,
    journal: Option<&'c mut Pieces<Record>>,
    progress: &'c mut dyn FnMut(Snapshot<'_>),
    met: HashSet<String>,
    candidates: Vec<Candidate>,
    best: Option<usize>,
    /// Batches of proposals.
    iterations: u64,
    evaluated: u64,
    rejected: u64,
    too_slow: u64,
    slow_in_a_row: u64,
    exhausted: bool,
    clock: Clock,
}

impl<'a, 'c, S: Scorer> Run<'a, 'c, S> {
    /// A search that has found nothing yet.
    pub(crate) fn start(
        problem: Problem<'a>,
        strategy: Strategy,
        scorer: &'c mut S,
        journal: Option<&'c mut Pieces<Record>>,
        progress: &'c mut dyn FnMut(Snapshot<'_>),
    ) -> Self {
        Self {
            problem,
            strategy,
            scorer,
            journal,
            progress,
            met: HashSet::new(),
            candidates: Vec::new(),
            best: None,
            iterations: 0,
            evaluated: 0,
            rejected: 0,
            too_slow: 0,
            slow_in_a_row: 0,
            exhausted: false,
            clock: Clock::start(),
        }
    }
}

impl<S: Scorer> Run<'_, '_, S> {
    /// Whether the budget is spent or nothing new is left.
    pub(crate) fn finished(&self) -> bool {
        self.exhausted || self.slow_in_a_row >= SLOW || self.spent() >= 1.0
    }

    /// Evaluations that are left.
    pub(crate) fn left(&self) -> usize {
        match self.strategy.budget {
            Budget::Evaluations(all) => {
                usize::try_from(all.saturating_sub(self.evaluated)).unwrap_or(usize::MAX)
            }
            Budget::Iterations(_) | Budget::Time(_) => usize::MAX,
        }
    }

    /// Share of the budget that is spent.
    fn spent(&self) -> f64 {
        let budget = self.strategy.budget;
        budget.spent(self.iterations, self.evaluated, self.clock.elapsed())
    }

    /// Builds the architecture of a genotype; counts its costs and their violation of the bounds.
    fn build(&mut self, genotype: Genotype) -> Result<Proposal, lpzero_arch::Error> {
        let Problem {
            space, load, table, ..
        } = self.problem;
        let architecture = space.architecture(&genotype)?;
        let table = table.map(|table| (table, space, &genotype));
        let costs = Costs::count(&architecture, load, table);
        let violation = self.problem.violation(&costs);
        self.rejected += u64::from(violation > 0.0);
        Ok(Proposal {
            genotype,
            architecture,
            costs,
            violation,
        })
    }

    /// A random architecture that meets what can be counted. Where bounds are so
    /// tight that draws miss them, the closest draw is mutated towards them.
    fn feasible(&mut self, random: &mut Stream) -> Result<Proposal, Error> {
        let space: &Space = self.problem.space;
        let mut closest: Option<Proposal> = None;
        for _ in 0..REPAIRS {
            let mut nearest: Option<Proposal> = None;
            let mut draws = 0;
            while draws < DRAWS || nearest.is_none() {
                draws += 1;
                match self.build(draw(space, random)) {
                    Ok(proposal) if proposal.violation == 0.0 => return Ok(proposal),
                    Ok(proposal) => nearest = Some(nearer(nearest, proposal)),
                    Err(last) if draws >= INVALID && nearest.is_none() => {
                        return Err(Error::NoArchitecture { draws, last });
                    }
                    Err(_) => {}
                }
            }
            for _ in 0..STEPS {
                let Some(from) = &nearest else { break };
                let mut genotype = from.genotype.clone();
                mutate(space, &mut genotype, random);
                match self.build(genotype) {
                    Ok(proposal) if proposal.violation == 0.0 => return Ok(proposal),
                    Ok(proposal) => nearest = Some(nearer(nearest, proposal)),
                    Err(_) => {}
                }
            }
            closest = match (closest, nearest) {
                (closest, Some(nearest)) => Some(nearer(closest, nearest)),
                (closest, None) => closest,
            };
        }
        Err(self.infeasible(closest.map(|proposal| proposal.costs)))
    }

    fn infeasible(&self, closest: Option<Costs>) -> Error {
        let bound = closest.and_then(|costs| self.problem.worst(&costs).map(|b| (costs, b)));
        let (cost, found, bound) = match bound {
            Some((costs, bound)) => {
                let found = costs.get(bound.cost).unwrap_or(f64::NAN);
                (bound.cost.name(), found.to_string(), bound.complaint(found))
            }
            None => ("nothing", String::new(), String::new()),
        };
        Error::Infeasible {
            space: self.problem.space.name.clone(),
            cost,
            found,
            bound,
        }
    }

    /// So many random architectures that were not met before, or as many as there are;
    /// none where the space is exhausted.
    pub(crate) fn fresh(
        &mut self,
        wanted: usize,
        random: &mut Stream,
    ) -> Result<Vec<(String, Proposal)>, Error> {
        let mut batch = Vec::new();
        let mut met = 0;
        while batch.len() < wanted && met < MET {
            let proposal = match self.feasible(random) {
                // What could be met once can be met, if seldom.
                Err(Error::Infeasible { .. }) if !self.met.is_empty() => {
                    met += 1;
                    continue;
                }
                other => other?,
            };
            match self.admit(proposal) {
                Some(new) => {
                    batch.push(new);
                    met = 0;
                }
                None => met += 1,
            }
        }
        self.exhausted |= batch.is_empty();
        Ok(batch)
    }

    /// So many children that meet what can be counted and were not met before; random
    /// architectures in place of those that could not be bred.
    pub(crate) fn bred(
        &mut self,
        wanted: usize,
        mut breed: impl FnMut(&mut Stream) -> Option<Genotype>,
        random: &mut Stream,
    ) -> Result<Vec<(String, Proposal)>, Error> {
        let mut batch = Vec::new();
        while batch.len() < wanted {
            let mut new = None;
            for _ in 0..MET {
                let child = breed(random).map(|genotype| self.build(genotype));
                let Some(Ok(child)) = child else { continue };
                if child.violation == 0.0 {
                    new = self.admit(child);
                }
                if new.is_some() {
                    break;
                }
            }
            let some = match new {
                Some(new) => vec![new],
                None => self.fresh(1, random)?,
            };
            if some.is_empty() {
                break;
            }
            batch.extend(some);
        }
        // A last batch that is short is still a batch.
        self.exhausted = batch.is_empty();
        Ok(batch)
    }

    /// The proposal with its id, unless its network was met before.
    fn admit(&mut self, proposal: Proposal) -> Option<(String, Proposal)> {
        let id = architecture_id(&proposal.architecture);
        self.met.insert(id.clone()).then_some((id, proposal))
    }

    /// Measures and scores proposals, those beyond a time budget not at all.
    pub(crate) fn evaluate(
        &mut self,
        batch: Vec<(String, Proposal)>,
    ) -> Result<Vec<Candidate>, S::Error> {
        self.iterations += 1;
        let mut evaluated = Vec::with_capacity(batch.len());
        let mut left = batch.into_iter().peekable();
        while left.peek().is_some() {
            let chunk: Vec<_> = left.by_ref().take(CHUNK).collect();
            let first = self.candidates.len();
            self.evaluate_chunk(chunk)?;
            evaluated.extend_from_slice(&self.candidates[first..]);
            let spent = self.spent();
            (self.progress)(Snapshot {
                evaluated: self.evaluated,
                spent,
                best: self.best.map(|best| &self.candidates[best]),
            });
            if spent >= 1.0 {
                break;
            }
        }
        Ok(evaluated)
    }

    fn evaluate_chunk(&mut self, chunk: Vec<(String, Proposal)>) -> Result<(), S::Error> {
        let measured = self.problem.is_measured();
        let mut candidates = Vec::with_capacity(chunk.len());
        // Positions in `candidates` of what has to be scored.
        let mut unscored = Vec::new();
        let mut new = Vec::new();
        for (id, proposal) in chunk {
            let mut candidate = Candidate {
                id,
                genotype: proposal.genotype,
                architecture: proposal.architecture,
                costs: proposal.costs,
                violation: 0.0,
                score: f64::NAN,
            };
            let position = candidates.len();
            let journal = self.journal.as_ref();
            if let Some(record) = journal.and_then(|journal| journal.get(&candidate.id)) {
                candidate.costs.latency = record.latency;
                candidate.score = record.score.unwrap_or(f64::NAN);
                // The clock of a search that goes on stands where it stood.
                let elapsed = Duration::try_from_secs_f64(record.elapsed).unwrap_or_default();
                self.clock.replayed(elapsed, false);
            } else {
                if measured {
                    let Candidate {
                        id, architecture, ..
                    } = &candidate;
                    candidate.costs.latency = Some(self.scorer.latency(id, architecture)?);
                }
                new.push(position);
            }
            candidate.violation = self.problem.violation(&candidate.costs);
            if new.last() == Some(&position) && candidate.violation == 0.0 {
                unscored.push(position);
            }
            candidates.push(candidate);
        }
        if !unscored.is_empty() {
            let ids: Vec<String> = unscored.iter().map(|&i| candidates[i].id.clone()).collect();
            let architectures = unscored.iter().map(|&i| candidates[i].architecture.clone());
            let architectures: Vec<Architecture> = architectures.collect();
            let scores = self.scorer.scores(&ids, &architectures)?;
            for (&i, score) in unscored.iter().zip(scores) {
                candidates[i].score = score;
            }
        }
        let elapsed = self.clock.elapsed().as_secs_f64();
        if let Some(journal) = &mut self.journal {
            for candidate in new.iter().map(|&i| &candidates[i]) {
                let record = Record {
                    id: candidate.id.clone(),
                    score: Some(candidate.score).filter(|score| score.is_finite()),
                    latency: candidate.costs.latency,
                    elapsed,
                };
                journal.append(record).map_err(Error::from)?;
            }
        }
        for candidate in candidates {
            if candidate.violation > 0.0 {
                self.too_slow += 1;
                self.slow_in_a_row += 1;
            } else {
                self.evaluated += 1;
                self.slow_in_a_row = 0;
                let best = self.best.map(|best| self.candidates[best].fitness());
                if candidate.score.is_finite() && best.is_none_or(|best| candidate.score > best) {
                    self.best = Some(self.candidates.len());
                }
            }
            self.candidates.push(candidate);
        }
        Ok(())
    }

    pub(crate) fn found(self) -> Result<History, Error> {
        if self.evaluated == 0 {
            let fastest = self.candidates.iter().map(|candidate| candidate.costs);
            let least = |costs: &Costs| self.problem.violation(costs);
            let fastest = fastest.min_by(|a, b| least(a).total_cmp(&least(b)));
            if fastest.is_some() {
                return Err(self.infeasible(fastest));
            }
        }
        let cost = self.problem.cost;
        let pair = |candidate: &Candidate| {
            let feasible = candidate.violation == 0.0;
            let score = if feasible { candidate.score } else { f64::NAN };
            (score, candidate.costs.get(cost).unwrap_or(f64::NAN))
        };
        let pairs: Vec<(f64, f64)> = self.candidates.iter().map(pair).collect();
        Ok(History {
            front: front(&pairs),
            evaluated: self.evaluated,
            rejected: self.rejected,
            too_slow: self.too_slow,
            exhausted: self.exhausted,
            seconds: self.clock.elapsed().as_secs_f64(),
            candidates: self.candidates,
        })
    }
}

/// The one that misses the bounds by less; the new one where they are equal, so that
/// repairs wander.
fn nearer(known: Option<Proposal>, new: Proposal) -> Proposal {
    match known {
        Some(known) if known.violation < new.violation => known,
        _ => new,
    }
}

/// The first 12 digits of a hash of the architecture: equal networks have one id.
pub fn architecture_id(architecture: &Architecture) -> String {
    ContentHash::of(architecture).digits(12)
}
