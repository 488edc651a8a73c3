//! A tensor in Rust memory, lent to Python through DLPack.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::dlpack;
use crate::batch::{PooledBytes, Shape};
use crate::engine::run::Tensor;
use crate::wire::Datatype;

#[pyclass(frozen, module = "penstock._fastpath")]
pub struct Array {
    #[pyo3(get)]
    name: Py<PyString>,
    datatype: Datatype,
    shape: Shape,
    /// Shared with the capsules made of it.
    memory: Arc<PooledBytes>,
}

impl Array {
    pub fn of(name: Py<PyString>, tensor: Tensor) -> Self {
        let Tensor { datatype, shape, memory } = tensor;
        Self { name, datatype, shape, memory: Arc::new(memory) }
    }
}

#[pymethods]
impl Array {
    #[getter]
    fn shape(&self) -> &[i64] {
        &self.shape
    }

    #[getter]
    fn datatype(&self) -> &'static str {
        self.datatype.name()
    }

    #[pyo3(signature = (*, stream = None, **_options))]
    fn __dlpack__(
        &self,
        py: Python<'_>,
        stream: Option<Py<PyAny>>,
        _options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        // A stream orders work on a device; there is none for the CPU.
        drop(stream);
        let data = self.memory.as_ptr();
        dlpack::export(py, data, self.datatype, self.shape.clone(), Arc::clone(&self.memory))
    }

    fn __dlpack_device__(&self) -> (i32, i32) {
        (dlpack::CPU, 0)
    }

    fn tobytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.memory)
    }
}
