//! A model version's queue, as its model threads see it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::batch::{Bridge, PyBatch, Source};
use super::warmup::WarmUp;
use crate::batch::linger::Linger;
use crate::batch::spin::FEW;
use crate::batch::{BufferPool, Spin};
use crate::engine::Version;
use crate::features::RowBlock;
use crate::metrics::Metrics;

/// How long a model thread waits awake for the next call of one who was among few: its way back, the caller's own time, and
/// the way here, where each of them first has to be woken. With 20 µs the first such call never met a thread awake.
const SPIN: Duration = Duration::from_micros(100);

#[pyclass(frozen, name = "Queue", module = "penstock._fastpath")]
pub struct PyQueue {
    version: Arc<Version>,
    metrics: Arc<Metrics>,
    pool: Arc<BufferPool>,
    max_send_bytes: usize,
    /// Whether model threads wait a moment for more where that pays.
    lingers: bool,
    /// Rows that the model was asked of late, for warm-up; read once.
    recent: OnceLock<Vec<Arc<RowBlock>>>,
}

impl PyQueue {
    pub fn new(version: Arc<Version>, metrics: Arc<Metrics>, max_send_bytes: usize, lingers: bool) -> Self {
        Self { version, metrics, pool: Arc::default(), max_send_bytes, lingers, recent: OnceLock::new() }
    }

    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    fn warm_up(&self, warm_up: WarmUp, bridge: Bridge) -> PyBatch {
        PyBatch::new(Source::WarmUp(warm_up), Arc::clone(&self.pool), Arc::new(bridge), self.max_send_bytes)
    }
}

#[pymethods]
impl PyQueue {
    #[getter]
    fn name(&self) -> &str {
        &self.version.model.spec.name
    }

    #[getter(version)]
    fn number(&self) -> u64 {
        self.version.model.version
    }

    fn batches(&self, from_dlpack: Py<PyAny>, to_dlpack: Py<PyAny>, on_error: Py<PyAny>) -> Batches {
        let bridge = Bridge { from_dlpack, to_dlpack, on_error: Some(on_error) };
        Batches {
            version: Arc::clone(&self.version),
            metrics: Arc::clone(&self.metrics),
            pool: Arc::clone(&self.pool),
            bridge: Arc::new(bridge),
            max_send_bytes: self.max_send_bytes,
            linger: self.lingers.then(Mutex::default),
            spin: Mutex::new(Spin::new(SPIN)),
            of_few: AtomicBool::new(false),
        }
    }

    fn warmup_batch(
        &self,
        rows: usize,
        turn: usize,
        from_dlpack: Py<PyAny>,
        to_dlpack: Py<PyAny>,
    ) -> PyResult<PyBatch> {
        let recent =
            self.recent.get_or_init(|| self.version.recent_rows().into_iter().map(Arc::new).collect());
        let warm_up = WarmUp::of(&self.version, rows, recent, turn)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(self.warm_up(warm_up, Bridge { from_dlpack, to_dlpack, on_error: None }))
    }

    fn warmup_request(&self, body: &[u8], from_dlpack: Py<PyAny>, to_dlpack: Py<PyAny>) -> PyResult<PyBatch> {
        let warm_up = WarmUp::of_request(&self.version, body)
            .map_err(|status| PyValueError::new_err(status.message))?;
        Ok(self.warm_up(warm_up, Bridge { from_dlpack, to_dlpack, on_error: None }))
    }

    fn close(&self) {
        self.version.queue.close();
    }
}

/// The batches of a queue, until it is closed and empty.
#[pyclass(frozen, module = "penstock._fastpath")]
pub struct Batches {
    version: Arc<Version>,
    metrics: Arc<Metrics>,
    pool: Arc<BufferPool>,
    bridge: Arc<Bridge>,
    max_send_bytes: usize,
    linger: Option<Mutex<Linger>>,
    /// Where batches do not linger.
    spin: Mutex<Spin>,
    /// The last batch was of few requests: their callers may send the next ones soon.
    of_few: AtomicBool,
}

#[pymethods]
impl Batches {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> Option<PyBatch> {
        // The batch is formed with the GIL held: what arrived while this thread waited for it runs with the rest.
        while py.detach(|| {
            let queue = &self.version.queue;
            if self.linger.is_none() && self.of_few.load(Ordering::Relaxed) {
                let awake = queue.spin(&mut self.spin.lock().unwrap_or_else(PoisonError::into_inner));
                self.metrics.process.waited(awake);
            }
            let open = queue.wait();
            if let Some(linger) = &self.linger {
                queue.linger(&mut linger.lock().unwrap_or_else(PoisonError::into_inner));
            }
            open
        }) {
            if let Some(batch) = self.version.queue.try_next(Instant::now()) {
                self.of_few.store(batch.requests().len() <= FEW, Ordering::Relaxed);
                return Some(PyBatch::new(
                    Source::Queue { version: Arc::clone(&self.version), batch },
                    Arc::clone(&self.pool),
                    Arc::clone(&self.bridge),
                    self.max_send_bytes,
                ));
            }
        }
        None
    }
}
