//! What every search method shares: admitting formulas, evaluating them side
//! by side, keeping the best.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lpzero_proxy::{Node, simplify};
use lpzero_stats::{Correlation, Workspace};
use rayon::prelude::*;

use crate::archive::{Archive, Individual};
use crate::assess::{Wanted, assess};
use crate::budget::{Budget, Control, Meter, Progress};
use crate::exhaustive::{Aggregate, Space};
use crate::fitness::Fitness;
use crate::generate::Grammar;
use crate::pruning::{self, Counts, Rule};
use crate::record::Key;
use crate::template::Template;
use crate::vary::Limits;
use crate::{Error, Problem, language};

/// How to search. The defaults are LPZero's where the paper has a setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Run seed.
    pub seed: u64,
    /// What is maximised on the search split, and what the winner is chosen by
    /// on the search and validation splits together. Spearman, as in the paper.
    /// Kendall's tau-b forgives pairs that a formula leaves tied, and so likes
    /// formulas that only tell groups of equal depth and width apart; Somers' d
    /// does not forgive them at all.
    pub fitness: Correlation,
    /// Which formulas are drawn.
    pub grammar: Grammar,
    /// What makes one number of all sites in the paper's formulas. Only enumeration knows
    /// others than the paper's mean.
    pub aggregates: Vec<Aggregate>,
    /// What all of them look like; then the grammar has to be that of aggregates.
    pub template: Option<Template>,
    /// The largest formulas considered.
    pub limits: Limits,
    /// When to stop.
    pub budget: Budget,
    /// Size of the population: 80 in the paper.
    pub population: usize,
    /// Probability that offspring come from two parents: .5 in the paper.
    pub crossover: f64,
    /// Probability that offspring mutate: .5 in the paper.
    pub mutation: f64,
    /// Members drawn from the top half of the population, the fittest of which
    /// becomes a parent.
    pub tournament: usize,
    /// Offspring per iteration, evaluated side by side. The result depends on
    /// this number, not on the number of threads.
    pub offspring: usize,
    /// Formulas kept per complexity, from which the winner is chosen.
    pub per_niche: usize,
    /// Whether products of powers with fitted exponents are among the formulas
    /// that genetic programming starts from.
    pub powers: bool,
    /// Whether formulas are discarded by the rules of the operator table
    /// before they are evaluated.
    pub rules: bool,
    /// Whether the first few architectures predict what is not worth
    /// evaluating on all: what is not finite or constant there, or cannot
    /// plausibly enter the population.
    pub prediction: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            fitness: Correlation::Spearman,
            grammar: Grammar::default(),
            aggregates: vec![Aggregate::PAPER],
            template: None,
            limits: Limits::default(),
            budget: Budget::default(),
            population: 80,
            crossover: 0.5,
            mutation: 0.5,
            tournament: 2,
            offspring: 16,
            per_niche: 8,
            powers: false,
            rules: true,
            prediction: true,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(template) = self
            .template
            .as_ref()
            .filter(|_| self.grammar != Grammar::Aggregates)
        {
            return Err(Error::Setting {
                name: "template",
                value: format!("{template:?}"),
                expected: "none beside the paper's grammar",
            });
        }
        for (name, value) in [
            ("population", self.population),
            ("tournament", self.tournament),
            ("offspring", self.offspring),
            ("per_niche", self.per_niche),
        ] {
            if value == 0 {
                return Err(Error::Setting {
                    name,
                    value: value.to_string(),
                    expected: "at least 1",
                });
            }
        }
        for (name, value) in [("crossover", self.crossover), ("mutation", self.mutation)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::Setting {
                    name,
                    value: value.to_string(),
                    expected: "a probability",
                });
            }
        }
        Ok(())
    }
}

/// What a search leaves behind.
#[derive(Clone, Debug)]
pub struct Found {
    /// The best formulas of every complexity.
    pub archive: Archive,
    /// What was generated, pruned and evaluated.
    pub counts: Counts,
    /// Whether it was cancelled before its budget was spent.
    pub interrupted: bool,
    /// What the whole space is like, if all of it was searched.
    pub space: Option<Space>,
    /// By ground truth, the correlation that the search took for attainable there;
    /// 1 where there is nothing to weigh it against.
    pub(crate) attainable: Vec<f64>,
    /// The formula to keep, where the method knows; else correlations decide.
    pub(crate) preferred: Option<Node>,
}

