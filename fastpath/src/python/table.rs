//! Training rows in Python's memory as the offline program takes them.

use std::sync::Arc;

use arrow_array::builder::{LargeBinaryBuilder, LargeStringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, LargeListArray, NullArray, PrimitiveArray, StructArray, make_array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::Field;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString};

use super::RequestError;
use super::memory::{arrow_array, numpy_memory, record_batches};
use crate::offline::{Columns, Table};

#[pyclass(name = "Table", module = "penstock._fastpath")]
pub struct PyTable {
    pub table: Table<PyBackedBytes>,
}

#[pymethods]
impl PyTable {
    #[new]
    fn new(rows: usize) -> Self {
        Self { table: Table::Columns(Columns::new(rows)) }
    }

    #[staticmethod]
    fn of_arrow(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut columns;
        if data.hasattr("__arrow_c_stream__")? {
            let (schema, batches) = record_batches(data)?;
            columns = Columns::new(batches.iter().map(arrow_array::RecordBatch::num_rows).sum());
            for (place, field) in schema.fields().iter().enumerate() {
                let parts = batches.iter().map(|batch| Arc::clone(batch.column(place))).collect();
                columns.add(field.name().clone(), parts).map_err(refused)?;
            }
        } else {
            let array = arrow_array(data)?;
            let Some(batch) = array.as_any().downcast_ref::<StructArray>() else {
                return Err(PyValueError::new_err(
                    "rows in one Arrow array must be a struct: a field a feature",
                ));
            };
            columns = Columns::new(batch.len());
            for (field, column) in batch.fields().iter().zip(batch.columns()) {
                columns.add(field.name().clone(), vec![Arc::clone(column)]).map_err(refused)?;
            }
        }
        Ok(Self { table: Table::Columns(columns) })
    }

    #[staticmethod]
    fn of_records(records: Vec<PyBackedBytes>) -> Self {
        Self { table: Table::Records(records) }
    }

    #[getter]
    fn rows(&self) -> usize {
        self.table.rows()
    }

    fn add_arrow(&mut self, name: String, parts: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
        let parts = parts.iter().map(arrow_array).collect::<PyResult<_>>()?;
        self.add(name, parts)
    }

    #[pyo3(signature = (name, dtype, values, *, row_lengths = None, validity = None))]
    fn add_array(
        &mut self,
        py: Python<'_>,
        name: String,
        dtype: &str,
        values: PyBuffer<u8>,
        row_lengths: Option<PyBuffer<u32>>,
        validity: Option<&[u8]>,
    ) -> PyResult<()> {
        let values = numbers(dtype, values)?;
        let rows = self.rows_of(py, values, row_lengths, validity)?;
        self.add(name, vec![rows])
    }

    #[pyo3(signature = (name, values, *, row_lengths = None, validity = None))]
    fn add_texts(
        &mut self,
        py: Python<'_>,
        name: String,
        values: &Bound<'_, PyAny>,
        row_lengths: Option<PyBuffer<u32>>,
        validity: Option<&[u8]>,
    ) -> PyResult<()> {
        let rows = self.rows_of(py, texts(values)?, row_lengths, validity)?;
        self.add(name, vec![rows])
    }
}

impl PyTable {
    fn add(&mut self, name: String, parts: Vec<ArrayRef>) -> PyResult<()> {
        match &mut self.table {
            Table::Columns(columns) => columns.add(name, parts).map_err(refused),
            Table::Records(_) => Err(PyTypeError::new_err("a table of records takes no columns")),
        }
    }

    /// One value a row, or with `row_lengths` a list; `validity` has a bit a row.
    fn rows_of(
        &self,
        py: Python<'_>,
        values: ArrayRef,
        row_lengths: Option<PyBuffer<u32>>,
        validity: Option<&[u8]>,
    ) -> PyResult<ArrayRef> {
        let nulls = match validity {
            Some(bits) if bits.len() < self.table.rows().div_ceil(8) => {
                return Err(PyValueError::new_err("validity needs a bit a row"));
            }
            Some(bits) => Some(NullBuffer::new(BooleanBuffer::new(Buffer::from(bits), 0, self.table.rows()))),
            None => None,
        };
        let Some(lengths) = row_lengths else {
            let data = values.to_data().into_builder().nulls(nulls).build();
            return data.map(make_array).map_err(|error| PyValueError::new_err(error.to_string()));
        };
        let lengths = lengths.to_vec(py)?;
        let offsets = OffsetBuffer::from_lengths(lengths.into_iter().map(|length| length as usize));
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        let lists = LargeListArray::try_new(field, offsets, values, nulls);
        lists
            .map(|lists| Arc::new(lists) as ArrayRef)
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

fn refused(error: crate::features::RowsError) -> PyErr {
    RequestError::new_err(error.to_string())
}

/// A numpy array of numbers by its dtype's name; bools are bytes of 0 and 1.
fn numbers(dtype: &str, bytes: PyBuffer<u8>) -> PyResult<ArrayRef> {
    Ok(match dtype {
        "float16" => primitive::<Float16Type>(bytes)?,
        "float32" => primitive::<Float32Type>(bytes)?,
        "float64" => primitive::<Float64Type>(bytes)?,
        "int8" => primitive::<Int8Type>(bytes)?,
        "int16" => primitive::<Int16Type>(bytes)?,
        "int32" => primitive::<Int32Type>(bytes)?,
        "int64" => primitive::<Int64Type>(bytes)?,
        "bool" | "uint8" => primitive::<UInt8Type>(bytes)?,
        "uint16" => primitive::<UInt16Type>(bytes)?,
        "uint32" => primitive::<UInt32Type>(bytes)?,
        "uint64" => primitive::<UInt64Type>(bytes)?,
        "none" => Arc::new(NullArray::new(0)),
        _ => return Err(PyTypeError::new_err(format!("dtype {dtype} is no number"))),
    })
}

fn primitive<T: ArrowPrimitiveType>(bytes: PyBuffer<u8>) -> PyResult<ArrayRef> {
    let memory = numpy_memory::<T::Native>(bytes)?;
    Ok(Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(memory), None)))
}

/// A sequence of str or of bytes, copied end to end.
fn texts(values: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let count = values.len()?;
    let mut items = values.try_iter()?.peekable();
    let is_bytes =
        items.peek().is_some_and(|item| item.as_ref().is_ok_and(PyAnyMethods::is_instance_of::<PyBytes>));
    if is_bytes {
        let mut builder = LargeBinaryBuilder::with_capacity(count, 0);
        for item in items {
            builder.append_value(item?.cast::<PyBytes>()?.as_bytes());
        }
        return Ok(Arc::new(builder.finish()));
    }
    let mut builder = LargeStringBuilder::with_capacity(count, 0);
    for item in items {
        builder.append_value(item?.cast::<PyString>()?.to_str()?);
    }
    Ok(Arc::new(builder.finish()))
}
