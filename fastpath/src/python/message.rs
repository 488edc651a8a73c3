//! The caller's side of Predict: a request from columns.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::wire::Writer;

/// Name, kind, values, row lengths, validity (see the .pyi).
type Column<'py> = (String, String, Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, Option<Vec<u8>>);

#[pyfunction]
#[pyo3(signature = (model_name, model_version, request_id, columns, *, context = None, outputs = Vec::new(), receipt = false))]
#[expect(clippy::too_many_arguments, reason = "one for each field of the message; Python callers name them")]
pub fn encode_columns<'py>(
    py: Python<'py>,
    model_name: &str,
    model_version: &str,
    request_id: &str,
    columns: Vec<Column<'py>>,
    context: Option<&[u8]>,
    outputs: Vec<String>,
    receipt: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut message = Writer::default();
    message.string(1, model_name);
    message.string(2, model_version);
    message.string(3, request_id);
    if let Some(context) = context {
        message.bytes(4, context);
    }
    for (name, kind, values, row_lengths, validity) in columns {
        let mut column = Writer::default();
        column.string(1, &name);
        let values = encode_values(&kind, &values)?;
        if let Some((number, values)) = values {
            column.bytes(number, &values);
        }
        if let Some(lengths) = row_lengths {
            let lengths = PyBuffer::<u32>::get(&lengths)?.to_vec(py)?;
            let mut packed = Writer::with_capacity(lengths.len());
            for length in lengths {
                packed.varint(u64::from(length));
            }
            column.bytes(8, packed.as_slice());
        }
        if let Some(validity) = validity {
            column.bytes(9, &validity);
        }
        message.bytes(6, column.as_slice());
    }
    for output in &outputs {
        message.bytes(7, output.as_bytes());
    }
    message.bool(8, receipt);
    Ok(PyBytes::new(py, message.as_slice()))
}

/// The field of the oneof and its message; none for `"none"`, a list column that is empty in every row.
fn encode_values(kind: &str, values: &Bound<'_, PyAny>) -> PyResult<Option<(u32, Vec<u8>)>> {
    let py = values.py();
    let packed = |elements: Vec<u8>| {
        let mut list = Writer::with_capacity(elements.len() + 8);
        list.bytes(1, &elements);
        list.into_vec()
    };
    Ok(Some(match kind {
        "none" => return Ok(None),
        "floats" => {
            let values = PyBuffer::<f32>::get(values)?.to_vec(py)?;
            (2, packed(values.into_iter().flat_map(f32::to_le_bytes).collect()))
        }
        "doubles" => {
            let values = PyBuffer::<f64>::get(values)?.to_vec(py)?;
            (3, packed(values.into_iter().flat_map(f64::to_le_bytes).collect()))
        }
        "ints" => {
            let values = PyBuffer::<i64>::get(values)?.to_vec(py)?;
            (5, packed(values.into_iter().flat_map(i64::to_le_bytes).collect()))
        }
        "strings" => {
            let mut list = Writer::default();
            for value in values.try_iter()? {
                list.bytes(1, value?.cast::<PyString>().map_err(PyErr::from)?.to_cow()?.as_bytes());
            }
            (6, list.into_vec())
        }
        "bytes" => {
            let mut list = Writer::default();
            for value in values.try_iter()? {
                list.bytes(1, value?.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
            }
            (7, list.into_vec())
        }
        _ => {
            return Err(PyTypeError::new_err(format!(
                "column kind {kind:?} is none of none, floats, doubles, ints, strings and bytes"
            )));
        }
    }))
}
