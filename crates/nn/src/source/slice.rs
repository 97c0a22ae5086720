//! Sub-networks: tensors that are the leading blocks of larger ones.

use std::collections::HashMap;
use std::sync::Arc;

use lpzero_arch::Architecture;

use super::{Fill, Request, Source};
use crate::network::requests;
use crate::{Error, Network, Objective, Parameter, Real};

/// The weights of a sub-network: of each tensor the leading rows and columns of
/// that of the super-network. Nothing is copied but what is asked for.
#[derive(Debug)]
pub struct Prefixes<F> {
    inner: Arc<dyn Source<F>>,
    /// Shapes in the super-network, by name.
    shapes: HashMap<String, Vec<usize>>,
}

impl<F: Real> Prefixes<F> {
    /// The tensors of a super-network, of which `inner` has the weights.
    ///
    /// # Errors
    /// Where the super-network cannot be built.
    pub fn of(
        inner: Arc<dyn Source<F>>,
        whole: &Architecture,
        objective: Objective,
    ) -> Result<Self, Error> {
        Ok(Prefixes {
            inner,
            shapes: requests(whole, objective)?.collect(),
        })
    }

    /// The request to the super-network's source.
    fn within<'a>(&'a self, request: &Request<'a>) -> Result<Request<'a>, Error> {
        let Some(within) = self.shapes.get(request.name) else {
            return Err(Error::MissingTensor {
                name: request.name.to_owned(),
                expected: request.shape.to_vec(),
            });
        };
        check_fits(request, within)?;
        Ok(Request { within, ..*request })
    }
}

impl<F: Real> Source<F> for Prefixes<F> {
    fn check(&self, request: &Request<'_>) -> Result<(), Error> {
        self.inner.check(&self.within(request)?)
    }

    fn fill(&self, request: &Request<'_>, threads: Fill, out: &mut [F]) -> Result<(), Error> {
        self.inner.fill(&self.within(request)?, threads, out)
    }
}

/// The weights of a network in memory, for sub-networks of it: of each tensor the
/// leading rows and columns.
#[derive(Debug)]
pub struct Resident<'a, F>(HashMap<&'a str, &'a Parameter<F>>);

impl<'a, F: Real> Resident<'a, F> {
    /// Those of a network that is not streamed.
    pub fn of(network: &'a Network<F>) -> Self {
        let tensors = network.parameters().iter();
        let whole =
            tensors.filter(|tensor| tensor.data.len() == tensor.shape.iter().product::<usize>());
        Resident(whole.map(|tensor| (&tensor.name[..], tensor)).collect())
    }

    fn find(&self, request: &Request<'_>) -> Result<&'a Parameter<F>, Error> {
        let Some(&tensor) = self.0.get(request.name) else {
            return Err(Error::MissingTensor {
                name: request.name.to_owned(),
                expected: request.shape.to_vec(),
            });
        };
        check_fits(request, &tensor.shape)?;
        Ok(tensor)
    }
}

impl<F: Real> Source<F> for Resident<'_, F> {
    fn check(&self, request: &Request<'_>) -> Result<(), Error> {
        self.find(request).map(|_| ())
    }

    fn fill(&self, request: &Request<'_>, _: Fill, out: &mut [F]) -> Result<(), Error> {
        let tensor = self.find(request)?;
        copy_prefix(&tensor.data, &tensor.shape, request.shape, out);
        Ok(())
    }
}

fn check_fits(request: &Request<'_>, within: &[usize]) -> Result<(), Error> {
    match is_leading(request.shape, within) {
        true => Ok(()),
        false => Err(Error::TensorShape {
            name: request.name.to_owned(),
            expected: request.shape.to_vec(),
            found: within.to_vec(),
        }),
    }
}

/// Whether a tensor of one shape has a leading block of another.
pub(crate) fn is_leading(part: &[usize], whole: &[usize]) -> bool {
    part.len() == whole.len() && part.iter().zip(whole).all(|(part, whole)| part <= whole)
}

/// Copies the leading block of shape `shape` of a row-major tensor of shape
/// `within`, of as many dimensions.
pub(crate) fn copy_prefix<F: Copy>(from: &[F], within: &[usize], shape: &[usize], out: &mut [F]) {
    for (first, run) in runs(within, shape).zip(out.chunks_mut(run_length(within, shape).max(1))) {
        run.copy_from_slice(&from[first..first + run.len()]);
    }
}

/// How many elements of a leading block lie side by side in the whole.
pub(crate) fn run_length(within: &[usize], shape: &[usize]) -> usize {
    let mut length = 1;
    for (&part, &whole) in shape.iter().zip(within).rev() {
        length *= part;
        if part != whole {
            break;
        }
    }
    length
}

/// Where the runs of a leading block begin in the whole, in order.
pub(crate) fn runs<'a>(
    within: &'a [usize],
    shape: &'a [usize],
) -> impl Iterator<Item = usize> + 'a {
    let count = shape.iter().product::<usize>() / run_length(within, shape).max(1);
    // The dimensions before the run, outermost first.
    let differs = (0..shape.len()).rev().find(|&i| shape[i] != within[i]);
    let outer = &shape[..differs.unwrap_or(0)];
    let strides: Vec<usize> = (0..outer.len())
        .map(|i| within[i + 1..].iter().product())
        .collect();
    (0..count).map(move |number| {
        let mut rest = number;
        let mut first = 0;
        for (size, stride) in outer.iter().zip(&strides).rev() {
            first += rest % size * stride;
            rest /= size;
        }
        first
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_blocks_are_those_of_index_arithmetic() {
        let within = [3, 4, 5];
        let whole: Vec<usize> = (0..60).collect();
        for shape in [
            [3, 4, 5],
            [2, 4, 5],
            [2, 3, 5],
            [3, 4, 2],
            [1, 2, 3],
            [3, 2, 5],
        ] {
            let mut block = vec![0; shape.iter().product()];
            copy_prefix(&whole, &within, &shape, &mut block);
            let mut expected = Vec::new();
            for i in 0..shape[0] {
                for j in 0..shape[1] {
                    expected.extend((0..shape[2]).map(|k| (i * 4 + j) * 5 + k));
                }
            }
            assert_eq!(block, expected, "{shape:?}");
        }
        let mut vector = [0; 3];
        copy_prefix(&whole, &[60], &[3], &mut vector);
        assert_eq!(vector, [0, 1, 2]);
    }
}
