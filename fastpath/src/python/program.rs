//! A model's feature program as Python sees it: its lines, and one row's way through them.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyList};

use crate::engine::describe;
use crate::engine::explain::{self, Values};

#[pyclass(frozen, module = "penstock._fastpath", get_all)]
pub struct ProgramLine {
    features: Vec<String>,
    kind: String,
    list_form: String,
    missing: Option<String>,
    operations: Vec<String>,
    operands: Vec<String>,
    tensor: Option<String>,
    columns: Option<(usize, usize)>,
    key: Option<usize>,
    padding: Vec<String>,
}

impl ProgramLine {
    pub fn of(line: describe::ProgramLine) -> Self {
        let describe::ProgramLine {
            features,
            kind,
            list,
            missing,
            operations,
            operands,
            tensor,
            columns,
            key,
            padding,
        } = line;
        Self { features, kind, list_form: list, missing, operations, operands, tensor, columns, key, padding }
    }
}

#[pyclass(frozen, module = "penstock._fastpath", get_all)]
pub struct LineTrace {
    defaulted: bool,
    received: Option<Py<PyList>>,
    stages: Vec<(Py<PyList>, Vec<&'static str>)>,
    element: Option<Py<PyBytes>>,
    padding: Vec<Py<PyBytes>>,
}

impl LineTrace {
    pub fn of(py: Python<'_>, trace: explain::LineTrace) -> PyResult<Self> {
        let stages = trace.stages.iter().map(|stage| Ok((list(py, &stage.values)?, stage.marks.clone())));
        Ok(Self {
            defaulted: trace.defaulted,
            received: trace.received.as_ref().map(|values| list(py, values)).transpose()?,
            stages: stages.collect::<PyResult<_>>()?,
            padding: trace.padding.iter().map(|bytes| PyBytes::new(py, bytes).unbind()).collect(),
            element: trace.element.map(|bytes| PyBytes::new(py, &bytes).unbind()),
        })
    }
}

fn list(py: Python<'_>, values: &Values) -> PyResult<Py<PyList>> {
    let list = match values {
        Values::Ints(values) => PyList::new(py, values.iter().map(|value| PyInt::new(py, *value)))?,
        Values::Floats(values) => PyList::new(py, values.iter().map(|value| PyFloat::new(py, *value)))?,
    };
    Ok(list.unbind())
}
