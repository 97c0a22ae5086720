//! Sub-networks: tensors that are the leading blocks of larger ones.

use std::collections::HashMap;
use std::sync::Arc;

use lpzero_arch::Architecture;

use super::leading::{copy_prefix, is_leading};
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
    /// Tensors of a network that is not streamed.
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

/// Weights of a network whose blocks are some of another one's, numbered anew.
#[derive(Debug)]
pub struct Renumbered<F> {
    inner: Arc<dyn Source<F>>,
    /// The number that each block has in the other network.
    numbers: Vec<usize>,
}

impl<F: Real> Renumbered<F> {
    /// The blocks of `whole` that are not left out, of which `inner` has the weights.
    pub fn of(inner: Arc<dyn Source<F>>, whole: &Architecture) -> Self {
        let blocks = whole.blocks.iter().enumerate();
        let kept = blocks.filter(|(_, block)| !block.left_out);
        Renumbered {
            inner,
            numbers: kept.map(|(number, _)| number).collect(),
        }
    }

    /// The name in the other network.
    fn name(&self, name: &str) -> Result<String, Error> {
        let Some(rest) = name.strip_prefix("block.") else {
            return Ok(name.to_owned());
        };
        let found = rest.split_once('.').and_then(|(layer, rest)| {
            let number = self.numbers.get(layer.parse::<usize>().ok()?)?;
            Some(format!("block.{number}.{rest}"))
        });
        found.ok_or_else(|| Error::MissingTensor {
            name: name.to_owned(),
            expected: Vec::new(),
        })
    }
}

impl<F: Real> Source<F> for Renumbered<F> {
    fn check(&self, request: &Request<'_>) -> Result<(), Error> {
        let name = &self.name(request.name)?;
        self.inner.check(&Request { name, ..*request })
    }

    fn fill(&self, request: &Request<'_>, threads: Fill, out: &mut [F]) -> Result<(), Error> {
        let name = &self.name(request.name)?;
        let request = Request { name, ..*request };
        self.inner.fill(&request, threads, out)
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
