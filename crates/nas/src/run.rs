//! A search under way: what is proposed, what is scored, and when it ends.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use lpzero_arch::{Architecture, Genotype, Space};
use lpzero_search::seed::Stream;
use lpzero_train::{Journal, JournalKind};
use serde::{Deserialize, Serialize};

use crate::genotype::{draw, mutate};
use crate::{Candidate, Costs, Error, Problem, Scorer, evolution, front, nsga2, random};

/// How architectures are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// NSGA-II: maximises the score and minimises the cost together.
    Nsga2,
    /// Regularised evolution: maximises the score under the constraints.
    Evolution,
    /// Random architectures that meet the constraints.
    Random,
}

/// How long to search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// So many different architectures scored, exactly.
    Evaluations(u64),
    /// Wall-clock time. Not reproducible: how far a search gets depends on the machine.
    Time(Duration),
}

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How architectures are found.
    pub method: Method,
    /// Members of the population; random search has none.
    pub population: usize,
    /// Of everything random.
    pub seed: u64,
    /// When to stop.
    pub budget: Budget,
}

/// What became of an architecture, as a journal keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The candidate's.
    pub id: String,
    /// `None` where it was not scored, or has no finite score.
    pub score: Option<f64>,
    /// Seconds of a forward pass, where it was measured.
    pub latency: Option<f64>,
    /// Seconds that the search had taken by then.
    pub elapsed: f64,
}

/// The journal of an architecture search, one [`Record`] each.
pub const JOURNAL_KIND: JournalKind = JournalKind {
    format: "lpzero-nas",
    version: 1,
    work: "search",
};

/// How far a search is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Architectures scored.
    pub evaluated: u64,
    /// Share of the budget that is spent, 0 to 1.
    pub spent: f64,
    /// The one with the highest score.
    pub best: Option<&'a Candidate>,
}

/// What a search leaves.
#[derive(Clone, Debug)]
pub struct Found {
    /// Everything scored, in order, and what was measured and found too slow.
    pub candidates: Vec<Candidate>,
    /// Which of them nothing dominates, by increasing cost.
    pub front: Vec<usize>,
    /// Architectures scored.
    pub evaluated: u64,
    /// Architectures that a count showed to miss a bound, and nothing scored.
    pub rejected: u64,
    /// Architectures that were measured, found too slow, and not scored.
    pub too_slow: u64,
    /// Whether nothing new was left before the budget was spent.
    pub exhausted: bool,
    /// Time taken, by all processes that searched.
    pub seconds: f64,
}

/// Architectures that are scored together: what a killed process loses at most.
pub(crate) const CHUNK: usize = 8;

/// Members of a population.
const POPULATIONS: std::ops::RangeInclusive<usize> = 4..=10_000;

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
    pub(crate) settings: Settings,
    scorer: &'c mut S,
    journal: Option<&'c mut Journal<Record>>,
    progress: &'c mut dyn FnMut(Progress<'_>),
    /// What the journal had when the search began, by id.
    recorded: HashMap<String, Record>,
    met: HashSet<String>,
    candidates: Vec<Candidate>,
    best: Option<usize>,
    evaluated: u64,
    rejected: u64,
    too_slow: u64,
    slow_in_a_row: u64,
    exhausted: bool,
    /// Seconds before `start`.
    before: f64,
    start: Instant,
}

/// Searches. With a journal, what it records is not scored again, and what is
/// scored is recorded; the caller sees to it that it is of the same problem,
/// settings and scorer.
///
/// # Errors
/// [`Error`]: settings out of range, a space without architectures, constraints that
/// nothing meets, a journal that cannot be written; and what the scorer says.
pub fn search<S: Scorer>(
    problem: Problem<'_>,
    settings: Settings,
    scorer: &mut S,
    journal: Option<&mut Journal<Record>>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Found, S::Error> {
    if !POPULATIONS.contains(&settings.population) {
        return Err(Error::Setting {
            name: "population",
            value: settings.population.to_string(),
            expected: "between 4 and 10000",
        }
        .into());
    }
    let records = journal.iter().flat_map(|journal| journal.records());
    let recorded = records.map(|record| (record.id.clone(), record.clone()));
    let mut run = Run {
        problem,
        settings,
        scorer,
        recorded: recorded.collect(),
        journal,
        progress,
        met: HashSet::new(),
        candidates: Vec::new(),
        best: None,
        evaluated: 0,
        rejected: 0,
        too_slow: 0,
        slow_in_a_row: 0,
        exhausted: false,
        before: 0.0,
        start: Instant::now(),
    };
    match settings.method {
        Method::Nsga2 => nsga2::search(&mut run)?,
        Method::Evolution => evolution::search(&mut run)?,
        Method::Random => random::search(&mut run)?,
    }
    run.found().map_err(S::Error::from)
}

impl<S: Scorer> Run<'_, '_, S> {
    /// Whether the budget is spent or nothing new is left.
    pub(crate) fn finished(&self) -> bool {
        self.exhausted || self.slow_in_a_row >= SLOW || self.spent() >= 1.0
    }

    /// Evaluations that are left.
    pub(crate) fn left(&self) -> usize {
        match self.settings.budget {
            Budget::Evaluations(all) => {
                usize::try_from(all.saturating_sub(self.evaluated)).unwrap_or(usize::MAX)
            }
            Budget::Time(_) => usize::MAX,
        }
    }

    fn elapsed(&self) -> f64 {
        self.before + self.start.elapsed().as_secs_f64()
    }

    fn spent(&self) -> f64 {
        match self.settings.budget {
            Budget::Evaluations(all) => self.evaluated as f64 / all.max(1) as f64,
            Budget::Time(all) => self.elapsed() / all.as_secs_f64().max(f64::MIN_POSITIVE),
        }
    }

    /// What a genotype makes, and how far that is from what is asked for.
    fn build(&mut self, genotype: Genotype) -> Result<Proposal, lpzero_arch::Error> {
        let Problem {
            space,
            batch,
            table,
            ..
        } = self.problem;
        let architecture = space.architecture(&genotype)?;
        let table = table.map(|table| (table, space, &genotype));
        let costs = Costs::count(&architecture, batch, table);
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
        let mut evaluated = Vec::with_capacity(batch.len());
        let mut left = batch.into_iter().peekable();
        while left.peek().is_some() {
            let chunk: Vec<_> = left.by_ref().take(CHUNK).collect();
            let first = self.candidates.len();
            self.evaluate_chunk(chunk)?;
            evaluated.extend_from_slice(&self.candidates[first..]);
            let spent = self.spent();
            (self.progress)(Progress {
                evaluated: self.evaluated,
                spent: spent.min(1.0),
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
            if let Some(record) = self.recorded.get(&candidate.id) {
                candidate.costs.latency = record.latency;
                candidate.score = record.score.unwrap_or(f64::NAN);
                // The clock of a search that goes on stands where it stood.
                self.before = self.before.max(record.elapsed);
                self.start = Instant::now();
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
        let elapsed = self.elapsed();
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

    fn found(self) -> Result<Found, Error> {
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
        Ok(Found {
            front: front(&pairs),
            evaluated: self.evaluated,
            rejected: self.rejected,
            too_slow: self.too_slow,
            exhausted: self.exhausted,
            seconds: self.elapsed(),
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
    // Plain data: this cannot fail.
    let text = serde_json::to_string(architecture).unwrap_or_default();
    blake3::hash(text.as_bytes()).to_hex()[..12].to_owned()
}
