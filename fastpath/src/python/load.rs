//! The load generator as Python sees it.

use std::sync::Mutex;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use super::load_outcome::LoadOutcome;
use super::loop_end::locked;
use crate::client::Target;
use crate::client::keepalive::Keepalive;
use crate::client::tls::{self, Certificates};
use crate::load::plan::{self, Pace, Plan, Stop};
use crate::load::run::Running;
use crate::load::schedule::{Rate, Then};
use crate::load::workers::Workers;

/// How often a waiting thread looks whether the run is over.
const LOOK: Duration = Duration::from_millis(20);

/// The server, and how it is reached.
#[derive(FromPyObject)]
struct Server {
    target: String,
    authority: Option<String>,
    root_certificates: Option<Vec<u8>>,
    private_key: Option<Vec<u8>>,
    certificate_chain: Option<Vec<u8>>,
    connect_timeout_s: f64,
    keepalive_s: Option<f64>,
    max_receive_bytes: usize,
}

/// What is sent.
#[derive(FromPyObject)]
struct Calls {
    path: String,
    /// Of each call, those that it sends.
    messages: Vec<Vec<Vec<u8>>>,
    streams: bool,
    metadata: Vec<Vec<(String, String)>>,
    timeout_s: Option<f64>,
    compressed: bool,
}

/// Values over time: `start`, and `step` more every `every_s`, until `end` or `until_s`.
#[derive(FromPyObject)]
struct Steps {
    start: f64,
    step: f64,
    every_s: f64,
    end: Option<f64>,
    until_s: Option<f64>,
}

/// How much, and for how long.
#[derive(FromPyObject)]
struct Amount {
    connections: usize,
    threads: usize,
    workers: Steps,
    rate: Option<Steps>,
    arrivals: String,
    unbounded: bool,
    total: u64,
    duration_s: Option<f64>,
    stop: String,
    skip_first: u64,
    count_errors: bool,
    most_details: usize,
}

#[pyclass(frozen, module = "penstock._fastpath")]
pub struct LoadRun(Mutex<Option<Running>>);

#[pymethods]
impl LoadRun {
    /// Connects, and begins.
    #[new]
    fn new(py: Python<'_>, server: Server, calls: Calls, amount: Amount) -> PyResult<Self> {
        let plan = made(&server, &calls, &amount).map_err(PyValueError::new_err)?;
        let started = py.detach(|| Running::start(plan));
        started.map(|running| Self(Mutex::new(Some(running)))).map_err(PyRuntimeError::new_err)
    }

    fn counts(&self) -> (u64, u64, f64) {
        locked(&self.0).as_ref().map_or((0, 0, 0.0), |running| {
            let (settled, failed) = running.counts();
            (settled, failed, running.elapsed().as_secs_f64())
        })
    }

    fn wait(&self, py: Python<'_>, timeout_s: f64) -> bool {
        let timeout = Duration::try_from_secs_f64(timeout_s.max(0.0)).unwrap_or(LOOK);
        py.detach(|| {
            let start = std::time::Instant::now();
            loop {
                if locked(&self.0).as_ref().is_none_or(Running::is_over) {
                    return true;
                }
                let left = timeout.saturating_sub(start.elapsed());
                if left.is_zero() {
                    return false;
                }
                std::thread::sleep(left.min(LOOK));
            }
        })
    }

    fn stop(&self) {
        if let Some(running) = locked(&self.0).as_ref() {
            running.stop();
        }
    }

    fn outcome(&self, py: Python<'_>) -> PyResult<LoadOutcome> {
        let running = locked(&self.0).take();
        let running = running.ok_or_else(|| PyRuntimeError::new_err("the outcome was given already"))?;
        py.detach(|| running.wait()).map(LoadOutcome).map_err(PyRuntimeError::new_err)
    }
}

