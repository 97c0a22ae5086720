//! State and steps that all search methods share: admitting formulas, evaluating them side by side,
//! keeping the best.

use std::time::Duration;

use lpzero_proxy::{Interner, Node, simplify};
use lpzero_run::{Clock, ContentHash};
use lpzero_stats::Workspace;
use rayon::prelude::*;

use crate::archive::{Archive, Individual};
use crate::assess::{Wanted, assess};
use crate::control::{Control, Snapshot};
use crate::exhaustive::space::Census;
use crate::fitness::Fitness;
use crate::found::Found;
use crate::generate::Grammar;
use crate::pruning::{self, Counts};
use crate::record::Outcome;
use crate::settings::Settings;
use crate::{Error, Problem, language};

/// Batches in a row without a formula that is new, after which a space counts
/// as exhausted.
const EXHAUSTED: u32 = 200;

/// Where a journal has a piece of work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Recorded {
    /// Next after what was replayed: the search arrives at its pieces in one order.
    Next(ContentHash),
    /// Anywhere, since pieces do not hang on each other.
    Anywhere(ContentHash),
}

/// A search under way.
pub(crate) struct Run<'a, 'c> {
    pub(crate) settings: &'a Settings,
    pub(crate) archive: Archive,
    pub(crate) problem: Problem<'a>,
    pub(crate) control: &'a mut Control<'c>,
    pub(crate) fitness: Fitness,
    pub(crate) counts: Counts,
    /// Canonical forms admitted so far.
    pub(crate) met: Interner,
    clock: Clock,
    iterations: u64,
    idle: u32,
    /// Filled in by a search of the whole space.
    pub(crate) space: Option<Census>,
    /// The formula to keep, where the method knows.
    pub(crate) preferred: Option<Node>,
}

impl<'a, 'c> Run<'a, 'c> {
    pub(crate) fn start(
        problem: Problem<'a>,
        settings: &'a Settings,
        control: &'a mut Control<'c>,
    ) -> Result<Self, Error> {
        settings.check()?;
        problem.check()?;
        let fitness = Fitness::of(settings, &problem)?;
        let mut clock = Clock::start();
        if let Some(journal) = &mut control.journal {
            journal.begin(&problem, settings)?;
            clock.replayed(Duration::ZERO, journal.batches_left() > 0);
        }
        Ok(Self {
            settings,
            archive: Archive::new(settings.per_niche),
            problem,
            control,
            fitness,
            counts: Counts::default(),
            met: Interner::default(),
            clock,
            iterations: 0,
            idle: 0,
            space: None,
            preferred: None,
        })
    }

    /// Whether the budget is spent, the space exhausted or the search cancelled.
    pub(crate) fn finished(&self) -> bool {
        self.control.cancelled() || self.spent() >= 1.0 || self.idle >= EXHAUSTED
    }

    /// Share of the budget that is spent, 0 to 1.
    fn spent(&self) -> f64 {
        let budget = self.settings.budget;
        budget.spent(self.iterations, self.counts.canonical, self.clock.elapsed())
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
        if !self.met.insert(&canonical) {
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
            self.clock.replayed(elapsed, journal.batches_left() > 0);
            return Ok(outcomes);
        }
        let outcomes = self.measure(batch, wanted);
        let complete = outcomes.len() == batch.len();
        if let Some(journal) = self.control.journal.as_mut().filter(|_| complete) {
            journal.append(batch, self.clock.elapsed(), &outcomes)?;
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
                if cancel.is_cancelled() {
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

    /// Reads what the journal has about a piece of work that is no batch.
    pub(crate) fn recorded<T>(
        &mut self,
        piece: Recorded,
        decode: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(journal) = &mut self.control.journal else {
            return Ok(None);
        };
        let found = match piece {
            Recorded::Next(piece) => journal.replay_piece(piece)?,
            Recorded::Anywhere(piece) => journal.find_piece(piece)?,
        };
        let Some((body, elapsed)) = found else {
            return Ok(None);
        };
        self.clock.replayed(elapsed, journal.batches_left() > 0);
        let known = decode(&body).ok_or_else(|| journal.other_piece())?;
        Ok(Some(known))
    }

    /// Records what came of a piece of work that is no batch, where there is a journal.
    pub(crate) fn record(&mut self, piece: ContentHash, body: &[u8]) -> Result<(), Error> {
        let elapsed = self.clock.elapsed();
        if let Some(journal) = &mut self.control.journal {
            journal.append_piece(piece, elapsed, body)?;
        }
        Ok(())
    }

    /// From now on, correlations are shares of what is attainable on each ground truth.
    pub(crate) fn weigh(&mut self, attainable: &[f64]) {
        self.fitness = self.fitness.clone().relative_to(attainable);
    }

    /// Ends an iteration: counts it and reports.
    pub(crate) fn tick(&mut self) {
        self.iterations += 1;
        self.show();
    }

    /// Reports.
    pub(crate) fn show(&mut self) {
        let best = self.archive.best();
        let spent = self.spent();
        (self.control.progress)(Snapshot {
            part: "",
            evaluated: self.counts.evaluated,
            spent,
            best: best.map_or(0.0, |best| best.fitness),
            formula: best.map(|best| &best.formula),
            archive: &self.archive,
        });
    }

    /// Ends the search and returns its results.
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
            fitness: self.settings.fitness,
            carried: None,
        })
    }
}

impl Found {
    /// Repeats the measurement for these formulas alone, by the scorers of `problem`, which may be
    /// more exact ones than the search had. Formulas that are not finite there are left out.
    ///
    /// # Errors
    /// A constant truth.
    pub fn remeasured(
        &self,
        problem: &Problem<'_>,
        settings: &Settings,
        formulas: &[Individual],
    ) -> Result<Found, Error> {
        let settings = Settings {
            fitness: self.fitness,
            ..settings.clone()
        };
        let fitness = Fitness::of(&settings, problem)?.relative_to(&self.attainable);
        let mut workspace = Workspace::new();
        let mut archive = Archive::new(formulas.len());
        for individual in formulas {
            let formula = &individual.formula;
            if let Ok(measured) = assess(problem, &fitness, formula, None, &mut workspace) {
                archive.offer(&measured);
            }
        }
        Ok(Found {
            archive,
            counts: self.counts.clone(),
            interrupted: self.interrupted,
            space: self.space.clone(),
            attainable: self.attainable.clone(),
            preferred: self.preferred.clone(),
            fitness: self.fitness,
            carried: self.carried.clone(),
        })
    }
}
