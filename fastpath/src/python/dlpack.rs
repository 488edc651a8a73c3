//! DLPack capsules: tensors of Rust memory for torch and numpy, and of torch memory for Rust, without a copy.
//!
//! The layouts are those of dlpack.h, version 0 (`DLManagedTensor`), which torch's C functions take and give.

use std::ffi::{CStr, c_void};

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::batch::Shape;
use crate::wire::Datatype;

const NAME: &CStr = c"dltensor";

/// `kDLCPU`.
pub const CPU: i32 = 1;

#[repr(C)]
struct DLDevice {
    device_type: i32,
    device_id: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct DLDataType {
    code: u8,
    bits: u8,
    lanes: u16,
}

#[repr(C)]
struct DLTensor {
    data: *mut c_void,
    device: DLDevice,
    ndim: i32,
    dtype: DLDataType,
    shape: *mut i64,
    strides: *mut i64,
    byte_offset: u64,
}

#[repr(C)]
struct DLManagedTensor {
    tensor: DLTensor,
    manager_ctx: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut DLManagedTensor)>,
}

/// What a capsule that we made keeps alive.
struct Owned<T> {
    managed: DLManagedTensor,
    shape: Shape,
    _memory: T,
}

/// `kDLInt` 0, `kDLUInt` 1, `kDLFloat` 2, `kDLBfloat` 4, `kDLBool` 6.
fn dtype(datatype: Datatype) -> DLDataType {
    let code = match datatype {
        Datatype::Int8 | Datatype::Int16 | Datatype::Int32 | Datatype::Int64 => 0,
        Datatype::Uint8 | Datatype::Uint16 | Datatype::Uint32 | Datatype::Uint64 | Datatype::Bytes => 1,
        Datatype::Fp16 | Datatype::Fp32 | Datatype::Fp64 => 2,
        Datatype::Bf16 => 4,
        Datatype::Bool => 6,
    };
    // An element has at most 8 bytes.
    DLDataType { code, bits: u8::try_from(datatype.size_bytes() * 8).unwrap_or(u8::MAX), lanes: 1 }
}

/// A capsule over `data`, which stays valid for as long as `memory` lives; the capsule keeps it.
pub fn export<T: Send + 'static>(
    py: Python<'_>,
    data: *const u8,
    datatype: Datatype,
    shape: Shape,
    memory: T,
) -> PyResult<Py<PyAny>> {
    let owned = Box::new(Owned {
        managed: DLManagedTensor {
            tensor: DLTensor {
                data: data.cast_mut().cast(),
                device: DLDevice { device_type: CPU, device_id: 0 },
                // At most 8 dimensions.
                ndim: i32::try_from(shape.len()).unwrap_or(i32::MAX),
                dtype: dtype(datatype),
                shape: std::ptr::null_mut(),
                // Row-major without gaps.
                strides: std::ptr::null_mut(),
                byte_offset: 0,
            },
            manager_ctx: std::ptr::null_mut(),
            deleter: Some(delete::<T>),
        },
        shape,
        _memory: memory,
    });
    let owned = Box::into_raw(owned);
    // SAFETY: `owned` came from `Box::into_raw` and nothing else refers to it yet. The shape's dimensions, also where they
    // are kept within it, stay where they are until the box is freed. `managed` is the field that the capsule points at;
    // the deleter finds `owned` again through `manager_ctx`.
    let managed = unsafe {
        (*owned).managed.tensor.shape = (*owned).shape.as_mut_ptr();
        (*owned).managed.manager_ctx = owned.cast();
        &raw mut (*owned).managed
    };
    // SAFETY: the GIL is held, the name is static, and the destructor expects what it will get.
    let capsule = unsafe { ffi::PyCapsule_New(managed.cast(), NAME.as_ptr(), Some(drop_unused)) };
    // SAFETY: a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, capsule) }.map(Bound::unbind)
}

unsafe extern "C" fn delete<T>(managed: *mut DLManagedTensor) {
    // SAFETY: the consumer calls this once, with the tensor that `export` made, whose context is its box.
    drop(unsafe { Box::from_raw((*managed).manager_ctx.cast::<Owned<T>>()) });
}

