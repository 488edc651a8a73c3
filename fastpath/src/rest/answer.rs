//! Answers: JSON, a body with binary data behind it, or `{"error": "…"}`.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use super::infer_answer::Body;
use super::servicer::{RpcFailure, named};
use super::{encoding, json_text};
use crate::door::settings::MIN_COMPRESSED_BYTES;
use crate::grpc::Encoding;
use crate::status::{Code, Status};

pub type Answer = Response<Full<Bytes>>;

/// The length of the JSON where binary data follows it, in requests and answers.
pub const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Why a request gets no answer: a status, and another HTTP code than its usual one where HTTP has a word of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: Status,
    pub http: StatusCode,
    /// Of 405: what the path takes.
    pub allow: Option<&'static str>,
}

impl Refusal {
    pub fn new(http: StatusCode, code: Code, sentence: impl Into<String>) -> Self {
        Self { status: Status::new(code, sentence), http, allow: None }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let http = StatusCode::from_u16(status.http_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, http, allow: None }
    }
}

impl From<Box<Status>> for Refusal {
    fn from(status: Box<Status>) -> Self {
        (*status).into()
    }
}

#[derive(Serialize)]
struct Refused<'a> {
    error: &'a str,
    /// As gRPC calls it.
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

/// A document.
pub fn json(http: StatusCode, document: &impl Serialize) -> Answer {
    let mut body = Vec::new();
    json_text::value(document, &mut body);
    answer(http, JSON, body)
}

/// A document that is written already. Never compressed, as in Triton: its client for aiohttp would not expand it.
#[must_use]
pub fn document(json: Vec<u8>) -> Answer {
    answer(StatusCode::OK, JSON, json)
}

/// What a refused caller gets.
pub fn refuse(refusal: &Refusal) -> Answer {
    let Refusal { status, http, allow } = refusal;
    let error = Refused { error: &status.message, code: status.code.name(), field: status.field.as_deref() };
    let mut refused = json(*http, &error);
    let headers = refused.headers_mut();
    if let Some(allow) = allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if status.code == Code::Unavailable {
        retry_after(&mut refused, status.pushback_ms);
    }
    refused
}

/// What a caller gets whom the servicer has refused.
#[must_use]
pub fn refuse_call(failure: &RpcFailure) -> Answer {
    let (code, http) = named(failure.code);
    let http = StatusCode::from_u16(http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut refused = json(http, &Refused { error: &failure.message, code, field: None });
    if http == StatusCode::SERVICE_UNAVAILABLE {
        retry_after(&mut refused, failure.pushback_ms);
    }
    refused
}

fn retry_after(refused: &mut Answer, pushback_ms: Option<i32>) {
    // Whole seconds are all that the header has; a client that comes back at once would only be refused again.
    let seconds = pushback_ms.map_or(1, |pushback| pushback.max(0).cast_unsigned().div_ceil(1000).max(1));
    refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
}

/// The outputs of a model, compressed where the caller likes that and it is worth it.
pub fn outputs(body: Body, accepts: &HeaderMap) -> Answer {
    let Body { mut bytes, json_bytes } = body;
    let encoding = encoding::of_answer(accepts);
    let packed = if bytes.len() < MIN_COMPRESSED_BYTES { None } else { encoding.compress(&bytes) };
    let compressed = packed.is_some();
    bytes = packed.unwrap_or(bytes);
    let mut answer = answer(StatusCode::OK, if json_bytes.is_some() { BINARY } else { JSON }, bytes);
    if let Some(length) = json_bytes {
        answer.headers_mut().insert(JSON_LENGTH, HeaderValue::from(length));
    }
    if compressed && encoding != Encoding::Identity {
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    answer
}

fn answer(http: StatusCode, content_type: HeaderValue, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = http;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}
