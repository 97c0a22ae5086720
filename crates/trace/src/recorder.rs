//! The visitor that turns a pass into a trace.

use std::collections::BTreeMap;

use lpzero_arch::Architecture;
use lpzero_nn::{Site, Symbol, TensorView, Visitor};

use crate::{
    scalar::network_scalars,
    sketch::Sketch,
    trace::{Moments, SiteTrace, TensorTrace, Trace},
};

/// Watches one pass and keeps its trace.
///
/// Biases are not traced, `H` is `A` of a head site, and tensors without
/// elements (the logits of a cluster that no target fell into) leave nothing.
#[derive(Debug, Default)]
pub struct Recorder {
    sites: BTreeMap<Site, SiteTrace>,
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
        tensor: TensorView<'_, f32>,
        sketch: &Sketch,
        moments: Moments,
    ) -> &mut SiteTrace {
        let (points, fibres) = sketch.sample(tensor.data);
        let entry = self.sites.entry(site).or_insert_with(|| SiteTrace {
            site,
            tensors: Vec::new(),
            saliency: None,
        });
        entry.tensors.push(TensorTrace {
            symbol,
            shape: tensor.shape.to_vec(),
            moments,
            points,
            fibres,
            fibre_count: sketch.fibre_count(),
        });
        entry
    }
}

impl Visitor<f32> for Recorder {
    fn activation(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, f32>) {
        if symbol == Symbol::H || tensor.data.is_empty() {
            return;
        }
        let sketch = Sketch::of_shape(tensor.shape);
        let moments = Moments::of(tensor.data, tensor.shape);
        self.record(site, symbol, tensor, &sketch, moments);
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
        let sketch = Sketch::of_shape(weight.shape);
        let [of_weight, of_gradient, of_product] =
            Moments::of_pair(weight.data, gradient.data, weight.shape);
        self.record(site, Symbol::W, weight, &sketch, of_weight);
        self.record(site, Symbol::G, gradient, &sketch, of_gradient)
            .saliency = Some(of_product);
    }
}
