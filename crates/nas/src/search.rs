//! The methods, and what they have in common.

use lpzero_run::Pieces;

use crate::run::Run;
use crate::strategy::{History, Method, Record, Snapshot, Strategy};
use crate::{Error, Problem, Scorer, evolution, nsga2, random};

/// Members of a population.
const POPULATIONS: std::ops::RangeInclusive<usize> = 4..=10_000;

/// Searches. With a journal, what it records is not scored again, and what is
/// scored is recorded; the caller sees to it that it is of the same problem,
/// strategy and scorer.
///
/// # Errors
/// [`Error`]: a strategy out of range, a space without architectures, constraints that
/// nothing meets, a journal that cannot be written; and what the scorer says.
pub fn search<S: Scorer>(
    problem: Problem<'_>,
    strategy: Strategy,
    scorer: &mut S,
    journal: Option<&mut Pieces<Record>>,
    progress: &mut dyn FnMut(Snapshot<'_>),
) -> Result<History, S::Error> {
    if !POPULATIONS.contains(&strategy.population) {
        return Err(Error::Setting {
            name: "population",
            value: strategy.population.to_string(),
            expected: "between 4 and 10000",
        }
        .into());
    }
    let mut run = Run::start(problem, strategy, scorer, journal, progress);
    match strategy.method {
        Method::Nsga2 => nsga2::search(&mut run)?,
        Method::Evolution => evolution::search(&mut run)?,
        Method::Random => random::search(&mut run)?,
    }
    run.found().map_err(S::Error::from)
}
