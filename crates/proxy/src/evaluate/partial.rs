//! Scores of all sub-networks from one pass of their super-network.
//!
//! Choices are prefixes of channels, so what a formula is at a site of a sub-network
//! can be read off the leading part of the super-network's tensors there. A pass gives
//! one number per site-level expression, site and choice of the block; the score of
//! any sub-network is arithmetic on those.

use std::sync::Arc;

use lpzero_nn::{BlockPrefix, TensorView, Visitor};
use lpzero_trace::{Moments, NetworkScalar, ShapedMoment, Site, Symbol};

use super::exact::ExactVisitor;
use super::finite;
use super::moments::Tensor;
use super::plan::{Need, Plan};
use super::site::{Layout, Machine, Sampling, Source};
use crate::{Node, Type, TypeError, canonical_for_ranking, known, type_of};

/// Why a formula has no restricted score.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotRestricted {
    /// It is not a score.
    #[error(transparent)]
    NotAScore(#[from] TypeError),
    /// It reads what takes a pass of its own.
    #[error("it reads a further pass (Hg, Gf, Lf, Gr or Jr), which parts of one pass do not give")]
    FurtherPass,
    /// It mixes the tensors of a site with numbers of the whole network.
    #[error("it mixes tensors with numbers of the whole network, which every sub-network changes")]
    WholeNetwork,
}

/// A visitor of a super-network's pass that evaluates formulas on the leading parts
/// that each choice of each block keeps.
#[derive(Clone)]
pub struct PartialVisitor {
    /// Values of sites outside the blocks.
    outside: ExactVisitor,
    /// By layer, then choice.
    blocks: Vec<Vec<(BlockPrefix, ExactVisitor)>>,
}

impl PartialVisitor {
    /// Watches a pass for these formulas; `blocks` has the choices of each block.
    ///
    /// # Errors
    /// Why a formula has no restricted score.
    pub fn new(formulas: &[Node], blocks: Vec<Vec<BlockPrefix>>) -> Result<Self, NotRestricted> {
        let visitor = ExactVisitor::new(formulas)?;
        for need in visitor.jobs.iter().flat_map(|job| &job.needs) {
            match need {
                Need::Network => return Err(NotRestricted::WholeNetwork),
                Need::Moments(Tensor::Flow | Tensor::LogFlow) => {
                    return Err(NotRestricted::FurtherPass);
                }
                need if need.symbol().is_some_and(Symbol::is_later) => {
                    return Err(NotRestricted::FurtherPass);
                }
                _ => {}
            }
        }
        let choices = |choices: Vec<BlockPrefix>| {
            let choices = choices.into_iter();
            choices.map(|prefix| (prefix, visitor.clone())).collect()
        };
        Ok(PartialVisitor {
            blocks: blocks.into_iter().map(choices).collect(),
            outside: visitor,
        })
    }

    /// Ends the pass and returns the values that it left.
    pub fn finish(self) -> Partials {
        let choice = |(_, visitor): (BlockPrefix, ExactVisitor)| visitor.values;
        let blocks = self.blocks.into_iter();
        Partials {
            plans: self.outside.plans,
            outside: self.outside.values,
            blocks: blocks
                .map(|choices| choices.into_iter().map(choice).collect())
                .collect(),
        }
    }

    /// The choices of the block that a site is in; `None` outside of blocks.
    fn block(&mut self, site: Site) -> Option<&mut Vec<(BlockPrefix, ExactVisitor)>> {
        self.blocks.get_mut(usize::from(site.layer?))
    }
}

impl Visitor<f32> for PartialVisitor {
    fn wants(&self, site: Site, symbol: Symbol) -> bool {
        self.outside.wants(site, symbol)
    }

    fn activation(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, f32>) {
        let Some(choices) = self.block(site) else {
            return self.outside.activation(site, symbol, tensor);
        };
        for (prefix, visitor) in choices {
            if let Some((shape, data)) = prefix.part(site, symbol, tensor) {
                let (data, shape) = (&data[..], &shape[..]);
                visitor.activation(site, symbol, TensorView { data, shape });
            }
        }
    }

