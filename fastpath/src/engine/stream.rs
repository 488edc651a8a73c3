//! The messages of a stream of requests: what must be known of a request before it is decoded, and how its outcome is
//! wrapped.

use super::Method;
use crate::status::Status;
use crate::wire::reader::{Reader, WireType};
use crate::wire::writer::Writer;

/// `parameters["triton_final_response"].bool_param = true`, which Triton sets on every answer to a request that gets one.
const FINAL: &[u8] = b"\x22\x1b\x0a\x15triton_final_response\x12\x02\x08\x01";

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
            Ok(response) => infer_response(None, &response),
            Err(status) => infer_response(Some(&status.message), &id_of(&head.id)),
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

/// A `ModelStreamInferResponse`; `response` is the bytes of its `ModelInferResponse`, which the final mark is added to.
fn infer_response(error: Option<&str>, response: &[u8]) -> Vec<u8> {
    let mut writer = Writer::with_capacity(response.len() + FINAL.len() + 16);
    writer.string(1, error.unwrap_or_default());
    writer.length(2, response.len() + FINAL.len());
    writer.raw(response);
    writer.raw(FINAL);
    writer.into_vec()
}

/// The bytes of a `ModelInferResponse` that says whose it is and no more.
fn id_of(id: &str) -> Vec<u8> {
    let mut response = Writer::default();
    response.string(3, id);
    response.into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Code;

    fn id(method: Method, message: &[u8]) -> String {
        RequestHead::read(method, message).id
    }

    #[test]
    fn the_last_id_counts_and_a_message_that_cannot_be_read_to_its_end_has_none() {
        assert_eq!(id(Method::ModelInfer, b"\x1a\x03bad\x2a\x01\xff"), "bad");
        assert_eq!(id(Method::ModelInfer, b"\x1a\x03bad\x1a\x05worse"), "worse");
        assert_eq!(id(Method::ModelInfer, b"\x1a\x03bad\x18\x01"), "bad");
        assert_eq!(id(Method::ModelInfer, b"\x1a\x03bad\x0a\xff"), "");
        assert_eq!(id(Method::Predict, b"\x1a\x02\xff\xff"), "");
    }

    #[test]
    fn only_predict_requests_may_overtake() {
        let message = b"\x1a\x01a\x48\x01";
        assert!(RequestHead::read(Method::Predict, message).unordered);
        assert!(!RequestHead::read(Method::ModelInfer, message).unordered);
    }

    #[test]
    fn an_answer_is_wrapped_with_the_final_mark_behind_it() {
        let wrapped = encode_answer(Method::ModelInfer, &RequestHead::default(), Ok(b"\x0a\x01m".to_vec()));
        assert_eq!(wrapped, [b"\x12\x20\x0a\x01m", FINAL].concat());
    }

    #[test]
    fn a_failure_names_its_request_and_says_why() {
        let head = RequestHead { id: "7".to_owned(), unordered: false };
        let status = || Box::new(Status { pushback_ms: Some(-1), ..Status::new(Code::NotFound, "no") });
        let wrapped = encode_answer(Method::ModelInfer, &head, Err(status()));
        assert_eq!(wrapped, [b"\x0a\x02no\x12\x20\x1a\x017", FINAL].concat());
        let wrapped = encode_answer(Method::Predict, &head, Err(status()));
        let minus_one = [0xff; 9].into_iter().chain([1]).collect::<Vec<u8>>();
        assert_eq!(wrapped, [b"\x12\x14\x0a\x017\x10\x05\x1a\x02no\x20".to_vec(), minus_one].concat());
    }
}
