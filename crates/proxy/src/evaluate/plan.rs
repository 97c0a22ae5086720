//! Formulas, compiled: every decision that does not depend on the network is
//! made here, once.

use std::sync::Arc;

use lpzero_nn::Wanted;
use lpzero_trace::{NetworkScalar, ShapedMoment, Symbol};

use super::cache::Column;
use super::moments::{MomentReduction, Tensor};
use super::site::Sampling;
use crate::types::without_disconnected;
use crate::{
    Interner, Kernel, Kind, Node, Operator, RoleSet, Sample, Type, TypeError, Whole, type_of,
};

/// A compiled formula or part of one.
pub(crate) enum Plan {
    Number(f64),
    Scalar(NetworkScalar),
    Symbol(Symbol),
    /// Elementwise, binary, power, whole-tensor and product operators.
    Apply(&'static Operator, Vec<Plan>),
    /// A reduction that follows from moments.
    Moments(MomentReduction),
    /// A reduction that is one of the moments.
    Moment(Symbol, ShapedMoment),
    /// A reduction of elements.
    Reduce {
        kernel: fn(Sample<'_>) -> f64,
        sampling: Sampling,
        argument: Box<Plan>,
        column: Option<Arc<Column>>,
    },
    /// A reduction of a whole tensor.
    Whole(fn(Whole<'_>) -> f64, Box<Plan>),
    /// An aggregate over sites.
    Sites(SitesPlan),
    /// An aggregate over layers.
    Layers {
        kernel: fn(&[f64]) -> f64,
        argument: Box<Plan>,
        column: Option<Arc<Column>>,
    },
}

/// An aggregate over sites.
pub(crate) struct SitesPlan {
    pub(crate) kernel: fn(&[f64]) -> f64,
    pub(crate) roles: RoleSet,
    pub(crate) by_layer: bool,
    pub(crate) argument: Arc<Plan>,
    /// Where the values of all architectures are remembered; only for
    /// aggregates to one number per architecture.
    pub(crate) column: Option<Arc<Column>>,
    /// Which of the site-level expressions of one [`Compiler`] it is over;
    /// aggregates over equal ones share it.
    pub(crate) slot: usize,
}

/// Compiles formulas; says where values are remembered.
pub(crate) struct Compiler<'a> {
    /// The column of this aggregate.
    pub(crate) aggregate: &'a mut dyn FnMut(&Node) -> Option<Arc<Column>>,
    /// The column of this sampled reduction.
    pub(crate) reduction: &'a mut dyn FnMut(&Node) -> Option<Arc<Column>>,
    /// Slots of the site-level expressions met so far.
    pub(crate) slots: Interner,
}

impl Compiler<'_> {
    /// Compiles a formula after dropping its disconnected branches; one
    /// without anything else is NaN.
    pub(crate) fn compile(&mut self, node: &Node) -> Result<Plan, TypeError> {
        match without_disconnected(node) {
            Some(node) => self.part(&node),
            None => Ok(Plan::Number(f64::NAN)),
        }
    }

    fn part(&mut self, node: &Node) -> Result<Plan, TypeError> {
        Ok(match node {
            Node::Number(value) => Plan::Number(*value),
            Node::Scalar(scalar) => Plan::Scalar(*scalar),
            Node::Symbol(symbol) => Plan::Symbol(*symbol),
            Node::Apply(operator, arguments) => {
                let row = operator.row();
                match (row.kernel, &arguments[..]) {
                    (Kernel::Moment(moment), [Node::Symbol(symbol)]) => {
                        Plan::Moment(*symbol, moment)
                    }
                    (Kernel::Whole(kernel), [argument]) => {
                        Plan::Whole(kernel, Box::new(self.part(argument)?))
                    }
                    (Kernel::Reduce { sample, .. }, [argument]) => {
                        match MomentReduction::of(row, argument) {
                            Some(reduction) => Plan::Moments(reduction),
                            None => Plan::Reduce {
                                kernel: sample,
                                sampling: sampling(argument),
                                argument: Box::new(self.part(argument)?),
                                column: self.reduction_column(node),
                            },
                        }
                    }
                    _ => {
                        let parts = arguments.iter().map(|argument| self.part(argument));
                        Plan::Apply(row, parts.collect::<Result<_, _>>()?)
                    }
                }
            }
            Node::Aggregate {
                operator,
                roles,
                by_layer,
                argument,
            } => {
                let Kernel::Aggregate(kernel) = operator.row().kernel else {
                    return Err(TypeError::Argument {
                        operator: operator.row().sign(),
                        expected: "a tensor",
                        found: type_of(argument)?,
                    });
                };
                let column = (!by_layer).then(|| (self.aggregate)(node));
                if type_of(argument)? == Type::Layer {
                    return Ok(Plan::Layers {
                        kernel,
                        argument: Box::new(self.part(argument)?),
                        column: column.flatten(),
                    });
                }
                let slot = self.slots.intern(argument).index();
                Plan::Sites(SitesPlan {
                    kernel,
                    roles: roles.unwrap_or(RoleSet::DEFAULT),
                    by_layer: *by_layer,
                    argument: Arc::new(self.part(argument)?),
                    column: column.flatten(),
                    slot,
                })
            }
        })
    }

    fn reduction_column(&mut self, node: &Node) -> Option<Arc<Column>> {
        (self.reduction)(node)
    }
}

/// Sample that a reduction of this expression is computed on.
fn sampling(argument: &Node) -> Sampling {
    let along_fibres = |node: &Node| {
        node.operator()
            .is_some_and(|id| matches!(id.row().kind, Kind::Fibre | Kind::Product))
    };
    // Reductions and aggregates inside are numbers by the time this one runs.
    let is_number = |node: &Node| {
        node.operator().is_some_and(|id| {
            let kind = id.row().kind;
            matches!(
                kind,
                Kind::Reduction | Kind::SymbolReduction | Kind::Decomposition | Kind::Aggregator
            )
        })
    };
    let mut open = vec![argument];
    while let Some(node) = open.pop() {
        if along_fibres(node) {
            return Sampling::Fibres;
        }
        if !is_number(node) {
            open.extend(node.children());
        }
    }
    Sampling::Points
}

/// Something that a plan reads at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The moments of a tensor, but for those that look at its shape.
    Moments(Tensor),
    /// One of those that do, of a symbol's tensor.
    Shaped(Symbol, ShapedMoment),
    /// The elements of a symbol's tensor.
    Elements(Symbol),
    /// Something of the whole network.
    Network,
}

impl Need {
    /// The symbol whose tensor it is about, where it is one alone.
    pub(crate) fn symbol(self) -> Option<Symbol> {
        match self {
            Need::Elements(symbol)
            | Need::Shaped(symbol, _)
            | Need::Moments(Tensor::Symbol(symbol)) => Some(symbol),
            Need::Moments(Tensor::Saliency | Tensor::Flow | Tensor::LogFlow) | Need::Network => {
                None
            }
        }
    }
}

impl Plan {
    /// Everything that a plan reads at a site.
    pub(crate) fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        self.collect_needs(&mut needs);
        needs
    }

