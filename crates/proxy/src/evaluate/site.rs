//! Runs plans: at a site, over sites, over layers.

use lpzero_trace::{Moments, NetworkScalar, ShapedMoment, Site, Symbol};

use super::cache::Column;
use super::moments::Tensor;
use super::plan::{Plan, SitesPlan};
use crate::{Kernel, Operator, Sample, Whole};

/// Sample that a reduction is computed on, where only a sample is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampling {
    /// Scattered elements.
    Points,
    /// Complete fibres along dimension 0.
    Fibres,
}

/// How loaded elements relate to their tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Columns of the loaded (rows, columns) elements.
    pub(crate) columns: usize,
    /// Elements of the whole tensor.
    pub(crate) count: f64,
    /// Columns of the whole tensor.
    pub(crate) all_columns: f64,
    /// Size of the last dimension, where all elements are loaded.
    pub(crate) last: usize,
}

/// Values of one architecture, as plans read them.
pub(crate) trait Source {
    /// A scalar of the network.
    fn scalar(&self, scalar: NetworkScalar) -> f64;

    /// Number of sites, in their order.
    fn sites(&self) -> usize;

    /// One of the sites.
    fn site(&self, index: usize) -> Site;

    /// Moments at a site, if the tensor is there.
    fn moments(&self, index: usize, tensor: Tensor) -> Option<&Moments>;

    /// A moment at a site that looks at the shape, if the tensor is there.
    fn shaped(&self, index: usize, symbol: Symbol, moment: ShapedMoment) -> Option<f64>;

    /// Appends a tensor's elements to an empty buffer, if the tensor is there.
    fn load(
        &self,
        index: usize,
        symbol: Symbol,
        sampling: Sampling,
        buffer: &mut Vec<f32>,
    ) -> Option<Layout>;

    /// The values at sites of an aggregate, where they are known already.
    fn site_values(&self, slot: usize) -> Option<&[(Site, f64)]> {
        let _ = slot;
        None
    }

    /// An aggregate's value, remembered in the column or computed.
    fn aggregate(&self, column: &Column, compute: &mut dyn FnMut() -> f64) -> f64 {
        let _ = column;
        compute()
    }

    /// A reduction's value at a site, remembered in the column or computed.
    fn reduction(
        &self,
        column: &Column,
        index: usize,
        compute: &mut dyn FnMut() -> Option<f64>,
    ) -> Option<f64> {
        let _ = (column, index);
        compute()
    }
}

/// A matrix product of more columns is taken over evenly spaced ones, so that
/// its size stays bounded. Samples never have as many.
pub(crate) const PRODUCT_COLUMNS: usize = 256;

/// Runs plans on one source, reusing buffers.
pub(crate) struct Machine<'s, S: Source> {
    source: &'s S,
    spare: Vec<Vec<f32>>,
}

/// A value at a site.
enum Value {
    Scalar(f64),
    Tensor(Elements),
}

struct Elements {
    values: Vec<f32>,
    layout: Layout,
}

/// One number per architecture, or per layer in order.
pub(super) enum LayerValue {
    Scalar(f64),
    Layers(Vec<(u16, f64)>),
}

impl<'s, S: Source> Machine<'s, S> {
    pub(crate) fn new(source: &'s S) -> Self {
        Machine {
            source,
            spare: Vec::new(),
        }
    }

    /// A plan that is one number per architecture.
    pub(crate) fn network(&mut self, plan: &Plan) -> f64 {
        match self.layers(plan) {
            LayerValue::Scalar(value) => value,
            LayerValue::Layers(_) => f64::NAN,
        }
    }

