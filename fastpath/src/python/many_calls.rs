//! Calls of one thread, which hands them in together and waits for whichever end first.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::channel::Connected;
use super::loop_end::locked;
use crate::client::Prepared;
use crate::client::failure::{Code, Failure};
use crate::client::outbox::{Outbox, Reply, Waiter};

/// How often a thread that waits looks whether Ctrl-C was pressed; grpcio does as often.
const SIGNALS_EVERY: Duration = Duration::from_millis(200);
/// How long after its deadline a call may still be answered, before the client's thread is taken for dead.
const GRACE: Duration = Duration::from_secs(10);

/// So many calls go at once without a wait, so that the client's thread sends them while more are being made.
const BULK_CALLS: usize = 32;

/// Dropping it cancels what is under way.
#[pyclass(frozen, module = "penstock._fastpath")]
pub struct ManyCalls {
    connected: Arc<Connected>,
    waiter: Arc<Waiter>,
    state: Mutex<Submitted>,
}

#[derive(Default)]
struct Submitted {
    /// To be handed in together, by the next wait at the latest.
    prepared: Vec<Prepared>,
    /// The ids of calls that have no reply yet, by token.
    under_way: HashMap<u64, u64, RandomState>,
    /// The last of all deadlines.
    latest: Option<Instant>,
}

impl ManyCalls {
    pub fn new(connected: Arc<Connected>) -> Self {
        Self { connected, waiter: Arc::default(), state: Mutex::default() }
    }

    /// The replies that are there, once there is one. None where no call is under way, or none came in time.
    pub fn replies(&self, py: Python<'_>, at_most: Option<Duration>) -> PyResult<Vec<Reply>> {
        let mut state = locked(&self.state);
        let prepared = std::mem::take(&mut state.prepared);
        let latest = state.latest.filter(|_| !state.under_way.is_empty());
        drop(state);
        self.connected.channel().submit(prepared);
        let Some(latest) = latest else { return Ok(Vec::new()) };
        let dead = latest + GRACE;
        let until = at_most.map_or(dead, |at_most| dead.min(Instant::now() + at_most));
        loop {
            let slice = until.min(Instant::now() + SIGNALS_EVERY);
            let replies = py.detach(|| self.waiter.wait(slice));
            if !replies.is_empty() {
                let mut state = locked(&self.state);
                for reply in &replies {
                    state.under_way.remove(&reply.token);
                }
                return Ok(replies);
            }
            py.check_signals()?;
            let now = Instant::now();
            if now >= dead {
                return Ok(self.give_up());
            }
            if now >= until {
                return Ok(Vec::new());
            }
        }
    }

    fn give_up(&self) -> Vec<Reply> {
        let under_way = std::mem::take(&mut locked(&self.state).under_way);
        let dead = Failure::new(Code::Internal, "The client's thread does not answer.");
        let reply = |token| Reply { token, result: Err(Box::new(dead.clone())) };
        under_way.into_keys().map(reply).collect()
    }
}

#[pymethods]
impl ManyCalls {
    pub fn submit(&self, method: &str, token: u64, message: &[u8], timeout_s: f64) -> PyResult<()> {
        let outbox = Arc::clone(&self.waiter) as Arc<dyn Outbox>;
        let prepared = self.connected.prepare(method, message, timeout_s, token, &outbox)?;
        let mut state = locked(&self.state);
        match prepared {
            Ok(call) => {
                state.under_way.insert(token, call.id());
                state.latest = state.latest.max(Some(call.deadline()));
                state.prepared.push(call);
                if state.prepared.len() >= BULK_CALLS {
                    let prepared = std::mem::take(&mut state.prepared);
                    drop(state);
                    self.connected.channel().submit(prepared);
                }
            }
            Err(failure) => {
                // No call has this id; the reply is there already.
                state.under_way.insert(token, u64::MAX);
                state.latest = state.latest.max(Some(Instant::now()));
                outbox.deliver(vec![Reply { token, result: Err(Box::new(failure)) }]);
            }
        }
        Ok(())
    }

    #[pyo3(signature = (at_most_s = None))]
    fn wait<'py>(&self, py: Python<'py>, at_most_s: Option<f64>) -> PyResult<Bound<'py, PyList>> {
        let at_most = at_most_s.and_then(|at_most| Duration::try_from_secs_f64(at_most.max(0.0)).ok());
        let list = PyList::empty(py);
        for Reply { token, result } in self.replies(py, at_most)? {
            let result = match result {
                Ok(message) => PyBytes::new(py, &message).into_any(),
                Err(failure) => self.connected.error(py, &failure)?,
            };
            list.append((token, result))?;
        }
        Ok(list)
    }

    fn close(&self) {
        for (_, id) in locked(&self.state).under_way.drain() {
            self.connected.channel().cancel(id);
        }
    }
}

impl Drop for ManyCalls {
    fn drop(&mut self) {
        self.close();
    }
}
