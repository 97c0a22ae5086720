//! All passes that a set of formulas takes: the first, and what some formula
//! reads of the Hessian, of synaptic flow, of every sequence alone, or of Jacobians.

use std::collections::{BTreeMap, HashMap};

use lpzero_arch::Block;
use lpzero_nn::{
    Batch, Curvature, Dual, Error, Network, Parameter, Role, Site, Symbol, TensorRows, TensorView,
    Visitor, Workspace,
};
use lpzero_proxy::ExactVisitor;

/// Runs a network as often as the formulas of the visitor take; returns the
/// loss of the first pass.
///
/// # Errors
///
/// What the engine says.
pub fn run_passes(
    network: &Network<f32>,
    batch: &Batch,
    visitor: &mut ExactVisitor,
    workspace: &mut Workspace<f32>,
) -> Result<f64, Error> {
    let further = visitor.further();
    if network.is_streamed() && (further.hessian || further.flow) {
        return Err(Error::Streamed);
    }
    let mut first = WithGradients {
        inner: visitor,
        keep: further.hessian,
        gradients: HashMap::new(),
    };
    let loss = network.pass_with(batch, &mut first, workspace)?;
    let gradients = std::mem::take(&mut first.gradients);
    if further.hessian {
        let mut workspace = Workspace::new().stopped_by(workspace.flag());
        hessian(network, batch, gradients, visitor, &mut workspace)?;
    }
    if further.sequences {
        sequences(network, batch, visitor, workspace)?;
    }
    if further.jacobians {
        let mut show = |site, tensor: TensorView<'_, f32>| visitor.later(site, Symbol::Jr, tensor);
        network.sign_jacobians(batch, &mut show, workspace)?;
    }
    if further.flow {
        // In double precision: without norms, activations grow by orders of
        // magnitude per block. All sequences of ones are equal, so one does. So
        // are all positions where blocks only attend: then one stands for all,
        // and queries and keys have gradient 0 as in exact arithmetic, where
        // rounding would make one up that grows like the activations.
        let tensors = network.parameters().iter().map(|parameter| {
            let data = parameter.data.iter().map(|&x| f64::from(x)).collect();
            (parameter.name.clone(), (parameter.shape.clone(), data))
        });
        let (architecture, objective) = (network.architecture(), network.objective());
        let double = Network::<f64>::from_tensors(architecture, objective, tensors.collect())?;
        let attends = |block: &Block| block.mixer.only_attends();
        let (positions, times) = match architecture.blocks.iter().all(attends) {
            true => (1, batch.positions as f64),
            false => (batch.positions, 1.0),
        };
        let mut flow = Flow { visitor, times };
        let mut workspace = Workspace::new().stopped_by(workspace.flag());
        double.synflow_pass(1, positions, &mut flow, &mut workspace)?;
    }
    Ok(loss)
}

/// Whether the passes that a visitor takes never hold a large gradient whole.
pub(crate) fn takes_bands(visitor: &ExactVisitor) -> bool {
    let further = visitor.further();
    let site = |role| Site {
        layer: None,
        role,
        index: 0,
    };
    let mut roles = Role::ALL.iter().map(|(role, _)| site(*role));
    let keeps = further.hessian || further.sequences || further.flow;
    !keeps && roles.all(|site| visitor.takes_parameter_rows(site))
}

/// Shows a pass to a visitor, and keeps its gradients by name if told to.
struct WithGradients<'a> {
    inner: &'a mut ExactVisitor,
    keep: bool,
    gradients: HashMap<String, Vec<f32>>,
}

impl Visitor<f32> for WithGradients<'_> {
    fn wants(&self, site: Site, symbol: Symbol) -> bool {
        self.inner.wants(site, symbol)
    }

    fn activation(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, f32>) {
        self.inner.activation(site, symbol, tensor);
    }

    fn parameter(
        &mut self,
        name: &str,
        site: Option<Site>,
        weight: TensorView<'_, f32>,
        gradient: TensorView<'_, f32>,
    ) {
        if self.keep {
            self.gradients
                .insert(name.to_owned(), gradient.data.to_vec());
        }
        self.inner.parameter(name, site, weight, gradient);
    }

    fn takes_parameter_rows(&self, site: Site) -> bool {
        !self.keep && self.inner.takes_parameter_rows(site)
    }

    fn parameter_rows(
        &mut self,
        site: Site,
        weight: TensorRows<'_, f32>,
        gradient: TensorRows<'_, f32>,
    ) {
        self.inner.parameter_rows(site, weight, gradient);
    }
}