/// Batches in a row without a formula that is new, after which a space counts
/// as exhausted.
const EXHAUSTED: u32 = 200;

/// A search under way.
pub(crate) struct Run<'a, 'c> {
    pub(crate) settings: &'a Settings,
    pub(crate) archive: Archive,
    pub(crate) problem: Problem<'a>,
    pub(crate) control: &'a mut Control<'c>,
    pub(crate) fitness: Fitness,
    pub(crate) counts: Counts,
    met: HashSet<String>,
    meter: Meter,
    idle: u32,
    /// Filled in by a search of the whole space.
    pub(crate) space: Option<Space>,
    /// The formula to keep, where the method knows.
    pub(crate) preferred: Option<Node>,
}

/// What becomes of a formula that was admitted.
pub(crate) enum Outcome {
    Evaluated(Individual),
    Pruned(Rule),
}

impl<'a, 'c> Run<'a, 'c> {
    pub(crate) fn start(
        problem: Problem<'a>,
        settings: &'a Settings,
        control: &'a mut Control<'c>,
    ) -> Result<Self, Error> {
        settings.check()?;
        problem.check()?;
        let fitness = Fitness::of(settings.fitness, &problem)?;
        let mut meter = Meter::start(settings.budget);
        if let Some(journal) = &mut control.journal {
            journal.begin(&problem, settings)?;
            meter.replayed(Duration::ZERO, journal.batches_left() > 0);
        }
        Ok(Self {
            settings,
            archive: Archive::new(settings.per_niche),
            problem,
            control,
            fitness,
            counts: Counts::default(),
            met: HashSet::new(),
            meter,
            idle: 0,
            space: None,
            preferred: None,
        })
    }

    /// Whether the budget is spent, the space exhausted or the search cancelled.
    pub(crate) fn finished(&self) -> bool {
        self.control.cancelled()
            || self.meter.spent(self.counts.canonical) >= 1.0
            || self.idle >= EXHAUSTED
    }

    /// Counts a formula and returns its canonical form, unless a rule discards
    /// it or it was met before.
    pub(crate) fn admit(&mut self, formula: &Node) -> Option<Node> {
        self.counts.generated += 1;
        // The paper's space fills short chains up with operations that have no
        // effect, so that what counts there is what remains.
        let simplified;
        let formula = match self.settings.grammar {
            Grammar::Aggregates => formula,
            Grammar::Paper { .. } => {
                simplified = simplify(formula);
                &simplified
            }
        };
        let rules = self.settings.rules;
        if let Some(rule) = rules.then(|| language::violated(formula)).flatten() {
            self.counts.prune(rule);
            return None;
        }
        let canonical = self.settings.limits.check(language::canonical(formula));
        let Some(canonical) = canonical else {
            self.counts.prune(pruning::TOO_LARGE);
            return None;
        };
        if !self.met.insert(canonical.to_string()) {
            self.counts.prune(pruning::DUPLICATE);
            return None;
        }
        self.counts.canonical += 1;
        Some(canonical)
    }

    /// Evaluates admitted formulas side by side; those with a new rank vector
    /// enter the archive and are returned, in the order given.
    ///
    /// # Errors
    /// A journal that belongs to another search or cannot be written.
    pub(crate) fn evaluate(
        &mut self,
        batch: Vec<Node>,
        wanted: &Wanted,
    ) -> Result<Vec<Individual>, Error> {
        self.idle = if batch.is_empty() { self.idle + 1 } else { 0 };
        let mut new = Vec::new();
        for outcome in self.outcomes(&batch, wanted)? {
            match outcome {
                Outcome::Pruned(rule) => self.counts.prune(rule),
                Outcome::Evaluated(individual) => {
                    self.counts.evaluated += 1;
                    if self.archive.offer(&individual) {
                        new.push(individual);
                    } else {
                        self.counts.prune(pruning::SAME_RANKS);
                    }
                }
            }
        }
        Ok(new)
    }

