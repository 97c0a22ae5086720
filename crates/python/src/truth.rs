//! Ground truths: published ones, tables, and traces of anybody's own modules.

use std::path::PathBuf;
use std::sync::Arc;

use lpzero::TracedNetworks;
use lpzero::arch::Reading;
use lpzero::truth::{GroundTruth, TableOptions, TruthSource};
use pyo3::prelude::*;

use crate::errors::{raised, refused};
use crate::trace::Trace;

/// Trained networks with their scores.
#[pyclass(module = "lpzero", frozen, from_py_object)]
#[derive(Clone)]
pub struct Truth(pub Known);

/// What is known of the networks.
#[derive(Clone)]
pub enum Known {
    /// Architectures, which the engine runs.
    Architectures(Arc<GroundTruth>),
    /// Traces, whoever ran the networks.
    Traces(Arc<TracedNetworks>),
}

/// Reading of FlexiBERT records of this name.
fn reading(name: &str) -> PyResult<Reading> {
    let known = [Reading::Declared, Reading::Reference, Reading::AsTrained];
    let found = known
        .into_iter()
        .find(|reading| reading.to_string() == name);
    found.ok_or_else(|| {
        refused(format_args!(
            "reading {name:?}: expected one of {}",
            known.map(|reading| reading.to_string()).join(", ")
        ))
    })
}

#[pymethods]
impl Truth {
    /// A built-in or published ground truth by name, or one by path. Published ones are
    /// looked for below the folders `data`.
    #[staticmethod]
    #[pyo3(signature = (
        name, *, data, reading, score_column=None, lower_is_better=false, skip_missing=false
    ))]
    fn open(
        py: Python<'_>,
        name: PathBuf,
        data: Vec<PathBuf>,
        reading: &str,
        score_column: Option<String>,
        lower_is_better: bool,
        skip_missing: bool,
    ) -> PyResult<Self> {
        let source = TruthSource {
            reading: self::reading(reading)?,
            table: TableOptions {
                score_column,
                lower_is_better,
                skip_missing,
            },
            ..TruthSource::new(name)
        };
        let truth = py.detach(|| source.read(&data));
        let truth = truth.map_err(|error| raised(error.into()))?;
        Ok(Self(Known::Architectures(Arc::new(truth))))
    }

    /// A table as JSON Lines: a row per network, its architecture in one column.
    #[staticmethod]
    fn from_lines(
        py: Python<'_>,
        name: &str,
        lines: &str,
        score_column: Option<String>,
        lower_is_better: bool,
        skip_missing: bool,
    ) -> PyResult<Self> {
        let options = TableOptions {
            score_column,
            lower_is_better,
            skip_missing,
        };
        let read = || GroundTruth::read_rows(name, lines, Reading::AsTrained, &options);
        let truth = py.detach(read).map_err(|error| raised(error.into()))?;
        Ok(Self(Known::Architectures(Arc::new(truth))))
    }

    /// Networks that were run elsewhere: ids, scores (larger is better) and traces.
    #[staticmethod]
    fn of_traces(
        name: &str,
        ids: Vec<String>,
        scores: Vec<f64>,
        traces: Vec<Trace>,
    ) -> PyResult<Self> {
        let traces = traces.into_iter().map(|trace| (*trace.0).clone()).collect();
        let networks = TracedNetworks::new(name, ids, scores, traces).map_err(raised)?;
        Ok(Self(Known::Traces(Arc::new(networks))))
    }

    /// The ground truth without networks of more parameters.
    fn up_to(&self, parameters: f64) -> PyResult<Self> {
        let Known::Architectures(truth) = &self.0 else {
            return Err(refused("up_to: not for a ground truth of traces"));
        };
        let mut truth = (**truth).clone();
        truth.keep_up_to(parameters);
        Ok(Self(Known::Architectures(Arc::new(truth))))
    }

    /// The networks of some rows, each as the text of a file of lpzero's own.
    fn described(&self, rows: Vec<usize>) -> PyResult<Vec<String>> {
        let Known::Architectures(truth) = &self.0 else {
            return Err(refused("described: not for a ground truth of traces"));
        };
        let describe = |row: usize| {
            let entry = truth.entries.get(row);
            let entry = entry.ok_or_else(|| refused(format_args!("row {row}: there is none")))?;
            Ok(lpzero::arch::spec::to_json(&entry.architecture))
        };
        rows.into_iter().map(describe).collect()
    }

    #[getter]
    fn name(&self) -> &str {
        match &self.0 {
            Known::Architectures(truth) => &truth.name,
            Known::Traces(networks) => networks.name(),
        }
    }

    /// Names of the networks.
    #[getter]
    fn ids(&self) -> Vec<String> {
        match &self.0 {
            Known::Architectures(truth) => {
                let entries = truth.entries.iter();
                entries.map(|entry| entry.id.clone()).collect()
            }
            Known::Traces(networks) => networks.ids().to_vec(),
        }
    }

    /// Trained scores, turned so that larger is better.
    #[getter]
    fn scores(&self) -> Vec<f64> {
        match &self.0 {
            Known::Architectures(truth) => truth.entries.iter().map(|entry| entry.score).collect(),
            Known::Traces(networks) => networks.scores().to_vec(),
        }
    }

    /// What was left out when it was read, a sentence each.
    #[getter]
    fn remarks(&self) -> Vec<String> {
        match &self.0 {
            Known::Architectures(truth) => truth.remarks.clone(),
            Known::Traces(_) => Vec::new(),
        }
    }

    fn __len__(&self) -> usize {
        match &self.0 {
            Known::Architectures(truth) => truth.entries.len(),
            Known::Traces(networks) => networks.ids().len(),
        }
    }

    fn __repr__(&self) -> String {
        format!("Truth({:?}, {} networks)", self.name(), self.__len__())
    }
}
