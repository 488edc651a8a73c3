//! The HTTP port, as the server opens and ends it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use pyo3::prelude::*;

use super::door::{Pem, config_of};
use super::http_reply::PyServicer;
use crate::door::tls::ALPN_HTTP1;
use crate::engine::Engine;
use crate::rest::{Behind, Port, Servicer, Settings};

/// What the port may be told, as the server's settings hold it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
#[allow(clippy::struct_field_names, reason = "so the settings are called")]
pub struct HttpSettings {
    max_receive_bytes: usize,
    max_send_bytes: usize,
    max_connections: usize,
    max_connection_age_s: u64,
}

#[pyclass(frozen, name = "HttpPort", module = "penstock._fastpath")]
pub struct PyHttpPort(Port);

impl PyHttpPort {
    pub fn open(
        py: Python<'_>,
        (engine, ready, servicer): (&Arc<Engine>, &Arc<AtomicBool>, Option<Py<PyAny>>),
        (host, port): (&str, u16),
        settings: &HttpSettings,
        tls: Option<&Pem>,
    ) -> PyResult<Self> {
        let settings = Settings {
            max_receive_bytes: settings.max_receive_bytes,
            max_send_bytes: settings.max_send_bytes,
            max_connections: settings.max_connections,
            max_connection_age: Duration::from_secs(settings.max_connection_age_s),
        };
        let tls = tls.map(|pem| config_of(pem, ALPN_HTTP1)).transpose()?;
        let servicer = servicer.map(|ask| Arc::new(PyServicer(ask)) as Arc<dyn Servicer>);
        let behind = Behind { engine, ready, servicer };
        let port = py.detach(|| Port::open((host, port), behind, settings, tls));
        Ok(Self(port?))
    }
}

#[pymethods]
impl PyHttpPort {
    #[getter]
    fn port(&self) -> u16 {
        self.0.address().port()
    }

    fn set_tls(&self, tls: Pem) -> PyResult<()> {
        self.0.set_tls(config_of(&tls, ALPN_HTTP1)?);
        Ok(())
    }

    fn drain(&self) {
        self.0.drain();
    }

    fn stop(&self, py: Python<'_>, grace_s: f64) {
        let grace = Duration::try_from_secs_f64(grace_s).unwrap_or_default();
        py.detach(|| self.0.stop(grace));
    }
}
