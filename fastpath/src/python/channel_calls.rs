//! An asyncio loop's end of a client's channel: calls are handed in once an iteration of the loop, answers come in bulk.

use std::sync::{Arc, Mutex};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::channel::Connected;
use super::loop_end::{Mailbox, Waiting, Woken, locked};
use crate::client::outbox::{Outbox, Reply};
use crate::client::{Failure, Prepared};

#[pyclass(frozen, module = "penstock._fastpath")]
pub struct ChannelCalls {
    connected: Arc<Connected>,
    /// The loop's.
    create_future: Py<PyAny>,
    call_soon: Py<PyAny>,
    woken: Woken<Reply>,
    outbox: Arc<dyn Outbox>,
    /// Each with its id in the channel.
    waiting: Mutex<Waiting<u64>>,
    /// To be handed in by `flush`, which the loop has been asked to call.
    prepared: Mutex<Vec<Prepared>>,
}

impl Outbox for Mailbox<Reply> {
    fn deliver(&self, replies: Vec<Reply>) {
        self.put(replies);
    }
}

impl ChannelCalls {
    pub fn new(connected: Arc<Connected>, event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        let woken = Woken::new()?;
        let outbox = woken.mailbox() as Arc<dyn Outbox>;
        let (waiting, prepared) = (Mutex::default(), Mutex::default());
        Ok(Self {
            connected,
            create_future: event_loop.getattr("create_future")?.unbind(),
            call_soon: event_loop.getattr("call_soon")?.unbind(),
            woken,
            outbox,
            waiting,
            prepared,
        })
    }

    /// Gives a future its answer, unless its caller is gone.
    fn settle(&self, future: &Bound<'_, PyAny>, result: Result<&[u8], &Failure>) -> PyResult<()> {
        let py = future.py();
        if future.call_method0(intern!(py, "done"))?.is_truthy()? {
            return Ok(());
        }
        match result {
            Ok(message) => future.call_method1(intern!(py, "set_result"), (PyBytes::new(py, message),))?,
            Err(failure) => {
                let error = self.connected.error(py, failure)?;
                future.call_method1(intern!(py, "set_exception"), (error,))?
            }
        };
        Ok(())
    }
}

#[pymethods]
impl ChannelCalls {
    fn fileno(&self) -> i32 {
        self.woken.fileno()
    }

    fn call<'py>(
        this: &Bound<'py, Self>,
        method: &str,
        message: &[u8],
        timeout_s: f64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let me = this.get();
        let future = me.create_future.bind(this.py()).call0()?;
        let token = locked(&me.waiting).open(future.clone().unbind());
        match me.connected.prepare(method, message, timeout_s, token, &me.outbox)? {
            Ok(call) => {
                locked(&me.waiting).keep(token, call.id());
                let mut prepared = locked(&me.prepared);
                prepared.push(call);
                let first = prepared.len() == 1;
                drop(prepared);
                if first {
                    me.call_soon.call1(this.py(), (this.getattr(intern!(this.py(), "flush"))?,))?;
                }
            }
            Err(failure) => {
                let call = locked(&me.waiting).close(token);
                if let Some((future, _)) = call {
                    me.settle(future.bind(this.py()), Err(&failure))?;
                }
            }
        }
        Ok(future)
    }

    fn flush(&self) {
        let prepared = std::mem::take(&mut *locked(&self.prepared));
        self.connected.channel().submit(prepared);
    }

    fn cancel(&self, future: &Bound<'_, PyAny>) {
        let cancelled = locked(&self.waiting).close_future(future);
        if let Some(id) = cancelled {
            // One that has not been handed in cannot be taken back.
            self.flush();
            self.connected.channel().cancel(id);
        }
    }

    /// Cancels the futures of all calls; their replies find nobody.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        for (future, id) in std::mem::take(&mut *locked(&self.waiting)).into_calls() {
            if let Some(id) = id {
                self.connected.channel().cancel(id);
            }
            future.call_method0(py, intern!(py, "cancel"))?;
        }
        Ok(())
    }

    fn deliver(&self, py: Python<'_>) -> PyResult<()> {
        for Reply { token, result } in self.woken.take() {
            let call = locked(&self.waiting).close(token);
            if let Some((future, _)) = call {
                self.settle(future.bind(py), result.as_deref().map_err(Box::as_ref))?;
            }
        }
        Ok(())
    }
}
