//! One unary call on its way: what is sent, until when, and to whom its answer goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::Uri;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use http::{Method, Request, Version};

use super::outbox::Outbox;
use crate::grpc::frame::PREFIX_BYTES;
use crate::grpc::timeout;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Who calls.
pub const AGENT: &str = concat!("penstock/", env!("CARGO_PKG_VERSION"));
/// Digits of a timeout that count. With all of them every call's would be another text, which no header table holds.
const TIMEOUT_DIGITS: u32 = 3;

pub struct Call {
    /// Unique in its channel.
    pub id: u64,
    /// The method, with scheme and authority.
    pub uri: Uri,
    /// The message behind its prefix; a clone shares it.
    pub framed: Bytes,
    pub deadline: Instant,
    pub outbox: Arc<dyn Outbox>,
    pub token: u64,
    /// How often it came back unseen by the server's application.
    pub refused: u32,
}

/// A message behind its prefix. It has less than 2^32 bytes: the channel's limit sees to it.
#[must_use]
pub fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.extend_from_slice(&[0]);
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    framed.extend_from_slice(message);
    framed.freeze()
}

/// Makes the heads of calls, which differ in little.
pub struct Heads {
    headers: HeaderMap,
    timeout: Duration,
}

impl Default for Heads {
    fn default() -> Self {
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Self { headers, timeout: Duration::ZERO }
    }
}

impl Heads {
    /// The head of a call with so much time left.
    pub fn of(&mut self, uri: Uri, remaining: Duration) -> Request<()> {
        let timeout = rounded_up(remaining);
        if timeout != self.timeout {
            // Digits and a letter are a header's value.
            if let Ok(value) = HeaderValue::from_str(&timeout::format(timeout)) {
                self.headers.insert(GRPC_TIMEOUT, value);
            }
            self.timeout = timeout;
        }
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// The duration in microseconds with three digits that count, so never more than a hundredth longer.
pub fn rounded_up(remaining: Duration) -> Duration {
    let us = u64::try_from(remaining.as_micros()).unwrap_or(u64::MAX).max(1);
    let step = 10u64.pow(us.ilog10().saturating_sub(TIMEOUT_DIGITS - 1));
    Duration::from_micros(us.div_ceil(step).saturating_mul(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_rounded_up_to_three_digits() {
        for (us, rounded) in [(1, 1), (999, 999), (1001, 1010), (9_999_950, 10_000_000), (u64::MAX, u64::MAX)]
        {
            assert_eq!(rounded_up(Duration::from_micros(us)), Duration::from_micros(rounded), "{us}");
        }
        assert_eq!(rounded_up(Duration::ZERO), Duration::from_micros(1));
    }

    #[test]
    fn a_head_says_what_a_grpc_server_asks_for() {
        let mut heads = Heads::default();
        let uri = Uri::from_static("http://localhost:8001/penstock.v1.Prediction/Predict");
        let request = heads.of(uri.clone(), Duration::from_micros(999_999));
        assert_eq!((request.method(), request.uri()), (&Method::POST, &uri));
        assert_eq!(request.headers()[GRPC_TIMEOUT], "1000000u");
        assert_eq!(request.headers()[TE], "trailers");
        assert_eq!(request.headers()[CONTENT_TYPE], "application/grpc");
        assert_eq!(heads.of(uri, Duration::from_secs(2)).headers()[GRPC_TIMEOUT], "2000000u");
    }

    #[test]
    fn a_message_is_framed_as_the_server_reads_it() {
        assert_eq!(&framed(b"fraud")[..], b"\0\0\0\0\x05fraud");
    }
}
