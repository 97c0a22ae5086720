//! Exact products of the Hessian of the loss with a vector.

use rand::Rng;

use super::{Engine, Network};
use crate::parameters::{Parameter, Parameters};
use crate::{Batch, Dual, Error, Real, Site, Symbol, TensorView, Visitor, Workspace, random};

/// One parameter of a Hessian-vector product; all tensors have its shape.
#[derive(Clone, Copy, Debug)]
pub struct Curvature<'a, F> {
    /// Checkpoint name.
    pub name: &'a str,
    /// Where the parameter stands; `None` for a bias.
    pub site: Option<Site>,
    /// One to three dimensions.
    pub shape: &'a [usize],
    /// W.
    pub weight: &'a [F],
    /// V, what the Hessian is multiplied by.
    pub direction: &'a [F],
    /// G, the gradient of the loss.
    pub gradient: &'a [F],
    /// (H V), the share of this parameter in the product with the whole
    /// Hessian: how G changes when all weights move along V.
    pub product: &'a [F],
}

impl<F: Real> Network<F>
where
    Dual<F>: Engine,
{
    /// The product of the Hessian of the loss with a vector, exact up to
    /// rounding and without the Hessian: one pass over [`Dual`] numbers, whose
    /// backward half computes, beside each gradient, its derivative along the
    /// vector (Pearlmutter 1994, "Fast exact multiplication by the Hessian").
    /// It takes three times the matrix products of an ordinary pass, and twice
    /// its memory plus a second copy of the weights with the vector.
    ///
    /// `direction` writes the vector, tensor by tensor, into zeros of the
    /// tensor's size. `visit` is shown every parameter once, in the order of
    /// the backward pass. Returns the loss.
    ///
    /// What a scalar such as GraSP's `-sum W * (H G)` (Wang et al. 2020) needs
    /// is a pass that keeps its gradients, then this with the gradients as
    /// direction; the trace of the Hessian is the mean of `sum V * (H V)` over
    /// directions of random signs (Hutchinson 1990), see [`rademacher`].
    ///
    /// # Errors
    /// As [`pass`](Self::pass), and [`Error::Streamed`].
    pub fn hessian_vector(
        &self,
        batch: &Batch,
        mut direction: impl FnMut(&Parameter<F>, &mut [F]),
        visit: impl FnMut(Curvature<'_, F>) + Send,
        workspace: &mut Workspace<Dual<F>>,
    ) -> Result<f64, Error> {
        self.check_resident()?;
        let mut vector = Vec::new();
        let mut dual = |parameter: &Parameter<F>| {
            vector.clear();
            vector.resize(parameter.data.len(), F::zero());
            direction(parameter, &mut vector);
            let data = parameter.data.iter().zip(&vector);
            Parameter {
                name: parameter.name.clone(),
                shape: parameter.shape.clone(),
                data: data
                    .map(|(&value, &derivative)| Dual { value, derivative })
                    .collect(),
            }
        };
        let network = Network {
            architecture: self.architecture.clone(),
            objective: self.objective,
            seed: self.seed,
            layers: self.layers.clone(),
            parameters: Parameters::all(self.parameters.tensors.iter().map(&mut dual).collect()),
            stream: None,
        };
        let mut halves = Halves {
            visit,
            scratch: [(); 4].map(|()| Vec::new()),
        };
        network.pass_with(batch, &mut halves, workspace)
    }
}

/// A direction of random signs for [`Network::hessian_vector`]: every element
/// is 1 or -1 with equal probability (Rademacher's distribution), a function
/// of the seed and the tensor's name.
pub fn rademacher<F: Real>(seed: u64) -> impl Fn(&Parameter<F>, &mut [F]) {
    move |parameter, direction| {
        fill_signs((seed, &format!("rademacher.{}", parameter.name)), direction);
    }
}

/// Fills a named tensor with random signs.
pub(super) fn fill_signs<F: Real>((seed, name): (u64, &str), out: &mut [F]) {
    let mut generator = random::stream(seed, name, 0);
    for x in out {
        *x = match generator.random() {
            true => F::one(),
            false => -F::one(),
        };
    }
}

/// Shows parameters of dual numbers as tensors of plain ones.
struct Halves<F, V> {
    visit: V,
    /// Weight, direction, gradient, product.
    scratch: [Vec<F>; 4],
}

impl<F: Real, V: FnMut(Curvature<'_, F>) + Send> Visitor<Dual<F>> for Halves<F, V> {
    fn wants(&self, _: Site, _: Symbol) -> bool {
        false
    }

    fn parameter(
        &mut self,
        name: &str,
        site: Option<Site>,
        weight: TensorView<'_, Dual<F>>,
        gradient: TensorView<'_, Dual<F>>,
    ) {
        let (value, derivative) = (|x: &Dual<F>| x.value, |x: &Dual<F>| x.derivative);
        let [w, v, g, hv] = &mut self.scratch;
        refill(w, weight.data.iter().map(value));
        refill(v, weight.data.iter().map(derivative));
        refill(g, gradient.data.iter().map(value));
        refill(hv, gradient.data.iter().map(derivative));
        (self.visit)(Curvature {
            name,
            site,
            shape: weight.shape,
            weight: w,
            direction: v,
            gradient: g,
            product: hv,
        });
    }
}

fn refill<F>(vector: &mut Vec<F>, elements: impl Iterator<Item = F>) {
    vector.clear();
    vector.extend(elements);
}
