//! TorchScript files for the loader: read on a thread of low priority, without the interpreter's lock.

use std::fmt::Write;
use std::fs::File;
use std::os::fd::{BorrowedFd, RawFd};
use std::thread;

use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use smallvec::smallvec;

use super::dlpack;
use crate::weights::{Memory, ModelFile, ModelFileError, ModelParts, Pace, Unpacked, waiting_bytes};
use crate::wire::Datatype;

create_exception!(penstock._fastpath, DamagedModelFile, PyValueError);

impl From<ModelFileError> for PyErr {
    fn from(error: ModelFileError) -> Self {
        DamagedModelFile::new_err(error.to_string())
    }
}

#[pyclass(name = "ModelFile", module = "penstock._fastpath", frozen)]
pub struct PyModelFile(ModelFile<File>);

#[pymethods]
impl PyModelFile {
    #[new]
    fn new(py: Python<'_>, fileno: RawFd) -> PyResult<Self> {
        if fileno < 0 {
            return Err(PyValueError::new_err("a file descriptor is at least 0"));
        }
        // SAFETY: it is at least 0, and the caller keeps its file open until this returns; one that is closed all the
        // same is an error of `dup` and nothing worse.
        let file = unsafe { BorrowedFd::borrow_raw(fileno) }.try_clone_to_owned().map(File::from);
        let file = file.map_err(ModelFileError::from)?;
        Ok(Self(py.detach(|| ModelFile::open(file))?))
    }

    #[getter]
    fn weights_bytes(&self) -> usize {
        self.0.weights_bytes()
    }

    #[pyo3(signature = (*, digest = false, gently = false))]
    fn read(&self, py: Python<'_>, digest: bool, gently: bool) -> PyResult<PyModelParts> {
        let parts = apart(py, || self.0.read(digest, pace(gently)))?;
        let sha256 = parts.sha256().map(|digest| hex(&digest));
        Ok(PyModelParts { parts: Some(parts), sha256 })
    }

    #[pyo3(signature = (*, gently = false))]
    fn read_whole<'py>(&self, py: Python<'py>, gently: bool) -> PyResult<(Bound<'py, PyBytes>, String)> {
        let (memory, digest) = apart(py, || self.0.read_whole(pace(gently)))?;
        Ok((PyBytes::new(py, &memory), hex(&digest)))
    }
}

#[pyclass(name = "ModelParts", module = "penstock._fastpath")]
pub struct PyModelParts {
    parts: Option<ModelParts>,
    #[pyo3(get)]
    sha256: Option<String>,
}

type Skeleton<'py> = (Option<Bound<'py, PyBytes>>, Vec<(String, Py<PyAny>)>);

#[pymethods]
impl PyModelParts {
    /// The skeleton and the storages; no skeleton where the file is one for `torch.jit.load` itself.
    fn unpack<'py>(&mut self, py: Python<'py>) -> PyResult<Skeleton<'py>> {
        let Some(parts) = self.parts.take() else {
            return Err(PyValueError::new_err("a file is unpacked once"));
        };
        match py.detach(|| parts.unpack())? {
            Unpacked::Unusual(_) => Ok((None, Vec::new())),
            Unpacked::Parts { skeleton, storages } => {
                let export = |(key, memory)| Ok((key, capsule(py, memory)?));
                let storages = storages.into_iter().map(export).collect::<PyResult<_>>()?;
                Ok((Some(PyBytes::new(py, &skeleton)), storages))
            }
        }
    }
}

/// Weights that were let go of and are not the system's again yet.
#[pyfunction]
pub fn reclaiming_bytes() -> usize {
    waiting_bytes()
}

/// The memory as a tensor of bytes, freed when torch lets go of it.
fn capsule(py: Python<'_>, memory: Memory) -> PyResult<Py<PyAny>> {
    let (data, length) = (memory.as_ptr(), i64::try_from(memory.len()).unwrap_or(i64::MAX));
    dlpack::export(py, data, Datatype::Uint8, smallvec![length], memory)
}

fn pace(gently: bool) -> Pace {
    if gently { Pace::gentle() } else { Pace::fast() }
}

/// Runs work that lowers its thread's priority on a thread of its own.
fn apart<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, ModelFileError> + Send) -> PyResult<T> {
    py.detach(|| {
        thread::scope(|scope| {
            let reader = thread::Builder::new().name("penstock-weights".into()).spawn_scoped(scope, work);
            let read = reader.map_err(ModelFileError::from)?.join();
            read.map_err(|_| PyRuntimeError::new_err("the reader of a model file has panicked"))?
                .map_err(PyErr::from)
        })
    })
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
