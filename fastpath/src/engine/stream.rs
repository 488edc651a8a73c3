//! The messages of a stream of requests: what must be known of a request before it is decoded, and how its outcome is
//! wrapped.

use super::Method;
use crate::status::Status;
use crate::wire::reader::{Reader, WireType};
use crate::wire::writer::Writer;

/// What a stream needs to know of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    pub id: String,
    /// Whether its answer need not wait for those before it.
    pub unordered: bool,
}

impl RequestHead {
    /// Of a serialized request. What does not parse has no id; the engine refuses it.
    #[must_use]
    pub fn read(method: Method, message: &[u8]) -> Self {
        Self::parse(method, message).unwrap_or_default()
    }

    fn parse(method: Method, message: &[u8]) -> Option<Self> {
        // ModelInferRequest{id=3}; PredictRequest{id=3, unordered=9}.
        let mut head = Self::default();
        let mut reader = Reader::new(message);
        while let Some((number, wire_type)) = reader.field().ok()? {
            match (method, number, wire_type) {
                (_, 3, WireType::Length) => reader.string("id").ok()?.clone_into(&mut head.id),
                (Method::Predict, 9, WireType::Varint) => head.unordered = reader.varint().ok()? != 0,
                _ => reader.skip(number, wire_type).ok()?,
            }
        }
        Some(head)
    }
}

/// The message that answers a request of a stream: a `PredictStreamResponse` or a `ModelStreamInferResponse`.
#[must_use]
pub fn encode_answer(method: Method, head: &RequestHead, outcome: Result<Vec<u8>, Box<Status>>) -> Vec<u8> {
    match method {
        Method::Predict => match outcome {
            Ok(response) => wrapped(1, &response),
            Err(status) => wrapped(2, &predict_error(&head.id, &status)),
        },
        Method::ModelInfer => match outcome {
            Ok(response) => wrapped(2, &response),
            Err(status) => infer_error(&head.id, &status),
        },
    }
}

fn wrapped(number: u32, message: &[u8]) -> Vec<u8> {
    let mut writer = Writer::with_capacity(message.len() + 6);
    writer.bytes(number, message);
    writer.into_vec()
}

fn predict_error(id: &str, status: &Status) -> Vec<u8> {
    let mut error = Writer::default();
    error.string(1, id);
    error.uint64(2, status.code as u64);
    error.string(3, &status.message);
    // A negative int32 is written as the ten bytes of the int64.
    error.uint64(4, i64::from(status.pushback_ms.unwrap_or(0)).cast_unsigned());
    error.into_vec()
}

fn infer_error(id: &str, status: &Status) -> Vec<u8> {
    let mut response = Writer::default();
    response.string(3, id);
    let mut error = Writer::default();
    error.string(1, &status.message);
    error.bytes(2, response.as_slice());
    error.into_vec()
}
