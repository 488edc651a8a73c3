//! The caller's side of `ModelInfer`: a request from numpy arrays of numbers, which nearly all are.
//!
//! What is not so plain (text, bools, halves, arrays in other orders) is None, and done in Python.

use pyo3::buffer::{Element, ElementType, PyUntypedBuffer};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyType};
use smallvec::SmallVec;

use crate::wire::infer_call::{Input, RAW_INPUT, encode};
use crate::wire::{Datatype, Writer};

struct Plain<'py> {
    name: Bound<'py, PyString>,
    datatype: Datatype,
    shape: SmallVec<[i64; 4]>,
    buffer: PyUntypedBuffer,
}

#[pyfunction]
pub fn encode_infer<'py>(
    py: Python<'py>,
    model_name: &str,
    model_version: &str,
    request_id: &str,
    inputs: &Bound<'py, PyDict>,
    outputs: Vec<String>,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let mut plain: SmallVec<[Plain<'py>; 2]> = SmallVec::new();
    for (name, array) in inputs {
        let Some(input) = Plain::of(name.cast_into::<PyString>().map_err(PyErr::from)?, &array)? else {
            return Ok(None);
        };
        plain.push(input);
    }
    let names = plain.iter().map(|input| input.name.to_cow()).collect::<PyResult<SmallVec<[_; 2]>>>()?;
    let written = plain.iter().zip(&names).map(|(input, name)| Input {
        name,
        datatype: input.datatype,
        shape: &input.shape,
    });
    let written: SmallVec<[Input<'_>; 2]> = written.collect();
    let outputs: SmallVec<[&str; 2]> = outputs.iter().map(String::as_str).collect();
    let data_bytes = plain.iter().map(|input| input.buffer.len_bytes() + 8).sum();
    let mut message = encode(model_name, model_version, request_id, &written, &outputs, data_bytes);
    for input in &plain {
        input.write(py, &mut message)?;
    }
    Ok(Some(PyBytes::new(py, message.as_slice())))
}

impl<'py> Plain<'py> {
    fn of(name: Bound<'py, PyString>, array: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        static NDARRAY: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let py = array.py();
        // No other type: a subclass may mean more than its memory, and bytes are text.
        if !array.get_type().is(NDARRAY.import(py, "numpy", "ndarray")?) {
            return Ok(None);
        }
        // Types that no format stands for have no buffer.
        let Ok(buffer) = PyUntypedBuffer::get(array) else { return Ok(None) };
        let Some(datatype) = datatype(&buffer) else { return Ok(None) };
        if !buffer.is_c_contiguous() {
            return Ok(None);
        }
        // A dimension is below 2^63.
        let shape = buffer.shape().iter().map(|size| *size as i64).collect();
        Ok(Some(Self { name, datatype, shape, buffer }))
    }

    fn write(&self, py: Python<'_>, message: &mut Writer) -> PyResult<()> {
        match self.datatype {
            Datatype::Fp32 => self.write_as(py, message, f32::to_le_bytes),
            Datatype::Fp64 => self.write_as(py, message, f64::to_le_bytes),
            Datatype::Int8 => self.write_as(py, message, i8::to_le_bytes),
            Datatype::Int16 => self.write_as(py, message, i16::to_le_bytes),
            Datatype::Int32 => self.write_as(py, message, i32::to_le_bytes),
            Datatype::Int64 => self.write_as(py, message, i64::to_le_bytes),
            Datatype::Uint8 => self.write_as(py, message, u8::to_le_bytes),
            Datatype::Uint16 => self.write_as(py, message, u16::to_le_bytes),
            Datatype::Uint32 => self.write_as(py, message, u32::to_le_bytes),
            Datatype::Uint64 => self.write_as(py, message, u64::to_le_bytes),
            Datatype::Bool | Datatype::Fp16 | Datatype::Bf16 | Datatype::Bytes => {
                Err(PyValueError::new_err("not a plain datatype"))
            }
        }
    }

    fn write_as<T: Element, const N: usize>(
        &self,
        py: Python<'_>,
        message: &mut Writer,
        bytes: impl Fn(T) -> [u8; N],
    ) -> PyResult<()> {
        let values = self.buffer.as_typed::<T>()?.to_vec(py)?;
        message.length(RAW_INPUT, values.len() * N);
        message.extend(values.into_iter().map(bytes));
        Ok(())
    }
}

/// Of elements in this machine's byte order; none where they are not plain numbers.
fn datatype(buffer: &PyUntypedBuffer) -> Option<Datatype> {
    let format = buffer.format();
    if matches!(format.to_bytes().first(), Some(b'>' | b'!')) {
        return None;
    }
    Some(match ElementType::from_format(format) {
        ElementType::Float { bytes: 4 } => Datatype::Fp32,
        ElementType::Float { bytes: 8 } => Datatype::Fp64,
        ElementType::SignedInteger { bytes: 1 } => Datatype::Int8,
        ElementType::SignedInteger { bytes: 2 } => Datatype::Int16,
        ElementType::SignedInteger { bytes: 4 } => Datatype::Int32,
        ElementType::SignedInteger { bytes: 8 } => Datatype::Int64,
        ElementType::UnsignedInteger { bytes: 1 } => Datatype::Uint8,
        ElementType::UnsignedInteger { bytes: 2 } => Datatype::Uint16,
        ElementType::UnsignedInteger { bytes: 4 } => Datatype::Uint32,
        ElementType::UnsignedInteger { bytes: 8 } => Datatype::Uint64,
        _ => return None,
    })
}
