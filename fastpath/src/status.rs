//! The one table from what went wrong to what a caller is told: gRPC code, sentence, field, retry hint.
//!
//! Both doors answer from here. No gRPC library and no Python is named in this file.

use std::fmt;

use crate::wire::writer::Writer;

/// The gRPC status codes that penstock answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    Ok = 0,
    Cancelled = 1,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

impl Code {
    /// Every code, in the order in which metrics count them.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::Cancelled,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::ResourceExhausted,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The name in the gRPC specification, as metrics and logs show it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
        }
    }
}

/// Why a call gets no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub code: Code,
    /// One sentence: what was wrong, where, and what would be right.
    pub message: String,
    /// The path of the offending field in the request, such as `examples[3].amount`, for `google.rpc.BadRequest`.
    pub field: Option<String>,
    /// `grpc-retry-pushback-ms`: when to try again; negative: not at all.
    pub pushback_ms: Option<i32>,
}

impl Status {
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None, pushback_ms: None }
    }

    /// `InvalidArgument` with the offending field named.
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(Code::InvalidArgument, message) }
    }

    /// `Unavailable` with a hint when to try again.
    #[must_use]
    pub fn overloaded(message: impl Into<String>, pushback_ms: i32) -> Self {
        Self { pushback_ms: Some(pushback_ms), ..Self::new(Code::Unavailable, message) }
    }

    /// The HTTP status code of the same outcome, as `google.rpc.Code` pairs them; what is too large for a retry to help
    /// is 413.
    #[must_use]
    pub fn http_code(&self) -> u16 {
        match self.code {
            Code::Ok => 200,
            Code::Cancelled => 499,
            Code::InvalidArgument => 400,
            Code::DeadlineExceeded => 504,
            Code::NotFound => 404,
            Code::ResourceExhausted if self.pushback_ms.is_some_and(|pushback| pushback < 0) => 413,
            Code::ResourceExhausted => 429,
            Code::Unimplemented => 501,
            Code::Internal => 500,
            Code::Unavailable => 503,
        }
    }

    /// A serialized `google.rpc.Status` with a `google.rpc.BadRequest`, for the `grpc-status-details-bin`
    /// trailer; none where no field is to blame.
    #[must_use]
    pub fn details(&self) -> Option<Vec<u8>> {
        let field = self.field.as_ref()?;
        let mut violation = Writer::default();
        violation.string(1, field);
        violation.string(2, &self.message);
        let mut bad_request = Writer::default();
        bad_request.bytes(1, violation.as_slice());
        let mut any = Writer::default();
        any.string(1, "type.googleapis.com/google.rpc.BadRequest");
        any.bytes(2, bad_request.as_slice());
        let mut status = Writer::default();
        status.uint64(1, self.code as u64);
        status.string(2, &self.message);
        status.bytes(3, any.as_slice());
        Some(status.into_vec())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for Status {}