    /// A plan that is one number per architecture or per layer.
    pub(super) fn layers(&mut self, plan: &Plan) -> LayerValue {
        match plan {
            Plan::Number(value) => LayerValue::Scalar(*value),
            Plan::Scalar(scalar) => LayerValue::Scalar(self.source.scalar(*scalar)),
            Plan::Sites(sites) if sites.by_layer => LayerValue::Layers(self.by_layer(sites)),
            Plan::Sites(sites) => LayerValue::Scalar(self.over_sites(sites)),
            Plan::Layers {
                kernel,
                argument,
                column,
            } => {
                let source = self.source;
                let mut compute = || match self.layers(argument) {
                    LayerValue::Scalar(value) => kernel(&[value]),
                    LayerValue::Layers(layers) => {
                        let values: Vec<f64> = layers.into_iter().map(|(_, v)| v).collect();
                        kernel(&values)
                    }
                };
                LayerValue::Scalar(match column {
                    Some(column) => source.aggregate(column, &mut compute),
                    None => compute(),
                })
            }
            Plan::Apply(operator, parts) => {
                let left = self.layers(&parts[0]);
                let right = parts.get(1).map(|part| self.layers(part));
                combine_layers(operator, left, right)
            }
            // Tensors and sites do not occur outside an aggregate.
            Plan::Symbol(_)
            | Plan::Moments(_)
            | Plan::Moment(..)
            | Plan::Whole(..)
            | Plan::Reduce { .. } => LayerValue::Scalar(f64::NAN),
        }
    }

    fn over_sites(&mut self, plan: &SitesPlan) -> f64 {
        let source = self.source;
        let mut compute = || {
            let values: Vec<f64> = self.values(plan).into_iter().map(|(_, v)| v).collect();
            (plan.kernel)(&values)
        };
        match &plan.column {
            Some(column) => source.aggregate(column, &mut compute),
            None => compute(),
        }
    }

    fn by_layer(&mut self, plan: &SitesPlan) -> Vec<(u16, f64)> {
        let mut values: Vec<(u16, f64)> = self
            .values(plan)
            .into_iter()
            .filter_map(|(site, value)| Some((site.layer?, value)))
            .collect();
        values.sort_by_key(|(layer, _)| *layer);
        values
            .chunk_by(|a, b| a.0 == b.0)
            .map(|group| {
                let values: Vec<f64> = group.iter().map(|(_, value)| *value).collect();
                (group[0].0, (plan.kernel)(&values))
            })
            .collect()
    }

    /// The values at all sites that take part and have what is needed.
    pub(super) fn values(&mut self, plan: &SitesPlan) -> Vec<(Site, f64)> {
        if let Some(known) = self.source.site_values(plan.slot) {
            let takes_part = |(site, _): &&(Site, f64)| plan.roles.contains(site.role);
            return known.iter().filter(takes_part).copied().collect();
        }
        (0..self.source.sites())
            .filter_map(|index| {
                let site = self.source.site(index);
                let takes_part = plan.roles.contains(site.role);
                let value = takes_part.then(|| self.at(&plan.argument, index));
                Some((site, value.flatten()?))
            })
            .collect()
    }

    /// A plan that is one number per site; `None` where a tensor is missing.
    pub(crate) fn at(&mut self, plan: &Plan, index: usize) -> Option<f64> {
        match self.value(plan, index, Sampling::Points)? {
            Value::Scalar(value) => Some(value),
            Value::Tensor(tensor) => {
                self.spare.push(tensor.values);
                None
            }
        }
    }

    /// A plan that is a tensor at every site, as a matrix product reads it;
    /// `None` where a tensor is missing.
    pub(crate) fn columns(&mut self, plan: &Plan, index: usize) -> Option<(Vec<f32>, Layout)> {
        match self.value(plan, index, Sampling::Fibres)? {
            Value::Scalar(_) => None,
            Value::Tensor(mut tensor) => {
                self.thin(&mut tensor);
                Some((tensor.values, tensor.layout))
            }
        }
    }