/// The Hessian times the gradient.
fn hessian(
    network: &Network<f32>,
    batch: &Batch,
    gradients: HashMap<String, Vec<f32>>,
    visitor: &mut ExactVisitor,
    workspace: &mut Workspace<Dual<f32>>,
) -> Result<(), Error> {
    let direction = |parameter: &Parameter<f32>, vector: &mut [f32]| {
        if let Some(gradient) = gradients.get(&parameter.name) {
            vector.copy_from_slice(gradient);
        }
    };
    let visit = |curvature: Curvature<'_, f32>| {
        if let Some(site) = curvature.site {
            let (data, shape) = (curvature.product, curvature.shape);
            visitor.later(site, Symbol::Hg, TensorView { data, shape });
        }
    };
    network.hessian_vector(batch, direction, visit, workspace)?;
    Ok(())
}

/// Mean over standard deviation of |G| over passes of one sequence each; weights
/// without spread, such as those of units that never fire, get 0.
fn sequences(
    network: &Network<f32>,
    batch: &Batch,
    visitor: &mut ExactVisitor,
    workspace: &mut Workspace<f32>,
) -> Result<(), Error> {
    let mut spread = Spread::default();
    for tokens in batch.tokens.chunks_exact(batch.positions) {
        let alone = Batch {
            tokens: tokens.to_vec(),
            batch: 1,
            positions: batch.positions,
        };
        spread.count += 1;
        network.pass_with(&alone, &mut spread, workspace)?;
    }
    for (site, seen) in spread.sites {
        let count = spread.count as f64;
        let moments = seen.mean.iter().zip(&seen.squares);
        let ratio = |(mean, squares): (&f64, &f64)| match (squares / count).sqrt() {
            0.0 => 0.0,
            deviation => (mean / deviation) as f32,
        };
        let data: Vec<f32> = moments.map(ratio).collect();
        let shape = &seen.shape;
        visitor.later(site, Symbol::Gr, TensorView { data: &data, shape });
    }
    Ok(())
}

/// Moments of |G| over passes (Welford 1962), in double precision: the quotient
/// does not depend on scale, and squares of small gradients vanish in single.
#[derive(Default)]
struct Spread {
    count: usize,
    sites: BTreeMap<Site, Seen>,
}

struct Seen {
    shape: Vec<usize>,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Visitor<f32> for Spread {
    fn wants(&self, _: Site, _: Symbol) -> bool {
        false
    }

    fn parameter(
        &mut self,
        _name: &str,
        site: Option<Site>,
        _weight: TensorView<'_, f32>,
        gradient: TensorView<'_, f32>,
    ) {
        let Some(site) = site else { return };
        let count = self.count as f64;
        let seen = self.sites.entry(site).or_insert_with(|| Seen {
            shape: gradient.shape.to_vec(),
            mean: vec![0.0; gradient.data.len()],
            squares: vec![0.0; gradient.data.len()],
        });
        let moments = seen.mean.iter_mut().zip(&mut seen.squares);
        for ((mean, squares), g) in moments.zip(gradient.data) {
            let size = f64::from(g.abs());
            let difference = size - *mean;
            *mean += difference / count;
            *squares += difference * (size - *mean);
        }
    }
}

/// Shows the pass of synaptic flow.
struct Flow<'a> {
    visitor: &'a mut ExactVisitor,
    /// Positions that each position stands for.
    times: f64,
}

impl Visitor<f64> for Flow<'_> {
    fn wants(&self, _: Site, _: Symbol) -> bool {
        false
    }

    fn unit(&mut self, exponent: f64) {
        self.visitor.flow_unit(exponent);
    }

    fn parameter(
        &mut self,
        _name: &str,
        site: Option<Site>,
        weight: TensorView<'_, f64>,
        gradient: TensorView<'_, f64>,
    ) {
        if let Some(site) = site {
            let gradient: Vec<f64> = gradient.data.iter().map(|g| g * self.times).collect();
            (self.visitor).flow(site, weight.data, &gradient, weight.shape);
        }
    }
}
