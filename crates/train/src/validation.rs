//! Validation: the loss of a network on documents that it was not trained on.

use std::time::Duration;

use lpzero_nn::{Network, Workspace};
use lpzero_run::{Cancel, seed};
use lpzero_truth::Trained;

use crate::{Batches, Error, Recipe};

/// The loss of a network on the validation batches of a recipe.
pub(crate) fn evaluate(
    network: &mut Network<f32>,
    recipe: &Recipe,
    batches: &dyn Batches,
    workspace: &mut Workspace<f32>,
) -> Result<f64, Error> {
    let shape = (recipe.batch, recipe.positions);
    let mut loss = 0.0;
    for number in 0..recipe.validation_batches {
        let batch = batches.validation(number, shape);
        network.reseed(seed::derived(0, "validation mask", number));
        loss += network.evaluate_with(&batch, workspace)?;
    }
    Ok(loss / recipe.validation_batches as f64)
}

/// A loss as ground truths hold it, to six decimals.
pub(crate) fn rounded(seed: u64, loss: f64, time: Duration) -> Trained {
    Trained {
        seed,
        metric: (loss * 1e6).round() / 1e6,
        seconds: (time.as_secs_f64() * 100.0).round() / 100.0,
    }
}

/// Cross-entropy of the validation batches under the process that drew them: no
/// decoder can do better but by chance. `None` where it is not known.
///
/// # Errors
/// [`Error::Cancelled`].
pub fn validation_floor(
    recipe: &Recipe,
    batches: &dyn Batches,
    cancel: &Cancel,
) -> Result<Option<f64>, Error> {
    let shape = (recipe.batch, recipe.positions);
    let mut sum = 0.0;
    for number in 0..recipe.validation_batches {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        match batches.floor(&batches.validation(number, shape)) {
            Some(floor) => sum += floor,
            None => return Ok(None),
        }
    }
    Ok(Some(sum / recipe.validation_batches as f64))
}
