//! Where an asyncio loop hands in raw requests and takes raw answers back, in bulk.
//!
//! A call is a future in a table that only the loop's thread touches. Answers come from model threads
//! and the reaper, which hold no GIL: they lie in the outbox until the loop, woken once for all of
//! them through a socket, runs `deliver`.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::batch::{Answer, Outbox, Ticket, Tokens};
use crate::engine::{Caller, Engine, Method};
use crate::status::Status;

/// Decoding this much takes about as long as handing the GIL over and back is worth.
const DETACH_BYTES: usize = 64 << 10;

#[pyclass(frozen, module = "penstock._fastpath")]
pub struct Calls {
    engine: Arc<Engine>,
    /// `make_error(code, message, status_details, pushback_ms)`.
    make_error: Py<PyAny>,
    inbox: Arc<Inbox>,
    woken: UnixStream,
    waiting: Mutex<Waiting>,
}

/// The calls that have no answer yet: the future, and the ticket once there is one.
type Waiting = Tokens<(Py<PyAny>, Option<Arc<Ticket>>)>;

struct Inbox {
    answers: Mutex<Vec<Answer>>,
    /// Whether a byte is in the socket.
    signalled: AtomicBool,
    wake: UnixStream,
}

impl Outbox for Inbox {
    fn deliver(&self, answers: Vec<Answer>) {
        let mut waiting = locked(&self.answers);
        if waiting.is_empty() {
            *waiting = answers;
        } else {
            waiting.extend(answers);
        }
        drop(waiting);
        if !self.signalled.swap(true, Ordering::SeqCst) {
            // A full socket wakes the loop as well.
            let _ = (&self.wake).write(&[1]);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Calls {
    pub fn new(engine: Arc<Engine>, make_error: Py<PyAny>) -> PyResult<Self> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let inbox = Arc::new(Inbox { answers: Mutex::default(), signalled: AtomicBool::new(false), wake });
        Ok(Self { engine, make_error, inbox, woken, waiting: Mutex::default() })
    }

    fn submit(
        &self,
        py: Python<'_>,
        method: Method,
        raw: &Bound<'_, PyBytes>,
        timeout_s: Option<f64>,
        future: Py<PyAny>,
    ) -> PyResult<u64> {
        let token = locked(&self.waiting).insert((future, None));
        let caller = Caller {
            outbox: Arc::clone(&self.inbox) as Arc<dyn Outbox>,
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
            Ok(ticket) => {
                if let Some((_, kept)) = locked(&self.waiting).get_mut(token) {
                    *kept = Some(ticket);
                }
            }
            Err(status) => {
                let refused = locked(&self.waiting).take(token);
                if let Some((future, _)) = refused {
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
        self.woken.as_raw_fd()
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
        let cancelled = locked(&self.waiting).take(ticket);
        if let Some((_, Some(ticket))) = cancelled {
            ticket.cancel();
        }
    }

    fn deliver(&self, py: Python<'_>) -> PyResult<()> {
        let mut byte = [0; 16];
        // Cleared before the answers are taken: one that comes after wakes the loop again.
        while (&self.woken).read(&mut byte).is_ok_and(|read| read == byte.len()) {}
        self.inbox.signalled.store(false, Ordering::SeqCst);
        let answers = std::mem::take(&mut *locked(&self.inbox.answers));
        for answer in answers {
            let answered = locked(&self.waiting).take(answer.token);
            if let Some((future, _)) = answered {
                let result = answer.result.as_ref().map(Vec::as_slice).map_err(Box::as_ref);
                self.settle(future.bind(py), result)?;
            }
        }
        Ok(())
    }
}
