//! Pages of runs, as a notebook shows them.

use std::path::PathBuf;

use lpzero_report::{Page, Run};
use pyo3::prelude::*;

use crate::errors::refused;

/// The page of a run, and its specifications as JSON: a list of pairs of title and
/// specification. The run is read from its folder, or is `document` where there is none.
#[pyfunction]
pub fn page(
    py: Python<'_>,
    name: &str,
    document: &str,
    folder: Option<PathBuf>,
) -> PyResult<(String, String)> {
    py.detach(|| {
        let run = match folder {
            Some(folder) => Run::read(&folder),
            None => Run::of_document(name, document),
        };
        let page = Page::new(&[run.map_err(refused)?]);
        let specifications = serde_json::to_string(&page.specifications());
        let specifications = specifications.map_err(refused)?;
        Ok((page.to_html(), specifications))
    })
}
