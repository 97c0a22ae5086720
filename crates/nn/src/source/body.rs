//! Bodies: weights of a model that was saved without a head.

use std::collections::BTreeSet;

use lpzero_arch::Architecture;

use super::{Request, Source};
use crate::network::{declared, requests};
use crate::{Error, Objective, Real};

/// The first tensor of the head that a source lacks, where it has none of them: tensors that
/// this objective alone reads. `None` where it has one, or the objective needs none.
///
/// # Errors
/// Where the network cannot be built, or a tensor of the head is of another shape.
pub fn missing_head<F: Real>(
    source: &dyn Source<F>,
    architecture: &Architecture,
    objective: Objective,
) -> Result<Option<String>, Error> {
    let body = requests(architecture, Objective::RandomProjection)?;
    let body: BTreeSet<String> = body.map(|(name, _)| name).collect();
    let mut missing = None;
    for (name, shape, initial) in declared(architecture, objective)? {
        if body.contains(&name) {
            continue;
        }
        let request = Request {
            name: &name,
            shape: &shape,
            within: &shape,
            initial,
        };
        match source.check(&request) {
            Ok(()) => return Ok(None),
            Err(Error::NotInFile { name, .. }) => _ = missing.get_or_insert(name),
            Err(error) => return Err(error),
        }
    }
    Ok(missing)
}

/// Number of parameters of the head: of tensors that this objective alone reads.
///
/// # Errors
/// Where the network cannot be built.
pub fn head_parameters(architecture: &Architecture, objective: Objective) -> Result<u128, Error> {
    let count = |objective| -> Result<u128, Error> {
        let tensors = requests(architecture, objective)?;
        Ok(tensors
            .map(|(_, shape)| shape.iter().map(|&n| n as u128).product::<u128>())
            .sum())
    };
    Ok(count(objective)?.saturating_sub(count(Objective::RandomProjection)?))
}
