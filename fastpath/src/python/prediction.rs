//! What the clients give back: a model's answer, with outputs that numpy views.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyMapping, PyString, PyTuple};

use crate::wire::infer_call::InferResponse;
use crate::wire::predict_response::{PredictResponse, Receipt};
use crate::wire::{Datatype, Reader, WireError};

#[pyclass(frozen, module = "penstock._fastpath", get_all)]
pub struct Prediction {
    model: Py<PyString>,
    version: Py<PyString>,
    id: Py<PyString>,
    outputs: Py<PyAny>,
    receipt: Option<Py<PyAny>>,
}

#[pymethods]
impl Prediction {
    #[new]
    #[pyo3(signature = (model, version, id, outputs, receipt = None))]
    fn new(
        model: Py<PyString>,
        version: Py<PyString>,
        id: Py<PyString>,
        outputs: Py<PyMapping>,
        receipt: Option<Py<PyMapping>>,
    ) -> Self {
        Self { model, version, id, outputs: outputs.into_any(), receipt: receipt.map(Py::into_any) }
    }

    #[staticmethod]
    fn of_infer(py: Python<'_>, response: &[u8]) -> PyResult<Option<Self>> {
        let read = InferResponse::parse(response).map_err(unreadable)?;
        if read.raw.len() < read.outputs.len() {
            return Ok(None);
        }
        let whole = Reader::new(response);
        let outputs = PyDict::new(py);
        for (tensor, data) in read.outputs.iter().zip(&read.raw) {
            let datatype = Datatype::parse(tensor.datatype).filter(|datatype| *datatype != Datatype::Bytes);
            let Some(datatype) = datatype else { return Ok(None) };
            tensor.check(data, &whole).map_err(unreadable)?;
            outputs.set_item(tensor.name, array(py, datatype, &tensor.shape, data)?)?;
        }
        Ok(Some(Self::of(py, [read.model_name, read.model_version, read.id], &outputs)))
    }

    #[staticmethod]
    fn of_predict(py: Python<'_>, response: &[u8]) -> PyResult<Self> {
        let read = PredictResponse::parse(response).map_err(unreadable)?;
        let outputs = PyDict::new(py);
        for output in &read.outputs {
            outputs.set_item(output.name, array(py, output.datatype, &output.shape, &output.data)?)?;
        }
        let receipt = read.receipt.map(|receipt| receipt_dict(py, &receipt)).transpose()?;
        let receipt = receipt.map(|receipt| receipt.into_any().unbind());
        Ok(Self { receipt, ..Self::of(py, [read.model_name, read.model_version, read.id], &outputs) })
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let shown = |value: &Bound<'_, PyAny>| value.repr().map(|text| text.to_string());
        Ok(format!(
            "Prediction(model={}, version={}, id={}, outputs={}, receipt={})",
            shown(self.model.bind(py).as_any())?,
            shown(self.version.bind(py).as_any())?,
            shown(self.id.bind(py).as_any())?,
            shown(self.outputs.bind(py))?,
            self.receipt.as_ref().map_or(Ok("None".to_owned()), |receipt| shown(receipt.bind(py)))?,
        ))
    }
}

impl Prediction {
    fn of(py: Python<'_>, [model, version, id]: [&str; 3], outputs: &Bound<'_, PyDict>) -> Self {
        let text = |text: &str| PyString::new(py, text).unbind();
        let outputs = outputs.clone().into_any().unbind();
        Self { model: text(model), version: text(version), id: text(id), outputs, receipt: None }
    }
}

fn unreadable(error: WireError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A read-only numpy array of little-endian, row-major contents, which fill the shape; BF16 as its bit patterns.
fn array<'py>(
    py: Python<'py>,
    datatype: Datatype,
    shape: &[i64],
    data: &[u8],
) -> PyResult<Bound<'py, PyAny>> {
    static FROM_BUFFER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static DTYPES: [PyOnceLock<Py<PyAny>>; Datatype::ALL.len()] =
        [const { PyOnceLock::new() }; Datatype::ALL.len()];
    let from_buffer = FROM_BUFFER.import(py, "numpy", "frombuffer")?;
    let dtype = DTYPES[datatype as usize].get_or_try_init(py, || {
        let dtype = py.import(intern!(py, "numpy"))?.getattr(intern!(py, "dtype"))?;
        dtype.call1((numpy_name(datatype),)).map(Bound::unbind)
    })?;
    let flat = from_buffer.call1((PyBytes::new(py, data), dtype))?;
    if shape.len() == 1 {
        return Ok(flat);
    }
    flat.call_method1(intern!(py, "reshape"), (PyTuple::new(py, shape)?,))
}

fn numpy_name(datatype: Datatype) -> &'static str {
    match datatype {
        Datatype::Bool => "?",
        Datatype::Uint8 | Datatype::Bytes => "u1",
        Datatype::Uint16 | Datatype::Bf16 => "<u2",
        Datatype::Uint32 => "<u4",
        Datatype::Uint64 => "<u8",
        Datatype::Int8 => "i1",
        Datatype::Int16 => "<i2",
        Datatype::Int32 => "<i4",
        Datatype::Int64 => "<i8",
        Datatype::Fp16 => "<f2",
        Datatype::Fp32 => "<f4",
        Datatype::Fp64 => "<f8",
    }
}

fn receipt_dict<'py>(py: Python<'py>, receipt: &Receipt) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("decode_ns", receipt.decode_ns)?;
    dict.set_item("queue_ns", receipt.queue_ns)?;
    dict.set_item("pack_ns", receipt.pack_ns)?;
    dict.set_item("compute_ns", receipt.compute_ns)?;
    dict.set_item("encode_ns", receipt.encode_ns)?;
    dict.set_item("batch_rows", receipt.batch_rows)?;
    Ok(dict)
}