    fn parameter(
        &mut self,
        name: &str,
        site: Option<Site>,
        weight: TensorView<'_, f32>,
        gradient: TensorView<'_, f32>,
    ) {
        let Some(at) = site else { return };
        let Some(choices) = self.block(at) else {
            return self.outside.parameter(name, site, weight, gradient);
        };
        for (prefix, visitor) in choices {
            let weight = prefix.part(at, Symbol::W, weight);
            let gradient = prefix.part(at, Symbol::G, gradient);
            let (Some((shape, weight)), Some((_, gradient))) = (weight, gradient) else {
                continue;
            };
            let view = |data| TensorView {
                data,
                shape: &shape[..],
            };
            visitor.parameter(name, site, view(&weight), view(&gradient));
        }
    }
}

/// Per site-level expression, its values at sites.
type SiteValues = Vec<Vec<(Site, f64)>>;

/// Values that one pass of a super-network gives its sub-networks.
pub struct Partials {
    plans: Arc<[Plan]>,
    outside: SiteValues,
    /// By layer, then choice.
    blocks: Vec<Vec<SiteValues>>,
}

impl Partials {
    /// One score per formula of the sub-network with this choice in every block, NaN
    /// where it is not finite or a choice is not there. `scalars` are those of the
    /// sub-network, in the order of [`NetworkScalar::ALL`]; the loss is the
    /// super-network's.
    pub fn scores(&self, choices: &[usize], scalars: &[f64]) -> Vec<f64> {
        let all = self.plans.len();
        let mut values = self.outside.clone();
        if choices.len() != self.blocks.len() {
            return vec![f64::NAN; all];
        }
        for (options, &choice) in self.blocks.iter().zip(choices) {
            let Some(option) = options.get(choice) else {
                return vec![f64::NAN; all];
            };
            for (values, more) in values.iter_mut().zip(option) {
                values.extend_from_slice(more);
            }
        }
        for values in &mut values {
            values.sort_by_key(|(site, _)| *site);
        }
        let source = Chosen { scalars, values };
        let mut machine = Machine::new(&source);
        let plans = self.plans.iter();
        plans.map(|plan| finite(machine.network(plan))).collect()
    }

    /// For a formula that is one aggregate of those of [`sum_over_sites`]: what each
    /// choice of each block adds to it, by layer and choice. `None` for any other.
    pub fn contributions(&self, formula: usize, is_mean: bool) -> Option<Vec<Vec<f64>>> {
        let mut aggregates = Vec::new();
        let plan = self.plans.get(formula)?;
        plan.for_each_sites(&mut |sites| aggregates.push(sites));
        let [sites] = aggregates[..] else { return None };
        let taken = |values: &SiteValues| -> Vec<f64> {
            let values = values[sites.slot].iter();
            let taken = values.filter(|(site, _)| sites.roles.contains(site.role));
            taken.map(|(_, value)| *value).collect()
        };
        // A choice makes sites smaller; where it makes them fewer, it changes what a mean is
        // taken over, and what other blocks add.
        let differs = self.blocks.iter().any(|options| {
            let mut counts = options.iter().map(|values| taken(values).len());
            let first = counts.next();
            counts.any(|count| Some(count) != first)
        });
        if is_mean && differs {
            return None;
        }
        let first = self.blocks.iter().filter_map(|options| options.first());
        let count: usize = first
            .chain([&self.outside])
            .map(|values| taken(values).len())
            .sum();
        let over = if is_mean { count as f64 } else { 1.0 };
        let add = |values: &SiteValues| taken(values).into_iter().sum::<f64>() / over;
        let blocks = self.blocks.iter();
        let blocks = blocks.map(|options| options.iter().map(add).collect());
        Some(blocks.collect())
    }
}

