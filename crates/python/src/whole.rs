//! Formulas over whole tensors, shown one by one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use lpzero::language::ExactVisitor;
use lpzero::nn::{TensorView, Visitor};
use pyo3::buffer::{Element, PyBuffer};
use pyo3::prelude::*;

use crate::errors::refused;
use crate::proxy::Proxy;
use crate::site::{site, symbol};
use crate::trace::network_scalars;

/// Exact scores of proxies on one pass, whose tensors are shown one by one.
#[pyclass(module = "lpzero", frozen)]
pub struct Whole(Mutex<Option<ExactVisitor>>);

impl Whole {
    fn with<T>(&self, work: impl FnOnce(&mut ExactVisitor) -> T) -> PyResult<T> {
        let mut visitor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let visitor = visitor
            .as_mut()
            .ok_or_else(|| refused("finished already"))?;
        Ok(work(visitor))
    }
}

#[pymethods]
impl Whole {
    #[new]
    fn new(proxies: Vec<Proxy>) -> PyResult<Self> {
        let formulas = proxies.iter().map(|proxy| Ok(proxy.inner()?.formula));
        let formulas = formulas.collect::<PyResult<Vec<_>>>()?;
        let visitor = ExactVisitor::new(&formulas).map_err(refused)?;
        Ok(Self(Mutex::new(Some(visitor))))
    }

    /// Whether some proxy reads this symbol there.
    fn wants(&self, layer: Option<u16>, role: &str, index: u16, symbol: &str) -> PyResult<bool> {
        let (site, symbol) = (site(layer, role, index)?, self::symbol(symbol)?);
        self.with(|visitor| visitor.wants(site, symbol))
    }

    /// Shows an activation, a gradient with respect to one, or a tensor of a further pass.
    #[pyo3(signature = (layer, role, index, symbol, shape, data))]
    #[allow(clippy::too_many_arguments)]
    fn tensor(
        &self,
        py: Python<'_>,
        layer: Option<u16>,
        role: &str,
        index: u16,
        symbol: &str,
        shape: Vec<usize>,
        data: PyBuffer<f32>,
    ) -> PyResult<()> {
        let (site, symbol) = (site(layer, role, index)?, self::symbol(symbol)?);
        let data = whole(py, &data, &shape)?;
        let view = TensorView {
            data: &data,
            shape: &shape,
        };
        py.detach(|| {
            self.with(|visitor| match symbol.is_later() {
                true => visitor.later(site, symbol, view),
                false => visitor.activation(site, symbol, view),
            })
        })
    }

    /// Shows a weight with its gradient.
    #[pyo3(signature = (layer, role, index, shape, weight, gradient))]
    #[allow(clippy::too_many_arguments)]
    fn parameter(
        &self,
        py: Python<'_>,
        layer: Option<u16>,
        role: &str,
        index: u16,
        shape: Vec<usize>,
        weight: PyBuffer<f32>,
        gradient: PyBuffer<f32>,
    ) -> PyResult<()> {
        let site = site(layer, role, index)?;
        let (weight, gradient) = (whole(py, &weight, &shape)?, whole(py, &gradient, &shape)?);
        let view = |data| TensorView {
            data,
            shape: &shape,
        };
        py.detach(|| {
            self.with(|visitor| visitor.parameter("", Some(site), view(&weight), view(&gradient)))
        })
    }

    /// Shows |W| and the gradient with respect to it, in the pass of synaptic flow: buffers of
    /// 64-bit floats.
    #[pyo3(signature = (layer, role, index, shape, weight, gradient))]
    #[allow(clippy::too_many_arguments)]
    fn flow(
        &self,
        py: Python<'_>,
        layer: Option<u16>,
        role: &str,
        index: u16,
        shape: Vec<usize>,
        weight: PyBuffer<f64>,
        gradient: PyBuffer<f64>,
    ) -> PyResult<()> {
        let site = site(layer, role, index)?;
        let (weight, gradient) = (whole(py, &weight, &shape)?, whole(py, &gradient, &shape)?);
        py.detach(|| self.with(|visitor| visitor.flow(site, &weight, &gradient, &shape)))
    }

    /// Scores in the order of the proxies, NaN with a reason where one is not finite.
    fn finish(
        &self,
        py: Python<'_>,
        scalars: BTreeMap<String, f64>,
    ) -> PyResult<Vec<(f64, Option<String>)>> {
        let scalars = network_scalars(&scalars)?;
        let visitor = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let visitor = visitor.ok_or_else(|| refused("finished already"))?;
        let scores = py.detach(|| visitor.finish_telling(&scalars));
        let pair = |score: Result<f64, String>| match score {
            Ok(score) => (score, None),
            Err(why) => (f64::NAN, Some(why)),
        };
        Ok(scores.into_iter().map(pair).collect())
    }
}

/// All elements of a buffer, as many as the shape has.
fn whole<T: Element + Copy>(
    py: Python<'_>,
    data: &PyBuffer<T>,
    shape: &[usize],
) -> PyResult<Vec<T>> {
    let expected: usize = shape.iter().product();
    match data.item_count() == expected {
        true => data.to_vec(py),
        false => Err(refused(format_args!(
            "{} elements, expected {expected} for shape {shape:?}",
            data.item_count()
        ))),
    }
}
