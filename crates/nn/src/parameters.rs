//! Named tensors: declared by the layers, then drawn or loaded.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::kernels::allocator::is_given;
use crate::kernels::threads::Threads;
use crate::source::{Fill, Request, Source};
use crate::{Error, Real, Workspace};

pub(crate) use crate::source::Initial;

/// Most weights in memory at once, of a network or of the largest part of one that
/// is streamed: 2^32, 16 GiB in single precision.
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
    /// Elements, row-major; none where the network is streamed.
    pub data: Vec<F>,
}

/// Where a layer finds its tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ParameterId(usize);

/// The tensors of a part of a network: of several layers, declared in a row.
pub(crate) type Part = Range<usize>;

/// A tensor that a layer asks for.
#[derive(Clone, Debug)]
struct Declaration {
    name: String,
    shape: Vec<usize>,
    initial: Initial,
}

impl Declaration {
    fn request(&self) -> Request<'_> {
        Request {
            name: &self.name,
            shape: &self.shape,
            within: &self.shape,
            initial: self.initial,
        }
    }

    fn size(&self) -> u128 {
        let factors = self.shape.iter();
        factors.fold(1, |size, &n| size.saturating_mul(n as u128))
    }

    fn empty<F>(&self) -> Parameter<F> {
        Parameter {
            name: self.name.clone(),
            shape: self.shape.clone(),
            data: Vec::new(),
        }
    }

    fn filled<F: Real>(
        &self,
        threads: Threads,
        source: &dyn Source<F>,
        workspace: &mut Workspace<F>,
    ) -> Result<Parameter<F>, Error> {
        workspace.check_cancelled()?;
        let elements = self.shape.iter().product();
        if !is_given(elements as u64 * size_of::<F>() as u64) {
            let name = self.name.clone();
            return Err(Error::OutOfMemory { name, elements });
        }
        let mut data = workspace.take(elements);
        source.fill(&self.request(), Fill(threads), &mut data)?;
        Ok(Parameter {
            data,
            ..self.empty()
        })
    }
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

    /// How many tensors have been asked for.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Names, shapes and initial values.
    pub(crate) fn all(self) -> impl Iterator<Item = (String, Vec<usize>, Initial)> {
        let tensors = self.0.into_iter();
        tensors.map(|tensor| (tensor.name, tensor.shape, tensor.initial))
    }

    /// Fills every tensor from a source, in buffers of the workspace.
    pub(crate) fn filled<F: Real>(
        self,
        threads: Threads,
        source: &dyn Source<F>,
        workspace: &mut Workspace<F>,
    ) -> Result<Parameters<F>, Error> {
        self.check_size(0..self.0.len())?;
        self.check_source(source)?;
        let tensors = self.0.iter();
        let tensors = tensors.map(|tensor| tensor.filled(threads, source, workspace));
        Ok(Parameters::all(tensors.collect::<Result<_, _>>()?))
    }

    /// Every tensor without its elements, for a network whose parts are filled one
    /// after the other.
    pub(crate) fn empty<F: Real>(
        &self,
        source: &dyn Source<F>,
        parts: impl Iterator<Item = Part>,
    ) -> Result<Parameters<F>, Error> {
        for part in parts {
            self.check_size(part)?;
        }
        self.check_source(source)?;
        Ok(Parameters::all(
            self.0.iter().map(Declaration::empty).collect(),
        ))
    }

    /// The tensors of some parts, filled.
    pub(crate) fn part<F: Real>(
        &self,
        parts: &[Part],
        threads: Threads,
        source: &dyn Source<F>,
        workspace: &mut Workspace<F>,
    ) -> Result<Parameters<F>, Error> {
        let tensors = parts.iter().flat_map(|part| &self.0[part.clone()]);
        let tensors = tensors.map(|tensor| tensor.filled(threads, source, workspace));
        Ok(Parameters {
            tensors: tensors.collect::<Result<_, _>>()?,
            parts: parts.to_vec(),
        })
    }

    /// How many numbers the tensors of some parts are together, and how many the
    /// largest of them is.
    pub(crate) fn sizes(&self, parts: &[Part]) -> (u128, u128) {
        let tensors = parts.iter().flat_map(|part| &self.0[part.clone()]);
        let sizes = tensors.map(Declaration::size);
        sizes.fold((0, 0), |(sum, largest), size| {
            (sum.saturating_add(size), largest.max(size))
        })
    }

    fn check_source<F: Real>(&self, source: &dyn Source<F>) -> Result<(), Error> {
        let mut tensors = self.0.iter();
        tensors.try_for_each(|tensor| source.check(&tensor.request()))
    }

    /// Takes every tensor from `tensors`; ignores what is left there.
    pub(crate) fn loaded<F: Real>(self, mut tensors: Tensors<F>) -> Result<Parameters<F>, Error> {
        self.check_size(0..self.0.len())?;
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
        Ok(Parameters::all(parameters.collect::<Result<_, _>>()?))
    }

    /// Refuses tensors that would need too much memory together.
    fn check_size(&self, part: Part) -> Result<(), Error> {
        let (elements, _) = self.sizes(std::slice::from_ref(&part));
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

/// The tensors of a network, or of some parts of it.
#[derive(Clone, Debug)]
pub(crate) struct Parameters<F> {
    /// Those of the first part, then those of the next.
    pub(crate) tensors: Vec<Parameter<F>>,
    /// Their numbers in the network.
    parts: Vec<Part>,
}

impl<F: Real> Parameters<F> {
    /// Gives the memory of the elements to a workspace.
    pub(crate) fn recycle(self, workspace: &mut Workspace<F>) {
        let tensors = self.tensors.into_iter();
        tensors.for_each(|tensor| workspace.give(tensor.data));
    }
}

impl<F> Parameters<F> {
    /// All tensors of a network, in the order of their declarations.
    pub(crate) fn all(tensors: Vec<Parameter<F>>) -> Self {
        let parts = std::iter::once(0..tensors.len()).collect();
        Parameters { tensors, parts }
    }

    pub(crate) fn get(&self, id: ParameterId) -> &Parameter<F> {
        let mut before = 0;
        for part in &self.parts {
            if part.contains(&id.0) {
                return &self.tensors[before + id.0 - part.start];
            }
            before += part.len();
        }
        unreachable!("a layer reads tensors of the parts that are visited")
    }
}
