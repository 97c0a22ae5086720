//! What one pass over a module left, gathered by whoever ran it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use lpzero::language::Evaluator;
use lpzero::trace::{Moments, NetworkScalar, Site, SiteTrace, Sketch, Symbol, TensorTrace, kept};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::errors::refused;
use crate::proxy::Proxy;
use crate::site::{site, symbol};

/// Nine numbers of a tensor: count, sum, sum of |x|, of x^2, of sqrt |x|, minimum, maximum,
/// confidence, code agreement.
pub type NineNumbers = [f64; 9];

fn moments(numbers: NineNumbers) -> Moments {
    let [
        count,
        sum,
        sum_abs,
        sum_square,
        sum_sqrt_abs,
        min,
        max,
        confidence,
        code_agreement,
    ] = numbers;
    Moments {
        count: count as u64,
        sum,
        sum_abs,
        sum_square,
        sum_sqrt_abs,
        min,
        max,
        confidence,
        code_agreement,
    }
}

/// The nine numbers of a tensor.
pub fn numbers(moments: &Moments) -> NineNumbers {
    [
        moments.count as f64,
        moments.sum,
        moments.sum_abs,
        moments.sum_square,
        moments.sum_sqrt_abs,
        moments.min,
        moments.max,
        moments.confidence,
        moments.code_agreement,
    ]
}

/// A trace under way: tensors are added as a pass shows them.
#[pyclass(module = "lpzero", frozen)]
pub struct Recording(Mutex<BTreeMap<Site, SiteTrace>>);

impl Recording {
    fn add(&self, site: Site, change: impl FnOnce(&mut SiteTrace) -> PyResult<()>) -> PyResult<()> {
        let mut sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(sites.entry(site).or_insert_with(|| SiteTrace {
            site,
            tensors: Vec::new(),
            saliency: None,
        }))
    }
}

#[pymethods]
impl Recording {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    /// Adds a tensor: its place, symbol and shape, its nine moments, and its elements at the
    /// positions of [`sketch`](crate::site::sketch) (buffers of 32-bit floats).
    #[pyo3(signature = (layer, role, index, symbol, shape, moments, points, fibres))]
    #[allow(clippy::too_many_arguments)]
    fn tensor(
        &self,
        py: Python<'_>,
        layer: Option<u16>,
        role: &str,
        index: u16,
        symbol: &str,
        shape: Vec<usize>,
        moments: NineNumbers,
        points: PyBuffer<f32>,
        fibres: PyBuffer<f32>,
    ) -> PyResult<()> {
        let place = site(layer, role, index)?;
        let symbol = self::symbol(symbol)?;
        let sketch = Sketch::of_shape(&shape);
        let all_kept = |sample: Vec<f32>| sample.into_iter().map(kept).collect::<Vec<_>>();
        let (points, fibres) = (all_kept(points.to_vec(py)?), all_kept(fibres.to_vec(py)?));
        let expected = (sketch.points().len(), sketch.fibres().len());
        if (points.len(), fibres.len()) != expected {
            return Err(refused(format_args!(
                "{symbol:?} at {role}: {} points and {} fibre elements, expected {} and {}",
                points.len(),
                fibres.len(),
                expected.0,
                expected.1
            )));
        }
        self.add(place, |entry| {
            if entry.tensors.iter().any(|tensor| tensor.symbol == symbol) {
                return Err(refused(format_args!(
                    "{symbol:?} at {role} of layer {layer:?}, index {index}: given twice"
                )));
            }
            entry.tensors.push(TensorTrace {
                symbol,
                shape,
                moments: self::moments(moments),
                points,
                fibres,
                fibre_count: sketch.fibre_count(),
            });
            Ok(())
        })
    }

    /// Adds the nine moments of the elementwise product W * G of a site.
    fn saliency(
        &self,
        layer: Option<u16>,
        role: &str,
        index: u16,
        moments: NineNumbers,
    ) -> PyResult<()> {
        self.add(site(layer, role, index)?, |entry| {
            entry.saliency = Some(self::moments(moments));
            Ok(())
        })
    }

    /// The trace. Scalars of the network by name; those that are not given are NaN.
    fn finish(&self, scalars: BTreeMap<String, f64>) -> PyResult<Trace> {
        let scalars = network_scalars(&scalars)?;
        let mut sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sites: Vec<SiteTrace> = std::mem::take(&mut *sites).into_values().collect();
        for site in &mut sites {
            site.tensors.sort_by_key(|tensor| tensor.symbol);
        }
        Ok(Trace(Arc::new(lpzero::trace::Trace { scalars, sites })))
    }
}

