//! The load generator as Python sees it.

use std::sync::Mutex;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::load_outcome::LoadOutcome;
use super::load_parts::{Given, parts};
use super::loop_end::locked;
use crate::client::Target;
use crate::client::keepalive::Keepalive;
use crate::client::tls::{self, Certificates};
use crate::load::body::Message;
use crate::load::message::Part;
use crate::load::plan::{self, Header, Pace, Plan, Stop, Streams};
use crate::load::run::{Running, Samples};
use crate::load::schedule::{Rate, Then};
use crate::load::workers::Workers;

/// How often a waiting thread looks whether the run is over.
const LOOK: Duration = Duration::from_millis(20);

/// The server, and how it is reached.
#[derive(FromPyObject)]
struct Server {
    target: String,
    authority: Option<String>,
    /// Whom the certificate must be made out to, where that is not whom the address names.
    certificate_name: Option<String>,
    root_certificates: Option<Vec<u8>>,
    /// TLS with whatever certificate the server has.
    unchecked: bool,
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
    messages: Vec<Vec<Vec<Given>>>,
    streams: StreamsGiven,
    metadata: Vec<Vec<(String, Vec<Given>)>>,
    timeout_s: Option<f64>,
    compressed: bool,
    /// Of the run, before workers' names.
    name: String,
    utc_offset_s: i64,
}

/// How calls that stream go about it.
#[derive(FromPyObject)]
struct StreamsGiven {
    requests: bool,
    answers: bool,
    interval_s: Option<f64>,
    call_duration_s: Option<f64>,
    call_count: u64,
    dynamic: bool,
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
    /// In place of a rate: when calls are due, in seconds from the start, ascending.
    trace: Option<Vec<f64>>,
    arrivals: String,
    unbounded: bool,
    total: u64,
    duration_s: Option<f64>,
    stop: String,
    skip_first: u64,
    count_errors: bool,
    most_details: usize,
    sample_every: u64,
}

#[pyclass(frozen, module = "penstock._fastpath")]
pub struct LoadRun {
    running: Mutex<Option<Running>>,
    samples: Samples,
}

#[pymethods]
impl LoadRun {
    /// Connects, and begins.
    #[new]
    fn new(py: Python<'_>, server: Server, calls: Calls, amount: Amount) -> PyResult<Self> {
        let plan = made(&server, &calls, &amount).map_err(PyValueError::new_err)?;
        let started = py.detach(|| Running::start(plan));
        let running = started.map_err(PyRuntimeError::new_err)?;
        Ok(Self { samples: running.samples(), running: Mutex::new(Some(running)) })
    }

    fn counts(&self) -> (u64, u64, f64) {
        locked(&self.running).as_ref().map_or((0, 0, 0.0), |running| {
            let (settled, failed) = running.counts();
            (settled, failed, running.elapsed().as_secs_f64())
        })
    }

