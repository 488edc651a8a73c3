//! Why a call got no answer: gRPC's seventeen codes, and what HTTP and HTTP/2 say in their place.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use h2::Reason;
use http::{HeaderMap, StatusCode};

use crate::grpc::ending::{GRPC_MESSAGE, GRPC_STATUS, RETRY_PUSHBACK, STATUS_DETAILS};
use crate::grpc::percent;

/// Binary headers come with and without padding (PROTOCOL-HTTP2.md, "Custom-Metadata").
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Every code that a server may answer with; `crate::status` has those that penstock's does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    Ok,
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

impl Code {
    /// By number.
    pub const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The code of a `grpc-status` value. What is none is `Unknown`, as gRPC's libraries have it.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        let number = std::str::from_utf8(value).ok().and_then(|digits| digits.parse::<usize>().ok());
        number.and_then(|number| Self::ALL.get(number).copied()).unwrap_or(Self::Unknown)
    }

    /// For an answer without `grpc-status` (http-grpc-status-mapping.md).
    #[must_use]
    pub fn of_http(status: StatusCode) -> Self {
        match status.as_u16() {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// For a stream that was reset (PROTOCOL-HTTP2.md, "HTTP2 Transport Mapping", "Errors").
    #[must_use]
    pub fn of_reset(reason: Reason) -> Self {
        match reason {
            Reason::REFUSED_STREAM => Self::Unavailable,
            Reason::CANCEL => Self::Cancelled,
            Reason::ENHANCE_YOUR_CALM => Self::ResourceExhausted,
            Reason::INADEQUATE_SECURITY => Self::PermissionDenied,
            _ => Self::Internal,
        }
    }

    /// The name in the gRPC specification.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

/// What a caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: Code,
    /// The server's sentence, or ours where the server said none.
    pub message: String,
    /// A serialized `google.rpc.Status`.
    pub details: Option<Vec<u8>>,
    /// `grpc-retry-pushback-ms`: when to try again; negative: not at all.
    pub pushback_ms: Option<i32>,
}

impl Failure {
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None, pushback_ms: None }
    }

    /// How trailers say that a call ended; none where they do not say.
    pub fn of_trailers(trailers: &HeaderMap) -> Option<Result<(), Self>> {
        let code = Code::parse(trailers.get(GRPC_STATUS)?.as_bytes());
        if code == Code::Ok {
            return Some(Ok(()));
        }
        let message = trailers.get(GRPC_MESSAGE).map(|message| percent::decode(message.as_bytes()));
        let details = trailers.get(STATUS_DETAILS).and_then(|value| BASE64.decode(value.as_bytes()).ok());
        // A hint that is no number forbids a retry (gRFC A6).
        let pushback_ms = trailers
            .get(RETRY_PUSHBACK)
            .map(|value| value.to_str().ok().and_then(|digits| digits.parse().ok()).unwrap_or(-1));
        Some(Err(Self { code, message: message.unwrap_or_default(), details, pushback_ms }))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code.name(), self.message)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::grpc::ending;
    use crate::status::{self, Status};

    #[test]
    fn every_number_is_the_code_of_that_number() {
        for (number, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, number);
            assert_eq!(Code::parse(number.to_string().as_bytes()), code);
        }
        for code in status::Code::ALL {
            assert_eq!(Code::parse((code as u8).to_string().as_bytes()).name(), code.name());
        }
        for value in [&b"17"[..], b"-1", b"", b"x", b"\xff", b"99999999999999999999"] {
            assert_eq!(Code::parse(value), Code::Unknown);
        }
    }

    #[test]
    fn what_a_server_says_is_what_a_caller_is_told() {
        let said = Status { pushback_ms: Some(250), ..Status::invalid("inputs[0].shape", "50 % too long\n") };
        let told = Failure::of_trailers(&ending::trailers(&said)).unwrap().unwrap_err();
        assert_eq!((told.code, told.message.as_str()), (Code::InvalidArgument, "50 % too long\n"));
        assert_eq!((told.details, told.pushback_ms), (said.details(), Some(250)));
        assert_eq!(Failure::of_trailers(&ending::ok()), Some(Ok(())));
        assert_eq!(Failure::of_trailers(&HeaderMap::new()), None);
    }

    #[test]
    fn a_hint_that_is_no_number_forbids_a_retry_and_broken_details_are_none() {
        let mut trailers = ending::trailers(&Status::overloaded("the queue is full", 1));
        trailers.insert(RETRY_PUSHBACK, HeaderValue::from_static("later"));
        trailers.insert(STATUS_DETAILS, HeaderValue::from_static("%%%"));
        let told = Failure::of_trailers(&trailers).unwrap().unwrap_err();
        assert_eq!((told.pushback_ms, told.details), (Some(-1), None));
    }

    #[test]
    fn details_are_read_with_and_without_padding() {
        for value in ["CAM=", "CAM"] {
            let mut trailers = ending::trailers(&Status::overloaded("the queue is full", 1));
            trailers.insert(STATUS_DETAILS, HeaderValue::from_static(value));
            assert_eq!(Failure::of_trailers(&trailers).unwrap().unwrap_err().details, Some(vec![8, 3]));
        }
    }
}
