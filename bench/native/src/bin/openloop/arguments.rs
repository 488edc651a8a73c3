//! What a run is asked for, within bounds that end it.

use std::net::SocketAddr;
use std::time::Duration;

use bench_native::flags::Flags;
use bench_native::grpc;
use bytes::Bytes;
use fastpath::load::schedule::Arrivals;

const MOST_DURATION_S: f64 = 600.0;
const MOST_CALLS: f64 = 100e6;
const MOST_CONNECTIONS: usize = 1_000;

#[derive(Debug)]
pub struct Arguments {
    pub address: SocketAddr,
    /// `/package.Service/Method`
    pub path: String,
    /// Calls a second, over all connections.
    pub rate: f64,
    pub arrivals: Arrivals,
    pub duration: Duration,
    /// Comes before `duration`; its calls are sent and checked, their latencies are not counted.
    pub warm_up: Duration,
    /// How long answers may take after the last call was sent.
    pub drain: Duration,
    pub tick: Duration,
    pub connections: usize,
    /// The request, with its prefix.
    pub message: Bytes,
    /// The size of every answer, without its prefix.
    pub answer_bytes: usize,
}

impl Arguments {
    /// `--message` names a file that holds the request without gRPC's prefix.
    pub fn read(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut flags = Flags::read(arguments)?;
        let read = Self {
            address: flags.required("address")?,
            path: flags.required("path")?,
            rate: flags.required("rate")?,
            arrivals: flags.or("arrivals", Arrivals::Uniform)?,
            duration: seconds(flags.or("duration-s", 10.0)?)?,
            warm_up: seconds(flags.or("warm-up-s", 1.0)?)?,
            drain: seconds(flags.or("drain-s", 5.0)?)?,
            tick: Duration::from_micros(flags.or("tick-us", 50)?),
            connections: flags.or("connections", 16)?,
            message: message(&flags.required::<String>("message")?)?,
            answer_bytes: flags.required("answer-bytes")?,
        };
        flags.end()?;
        read.bounded()
    }

    fn bounded(self) -> Result<Self, String> {
        let calls = self.rate * (self.warm_up + self.duration).as_secs_f64();
        if !self.address.ip().is_loopback() {
            return Err(format!("{} is not an address of the loopback interface", self.address));
        }
        if !(1..=MOST_CONNECTIONS).contains(&self.connections) {
            return Err(format!("{} connections; from 1 to {MOST_CONNECTIONS}", self.connections));
        }
        if !(self.rate > 0.0 && calls <= MOST_CALLS) {
            return Err(format!("{calls} calls; more than none and at most {MOST_CALLS}"));
        }
        Ok(self)
    }
}

fn seconds(seconds: f64) -> Result<Duration, String> {
    if (0.0..=MOST_DURATION_S).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("{seconds} s; from 0 to {MOST_DURATION_S} s"))
    }
}

fn message(path: &str) -> Result<Bytes, String> {
    grpc::framed(&std::fs::read(path).map_err(|error| format!("{path}: {error}"))?)
}
