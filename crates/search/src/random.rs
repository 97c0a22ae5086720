//! Random search: the same generator, rules and archive without evolution, to
//! compare with.

use crate::budget::Control;
use crate::generate::Generator;
use crate::run::{Found, Problem, Run, Settings};
use crate::{Error, seed};

/// Draws formulas independently until the budget is spent.
///
/// # Errors
/// Settings out of range, an empty vocabulary, a constant truth, or nothing
/// that could be evaluated.
pub fn search(
    problem: Problem<'_>,
    settings: &Settings,
    control: &mut Control<'_>,
) -> Result<Found, Error> {
    let generator = Generator::new(problem.vocabulary, settings.grammar)?;
    let mut random = seed::stream(settings.seed, "search/random");
    let mut run = Run::start(problem, settings, control)?;
    while !run.finished() {
        let batch = run.draw(&generator, &mut random);
        // As selective as a population of this size would be.
        let worst = run.archive.fitness_at(settings.population - 1);
        run.evaluate(batch, worst)?;
        run.tick();
    }
    run.finish()
}
