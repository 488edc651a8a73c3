//! How a call ends: the trailers that say so.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::percent;
use crate::status::Status;

pub const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
pub const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
pub const STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
pub const RETRY_PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// Trailers of a call that was answered.
#[must_use]
pub fn ok() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    trailers
}

/// Trailers of a call that was not.
#[must_use]
pub fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(4);
    write(status, &mut trailers);
    trailers
}

/// Adds a status to headers: to the only ones of a call that ends with its head.
pub fn write(status: &Status, headers: &mut HeaderMap) {
    headers.insert(GRPC_STATUS, HeaderValue::from(status.code as u16));
    // Percent-encoded text is a header's value whatever it says.
    if let Ok(message) = HeaderValue::from_str(&percent::encode(&status.message)) {
        headers.insert(GRPC_MESSAGE, message);
    }
    if let Some(details) = status.details()
        && let Ok(details) = HeaderValue::from_str(&STANDARD_NO_PAD.encode(details))
    {
        headers.insert(STATUS_DETAILS, details);
    }
    if let Some(pushback_ms) = status.pushback_ms {
        headers.insert(RETRY_PUSHBACK, HeaderValue::from(pushback_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Code;

    #[test]
    fn a_refusal_says_what_where_and_when_again() {
        let status =
            Status { pushback_ms: Some(-1), ..Status::invalid("inputs[0].shape", "50 % too long\n") };
        let trailers = trailers(&status);
        assert_eq!(trailers[GRPC_STATUS], "3");
        assert_eq!(trailers[GRPC_MESSAGE], "50 %25 too long%0A");
        assert_eq!(trailers[RETRY_PUSHBACK], "-1");
        let details = STANDARD_NO_PAD.decode(&trailers[STATUS_DETAILS]).unwrap();
        assert_eq!(Some(details), status.details());
    }

    #[test]
    fn nothing_is_said_that_is_not_so() {
        let trailers = trailers(&Status::new(Code::NotFound, "no such model"));
        assert_eq!(trailers.len(), 2);
        assert_eq!(ok().len(), 1);
    }
}