fn made(server: &Server, calls: &Calls, amount: &Amount) -> Result<Plan, String> {
    let target = Target::parse(&server.target)
        .ok_or_else(|| format!("found {:?}, allowed: host:port or unix:path", server.target))?;
    let identity = server.private_key.as_deref().zip(server.certificate_chain.as_deref());
    let tls = match &server.root_certificates {
        None => None,
        Some(roots) => {
            Some(tls::config(Certificates { roots, identity }).map_err(|error| error.to_string())?)
        }
    };
    let authority = server.authority.clone().unwrap_or_else(|| target.authority());
    let uri = plan::method(&authority, &calls.path, tls.is_some())
        .map_err(|error| format!("{authority:?} or {:?} cannot be sent: {error}", calls.path))?;
    let keepalive = match server.keepalive_s.map(seconds).transpose()? {
        Some(every) => Keepalive { every, ..Keepalive::default() },
        None => Keepalive::default(),
    };
    Ok(Plan {
        target,
        tls,
        keepalive,
        connect_timeout: seconds(server.connect_timeout_s)?,
        uri,
        messages: calls.messages.iter().map(|messages| plan::body(messages, calls.compressed)).collect(),
        streams: calls.streams,
        metadata: calls
            .metadata
            .iter()
            .map(|pairs| headers(pairs, calls.compressed))
            .collect::<Result<_, _>>()?,
        timeout: calls.timeout_s.map(seconds).transpose()?,
        max_receive_bytes: server.max_receive_bytes,
        connections: amount.connections,
        threads: amount.threads,
        workers: workers(&amount.workers)?,
        pace: amount.rate.as_ref().map(|rate| pace(rate, amount)).transpose()?,
        total: amount.total,
        duration: amount.duration_s.map(seconds).transpose()?,
        stop: match amount.stop.as_str() {
            "close" => Stop::Close,
            "wait" => Stop::Wait,
            "ignore" => Stop::Ignore,
            other => return Err(format!("found {other:?}, allowed: close, wait or ignore")),
        },
        skip_first: amount.skip_first,
        count_errors: amount.count_errors,
        most_details: amount.most_details,
    })
}

fn seconds(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("found {seconds} s: {error}"))
}

fn headers(pairs: &[(String, String)], compressed: bool) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(pairs.len() + 6);
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes())
            .map_err(|error| format!("metadata {name:?}: {error}"))?;
        let value =
            HeaderValue::from_str(value).map_err(|error| format!("metadata {:?}: {error}", name.as_str()))?;
        headers.append(name, value);
    }
    if compressed {
        plan::announce_compression(&mut headers);
    }
    Ok(headers)
}

fn workers(steps: &Steps) -> Result<Workers, String> {
    let start = whole(steps.start)?;
    if steps.step == 0.0 {
        return Ok(Workers::Constant(start));
    }
    Ok(Workers::Steps {
        start,
        step: whole(steps.step.abs())?.cast_signed() * if steps.step < 0.0 { -1 } else { 1 },
        every: seconds(steps.every_s)?,
        end: whole(steps.end.unwrap_or(0.0))?,
        until: steps.until_s.map(seconds).transpose()?,
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 and 1e6")]
fn whole(number: f64) -> Result<usize, String> {
    if (0.0..=1e6).contains(&number) {
        Ok(number as usize)
    } else {
        Err(format!("found {number} workers, allowed: up to 100000"))
    }
}

fn pace(rate: &Steps, amount: &Amount) -> Result<Pace, String> {
    let arrivals = amount
        .arrivals
        .parse()
        .map_err(|()| format!("found {:?}, allowed: uniform or poisson", amount.arrivals))?;
    let positive = |value: f64| value.is_finite() && value > 0.0;
    if !positive(rate.start) || rate.step != 0.0 && !positive(rate.every_s) {
        return Err(format!("found {} calls a second, allowed: more than none", rate.start));
    }
    let then = match (rate.until_s, rate.end) {
        (Some(s), Some(rate)) => Then::At { rate, s },
        (Some(s), None) => {
            Then::At { rate: (rate.start + rate.step * (s / rate.every_s).floor()).max(0.0), s }
        }
        (None, Some(rate)) => Then::Reached(rate),
        (None, None) => Then::More,
    };
    let rate = if rate.step == 0.0 {
        Rate::Constant(rate.start)
    } else {
        Rate::Steps { start: rate.start, step: rate.step, every_s: rate.every_s, then }
    };
    Ok(Pace { rate, arrivals, unbounded: amount.unbounded })
}