    /// The outcomes of a batch: from the journal as far as it goes, and into
    /// it from there on. A batch that was cancelled is incomplete and not kept.
    fn outcomes(&mut self, batch: &[Node], wanted: &Wanted) -> Result<Vec<Outcome>, Error> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let Some(journal) = &mut self.control.journal else {
            return Ok(self.measure(batch, wanted));
        };
        let ranks = self.problem.searched().sum();
        if let Some((outcomes, elapsed)) = journal.replay(batch, ranks)? {
            self.meter.replayed(elapsed, journal.batches_left() > 0);
            return Ok(outcomes);
        }
        let outcomes = self.measure(batch, wanted);
        let complete = outcomes.len() == batch.len();
        if let Some(journal) = self.control.journal.as_mut().filter(|_| complete) {
            journal.append(batch, self.meter.elapsed(), &outcomes)?;
        }
        Ok(outcomes)
    }

    /// Evaluates a batch, as far as it is not cancelled.
    fn measure(&self, batch: &[Node], wanted: &Wanted) -> Vec<Outcome> {
        let (problem, fitness, archive) = (&self.problem, &self.fitness, &self.archive);
        let (pool, cancel) = (self.control.pool, self.control.cancel);
        let prediction = self.settings.prediction;
        pool.install(|| {
            let evaluate = |workspace: &mut Workspace, formula: &Node| {
                if cancel.load(Ordering::Relaxed) {
                    return None;
                }
                let complexity = formula.complexity();
                // A simple formula is wanted for the front even where the
                // population is fitter.
                let wanted = prediction.then(|| wanted.or(archive.front_at(complexity)));
                let assessed = assess(problem, fitness, formula, wanted.as_ref(), workspace);
                Some(assessed.map_or_else(Outcome::Pruned, Outcome::Evaluated))
            };
            let batch = batch.par_iter().with_max_len(1);
            let outcomes = batch.map_init(Workspace::new, evaluate);
            outcomes.flatten_iter().collect()
        })
    }

    /// What the journal has about a piece of work that is no batch.
    pub(crate) fn recorded<T>(
        &mut self,
        key: Key,
        decode: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(journal) = &mut self.control.journal else {
            return Ok(None);
        };
        let Some((body, elapsed)) = journal.replay_piece(key)? else {
            return Ok(None);
        };
        self.meter.replayed(elapsed, journal.batches_left() > 0);
        let known = decode(&body).ok_or_else(|| journal.other_formulas())?;
        Ok(Some(known))
    }

    /// Records what came of a piece of work that is no batch, where there is a journal.
    pub(crate) fn record(&mut self, key: Key, body: &[u8]) -> Result<(), Error> {
        let elapsed = self.meter.elapsed();
        if let Some(journal) = &mut self.control.journal {
            journal.append_piece(key, elapsed, body)?;
        }
        Ok(())
    }

    /// From now on, correlations are shares of what is attainable on each ground truth.
    pub(crate) fn weigh(&mut self, attainable: &[f64]) {
        self.fitness = self.fitness.clone().relative_to(attainable);
    }

    /// Ends an iteration: counts it and reports.
    pub(crate) fn tick(&mut self) {
        self.meter.tick();
        self.show();
    }

    /// Reports.
    pub(crate) fn show(&mut self) {
        let best = self.archive.best();
        (self.control.progress)(Progress {
            part: "",
            evaluated: self.counts.evaluated,
            spent: self.meter.spent(self.counts.canonical),
            best: best.map_or(0.0, |best| best.fitness),
            formula: best.map(|best| &best.formula),
            archive: &self.archive,
        });
    }

    /// What was found.
    pub(crate) fn finish(self) -> Result<Found, Error> {
        if self.archive.best().is_none() && !self.control.cancelled() {
            return Err(Error::NothingFound {
                generated: self.counts.generated,
            });
        }
        Ok(Found {
            interrupted: self.control.cancelled(),
            archive: self.archive,
            counts: self.counts,
            space: self.space,
            attainable: self.fitness.attainable(),
            preferred: self.preferred,
        })
    }
}
