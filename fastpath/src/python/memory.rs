//! Memory that Python lends to the offline program, without a copy: Arrow arrays through the C data interface, and numpy's
//! arrays through the buffer protocol. All of the offline program's unsafe code stands here.
//!
//! Who hands in an Arrow object vouches for it: buffers are as long as its lengths and offsets say.

use std::ffi::CStr;
use std::mem::align_of;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_array::ffi_stream::RecordBatchStreamReader;
use arrow_array::{ArrayRef, RecordBatch, make_array};
use arrow_buffer::Buffer;
use arrow_schema::SchemaRef;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

const STREAM: &CStr = c"arrow_array_stream";
const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";

/// The batches of what offers `__arrow_c_stream__`: a table, a frame, a reader.
pub fn record_batches(table: &Bound<'_, PyAny>) -> PyResult<(SchemaRef, Vec<RecordBatch>)> {
    let capsule = table.call_method0("__arrow_c_stream__")?;
    let stream = capsule.cast::<PyCapsule>()?.pointer_checked(Some(STREAM))?;
    // SAFETY: a capsule of this name holds an ArrowArrayStream (the Arrow PyCapsule interface). It is moved out: what
    // stays in the capsule is marked as released, so that its destructor frees nothing.
    let reader = unsafe { RecordBatchStreamReader::from_raw(stream.as_ptr().cast()) };
    // A producer may work on threads of its own, which may want the interpreter.
    table
        .py()
        .detach(|| {
            let reader = reader?;
            let schema = arrow_array::RecordBatchReader::schema(&reader);
            reader.collect::<Result<_, _>>().map(|batches| (schema, batches))
        })
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

/// The array of what offers `__arrow_c_array__`.
pub fn arrow_array(array: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let pair = array.call_method0("__arrow_c_array__")?;
    let pair = pair.cast::<PyTuple>()?;
    let (schema, array) = (pair.get_item(0)?, pair.get_item(1)?);
    let schema = schema.cast::<PyCapsule>()?.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
    let array = array.cast::<PyCapsule>()?.pointer_checked(Some(ARRAY))?.cast::<FFI_ArrowArray>();
    // SAFETY: capsules of these names hold an ArrowSchema and an ArrowArray (the Arrow PyCapsule interface), which belong
    // together. The array is moved out and marked as released; the schema stays its capsule's, which lives until the
    // end of this function.
    let data = unsafe { from_ffi(FFI_ArrowArray::from_raw(array.as_ptr()), schema.as_ref()) };
    data.map(make_array).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// The memory of a contiguous numpy array of elements of type `T`, seen as bytes; copied only where it is not aligned.
/// Whoever hands it in leaves it unwritten for as long as the table lives, as with any array that numpy reads.
pub fn numpy_memory<T>(bytes: PyBuffer<u8>) -> PyResult<Buffer> {
    if !bytes.is_c_contiguous() {
        return Err(PyValueError::new_err("an array must be contiguous"));
    }
    let len = bytes.len_bytes();
    let Some(start) = NonNull::new(bytes.buf_ptr().cast::<u8>()).filter(|_| len > 0) else {
        return Ok(Buffer::from(Vec::<u8>::new()));
    };
    let aligned = start.addr().get().is_multiple_of(align_of::<T>());
    // SAFETY: the buffer is contiguous and `len` bytes long; its exporter keeps it where it is until the `PyBuffer`,
    // which the Arrow buffer owns from here on, is released.
    let memory = unsafe { Buffer::from_custom_allocation(start, len, Arc::new(bytes)) };
    Ok(if aligned { memory } else { Buffer::from(memory.as_slice().to_vec()) })
}

/// A numpy array that was made to be filled by one call and that nobody else has yet, seen as bytes.
pub struct Filled(PyBuffer<u8>);

impl Filled {
    /// Takes an array of exactly `len` bytes.
    pub fn new(bytes: &Bound<'_, PyAny>, len: usize) -> PyResult<Self> {
        let bytes = PyBuffer::<u8>::get(bytes)?;
        if bytes.len_bytes() != len || bytes.readonly() || !bytes.is_c_contiguous() {
            return Err(PyValueError::new_err(format!(
                "a writable contiguous array of {len} bytes is needed"
            )));
        }
        Ok(Self(bytes))
    }

    pub fn bytes(&mut self) -> &mut [u8] {
        if self.0.len_bytes() == 0 {
            return &mut [];
        }
        // SAFETY: writable, contiguous and this long (`new`), kept where it is by the `PyBuffer`. The array was made
        // for this call, so that only the exclusive borrow of self reaches its memory.
        unsafe { std::slice::from_raw_parts_mut(self.0.buf_ptr().cast(), self.0.len_bytes()) }
    }
}
