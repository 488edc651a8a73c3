//! The engine of a process.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyLookupError, PyValueError};
use pyo3::prelude::*;

use super::calls::Calls;
use super::door::{DoorSettings, Pem, PyDoor, UpstreamAt};
use super::http::{HttpSettings, PyHttpPort};
use super::queue::PyQueue;
use super::spec::PyModelSpec;
use super::statistics::VersionStatistics;
use super::{RequestError, RouteError, SpecError};
use crate::engine::feature_statistics::NoStatistics;
use crate::engine::traffic::{Canary, Traffic};
use crate::engine::{Engine, Model, Timeouts};
use crate::metrics::Listener;

#[pyclass(frozen, name = "Engine", module = "penstock._fastpath")]
pub struct PyEngine {
    engine: Arc<Engine>,
    max_send_bytes: usize,
    linger: bool,
    ready: Arc<AtomicBool>,
    listener: Mutex<Option<Listener>>,
}

#[pymethods]
impl PyEngine {
    #[new]
    #[pyo3(signature = (*, default_timeout_ms = 30_000, max_timeout_ms = 300_000, max_send_bytes = 16 << 20, server_version = "", linger = false, feature_statistics_every = 0))]
    fn new(
        default_timeout_ms: u64,
        max_timeout_ms: u64,
        max_send_bytes: usize,
        server_version: &str,
        linger: bool,
        feature_statistics_every: u32,
    ) -> PyResult<Self> {
        let timeouts = Timeouts {
            default: Duration::from_millis(default_timeout_ms),
            max: Duration::from_millis(max_timeout_ms),
        };
        let engine = Engine::start(timeouts, server_version)?;
        Ok(Self {
            engine: Arc::new(engine.with_feature_statistics(feature_statistics_every)),
            max_send_bytes,
            linger,
            ready: Arc::default(),
            listener: Mutex::default(),
        })
    }

    fn add_version(&self, py: Python<'_>, spec: &PyModelSpec, version: u64) -> PyResult<PyQueue> {
        let model = py
            .detach(|| Model::load_to_serve(&spec.folder, version))
            .map_err(|error| SpecError::new_err(error.to_string()))?;
        Ok(PyQueue::new(
            self.engine.add_version(model),
            Arc::clone(&self.engine.metrics),
            self.max_send_bytes,
            self.linger,
        ))
    }

    fn route(&self, queue: &PyQueue) {
        self.engine.route(Arc::clone(queue.version()));
    }

    fn unroute(&self, queue: &PyQueue) -> bool {
        self.engine.routes.remove(queue.version())
    }

    fn resolve(&self, name: &str, version: &str) -> PyResult<u64> {
        let found = self.engine.routes.find(name, version);
        found
            .map(|route| route.model.version)
            .map_err(|status| RouteError::new_err((status.code as u8, status.message)))
    }

    fn set_state(&self, name: &str, version: u64, state: &str) -> PyResult<()> {
        if self.engine.metrics.versions.set_state(name, version, state) {
            return Ok(());
        }
        Err(PyValueError::new_err(format!("{state:?} is no state of a model version")))
    }

    fn count_load(&self, name: &str, ok: bool, took: Duration) {
        self.engine.metrics.versions.count_load(name, ok, took);
    }

    #[pyo3(signature = (name, version, reason))]
    fn set_unavailable(&self, name: &str, version: Option<u64>, reason: &str) {
        self.engine.routes.set_unavailable(name, version, reason);
    }

    #[pyo3(signature = (name, version))]
    fn forget(&self, name: &str, version: Option<u64>) {
        if let Some(version) = version {
            self.engine.routes.forget(name, Some(version));
            self.engine.metrics.versions.forget(name, version);
            self.engine.metrics.remove(name, version);
        } else {
            self.engine.forget(name);
        }
    }

    #[pyo3(signature = (name, labels, canary = None))]
    fn set_traffic(&self, name: &str, labels: BTreeMap<String, u64>, canary: Option<(u64, f64)>) {
        let canary = canary.map(|(version, weight)| Canary { version, weight });
        self.engine.routes.set_traffic(name, Traffic { labels, canary });
    }

    fn forget_traffic(&self, name: &str) {
        self.engine.routes.forget_traffic(name);
    }

    fn serving(&self, name: &str) -> BTreeMap<u64, f64> {
        self.engine.routes.serving(name).into_iter().collect()
    }

    fn stable_version(&self, name: &str) -> Option<u64> {
        self.engine.routes.stable(name)
    }

    fn count_rollback(&self, name: &str) {
        self.engine.metrics.traffic.count_rollback(name);
    }

    fn statistics(&self, name: &str, version: u64) -> Option<VersionStatistics> {
        self.engine.metrics.find(name, version).map(|metrics| VersionStatistics::of(&metrics))
    }

    fn drain(&self) {
        self.engine.drain();
    }

    fn in_flight(&self) -> u64 {
        self.engine.in_flight()
    }

    fn fail_all(&self, py: Python<'_>, reason: &str) -> usize {
        py.detach(|| self.engine.fail_all(reason))
    }

    fn calls(&self, make_error: Py<PyAny>) -> PyResult<Calls> {
        Calls::new(Arc::clone(&self.engine), make_error)
    }

    #[pyo3(signature = (host, port, *, upstream, settings, tls = None))]
    fn open_door(
        &self,
        py: Python<'_>,
        host: &str,
        port: u16,
        upstream: UpstreamAt,
        settings: DoorSettings,
        tls: Option<Pem>,
    ) -> PyResult<PyDoor> {
        PyDoor::open(py, &self.engine, (host, port), upstream, &settings, tls.as_ref())
    }

    #[pyo3(signature = (host, port, *, settings, tls = None, servicer = None))]
    fn open_http(
        &self,
        py: Python<'_>,
        host: &str,
        port: u16,
        settings: HttpSettings,
        tls: Option<Pem>,
        servicer: Option<Py<PyAny>>,
    ) -> PyResult<PyHttpPort> {
        let behind = (&self.engine, &self.ready, servicer);
        PyHttpPort::open(py, behind, (host, port), &settings, tls.as_ref())
    }

    fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    fn metrics_text(&self, py: Python<'_>) -> String {
        py.detach(|| self.engine.metrics.text(Instant::now()))
    }

    fn feature_statistics(
        &self,
        py: Python<'_>,
        name: &str,
        version: u64,
        features: Vec<String>,
    ) -> PyResult<Cow<'static, [u8]>> {
        let found = self.engine.routes.find(name, &version.to_string());
        let version = found.map_err(|status| PyLookupError::new_err(status.message))?;
        let answer = py.detach(|| version.feature_statistics(&features, Instant::now()));
        answer.map(Cow::Owned).map_err(|why| match why {
            NoStatistics::UnknownFeature { .. } => RequestError::new_err(why.to_string()),
            NoStatistics::NoFeatures { .. } | NoStatistics::Off => PyLookupError::new_err(why.to_string()),
        })
    }

    fn serve_metrics(&self, py: Python<'_>, host: &str, port: u16) -> PyResult<u16> {
        let bound = py.detach(|| {
            Listener::bind((host, port), Arc::clone(&self.engine.metrics), Arc::clone(&self.ready))
        });
        let listener = bound?;
        let port = listener.address().port();
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
        Ok(port)
    }
}
