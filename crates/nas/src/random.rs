//! Random search: the baseline that others must beat.

use lpzero_run::seed;

use crate::Scorer;
use crate::run::{CHUNK, Run};

/// Scores random architectures that meet the constraints until the budget is spent.
pub(crate) fn search<S: Scorer>(run: &mut Run<'_, '_, S>) -> Result<(), S::Error> {
    let mut random = seed::stream(run.strategy.seed, "random search");
    while !run.finished() {
        let batch = run.fresh(run.left().min(CHUNK), &mut random)?;
        run.evaluate(batch)?;
    }
    Ok(())
}
