//! Named tensors: declared by the layers, then drawn or loaded.

use std::collections::BTreeMap;

use crate::kernels::threads::Threads;
use crate::{Error, Real, Workspace, random};

/// Most weights of one network: 2^32, 16 GiB in single precision.
pub const MAX_WEIGHTS: u128 = 1 << 32;

/// Tensors as a checkpoint holds them: name to shape and row-major elements.
pub type Tensors<F> = BTreeMap<String, (Vec<usize>, Vec<F>)>;

/// One tensor of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter<F> {
    /// Checkpoint name, see [`names`](crate::names).
    pub name: String,
    /// One to three dimensions.
    pub shape: Vec<usize>,
    /// Elements, row-major.
    pub data: Vec<F>,
}

/// Where a layer finds its tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ParameterId(usize);

/// What a tensor holds before training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Initial {
    Zeros,
    Ones,
    Normal { deviation: f64 },
}

/// A tensor that a layer asks for.
#[derive(Clone, Debug)]
struct Declaration {
    name: String,
    shape: Vec<usize>,
    initial: Initial,
}

/// All tensors of a network before any memory is spent on them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declarations(Vec<Declaration>);

impl Declarations {
    /// Asks for a tensor.
    pub(crate) fn declare(
        &mut self,
        name: String,
        shape: &[usize],
        initial: Initial,
    ) -> ParameterId {
        self.0.push(Declaration {
            name,
            shape: shape.to_vec(),
            initial,
        });
        ParameterId(self.0.len() - 1)
    }

    /// Draws every tensor from its own stream.
    pub(crate) fn seeded<F: Real>(
        self,
        threads: Threads,
        seed: u64,
        workspace: &mut Workspace<F>,
    ) -> Result<Parameters<F>, Error> {
        self.check_size()?;
        let draw = |declaration: Declaration| {
            let Declaration {
                name,
                shape,
                initial,
            } = declaration;
            let elements = shape.iter().product();
            if Vec::<F>::new().try_reserve_exact(elements).is_err() {
                return Err(Error::OutOfMemory { name, elements });
            }
            let mut data = workspace.take(elements);
            match initial {
                Initial::Zeros => data.fill(F::zero()),
                Initial::Ones => data.fill(F::one()),
                Initial::Normal { deviation } => {
                    random::fill_normal(threads, (seed, &name), deviation, &mut data);
                }
            }
            Ok(Parameter { name, shape, data })
        };
        let parameters = self.0.into_iter().map(draw);
        Ok(Parameters(parameters.collect::<Result<_, _>>()?))
    }

    /// Takes every tensor from `tensors`; ignores what is left there.
    pub(crate) fn loaded<F: Real>(self, mut tensors: Tensors<F>) -> Result<Parameters<F>, Error> {
        self.check_size()?;
        let find = |declaration: Declaration| {
            let Declaration { name, shape, .. } = declaration;
            let Some((found, data)) = tensors.remove(&name) else {
                return Err(Error::MissingTensor {
                    name,
                    expected: shape,
                });
            };
            if found != shape || data.len() != shape.iter().product::<usize>() {
                return Err(Error::TensorShape {
                    name,
                    expected: shape,
                    found,
                });
            }
            Ok(Parameter { name, shape, data })
        };
        let parameters = self.0.into_iter().map(find);
        Ok(Parameters(parameters.collect::<Result<_, _>>()?))
    }

    fn check_size(&self) -> Result<(), Error> {
        let size = |declaration: &Declaration| {
            let factors = declaration.shape.iter();
            factors.fold(1u128, |size, &n| size.saturating_mul(n as u128))
        };
        let elements = self.0.iter().map(size).fold(0, u128::saturating_add);
        match elements <= MAX_WEIGHTS {
            true => Ok(()),
            false => Err(Error::TooLarge {
                what: "the network",
                elements,
                limit: MAX_WEIGHTS,
            }),
        }
    }
}

/// All tensors of a network.
#[derive(Clone, Debug)]
pub(crate) struct Parameters<F>(pub(crate) Vec<Parameter<F>>);

impl<F> Parameters<F> {
    pub(crate) fn get(&self, id: ParameterId) -> &Parameter<F> {
        &self.0[id.0]
    }
}
