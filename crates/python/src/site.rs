//! Places in a network and what can be read there, as Python names them.

use lpzero::trace::{NetworkScalar, Role, Site, Sketch, Symbol};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::refused;

/// Place in a network, from what Python calls it: layer (`None` outside the blocks), role and
/// index.
pub fn site(layer: Option<u16>, role: &str, index: u16) -> PyResult<Site> {
    let found = Role::ALL.iter().find(|(_, name)| *name == role);
    let Some((role, _)) = found else {
        let names: Vec<&str> = Role::ALL.iter().map(|(_, name)| *name).collect();
        return Err(refused(format_args!(
            "role {role:?}: unknown, expected one of {}",
            names.join(", ")
        )));
    };
    Ok(Site {
        layer,
        role: *role,
        index,
    })
}

/// Symbol of this name.
pub fn symbol(name: &str) -> PyResult<Symbol> {
    let mut known = Symbol::ALL.iter().chain(&Symbol::LATER);
    let found = known.find(|symbol| format!("{symbol:?}") == name);
    found.copied().ok_or_else(|| {
        refused(format_args!(
            "symbol {name:?}: unknown, expected one of {}",
            symbols().join(", ")
        ))
    })
}

/// Names of all symbols, in the order of the proxy language.
#[pyfunction]
pub fn symbols() -> Vec<String> {
    let known = Symbol::ALL.iter().chain(&Symbol::LATER);
    known.map(|symbol| format!("{symbol:?}")).collect()
}

/// Names of all roles.
#[pyfunction]
pub fn roles() -> Vec<&'static str> {
    Role::ALL.iter().map(|(_, name)| *name).collect()
}

/// Names of the scalars of a whole network, in their order.
#[pyfunction]
pub fn scalars() -> Vec<&'static str> {
    NetworkScalar::ALL.iter().map(|row| row.name).collect()
}

/// Flat positions at which a tensor of this shape is sampled: points, fibres (both as bytes of
/// little-endian 64-bit integers), and the number of fibres.
#[pyfunction]
pub fn sketch(
    py: Python<'_>,
    shape: Vec<usize>,
) -> (Bound<'_, PyBytes>, Bound<'_, PyBytes>, usize) {
    let sketch = Sketch::of_shape(&shape);
    let bytes = |positions: &[usize]| {
        let each = positions.iter().map(|&position| position as u64);
        let bytes: Vec<u8> = each.flat_map(u64::to_le_bytes).collect();
        PyBytes::new(py, &bytes)
    };
    (
        bytes(sketch.points()),
        bytes(sketch.fibres()),
        sketch.fibre_count(),
    )
}