/// Frees the tensor of a capsule that nobody consumed; a consumer renames the capsule.
unsafe extern "C" fn drop_unused(capsule: *mut ffi::PyObject) {
    // SAFETY: Python calls this with the capsule that `export` made; its pointer is valid under its first name.
    unsafe {
        if ffi::PyCapsule_IsValid(capsule, NAME.as_ptr()) == 1 {
            let managed: *mut DLManagedTensor = ffi::PyCapsule_GetPointer(capsule, NAME.as_ptr()).cast();
            if let Some(deleter) = (*managed).deleter {
                deleter(managed);
            }
        }
    }
}

/// A tensor that torch owns, alive for as long as the capsule.
pub struct Imported<'py> {
    _capsule: Bound<'py, PyAny>,
    data: *const u8,
    pub datatype: Datatype,
    pub shape: Vec<i64>,
    size_bytes: usize,
}

impl<'py> Imported<'py> {
    /// Takes a CPU tensor; none where its elements do not follow each other in row-major order.
    pub fn new(capsule: Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        // SAFETY: the GIL is held; the call checks type and name and sets an exception where they differ.
        let managed: *const DLManagedTensor =
            unsafe { ffi::PyCapsule_GetPointer(capsule.as_ptr(), NAME.as_ptr()) }.cast();
        if managed.is_null() {
            return Err(PyErr::fetch(capsule.py()));
        }
        // SAFETY: a valid capsule of this name holds a DLManagedTensor, which lives until the capsule is freed.
        let tensor = unsafe { &(*managed).tensor };
        if tensor.device.device_type != CPU {
            return Err(PyValueError::new_err("an output tensor is not on the CPU"));
        }
        let ndim = usize::try_from(tensor.ndim).unwrap_or(0);
        let shape = if ndim == 0 {
            Vec::new()
        } else {
            // SAFETY: `shape` has `ndim` elements (dlpack.h).
            unsafe { std::slice::from_raw_parts(tensor.shape, ndim) }.to_vec()
        };
        let strides = if ndim == 0 || tensor.strides.is_null() {
            None
        } else {
            // SAFETY: `strides`, where not null, has `ndim` elements.
            Some(unsafe { std::slice::from_raw_parts(tensor.strides, ndim) })
        };
        let datatype = Datatype::ALL
            .into_iter()
            .filter(|datatype| *datatype != Datatype::Bytes)
            .find(|datatype| {
                let known = dtype(*datatype);
                (known.code, known.bits, 1) == (tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes)
            })
            .ok_or_else(|| {
                PyValueError::new_err("an output tensor has a dtype that the protocol cannot carry")
            })?;
        if !is_contiguous(&shape, strides) {
            return Ok(None);
        }
        let elements: i64 = shape.iter().product();
        let size_bytes = usize::try_from(elements).unwrap_or(0) * datatype.size_bytes();
        // SAFETY: the offset is within the tensor's allocation (dlpack.h).
        let data = unsafe { tensor.data.cast::<u8>().add(usize::try_from(tensor.byte_offset).unwrap_or(0)) };
        Ok(Some(Self { _capsule: capsule, data, datatype, shape, size_bytes }))
    }

    /// The tensor's bytes, row-major.
    pub fn bytes(&self) -> &[u8] {
        if self.size_bytes == 0 {
            return &[];
        }
        // SAFETY: contiguous memory of this size, kept by the capsule for as long as `self` lives; the model has
        // returned, so nobody writes to it.
        unsafe { std::slice::from_raw_parts(self.data, self.size_bytes) }
    }
}

/// Whether elements follow each other in row-major order; strides of dimensions of size 1 do not count.
fn is_contiguous(shape: &[i64], strides: Option<&[i64]>) -> bool {
    let Some(strides) = strides else { return true };
    if shape.contains(&0) {
        return true;
    }
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(size, stride)| {
        let fits = *size == 1 || *stride == expected;
        expected *= size;
        fits
    })
}
