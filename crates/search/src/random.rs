//! Random search: the same generator, rules and archive without evolution, to
//! compare with.

use crate::assess::Wanted;
use crate::control::Control;
use crate::found::Found;
use crate::generate::Generator;
use crate::run::Run;
use crate::seed::Stream;
use crate::settings::Settings;
use crate::space::Genomes;
use crate::template::Templates;
use crate::{Error, Problem, seed};

/// Draws formulas independently until the budget is spent.
///
/// # Errors
/// Settings out of range, an empty vocabulary, a constant truth, a template
/// that nothing fills, or nothing that could be evaluated.
pub fn search(
    problem: Problem<'_>,
    settings: &Settings,
    control: &mut Control<'_>,
) -> Result<Found, Error> {
    let generator = Generator::new(problem.vocabulary, settings.grammar)?;
    let limits = &settings.limits;
    let template = settings.template.as_ref();
    let templates = template.map(|template| Templates::new(template, &generator, limits));
    let templates = templates.transpose()?;
    let draw = |random: &mut Stream| match &templates {
        Some(space) => space.formula(&space.draw(random)?),
        None => limits.check(generator.formula(random)),
    };
    let mut random = seed::stream(settings.seed, "search/random");
    let mut run = Run::start(problem, settings, control)?;
    while !run.finished() {
        let drawn = (0..settings.offspring).filter_map(|_| run.admit(&draw(&mut random)?));
        let batch = drawn.collect();
        // As selective as a population of this size would be.
        let wanted = Wanted::above(run.archive.fitness_at(settings.population - 1), None);
        run.evaluate(batch, &wanted)?;
        run.tick();
    }
    run.finish()
}