    fn wait(&self, py: Python<'_>, timeout_s: f64) -> bool {
        let timeout = Duration::try_from_secs_f64(timeout_s.max(0.0)).unwrap_or(LOOK);
        py.detach(|| {
            let start = std::time::Instant::now();
            loop {
                if locked(&self.running).as_ref().is_none_or(Running::is_over) {
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
        if let Some(running) = locked(&self.running).as_ref() {
            running.stop();
        }
    }

    /// `(number, messages)` of the answers that were kept since the last time.
    fn samples<'py>(&self, py: Python<'py>) -> Vec<(u64, Vec<Bound<'py, PyBytes>>)> {
        let told = |messages: Vec<bytes::Bytes>| messages.iter().map(|each| PyBytes::new(py, each)).collect();
        self.samples.take().into_iter().map(|sample| (sample.number, told(sample.messages))).collect()
    }

    fn outcome(&self, py: Python<'_>) -> PyResult<LoadOutcome> {
        let running = locked(&self.running).take();
        let running = running.ok_or_else(|| PyRuntimeError::new_err("the outcome was given already"))?;
        py.detach(|| running.wait()).map(LoadOutcome).map_err(PyRuntimeError::new_err)
    }
}

fn made(server: &Server, calls: &Calls, amount: &Amount) -> Result<Plan, String> {
    let target = Target::parse(&server.target)
        .ok_or_else(|| format!("found {:?}, allowed: host:port or unix:path", server.target))?;
    let identity = server.private_key.as_deref().zip(server.certificate_chain.as_deref());
    let roots = server.root_certificates.as_deref();
    let tls = if roots.is_some() || server.unchecked {
        let roots = roots.unwrap_or_default();
        let certificates = Certificates { roots, unchecked: server.unchecked, identity };
        Some(tls::config(certificates).map_err(|error| error.to_string())?)
    } else {
        None
    };
    let named = server.authority.as_ref().or(server.certificate_name.as_ref());
    let authority = named.cloned().unwrap_or_else(|| target.authority());
    let uri = plan::method(&authority, &calls.path, tls.is_some())
        .map_err(|error| format!("{authority:?} or {:?} cannot be sent: {error}", calls.path))?;
    let (metadata, metadata_of_calls) = metadata(&calls.metadata)?;
    let keepalive = match server.keepalive_s.map(seconds).transpose()? {
        Some(every) => Keepalive { every, ..Keepalive::default() },
        None => Keepalive::default(),
    };
    Ok(Plan {
        target,
        tls,
        server_name: server.certificate_name.clone(),
        keepalive,
        connect_timeout: seconds(server.connect_timeout_s)?,
        uri,
        messages: messages(&calls.messages, calls.compressed)?,
        compressed: calls.compressed,
        streams: Streams {
            requests: calls.streams.requests,
            answers: calls.streams.answers,
            interval: calls.streams.interval_s.map(seconds).transpose()?,
            call_duration: calls.streams.call_duration_s.map(seconds).transpose()?,
            call_count: calls.streams.call_count,
            dynamic: calls.streams.dynamic,
        },
        metadata,
        metadata_of_calls,
        name: calls.name.clone(),
        utc_offset_s: calls.utc_offset_s,
        timeout: calls.timeout_s.map(seconds).transpose()?,
        max_receive_bytes: server.max_receive_bytes,
        connections: amount.connections,
        threads: amount.threads,
        workers: workers(&amount.workers)?,
        pace: pace(amount)?,
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
        sample_every: amount.sample_every,
    })
}

fn seconds(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("found {seconds} s: {error}"))
}

/// What is the same in every call is put behind its prefix now.
fn messages(given: &[Vec<Vec<Given>>], compressed: bool) -> Result<Vec<Vec<Message>>, String> {
    let message = |given: &Vec<Given>| {
        let parts = parts(given)?;
        Ok(match parts.as_slice() {
            [] => Message::Fixed(plan::message(&[], compressed)),
            [Part::Literal(bytes)] => Message::Fixed(plan::message(bytes, compressed)),
            _ => Message::Made(parts),
        })
    };
    given.iter().map(|messages| messages.iter().map(message).collect()).collect()
}

type Metadata = (Vec<(String, Vec<u8>)>, Vec<Vec<Header>>);

/// The same of every call, or that of single calls.
fn metadata(given: &[Vec<(String, Vec<Given>)>]) -> Result<Metadata, String> {
    let mut of_calls = Vec::new();
    for pairs in given {
        let mut headers: Vec<Header> = Vec::new();
        for (name, value) in pairs {
            let lower = name.to_ascii_lowercase();
            if plan::is_reserved(&lower) {
                continue;
            }
            let parts = parts(value)?;
            let name = HeaderName::from_bytes(lower.as_bytes())
                .map_err(|error| format!("metadata {name:?}: {error}"))?;
            for part in &parts {
                if let Part::Literal(bytes) = part {
                    HeaderValue::from_bytes(bytes)
                        .map_err(|error| format!("metadata {:?}: {error}", name.as_str()))?;
                }
            }
            headers.push((name.as_str().to_owned(), parts));
        }
        of_calls.push(headers);
    }
    let fixed = |(name, parts): &Header| match parts.as_slice() {
        [] => Some((name.clone(), Vec::new())),
        [Part::Literal(bytes)] => Some((name.clone(), bytes.clone())),
        _ => None,
    };
    if let [only] = of_calls.as_slice()
        && let Some(fixed) = only.iter().map(fixed).collect()
    {
        return Ok((fixed, Vec::new()));
    }
    Ok((Vec::new(), of_calls))
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

fn pace(amount: &Amount) -> Result<Option<Pace>, String> {
    let rate = match (&amount.trace, &amount.rate) {
        (Some(trace), _) => Rate::Trace(trace.iter().copied().map(seconds).collect::<Result<_, _>>()?),
        (None, Some(steps)) => rate(steps)?,
        (None, None) => return Ok(None),
    };
    let arrivals = amount
        .arrivals
        .parse()
        .map_err(|()| format!("found {:?}, allowed: uniform or poisson", amount.arrivals))?;
    Ok(Some(Pace { rate, arrivals, unbounded: amount.unbounded }))
}

fn rate(rate: &Steps) -> Result<Rate, String> {
    let positive = |value: f64| value.is_finite() && value > 0.0;
    if !positive(rate.start) || rate.step != 0.0 && !positive(rate.every_s) {
        return Err(format!("found {} calls a second, allowed: more than none", rate.start));
    }
    if rate.step == 0.0 {
        return Ok(Rate::Constant(rate.start));
    }
    let then = match (rate.until_s, rate.end) {
        (Some(s), Some(rate)) => Then::At { rate, s },
        (Some(s), None) => {
            Then::At { rate: (rate.start + rate.step * (s / rate.every_s).floor()).max(0.0), s }
        }
        (None, Some(rate)) => Then::Reached(rate),
        (None, None) => Then::More,
    };
    Ok(Rate::Steps { start: rate.start, step: rate.step, every_s: rate.every_s, then })
}
