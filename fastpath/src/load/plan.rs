//! What a run is asked for, checked so that it ends and fits into memory.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use tokio_rustls::rustls::ClientConfig;

use super::body::Message;
use super::http2::head::Head;
use super::message::Part;
use super::schedule::{Arrivals, Rate};
use super::workers::{self, Workers};
use crate::client::Target;
use crate::client::call::{AGENT, framed};
use crate::client::keepalive::Keepalive;
use crate::grpc::Encoding;
use crate::grpc::frame::PREFIX_BYTES;

/// A process has 1,024 files open by default.
pub const MOST_CONNECTIONS: usize = 10_000;

/// What becomes of the calls that are under way when a run is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// They are cancelled, and counted so.
    Close,
    /// They are waited for.
    Wait,
    /// They are cancelled and not counted.
    Ignore,
}

/// The starts of calls; none: each worker's next call follows its last.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    pub rate: Rate,
    pub arrivals: Arrivals,
    /// Calls begin when they are due, however many are under way; else as many as there are workers.
    pub unbounded: bool,
}

/// How calls that stream go about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Streams {
    /// A call sends any number of messages, and may be answered with any number.
    pub requests: bool,
    pub answers: bool,
    /// Between the messages that a call sends; none: they go out at once.
    pub interval: Option<Duration>,
    /// After which a call sends no more; or is cancelled with the next answer, where it sends one message.
    pub call_duration: Option<Duration>,
    /// As many messages are sent; or received before the call is cancelled. 0: all.
    pub call_count: u64,
    /// Messages are made for each time that one is sent, and not for each call.
    pub dynamic: bool,
}

/// Headers that are gRPC's own to send: metadata of these names is left out, as grpc-go and so ghz leave it out.
const RESERVED: [&str; 8] = [
    "content-type",
    "grpc-encoding",
    "grpc-message",
    "grpc-message-type",
    "grpc-status",
    "grpc-timeout",
    "te",
    "user-agent",
];

/// Whether metadata of this name, in lower case, is left out.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name.starts_with(':') || RESERVED.contains(&name)
}

/// A header's name, and what its value is made of.
pub type Header = (String, Vec<Part>);

#[derive(Clone)]
pub struct Plan {
    pub target: Target,
    pub tls: Option<Arc<ClientConfig>>,
    /// Whom the certificate must be made out to, where that is not whom the address names.
    pub server_name: Option<String>,
    pub keepalive: Keepalive,
    pub connect_timeout: Duration,
    /// The method, with scheme and authority.
    pub uri: Uri,
    /// Those of the call with number n are at n modulo their count.
    pub messages: Vec<Vec<Message>>,
    pub compressed: bool,
    pub streams: Streams,
    /// Of every call.
    pub metadata: Vec<(String, Vec<u8>)>,
    /// Of single calls, in the same way as messages; or none.
    pub metadata_of_calls: Vec<Vec<Header>>,
    /// What workers' names begin with.
    pub name: String,
    /// Of local time.
    pub utc_offset_s: i64,
    /// Of one call, from when it is sent.
    pub timeout: Option<Duration>,
    pub max_receive_bytes: usize,
    pub connections: usize,
    pub threads: usize,
    pub workers: Workers,
    pub pace: Option<Pace>,
    /// Calls in all.
    pub total: u64,
    pub duration: Option<Duration>,
    pub stop: Stop,
    /// As many of the first answers are not counted.
    pub skip_first: u64,
    /// Calls that failed count among the latencies.
    pub count_errors: bool,
    /// As many calls at most are reported each.
    pub most_details: usize,
    /// The answer to one call in so many is kept to be looked at; 0: to none.
    pub sample_every: u64,
}

impl Plan {
    /// # Errors
    /// A sentence that says what cannot be.
    pub fn checked(mut self) -> Result<Self, String> {
        if self.messages.iter().all(Vec::is_empty) && !self.streams.requests || self.messages.is_empty() {
            return Err("There is no message to send.".to_owned());
        }
        if !(1..=MOST_CONNECTIONS).contains(&self.connections) {
            return Err(format!("found {} connections, allowed: 1 to {MOST_CONNECTIONS}", self.connections));
        }
        let first = self.workers.first();
        if first == 0 || first < self.connections && matches!(self.workers, Workers::Constant(_)) {
            return Err(format!(
                "found {} connections for {first} workers, allowed: as many as there are workers",
                self.connections
            ));
        }
        if let Workers::Constant(asked) = self.workers
            && asked > workers::MOST
        {
            return Err(format!("found {asked} workers, allowed: up to {}", workers::MOST));
        }
        // Each has a worker at all times.
        self.threads = self.threads.min(self.connections).min(self.workers.least()).max(1);
        Ok(self)
    }

    /// The thread that a worker's connection belongs to.
    #[must_use]
    pub fn thread_of(&self, worker: usize) -> usize {
        worker % self.connections % self.threads
    }

    /// What the heads of all calls have in common.
    #[must_use]
    pub fn head(&self) -> Head {
        let text = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let path = self.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let authority = self.uri.authority().map_or("", Authority::as_str);
        let mut fields = vec![
            text(":path", path),
            text(":authority", authority),
            text("te", "trailers"),
            text("content-type", "application/grpc"),
            text("user-agent", AGENT),
        ];
        if self.compressed {
            fields.push(text("grpc-encoding", "gzip"));
            fields.push(text("grpc-accept-encoding", "identity,gzip"));
        }
        fields.extend(self.metadata.iter().cloned());
        Head::new(self.tls.is_some(), &fields, self.timeout)
    }

    /// The thread that makes a call with a schedule: each has as large a share of them as of the workers.
    #[must_use]
    pub fn thread_of_call(&self, number: u64) -> usize {
        let workers = self.workers.first().max(1) as u64;
        self.thread_of(usize::try_from(number % workers).unwrap_or(0))
    }
}

/// `/package.Service/Method` at an authority.
///
/// # Errors
/// What is no authority, or no path.
pub fn method(authority: &str, path: &str, tls: bool) -> Result<Uri, http::Error> {
    let authority: Authority = authority.parse()?;
    let path: PathAndQuery = path.parse()?;
    let scheme = if tls { Scheme::HTTPS } else { Scheme::HTTP };
    Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build()
}

/// A message behind its prefix; compressed with gzip where that makes it smaller.
#[must_use]
pub fn message(message: &[u8], compressed: bool) -> Bytes {
    let packed = compressed.then(|| Encoding::Gzip.compress(message)).flatten();
    let Some(packed) = packed else { return framed(message) };
    let mut out = BytesMut::with_capacity(PREFIX_BYTES + packed.len());
    out.extend_from_slice(&[1]);
    out.extend_from_slice(&u32::try_from(packed.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&packed);
    out.freeze()
}
