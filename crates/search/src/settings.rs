//! How to search.

use lpzero_run::Budget;
use lpzero_stats::TOLERANCE;

use crate::Error;
use crate::criterion::Criterion;
use crate::exhaustive::aggregate::Aggregate;
use crate::generate::Grammar;
use crate::template::Template;
use crate::vary::Limits;

/// How to search. The defaults are LPZero's where the paper has a setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Run seed.
    pub seed: u64,
    /// Criterion that is maximised on the search split. The winner is chosen by it, too, on the
    /// search and validation splits together. Spearman, as in the paper. Kendall's tau-b forgives
    /// pairs that a formula leaves tied, and so likes formulas that only tell groups of equal depth
    /// and width apart; Somers' d does not forgive them at all. A search for what carries over
    /// judges by pairs of like size whatever this says.
    pub fitness: Criterion,
    /// Share by which networks of like size may differ in size.
    pub tolerance: f64,
    /// Which formulas are drawn.
    pub grammar: Grammar,
    /// Aggregates that make one number of all sites in the paper's formulas. Only enumeration knows
    /// others than the paper's mean.
    pub aggregates: Vec<Aggregate>,
    /// Template that all formulas follow; then the grammar has to be that of aggregates.
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
            fitness: Criterion::Spearman,
            tolerance: TOLERANCE,
            grammar: Grammar::default(),
            aggregates: vec![Aggregate::PAPER],
            template: None,
            limits: Limits::default(),
            // As the paper has it.
            budget: Budget::Iterations(1000),
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
        if !(self.tolerance > 0.0 && self.tolerance.is_finite()) {
            return Err(Error::Setting {
                name: "tolerance",
                value: self.tolerance.to_string(),
                expected: "a positive share such as 0.05",
            });
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
