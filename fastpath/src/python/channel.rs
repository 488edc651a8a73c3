//! A client's channel as Python sees it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Uri;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::channel_calls::ChannelCalls;
use super::loop_end::locked;
use super::many_calls::ManyCalls;
use crate::client::keepalive::Keepalive;
use crate::client::outbox::Outbox;
use crate::client::tls::{self, Certificates};
use crate::client::{Channel, Failure, Prepared, Request, Settings, Target};

/// What every end of a channel needs.
pub struct Connected {
    channel: Channel,
    /// `make_error(code, message, status_details, pushback_ms)`.
    make_error: Py<PyAny>,
    /// The few methods that callers name, by path.
    methods: Mutex<Vec<(String, Uri)>>,
}

impl Connected {
    fn method(&self, path: &str) -> PyResult<Uri> {
        let mut methods = locked(&self.methods);
        if let Some((_, uri)) = methods.iter().find(|(known, _)| known == path) {
            return Ok(uri.clone());
        }
        let uri = self.channel.method(path).map_err(|error| PyValueError::new_err(error.to_string()))?;
        methods.push((path.to_owned(), uri.clone()));
        Ok(uri)
    }

    /// A call to be handed in; inside, a failure for one that is too long.
    pub fn prepare(
        &self,
        path: &str,
        message: &[u8],
        timeout_s: f64,
        token: u64,
        outbox: &Arc<dyn Outbox>,
    ) -> PyResult<Result<Prepared, Failure>> {
        let timeout = Duration::try_from_secs_f64(timeout_s.max(0.0))
            .map_err(|_| PyValueError::new_err(format!("timeout_s is {timeout_s}")))?;
        let method = self.method(path)?;
        Ok(self.channel.prepare(Request { method, message, timeout, token }, outbox))
    }

    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The exception that a caller gets.
    pub fn error<'py>(&self, py: Python<'py>, failure: &Failure) -> PyResult<Bound<'py, PyAny>> {
        let details = failure.details.as_ref().map(|details| PyBytes::new(py, details));
        let make_error = self.make_error.bind(py);
        make_error.call1((failure.code.name(), failure.message.as_str(), details, failure.pushback_ms))
    }
}

#[pyclass(frozen, name = "Channel", module = "penstock._fastpath")]
pub struct PyChannel {
    connected: Arc<Connected>,
}

#[pymethods]
impl PyChannel {
    #[new]
    #[pyo3(signature = (target, make_error, *, root_certificates = None, private_key = None, certificate_chain = None, max_receive_bytes = 4 << 20, max_send_bytes = u32::MAX as usize, keepalive_time_ms = 320_000, keepalive_timeout_ms = 20_000))]
    #[expect(clippy::too_many_arguments, reason = "a channel's settings; Python callers name them")]
    fn new(
        target: &str,
        make_error: Py<PyAny>,
        root_certificates: Option<&[u8]>,
        private_key: Option<&[u8]>,
        certificate_chain: Option<&[u8]>,
        max_receive_bytes: usize,
        max_send_bytes: usize,
        keepalive_time_ms: u64,
        keepalive_timeout_ms: u64,
    ) -> PyResult<Self> {
        let Some(parsed) = Target::parse(target) else {
            return Err(PyValueError::new_err(format!("found {target:?}, allowed: host:port or unix:path")));
        };
        let tls = match root_certificates {
            None => None,
            Some(roots) => {
                let identity = private_key.zip(certificate_chain);
                let certificates = Certificates { roots, unchecked: false, identity };
                let config = tls::config(certificates);
                Some(config.map_err(|error| PyValueError::new_err(error.to_string()))?)
            }
        };
        let keepalive = Keepalive {
            every: Duration::from_millis(keepalive_time_ms),
            timeout: Duration::from_millis(keepalive_timeout_ms),
        };
        let settings =
            Settings { tls, max_receive_bytes, max_send_bytes, keepalive, ..Settings::new(parsed) };
        let channel = Channel::new(settings).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let connected = Connected { channel, make_error, methods: Mutex::default() };
        Ok(Self { connected: Arc::new(connected) })
    }

    #[staticmethod]
    fn takes(target: &str) -> bool {
        Target::parse(target).is_some()
    }

    fn call<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        message: &[u8],
        timeout_s: f64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let many = self.many();
        many.submit(method, 0, message, timeout_s)?;
        match many.replies(py, None)?.pop().map(|reply| reply.result) {
            Some(Ok(message)) => Ok(PyBytes::new(py, &message)),
            Some(Err(failure)) => Err(PyErr::from_value(self.connected.error(py, &failure)?)),
            None => Err(PyRuntimeError::new_err("no call is under way")),
        }
    }

    fn many(&self) -> ManyCalls {
        ManyCalls::new(Arc::clone(&self.connected))
    }

    fn loop_calls(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<ChannelCalls> {
        ChannelCalls::new(Arc::clone(&self.connected), event_loop)
    }

    fn close(&self) {
        self.connected.channel.close();
    }
}
