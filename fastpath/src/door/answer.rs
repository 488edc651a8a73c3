//! How answers and refusals become HEADERS, DATA and trailers.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use h2::Reason;
use h2::SendStream;
use h2::server::SendResponse;
use http::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::calls::Calls;
use super::head::{GRPC_ACCEPT_ENCODING, GRPC_ENCODING, Refusal};
use super::payload::Payload;
use super::settings::{
    MIN_COMPRESSED_BYTES, STALL_BYTES_PER_S, STALL_TIMEOUT, UNREAD_ANSWER_BYTES, WHOLE_ANSWER_BYTES,
};
use crate::grpc::encoding::ACCEPTED;
use crate::grpc::{Encoding, Framed, ending};
use crate::status::{Code, Status};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// The head of a call's answer.
pub fn head(encoding: Encoding) -> Response<()> {
    let mut head = Response::new(());
    let headers = head.headers_mut();
    headers.reserve(2);
    headers.insert(CONTENT_TYPE, GRPC);
    if encoding != Encoding::Identity {
        headers.insert(GRPC_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    head
}

/// A message as DATA, compressed where that was agreed and gains something.
pub fn framed(message: Vec<u8>, encoding: Encoding) -> Framed {
    if encoding != Encoding::Identity
        && message.len() >= MIN_COMPRESSED_BYTES
        && let Some(packed) = encoding.compress(&message)
    {
        return Framed::new(packed, true);
    }
    Framed::new(message, false)
}

/// Answers a unary call. Errors of the connection are its caller's loss alone.
pub fn send(
    mut respond: SendResponse<Payload>,
    outcome: Result<Vec<u8>, Box<Status>>,
    encoding: Encoding,
    calls: Rc<Calls>,
) {
    let message = match outcome {
        Ok(message) => framed(message, encoding),
        Err(status) => return refuse(&mut respond, &status),
    };
    let Ok(mut stream) = respond.send_response(head(encoding), false) else { return };
    if !has_room(&mut stream, message.remaining()) {
        tokio::task::spawn_local(async move {
            if write(&mut stream, Payload::Message(message), &calls).await {
                let _ = stream.send_trailers(ending::ok());
            }
        });
    } else if stream.send_data(Payload::Message(message), false).is_ok() {
        let _ = stream.send_trailers(ending::ok());
    }
}

/// Whether an answer may be handed to h2 whole: its reader has made room for it, or it is so small that it may lie there
/// unread until the connection ends.
fn has_room(stream: &mut SendStream<Payload>, bytes: usize) -> bool {
    if bytes <= UNREAD_ANSWER_BYTES || bytes > WHOLE_ANSWER_BYTES {
        return bytes <= UNREAD_ANSWER_BYTES;
    }
    stream.reserve_capacity(bytes);
    stream.capacity() >= bytes
}

/// Ends a call with its head alone.
pub fn refuse(respond: &mut SendResponse<Payload>, status: &Status) {
    let mut head = head(Encoding::Identity);
    ending::write(status, head.headers_mut());
    if status.code == Code::Unimplemented {
        head.headers_mut().insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
    }
    let _ = respond.send_response(head, true);
}

/// Ends what is no call.
pub fn turn_away(mut respond: SendResponse<Payload>, refusal: Refusal) {
    match refusal {
        Refusal::Grpc(status) => refuse(&mut respond, &status),
        Refusal::Http(status) => {
            let mut head = Response::new(());
            *head.status_mut() = status;
            if status == StatusCode::METHOD_NOT_ALLOWED {
                head.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            }
            let _ = respond.send_response(head, true);
        }
    }
}

/// Sends DATA as its reader makes room. False: the stream is gone, or its reader was too slow and it was reset.
pub async fn write(stream: &mut SendStream<Payload>, mut data: Payload, calls: &Calls) -> bool {
    let seconds = data.remaining() / STALL_BYTES_PER_S;
    let until = Instant::now() + STALL_TIMEOUT + Duration::from_secs(seconds as u64);
    while data.has_remaining() {
        stream.reserve_capacity(data.remaining().min(WHOLE_ANSWER_BYTES));
        let room = match timeout_at(until, poll_fn(|context| stream.poll_capacity(context))).await {
            Ok(Some(Ok(room))) => room,
            Ok(_) => return false,
            Err(_) => {
                stream.send_reset(Reason::CANCEL);
                return false;
            }
        };
        let piece = if room < data.remaining() {
            Payload::Piece(data.copy_to_bytes(room))
        } else {
            std::mem::replace(&mut data, Payload::Piece(Bytes::new()))
        };
        if stream.send_data(piece, false).is_err() {
            return false;
        }
        calls.answer();
    }
    true
}

/// Ends a stream of answers.
pub fn end(stream: &mut SendStream<Payload>, trailers: HeaderMap) {
    let _ = stream.send_trailers(trailers);
}
