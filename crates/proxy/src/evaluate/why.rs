//! Why a score is not finite, in words.

use lpzero_trace::Site;

use super::plan::{Plan, SitesPlan};
use super::site::{LayerValue, Machine, Source};

impl<S: Source> Machine<'_, S> {
    /// The innermost part of a plan that is not finite, as the end of a sentence; `None`
    /// where the plan is finite.
    pub(crate) fn why(&mut self, plan: &Plan) -> Option<String> {
        let value = self.layers(plan);
        let (at, found) = value.not_finite()?;
        Some(match plan {
            Plan::Scalar(scalar) => format!("`{}` is {found}", scalar.name()),
            Plan::Sites(sites) => self.why_sites(sites, found),
            Plan::Layers { argument, .. } => self
                .why(argument)
                .unwrap_or_else(|| format!("an aggregate over blocks is {found}")),
            Plan::Apply(operator, parts) => {
                let inner = parts.iter().find_map(|part| self.why(part));
                inner.unwrap_or_else(|| {
                    let operands = parts.iter().map(|part| self.layers(part).text(at));
                    let operands: Vec<String> = operands.collect();
                    format!(
                        "`{}` of {} is {found}",
                        operator.sign(),
                        operands.join(" and ")
                    )
                })
            }
            _ => "nothing in it is there in this network".to_owned(),
        })
    }

    /// Why an aggregate over sites is not finite.
    fn why_sites(&mut self, plan: &SitesPlan, found: f64) -> String {
        let values = self.values(plan);
        if values.is_empty() {
            return "this network has no map with what it reads".to_owned();
        }
        let mut broken = values.iter().filter(|(_, value)| !value.is_finite());
        match (broken.next(), broken.count()) {
            (Some((site, value)), 0) => format!("it is {value} at {}", place(*site)),
            (Some((site, value)), others) => {
                format!(
                    "it is {value} at {} and at {others} more maps",
                    place(*site)
                )
            }
            (None, _) => format!("over {} maps it comes to {found}", values.len()),
        }
    }
}

impl LayerValue {
    /// The first number that is not finite, and the block that it is of.
    fn not_finite(&self) -> Option<(Option<u16>, f64)> {
        match self {
            LayerValue::Scalar(value) => (!value.is_finite()).then_some((None, *value)),
            LayerValue::Layers(layers) => {
                let mut layers = layers.iter();
                let found = layers.find(|(_, value)| !value.is_finite());
                found.map(|(layer, value)| (Some(*layer), *value))
            }
        }
    }

    /// The number, at a block where it is one per block.
    fn text(&self, at: Option<u16>) -> String {
        match self {
            LayerValue::Scalar(value) => value.to_string(),
            LayerValue::Layers(layers) => {
                let of = |layer: &&(u16, f64)| Some(layer.0) == at;
                let found = layers.iter().find(of).or(layers.first());
                found.map_or_else(
                    || "nothing".to_owned(),
                    |(layer, value)| format!("{value} (block {layer})"),
                )
            }
        }
    }
}

/// A site in words.
fn place(site: Site) -> String {
    match site.layer {
        Some(layer) => format!("{} of block {layer}", site.role.name()),
        None => site.role.name().to_owned(),
    }
}