/// Scalars in the order of the library; NaN where there is none of that name.
pub fn network_scalars(given: &BTreeMap<String, f64>) -> PyResult<Vec<f64>> {
    let rows = &NetworkScalar::ALL;
    if let Some(name) = (given.keys()).find(|name| rows.iter().all(|row| row.name != **name)) {
        return Err(refused(format_args!("scalar {name:?}: unknown")));
    }
    let value = |name: &str| given.get(name).copied().unwrap_or(f64::NAN);
    Ok(rows.iter().map(|row| value(row.name)).collect())
}

/// What one pass over a network left: every formula is evaluated on it.
#[pyclass(module = "lpzero", frozen, eq, from_py_object)]
#[derive(Clone)]
pub struct Trace(pub Arc<lpzero::trace::Trace>);

impl PartialEq for Trace {
    /// Equal to the bit: a count that nobody knows is NaN in both.
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bytes() == other.0.to_bytes()
    }
}

#[pymethods]
impl Trace {
    /// Scalars of the whole network by name: counts, and the loss.
    #[getter]
    fn scalars<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let scalars = PyDict::new(py);
        for (row, value) in NetworkScalar::ALL.iter().zip(&self.0.scalars) {
            scalars.set_item(row.name, value)?;
        }
        Ok(scalars)
    }

    /// A row per tensor: layer, role, index, symbol, shape and moments.
    #[getter]
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let mut rows = Vec::new();
        for site in &self.0.sites {
            let place = |symbol: &str, moments: &Moments| {
                let row = PyDict::new(py);
                row.set_item("layer", site.site.layer)?;
                row.set_item("role", site.site.role.name())?;
                row.set_item("index", site.site.index)?;
                row.set_item("symbol", symbol)?;
                row.set_item("moments", numbers(moments))?;
                Ok::<_, PyErr>(row)
            };
            for tensor in &site.tensors {
                let row = place(&format!("{:?}", tensor.symbol), &tensor.moments)?;
                row.set_item("shape", &tensor.shape)?;
                rows.push(row);
            }
            if let Some(moments) = &site.saliency {
                rows.push(place("W*G", moments)?);
            }
        }
        Ok(rows)
    }

    /// Elements of a tensor at the positions of its sketch: points, then fibres.
    fn sample(
        &self,
        layer: Option<u16>,
        role: &str,
        index: u16,
        symbol: &str,
    ) -> PyResult<(Vec<f32>, Vec<f32>)> {
        let place = site(layer, role, index)?;
        let symbol: Symbol = self::symbol(symbol)?;
        let site = self.0.sites.iter().find(|site| site.site == place);
        let tensors = site.into_iter().flat_map(|site| &site.tensors);
        let mut found = tensors.filter(|tensor| tensor.symbol == symbol);
        let tensor = found.next().ok_or_else(|| {
            refused(format_args!(
                "{symbol:?} at {role} of layer {layer:?}, index {index}: not in this trace"
            ))
        })?;
        Ok((tensor.points.clone(), tensor.fibres.clone()))
    }

    /// The score of a proxy, and why it is not finite where it is not.
    fn score(&self, proxy: &Proxy) -> PyResult<(f64, Option<String>)> {
        let formula = proxy.inner()?.formula;
        let evaluator = Evaluator::new(std::slice::from_ref(&*self.0));
        let prepared = evaluator.prepare(&formula).map_err(refused)?;
        if formula.needs_whole_tensors() {
            let why = "it reads whole tensors or a further pass, which no trace holds";
            return Ok((f64::NAN, Some(why.to_owned())));
        }
        Ok((prepared.score(0), prepared.why(0)))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Py<PyAny>, (Bound<'py, PyBytes>,))> {
        let decode = slf.get_type().getattr("from_bytes")?.unbind();
        Ok((decode, (slf.get().to_bytes(slf.py()),)))
    }

    /// The trace as bytes, in the layout of the trace cache.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    /// The trace that these bytes are.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        let trace = lpzero::trace::Trace::from_bytes(bytes);
        let trace = trace.ok_or_else(|| refused("these bytes are not a trace"))?;
        Ok(Self(Arc::new(trace)))
    }

    fn __repr__(&self) -> String {
        let tensors: usize = self.0.sites.iter().map(|site| site.tensors.len()).sum();
        format!("Trace({} sites, {tensors} tensors)", self.0.sites.len())
    }
}
