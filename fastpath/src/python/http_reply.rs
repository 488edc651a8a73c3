//! Calls that the HTTP port hands to the servicer in Python, and their answers.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::sync::oneshot;

use crate::rest::{RpcCall, RpcFailure, RpcOutcome, Servicer};

/// `ask(method, repository, name, version, body, timeout_s, reply)`, which returns at once.
pub struct PyServicer(pub Py<PyAny>);

impl Servicer for PyServicer {
    fn ask(&self, call: RpcCall, reply: oneshot::Sender<RpcOutcome>) {
        Python::attach(|py| {
            let reply = HttpReply(Mutex::new(Some(reply)));
            let RpcCall { method, repository, name, version, body, timeout } = call;
            let (body, timeout) = (PyBytes::new(py, &body), timeout.map(|timeout| timeout.as_secs_f64()));
            let asked = self.0.call1(py, (method, repository, name, version, body, timeout, reply));
            if let Err(error) = asked {
                // The reply went with the call, and its caller is told.
                error.write_unraisable(py, None);
            }
        });
    }
}

/// Where the answer to one call goes. The first counts; one that is dropped unused answers INTERNAL.
#[pyclass(frozen, module = "penstock._fastpath")]
pub struct HttpReply(Mutex<Option<oneshot::Sender<RpcOutcome>>>);

impl HttpReply {
    fn give(&self, outcome: RpcOutcome) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // One whose caller has gone goes nowhere.
        let _ = sender.map(|sender| sender.send(outcome));
    }
}

#[pymethods]
impl HttpReply {
    fn send(&self, json: Vec<u8>) {
        self.give(Ok(json));
    }

    #[pyo3(signature = (code, message, pushback_ms = None))]
    fn refuse(&self, code: u32, message: String, pushback_ms: Option<i32>) {
        self.give(Err(RpcFailure { code, message, pushback_ms }));
    }
}