    /// Which of the costly moments it reads, of whatever tensor.
    pub(crate) fn costly(&self) -> Wanted {
        match self {
            Plan::Moments(reduction) => reduction.reads(),
            Plan::Apply(_, parts) => {
                let parts = parts.iter().map(Plan::costly);
                parts.fold(Wanted::CHEAP, Wanted::or)
            }
            Plan::Reduce { argument, .. } | Plan::Whole(_, argument) => argument.costly(),
            _ => Wanted::CHEAP,
        }
    }

    fn collect_needs(&self, needs: &mut Vec<Need>) {
        match self {
            Plan::Number(_) => {}
            Plan::Scalar(_) | Plan::Sites(_) | Plan::Layers { .. } => needs.push(Need::Network),
            Plan::Symbol(symbol) => needs.push(Need::Elements(*symbol)),
            Plan::Apply(_, parts) => parts.iter().for_each(|part| part.collect_needs(needs)),
            Plan::Moments(reduction) => needs.push(Need::Moments(reduction.tensor)),
            Plan::Moment(symbol, moment) => needs.push(Need::Shaped(*symbol, *moment)),
            Plan::Reduce { argument, .. } | Plan::Whole(_, argument) => {
                argument.collect_needs(needs);
            }
        }
    }

    /// Whether some part is computed on elements rather than on moments.
    pub(crate) fn reads_elements(&self) -> bool {
        match self {
            Plan::Symbol(_) | Plan::Reduce { .. } | Plan::Whole(..) => true,
            Plan::Apply(_, parts) => parts.iter().any(Plan::reads_elements),
            Plan::Layers { argument, .. } => argument.reads_elements(),
            Plan::Sites(sites) => sites.argument.reads_elements(),
            Plan::Number(_) | Plan::Scalar(_) | Plan::Moments(_) | Plan::Moment(..) => false,
        }
    }

    /// Calls `visit` on every aggregate over sites, outer ones first.
    pub(crate) fn for_each_sites<'a>(&'a self, visit: &mut impl FnMut(&'a SitesPlan)) {
        match self {
            Plan::Apply(_, parts) => parts.iter().for_each(|part| part.for_each_sites(visit)),
            Plan::Reduce { argument, .. }
            | Plan::Whole(_, argument)
            | Plan::Layers { argument, .. } => {
                argument.for_each_sites(visit);
            }
            Plan::Sites(sites) => {
                visit(sites);
                sites.argument.for_each_sites(visit);
            }
            _ => {}
        }
    }
}