/// The values of one sub-network.
struct Chosen<'a> {
    scalars: &'a [f64],
    values: SiteValues,
}

impl Source for Chosen<'_> {
    fn scalar(&self, scalar: NetworkScalar) -> f64 {
        let value = self.scalars.get(scalar as usize);
        value.copied().unwrap_or(f64::NAN)
    }

    fn sites(&self) -> usize {
        0
    }

    // There are none: all values are known.
    fn site(&self, _: usize) -> Site {
        Site {
            layer: None,
            role: lpzero_trace::Role::Input,
            index: 0,
        }
    }

    fn moments(&self, _: usize, _: Tensor) -> Option<&Moments> {
        None
    }

    fn shaped(&self, _: usize, _: Symbol, _: ShapedMoment) -> Option<f64> {
        None
    }

    fn load(&self, _: usize, _: Symbol, _: Sampling, _: &mut Vec<f32>) -> Option<Layout> {
        None
    }

    fn site_values(&self, slot: usize) -> Option<&[(Site, f64)]> {
        self.values.get(slot).map(|values| &values[..])
    }
}

/// An aggregate over sites that a formula adds.
#[derive(Clone, Debug, PartialEq)]
pub struct AddedAggregate {
    /// The aggregate: a sum, or a mean, over sites.
    pub node: Node,
    /// Factor that it is multiplied by.
    pub coefficient: f64,
    /// Whether it is a mean: the sum over as many sites as there are.
    pub is_mean: bool,
}

/// The aggregates whose weighted sum ranks networks of equal depth as this formula
/// does, larger first: it adds over sites, and what each block adds can be chosen on
/// its own. `None` where the formula is no such sum, up to strictly monotone functions
/// around all of it.
///
/// ```
/// use lpzero_proxy::{parse, sum_over_sites};
///
/// assert!(sum_over_sites(&parse("sqrt(sum(sum(abs(W * G))))").unwrap()).is_some());
/// assert!(sum_over_sites(&parse("sum(l2(W)) - 2 * mean[ffn](l2(G))").unwrap()).is_some());
/// assert!(sum_over_sites(&parse("sum(l2(W)) * sum(l2(G))").unwrap()).is_none());
/// assert!(sum_over_sites(&parse("max(l2(W))").unwrap()).is_none());
/// ```
pub fn sum_over_sites(formula: &Node) -> Option<Vec<AddedAggregate>> {
    let ranking = canonical_for_ranking(formula);
    let sign = if ranking.flipped { -1.0 } else { 1.0 };
    let mut added = Vec::new();
    linear(&ranking.node, sign, &mut added)?;
    (!added.is_empty()).then_some(added)
}

fn linear(node: &Node, coefficient: f64, added: &mut Vec<AddedAggregate>) -> Option<()> {
    match node {
        Node::Aggregate {
            operator: operator @ (known::SUM | known::MEAN),
            by_layer: false,
            argument,
            ..
        } if type_of(argument) == Ok(Type::Site) => {
            added.push(AddedAggregate {
                node: node.clone(),
                coefficient,
                is_mean: *operator == known::MEAN,
            });
            Some(())
        }
        Node::Apply(operator, arguments) => match (*operator, &arguments[..]) {
            (known::NEG, [argument]) => linear(argument, -coefficient, added),
            (known::ADD, [left, right]) => {
                linear(left, coefficient, added)?;
                linear(right, coefficient, added)
            }
            (known::SUB, [left, right]) => {
                linear(left, coefficient, added)?;
                linear(right, -coefficient, added)
            }
            (known::MUL, [Node::Number(factor), argument] | [argument, Node::Number(factor)]) => {
                linear(argument, coefficient * factor, added)
            }
            (known::DIV, [argument, Node::Number(divisor)]) => {
                linear(argument, coefficient / divisor, added)
            }
            _ => None,
        },
        _ => None,
    }
}
