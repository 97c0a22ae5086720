//! Formulas as Python objects.

use lpzero::language::named::{self, NAMED};
use lpzero::language::{Symbol, to_latex};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::raised;

/// A named proxy, or a formula such as `sum[ffn](sum(abs(W * G)))`.
#[pyclass(module = "lpzero", frozen, eq, hash, from_py_object)]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// The text that it was made of.
    #[pyo3(get)]
    name: String,
    /// 1 where larger scores promise better networks, -1 where smaller do.
    #[pyo3(get)]
    sign: i8,
    formula: String,
}

impl Proxy {
    /// The proxy of the library.
    pub fn inner(&self) -> PyResult<lpzero::Proxy> {
        lpzero::Proxy::parse(&self.name).map_err(raised)
    }
}

#[pymethods]
impl Proxy {
    #[new]
    fn new(text: &str) -> PyResult<Self> {
        let proxy = lpzero::Proxy::parse(text).map_err(raised)?;
        Ok(Self {
            name: proxy.name.clone(),
            sign: proxy.sign,
            formula: proxy.formula.to_string(),
        })
    }

    /// The formula, spelled out.
    #[getter]
    fn formula(&self) -> &str {
        &self.formula
    }

    /// Number of operators, symbols and constants.
    #[getter]
    fn complexity(&self) -> PyResult<u32> {
        Ok(self.inner()?.formula.complexity())
    }

    /// The formula as LaTeX, without dollar signs.
    fn latex(&self) -> PyResult<String> {
        Ok(to_latex(&self.inner()?.formula))
    }

    fn _repr_latex_(&self) -> PyResult<String> {
        Ok(format!("${}$", self.latex()?))
    }

    /// Names of the symbols that the formula reads, such as `W` and `G`.
    #[getter]
    fn reads(&self) -> PyResult<Vec<String>> {
        let symbols = self.inner()?.formula.symbols();
        Ok(symbols.iter().map(|symbol| format!("{symbol:?}")).collect())
    }

    /// Whether the score takes a network, or follows from the architecture alone.
    #[getter]
    fn needs_network(&self) -> PyResult<bool> {
        Ok(self.inner()?.needs_network())
    }

    /// Whether the score reads the loss or a gradient of it.
    #[getter]
    fn needs_loss(&self) -> PyResult<bool> {
        Ok(self.inner()?.needs_loss())
    }

    /// Whether no trace can answer: a decomposition of a whole tensor, or a further pass.
    #[getter]
    fn needs_whole_tensors(&self) -> PyResult<bool> {
        Ok(self.inner()?.formula.needs_whole_tensors())
    }

    /// Symbols of a further pass that the formula reads, such as `Hg`.
    #[getter]
    fn further_passes(&self) -> PyResult<Vec<String>> {
        let symbols = self.inner()?.formula.symbols();
        let later = symbols.iter().filter(|symbol| Symbol::is_later(**symbol));
        Ok(later.map(|symbol| format!("{symbol:?}")).collect())
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<(Py<PyAny>, (String,))> {
        let class = slf.get_type().into_any().unbind();
        Ok((class, (slf.get().name.clone(),)))
    }

    fn __repr__(&self) -> String {
        format!("Proxy({:?})", self.name)
    }

    fn __str__(&self) -> &str {
        &self.name
    }
}

/// Every named proxy: its name, formula, sign, definition, source and our reading.
#[pyfunction]
pub fn named_proxies(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let row = |named: &named::Named| {
        let row = PyDict::new(py);
        row.set_item("proxy", named.name)?;
        row.set_item("formula", named.formula)?;
        row.set_item("sign", named.sign)?;
        row.set_item("definition", named.definition)?;
        row.set_item("source", named.source)?;
        row.set_item("note", named.note)?;
        Ok(row)
    };
    NAMED.iter().map(row).collect()
}
