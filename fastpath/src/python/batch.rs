//! One batch in the hands of a model thread: its tensors, and its reply.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use super::dlpack::{self, Imported};
use super::warmup::WarmUp;
use crate::batch::{BatchOf, BufferPool, RunTimes};
use crate::engine::Version;
use crate::engine::reply::{Batch, Reply};
use crate::engine::run::{Given, check_outputs, tensors};

/// Outputs of more bytes are written into answers with the GIL released; to let it go and take it again takes as long as
/// writing so many, and longer where the event loop wants it too.
const DETACH_BYTES: usize = 64 << 10;

/// How tensors cross between Rust and the library that runs the model.
pub struct Bridge {
    pub from_dlpack: Py<PyAny>,
    pub to_dlpack: Py<PyAny>,
    /// Logs `(error_id, exception)`; none in a warm-up, whose errors go up.
    pub on_error: Option<Py<PyAny>>,
}

/// Where a batch's rows come from.
pub enum Source {
    Queue { version: Arc<Version>, batch: BatchOf<Reply> },
    WarmUp(WarmUp),
}

impl Source {
    fn version(&self) -> &Arc<Version> {
        match self {
            Self::Queue { version, .. } => version,
            Self::WarmUp(warm_up) => warm_up.version(),
        }
    }

    fn rows(&self) -> usize {
        match self {
            Self::Queue { batch, .. } => batch.rows(),
            Self::WarmUp(warm_up) => warm_up.rows(),
        }
    }
}

#[pyclass(frozen, name = "Batch", module = "penstock._fastpath")]
pub struct PyBatch {
    state: Mutex<State>,
    pool: Arc<BufferPool>,
    bridge: Arc<Bridge>,
    max_send_bytes: usize,
    #[pyo3(get)]
    rows: usize,
}

struct State {
    /// None once every caller has been answered.
    source: Option<Source>,
    pack: Duration,
    /// When the tensors were handed out.
    started: Option<Instant>,
}

impl PyBatch {
    pub fn new(source: Source, pool: Arc<BufferPool>, bridge: Arc<Bridge>, max_send_bytes: usize) -> Self {
        let rows = source.rows();
        let state = State { source: Some(source), pack: Duration::ZERO, started: None };
        Self { state: Mutex::new(state), pool, bridge, max_send_bytes, rows }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The outputs as torch gave them, kept alive by what is returned.
    fn import<'py>(&self, outputs: &Bound<'py, PyAny>) -> PyResult<Vec<Imported<'py>>> {
        let py = outputs.py();
        let export =
            |tensor: &Bound<'py, PyAny>| Imported::new(self.bridge.to_dlpack.bind(py).call1((tensor,))?);
        let one = |tensor: Bound<'py, PyAny>| match export(&tensor)? {
            Some(imported) => Ok(imported),
            // A slice or a transposed tensor: torch copies it, which the model could have done as well.
            None => export(&tensor.call_method0(intern!(py, "contiguous"))?)?
                .ok_or_else(|| PyValueError::new_err("an output tensor is not contiguous")),
        };
        match outputs.cast::<PyTuple>() {
            Ok(tuple) => tuple.iter().map(one).collect(),
            Err(_) => Ok(vec![one(outputs.clone())?]),
        }
    }
}

#[pymethods]
impl PyBatch {
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let mut state = self.state();
        let began = Instant::now();
        let Some(source) = &state.source else {
            return Err(PyRuntimeError::new_err("the batch has been answered"));
        };
        let packed = match source {
            Source::Queue { version, batch } => tensors(&version.model, &batch.blocks(), &self.pool),
            Source::WarmUp(warm_up) => warm_up.tensors(&self.pool),
        };
        let packed = packed.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        state.pack = began.elapsed();
        state.started = Some(Instant::now());
        drop(state);
        let from_dlpack = self.bridge.from_dlpack.bind(py);
        let arguments = packed.into_iter().map(|tensor| {
            let memory = Arc::new(tensor.memory);
            let data = memory.as_ptr();
            from_dlpack.call1((dlpack::export(py, data, tensor.datatype, tensor.shape, memory)?,))
        });
        PyTuple::new(py, arguments.collect::<PyResult<Vec<_>>>()?)
    }

    fn reply(&self, py: Python<'_>, outputs: &Bound<'_, PyAny>) -> PyResult<()> {
        let imported = self.import(outputs)?;
        let given: Vec<Given<'_>> = imported
            .iter()
            .map(|tensor| Given { datatype: tensor.datatype, shape: &tensor.shape, data: tensor.bytes() })
            .collect();
        let mut state = self.state();
        let compute = state.started.map_or(Duration::ZERO, |started| started.elapsed());
        let pack = state.pack;
        let Some(source) = state.source.take() else {
            return Err(PyRuntimeError::new_err("the batch has been answered"));
        };
        let version = Arc::clone(source.version());
        let outputs = match check_outputs(&version.model, self.rows, &given) {
            Ok(outputs) => outputs,
            Err(error) => {
                // Leaving the `with` block answers the callers.
                state.source = Some(source);
                return Err(PyValueError::new_err(error.to_string()));
            }
        };
        drop(state);
        let Source::Queue { batch, .. } = source else { return Ok(()) };
        let answers = Batch {
            outputs: &outputs,
            rows: self.rows,
            pack,
            compute,
            taken: batch.taken(),
            max_send_bytes: self.max_send_bytes,
        };
        let answer =
            || batch.reply(RunTimes { pack, compute }, |request, rows| answers.encode(request, rows));
        if given.iter().map(|tensor| tensor.data.len()).sum::<usize>() > DETACH_BYTES {
            py.detach(answer);
        } else {
            answer();
        }
        Ok(())
    }

    fn __enter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    /// Settles whoever waits. True swallows the error, as it has been told to the callers and the log.
    #[pyo3(signature = (kind, error, trace))]
    fn __exit__(
        &self,
        py: Python<'_>,
        kind: Option<&Bound<'_, PyType>>,
        error: Option<&Bound<'_, PyAny>>,
        trace: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let _ = (kind, trace);
        let source = self.state().source.take();
        let (Some(Source::Queue { batch, .. }), Some(error)) = (source, error) else {
            // A batch without reply and without error is answered by being dropped.
            return Ok(false);
        };
        let error_id = error_id();
        py.detach(|| batch.retry_alone(&error_id));
        if let Some(on_error) = &self.bridge.on_error {
            on_error.call1(py, (error_id, error))?;
        }
        // KeyboardInterrupt, SystemExit and the like go up.
        Ok(error.is_instance_of::<pyo3::exceptions::PyException>())
    }
}

/// Twelve hexadecimal digits that no other error of this process has.
fn error_id() -> String {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{:012x}", random & 0xffff_ffff_ffff)
}