    fn value(&mut self, plan: &Plan, index: usize, sampling: Sampling) -> Option<Value> {
        Some(match plan {
            Plan::Number(value) => Value::Scalar(*value),
            Plan::Scalar(scalar) => Value::Scalar(self.source.scalar(*scalar)),
            Plan::Sites(_) | Plan::Layers { .. } => Value::Scalar(self.network(plan)),
            Plan::Moments(reduction) => {
                let moments = self.source.moments(index, reduction.tensor)?;
                Value::Scalar(reduction.value(moments))
            }
            Plan::Moment(symbol, moment) => {
                Value::Scalar(self.source.shaped(index, *symbol, *moment)?)
            }
            Plan::Reduce {
                kernel,
                sampling,
                argument,
                column,
            } => {
                let source = self.source;
                let mut compute = || {
                    let Value::Tensor(tensor) = self.value(argument, index, *sampling)? else {
                        return None;
                    };
                    let value = kernel(Sample {
                        values: &tensor.values,
                        count: tensor.layout.count,
                    });
                    self.spare.push(tensor.values);
                    Some(value)
                };
                Value::Scalar(match column {
                    Some(column) => source.reduction(column, index, &mut compute)?,
                    None => compute()?,
                })
            }
            Plan::Whole(kernel, argument) => {
                let Value::Tensor(tensor) = self.value(argument, index, Sampling::Fibres)? else {
                    return None;
                };
                let value = kernel(Whole {
                    values: &tensor.values,
                    first: tensor.values.len() / tensor.layout.columns.max(1),
                    last: tensor.layout.last,
                });
                self.spare.push(tensor.values);
                Value::Scalar(value)
            }
            Plan::Symbol(symbol) => {
                let mut values = self.buffer();
                match self.source.load(index, *symbol, sampling, &mut values) {
                    Some(layout) => Value::Tensor(Elements { values, layout }),
                    None => {
                        self.spare.push(values);
                        return None;
                    }
                }
            }
            Plan::Apply(operator, parts) => {
                let left = self.value(&parts[0], index, sampling)?;
                match parts.get(1) {
                    None => self.unary(operator, left),
                    Some(part) => match self.value(part, index, sampling) {
                        Some(right) => self.binary(operator, left, right)?,
                        None => {
                            self.recycle(left);
                            return None;
                        }
                    },
                }
            }
        })
    }

    fn unary(&mut self, operator: &Operator, mut value: Value) -> Value {
        match (operator.kernel, &mut value) {
            (Kernel::Elementwise { scalar, .. }, Value::Scalar(x)) => *x = scalar(*x),
            (Kernel::Elementwise { slice, .. }, Value::Tensor(tensor)) => {
                slice(&mut tensor.values);
            }
            (Kernel::Tensor(kernel), Value::Tensor(tensor)) => {
                kernel(&mut tensor.values, tensor.layout.columns);
            }
            // Excluded by the type checker.
            _ => value = Value::Scalar(f64::NAN),
        }
        value
    }

    fn binary(&mut self, operator: &Operator, left: Value, right: Value) -> Option<Value> {
        match (operator.kernel, left, right) {
            (Kernel::Binary { scalar, .. }, Value::Scalar(a), Value::Scalar(b)) => {
                Some(Value::Scalar(scalar(a, b)))
            }
            (Kernel::Binary { right, .. }, Value::Tensor(mut a), Value::Scalar(b)) => {
                right(&mut a.values, b as f32);
                Some(Value::Tensor(a))
            }
            (Kernel::Binary { left, .. }, Value::Scalar(a), Value::Tensor(mut b)) => {
                left(a as f32, &mut b.values);
                Some(Value::Tensor(b))
            }
            (Kernel::Binary { slices, .. }, Value::Tensor(mut a), Value::Tensor(b)) => {
                let same = a.values.len() == b.values.len() && a.layout.count == b.layout.count;
                slices(&mut a.values, &b.values);
                self.spare.push(b.values);
                // Tensors of one class at one site have one shape, but for matrix
                // products of tensors of different classes.
                same.then_some(Value::Tensor(a))
            }
            (Kernel::Product(kernel), Value::Tensor(mut a), Value::Tensor(mut b)) => {
                self.thin(&mut a);
                self.thin(&mut b);
                let columns = [a.layout.columns, b.layout.columns];
                let mut values = self.buffer();
                kernel(&a.values, &b.values, columns, &mut values);
                let all_columns = a.layout.all_columns;
                balance_diagonal(&mut values, columns[0], all_columns);
                let layout = Layout {
                    columns: values.len(),
                    count: all_columns * b.layout.all_columns,
                    all_columns: b.layout.all_columns,
                    last: b.layout.columns,
                };
                self.spare.extend([a.values, b.values]);
                Some(Value::Tensor(Elements { values, layout }))
            }
            _ => None,
        }
    }

