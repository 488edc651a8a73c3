//! Calls of the servicer in Python: what is not asked often enough to be written in Rust is answered there once, for gRPC
//! and for this port.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::rpc::Rpc;

/// One call.
#[derive(Debug)]
pub struct RpcCall {
    /// Of `inference.GRPCInferenceService`.
    pub method: &'static str,
    pub repository: String,
    pub name: String,
    pub version: String,
    /// JSON, or nothing.
    pub body: Bytes,
    pub timeout: Option<Duration>,
}

impl RpcCall {
    pub fn new(rpc: Rpc<'_>, body: Bytes, timeout: Option<Duration>) -> Self {
        Self {
            method: rpc.method,
            repository: rpc.repository.to_owned(),
            name: rpc.name.to_owned(),
            version: rpc.version.to_owned(),
            body,
            timeout,
        }
    }
}

/// JSON, or why there is none.
pub type RpcOutcome = Result<Vec<u8>, RpcFailure>;

/// How an RPC was refused. Not a `Status`, whose codes are those that the engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcFailure {
    /// gRPC's number.
    pub code: u32,
    pub message: String,
    pub pushback_ms: Option<i32>,
}

/// Whoever answers. The answer is sent from any thread; dropping `reply` is an answer too.
pub trait Servicer: Send + Sync {
    /// May wait, for the interpreter.
    fn ask(&self, call: RpcCall, reply: oneshot::Sender<RpcOutcome>);
}

pub const PERMISSION_DENIED: u32 = 7;

/// gRPC's codes by number, with their HTTP status as `google.rpc.Code` pairs them.
const CODES: [(&str, u16); 17] = [
    ("OK", 200),
    ("CANCELLED", 499),
    ("UNKNOWN", 500),
    ("INVALID_ARGUMENT", 400),
    ("DEADLINE_EXCEEDED", 504),
    ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409),
    ("PERMISSION_DENIED", 403),
    ("RESOURCE_EXHAUSTED", 429),
    ("FAILED_PRECONDITION", 400),
    ("ABORTED", 409),
    ("OUT_OF_RANGE", 400),
    ("UNIMPLEMENTED", 501),
    ("INTERNAL", 500),
    ("UNAVAILABLE", 503),
    ("DATA_LOSS", 500),
    ("UNAUTHENTICATED", 401),
];

/// A code's name and HTTP status.
pub fn named(code: u32) -> (&'static str, u16) {
    let found = usize::try_from(code).ok().and_then(|code| CODES.get(code));
    found.copied().unwrap_or(("UNKNOWN", 500))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Code, Status};

    #[test]
    fn codes_have_the_names_and_http_codes_that_the_engine_gives_them() {
        for code in Code::ALL {
            assert_eq!(named(code as u32), (code.name(), Status::new(code, "").http_code()));
        }
        assert_eq!(named(PERMISSION_DENIED), ("PERMISSION_DENIED", 403));
        assert_eq!(named(99), ("UNKNOWN", 500));
    }
}
