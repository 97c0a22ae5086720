//! Columns as Arrow hands them on, so that pandas and polars take tables as they are.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use pyo3::prelude::*;
use pyo3_arrow::PyTable;
use pyo3_arrow::error::PyArrowResult;

use crate::errors::refused;

/// One column, values or nothing.
#[derive(FromPyObject)]
enum Column {
    Bools(Vec<Option<bool>>),
    Integers(Vec<Option<i64>>),
    Floats(Vec<Option<f64>>),
    Texts(Vec<Option<String>>),
}

impl From<Column> for ArrayRef {
    fn from(column: Column) -> Self {
        match column {
            Column::Bools(values) => Arc::new(BooleanArray::from(values)),
            Column::Integers(values) => Arc::new(Int64Array::from(values)),
            Column::Floats(values) => Arc::new(Float64Array::from(values)),
            Column::Texts(values) => Arc::new(StringArray::from(values)),
        }
    }
}

/// The Arrow stream (a capsule, as `__arrow_c_stream__` returns it) of named columns of
/// bools, whole numbers, numbers or texts.
#[pyfunction]
#[pyo3(signature = (columns, requested_schema=None))]
pub fn arrow_stream<'py>(
    py: Python<'py>,
    columns: Vec<(String, Bound<'py, PyAny>)>,
    requested_schema: Option<Bound<'py, PyAny>>,
) -> PyArrowResult<Bound<'py, PyAny>> {
    let mut fields = Vec::with_capacity(columns.len());
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len());
    for (name, values) in columns {
        let column: Column = values.extract().map_err(|_| {
            refused(format_args!(
                "column {name}: expected bools, numbers or texts"
            ))
        })?;
        let array = ArrayRef::from(column);
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    let table = Bound::new(py, PyTable::try_new(vec![batch], schema)?)?;
    Ok(table.call_method1("__arrow_c_stream__", (requested_schema,))?)
}