    /// Keeps at most [`PRODUCT_COLUMNS`] evenly spaced columns.
    fn thin(&mut self, tensor: &mut Elements) {
        let columns = tensor.layout.columns;
        if columns <= PRODUCT_COLUMNS {
            return;
        }
        let mut values = self.buffer();
        for row in tensor.values.chunks_exact(columns) {
            values.extend((0..PRODUCT_COLUMNS).map(|k| row[k * columns / PRODUCT_COLUMNS]));
        }
        self.spare
            .push(std::mem::replace(&mut tensor.values, values));
        tensor.layout.columns = PRODUCT_COLUMNS;
    }

    fn buffer(&mut self) -> Vec<f32> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    fn recycle(&mut self, value: Value) {
        if let Value::Tensor(tensor) = value {
            self.spare.push(tensor.values);
        }
    }
}

/// How often the elements beside the diagonal of a product of `columns` sampled
/// columns count, at least once.
pub(crate) fn repeats(columns: usize, all_columns: f64) -> usize {
    const MOST: usize = 4096;
    let off_diagonal = columns * columns.saturating_sub(1);
    if off_diagonal == 0 || columns as f64 >= all_columns {
        return 1;
    }
    let wanted = (all_columns - 1.0) / (columns - 1) as f64;
    (wanted.round() as usize).min(MOST / off_diagonal).max(1)
}

/// Gives the diagonal of a sampled product the weight that it has in the whole
/// one. Of n columns, k are sampled; where both operands are one tensor, the
/// diagonal stands out, and k elements of k^2 would count for n of n^2.
/// Repeating the others makes up for it; nothing depends on their places,
/// since no operator along a dimension takes a product.
fn balance_diagonal(values: &mut Vec<f32>, columns: usize, all_columns: f64) {
    if values.len() != columns * columns {
        return;
    }
    let repeats = repeats(columns, all_columns);
    if repeats == 1 {
        return;
    }
    let others: Vec<f32> = values
        .iter()
        .enumerate()
        .filter(|(index, _)| index % (columns + 1) != 0)
        .map(|(_, value)| *value)
        .collect();
    for _ in 1..repeats {
        values.extend_from_slice(&others);
    }
}

/// An operator over layers, numbers being the same for every layer. Two
/// operands give a value for the layers that both have.
fn combine_layers(operator: &Operator, left: LayerValue, right: Option<LayerValue>) -> LayerValue {
    match (operator.kernel, left, right) {
        (Kernel::Elementwise { scalar, .. }, value, None) => match value {
            LayerValue::Scalar(x) => LayerValue::Scalar(scalar(x)),
            LayerValue::Layers(layers) => {
                let values = layers.into_iter().map(|(layer, x)| (layer, scalar(x)));
                LayerValue::Layers(values.collect())
            }
        },
        (Kernel::Binary { scalar, .. }, left, Some(right)) => match (left, right) {
            (LayerValue::Scalar(a), LayerValue::Scalar(b)) => LayerValue::Scalar(scalar(a, b)),
            (LayerValue::Layers(a), LayerValue::Scalar(b)) => {
                let values = a.into_iter().map(|(layer, a)| (layer, scalar(a, b)));
                LayerValue::Layers(values.collect())
            }
            (LayerValue::Scalar(a), LayerValue::Layers(b)) => {
                let values = b.into_iter().map(|(layer, b)| (layer, scalar(a, b)));
                LayerValue::Layers(values.collect())
            }
            (LayerValue::Layers(a), LayerValue::Layers(b)) => {
                let values = a.into_iter().filter_map(|(layer, a)| {
                    let other = b.iter().find(|(other, _)| *other == layer)?;
                    Some((layer, scalar(a, other.1)))
                });
                LayerValue::Layers(values.collect())
            }
        },
        // Excluded by the type checker.
        _ => LayerValue::Scalar(f64::NAN),
    }
}
