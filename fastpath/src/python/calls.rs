//! Where an asyncio loop hands in raw requests and takes raw answers back, in bulk.
//!
//! Answers come from model threads and the reaper, which hold no GIL: they lie in the mailbox until the loop, woken once
//! for all of them through a socket, runs `deliver`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::loop_end::{Mailbox, Waiting, Woken, locked};
use crate::batch::{Answer, Outbox, Ticket};
use crate::engine::{Caller, Engine, Method};
use crate::status::Status;

/// Decoding this much takes about as long as handing the GIL over and back is worth.
const DETACH_BYTES: usize = 64 << 10;

#[pyclass(frozen, module = "penstock._fastpath")]
pub struct Calls {
    engine: Arc<Engine>,
    /// `make_error(code, message, status_details, pushback_ms)`.
    make_error: Py<PyAny>,
    woken: Woken<Answer>,
    waiting: Mutex<Waiting<Arc<Ticket>>>,
}

impl Outbox for Mailbox<Answer> {
    fn deliver(&self, answers: Vec<Answer>) {
        self.put(answers);
    }
}

impl Calls {
    pub fn new(engine: Arc<Engine>, make_error: Py<PyAny>) -> PyResult<Self> {
        Ok(Self { engine, make_error, woken: Woken::new()?, waiting: Mutex::default() })
    }

    fn submit(
        &self,
        py: Python<'_>,
        method: Method,
        raw: &Bound<'_, PyBytes>,
        timeout_s: Option<f64>,
        future: Py<PyAny>,
    ) -> PyResult<u64> {
        let token = locked(&self.waiting).open(future);
        let caller = Caller {
            outbox: self.woken.mailbox(),
            token,
            // Past deadlines are 0; what is no duration is as good as none.
            timeout: timeout_s.and_then(|timeout| Duration::try_from_secs_f64(timeout.max(0.0)).ok()),
        };
        let message = raw.as_bytes();
        let submitted = if message.len() >= DETACH_BYTES {
            py.detach(|| self.engine.submit(method, message, caller))
        } else {
            self.engine.submit(method, message, caller)
        };
        match submitted {
            Ok(ticket) => locked(&self.waiting).keep(token, ticket),
            Err(status) => {
                let call = locked(&self.waiting).close(token);
                if let Some((future, _)) = call {
                    self.settle(future.bind(py), Err(&status))?;
                }
            }
        }
        Ok(token)
    }

    /// Gives a future its answer, unless its caller is gone.
    fn settle(&self, future: &Bound<'_, PyAny>, result: Result<&[u8], &Status>) -> PyResult<()> {
        let py = future.py();
        if future.call_method0(intern!(py, "done"))?.is_truthy()? {
            return Ok(());
        }
        match result {
            Ok(bytes) => future.call_method1(intern!(py, "set_result"), (PyBytes::new(py, bytes),))?,
            Err(status) => {
                let details = status.details().map(|details| PyBytes::new(py, &details).unbind());
                let error = self
                    .make_error
                    .call1(py, (status.code as u8, status.message.as_str(), details, status.pushback_ms))?;
                future.call_method1(intern!(py, "set_exception"), (error,))?
            }
        };
        Ok(())
    }
}

#[pymethods]
impl Calls {
    fn fileno(&self) -> i32 {
        self.woken.fileno()
    }

    #[pyo3(signature = (raw, timeout_s, future))]
    fn infer(
        &self,
        py: Python<'_>,
        raw: &Bound<'_, PyBytes>,
        timeout_s: Option<f64>,
        future: Py<PyAny>,
    ) -> PyResult<u64> {
        self.submit(py, Method::ModelInfer, raw, timeout_s, future)
    }

    #[pyo3(signature = (raw, timeout_s, future))]
    fn predict(
        &self,
        py: Python<'_>,
        raw: &Bound<'_, PyBytes>,
        timeout_s: Option<f64>,
        future: Py<PyAny>,
    ) -> PyResult<u64> {
        self.submit(py, Method::Predict, raw, timeout_s, future)
    }

    fn cancel(&self, ticket: u64) {
        let cancelled = locked(&self.waiting).close(ticket);
        if let Some((_, Some(ticket))) = cancelled {
            ticket.cancel();
        }
    }

    fn deliver(&self, py: Python<'_>) -> PyResult<()> {
        for answer in self.woken.take() {
            let call = locked(&self.waiting).close(answer.token);
            if let Some((future, _)) = call {
                let result = answer.result.as_ref().map(Vec::as_slice).map_err(Box::as_ref);
                self.settle(future.bind(py), result)?;
            }
        }
        Ok(())
    }
}
