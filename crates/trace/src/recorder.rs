//! The visitor that turns a pass into a trace.

use std::collections::BTreeMap;

use lpzero_arch::Architecture;
use lpzero_nn::{Site, Symbol, TensorRows, TensorView, Visitor};

use crate::{
    moments::{Accumulator, Pair},
    scalar::network_scalars,
    sketch::{Sketch, kept},
    trace::{Moments, SiteTrace, TensorTrace, Trace},
};

/// Watches one pass and keeps its trace.
///
/// Biases are not traced, `H` is `A` of a head site, and tensors without
/// elements (the logits of a cluster that no target fell into) leave nothing.
#[derive(Debug, Default)]
pub struct Recorder {
    sites: BTreeMap<Site, SiteTrace>,
    /// Tensors of which some rows have come by.
    partial: BTreeMap<(Site, Symbol), Partial>,
    /// Weights of which some rows have come by, with their gradients.
    parameters: BTreeMap<Site, PartialParameter>,
}

/// State of a tensor after some of its rows.
#[derive(Debug)]
struct Partial {
    sample: Sample,
    moments: Accumulator,
    seen: usize,
}

/// State of a weight and its gradient after some of their rows.
#[derive(Debug)]
struct PartialParameter {
    weight: Sample,
    gradient: Sample,
    moments: Pair,
    seen: usize,
}

/// The elements of a tensor at the places of its sketch.
#[derive(Debug)]
struct Sample {
    sketch: Sketch,
    points: Vec<f32>,
    fibres: Vec<f32>,
}

impl Sample {
    /// Sample of a tensor of this shape, before any element is known.
    fn new(shape: &[usize]) -> Self {
        let sketch = Sketch::of_shape(shape);
        Sample {
            points: vec![0.0; sketch.points().len()],
            fibres: vec![0.0; sketch.fibres().len()],
            sketch,
        }
    }

    fn of(tensor: TensorView<'_, f32>) -> Self {
        let mut sample = Sample::new(tensor.shape);
        sample.pick(0, tensor.data);
        sample
    }

    /// Picks from the elements from number `first` on.
    fn pick(&mut self, first: usize, data: &[f32]) {
        (self.sketch).sample_part(first, data, &mut self.points, &mut self.fibres);
    }
}

impl Recorder {
    /// Has seen nothing yet.
    pub fn new() -> Self {
        Recorder::default()
    }

    /// The trace of the pass that was watched, which had this loss.
    pub fn finish(self, architecture: &Architecture, loss: f64) -> Trace {
        let mut sites: Vec<SiteTrace> = self.sites.into_values().collect();
        for site in &mut sites {
            site.tensors.sort_by_key(|tensor| tensor.symbol);
        }
        Trace {
            scalars: network_scalars(architecture, loss),
            sites,
        }
    }

    fn record(
        &mut self,
        site: Site,
        symbol: Symbol,
        shape: &[usize],
        sample: Sample,
        moments: Moments,
    ) -> &mut SiteTrace {
        let all_kept = |sample: Vec<f32>| sample.into_iter().map(kept).collect();
        let entry = self.sites.entry(site).or_insert_with(|| SiteTrace {
            site,
            tensors: Vec::new(),
            saliency: None,
        });
        entry.tensors.push(TensorTrace {
            symbol,
            shape: shape.to_vec(),
            moments,
            points: all_kept(sample.points),
            fibres: all_kept(sample.fibres),
            fibre_count: sample.sketch.fibre_count(),
        });
        entry
    }
}

impl Visitor<f32> for Recorder {
    fn wants(&self, _: Site, symbol: Symbol) -> bool {
        symbol != Symbol::H
    }

    fn takes_rows(&self) -> bool {
        true
    }

    fn activation(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, f32>) {
        if symbol == Symbol::H || tensor.data.is_empty() {
            return;
        }
        let moments = Moments::of(tensor.data, tensor.shape);
        self.record(site, symbol, tensor.shape, Sample::of(tensor), moments);
    }

    fn activation_rows(&mut self, site: Site, symbol: Symbol, rows: TensorRows<'_, f32>) {
        let TensorRows { data, shape, first } = rows;
        let mut partial = (self.partial.remove(&(site, symbol))).unwrap_or_else(|| Partial {
            sample: Sample::new(shape),
            moments: Accumulator::new(shape),
            seen: 0,
        });
        partial.sample.pick(first, data);
        partial.moments.push(data);
        partial.seen += data.len();
        if partial.seen < shape.iter().product() {
            self.partial.insert((site, symbol), partial);
            return;
        }
        let moments = partial.moments.finish();
        self.record(site, symbol, shape, partial.sample, moments);
    }

    fn parameter(
        &mut self,
        _name: &str,
        site: Option<Site>,
        weight: TensorView<'_, f32>,
        gradient: TensorView<'_, f32>,
    ) {
        let Some(site) = site else { return };
        if weight.data.is_empty() {
            return;
        }
        let [of_weight, of_gradient, of_product] =
            Moments::of_pair(weight.data, gradient.data, weight.shape);
        let shape = weight.shape;
        self.record(site, Symbol::W, shape, Sample::of(weight), of_weight);
        self.record(site, Symbol::G, shape, Sample::of(gradient), of_gradient)
            .saliency = Some(of_product);
    }

    fn takes_parameter_rows(&self, _: Site) -> bool {
        true
    }

    fn parameter_rows(
        &mut self,
        site: Site,
        weight: TensorRows<'_, f32>,
        gradient: TensorRows<'_, f32>,
    ) {
        let shape = weight.shape;
        let mut partial = (self.parameters.remove(&site)).unwrap_or_else(|| PartialParameter {
            weight: Sample::new(shape),
            gradient: Sample::new(shape),
            moments: Pair::new(shape),
            seen: 0,
        });
        partial.weight.pick(weight.first, weight.data);
        partial.gradient.pick(gradient.first, gradient.data);
        partial.moments.push(weight.data, gradient.data);
        partial.seen += weight.data.len();
        if partial.seen < shape.iter().product() {
            self.parameters.insert(site, partial);
            return;
        }
        let [of_weight, of_gradient, of_product] = partial.moments.finish();
        self.record(site, Symbol::W, shape, partial.weight, of_weight);
        self.record(site, Symbol::G, shape, partial.gradient, of_gradient)
            .saliency = Some(of_product);
    }
}
