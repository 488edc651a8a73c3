//! How answers and refusals become HEADERS, DATA and trailers.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use bytes::Buf;
use http::StatusCode;
use http::header::{ALLOW, HeaderMap, HeaderValue};
use tokio::time::{Instant, timeout_at};

use super::head::{GRPC_ACCEPT_ENCODING, Refusal};
use super::http2::{Conversation, Ending, Handle};
use super::settings::{MIN_COMPRESSED_BYTES, STALL_BYTES_PER_S, STALL_TIMEOUT, WHOLE_ANSWER_BYTES};
use crate::grpc::encoding::ACCEPTED;
use crate::grpc::{Encoding, Framed, ending};
use crate::http2::frame::Reason;
use crate::status::{Code, Status};

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
    conversation: &Rc<Conversation>,
    stream: u32,
    outcome: Result<Vec<u8>, Box<Status>>,
    encoding: Encoding,
) {
    let message = match outcome {
        Ok(message) => framed(message, encoding),
        Err(status) => {
            // The engine has worked on it.
            conversation.with(|protocol| protocol.strikes.answer());
            return refuse(conversation, stream, &status);
        }
    };
    let Some(mut message) = conversation.with(|protocol| protocol.answer(stream, encoding, message)) else {
        return;
    };
    let handle = conversation.handle(stream);
    conversation.run(stream, async move {
        if write(&handle, &mut message).await {
            handle.end(Ending::Ok);
        }
    });
}

/// Ends a call with its head alone.
pub fn refuse(conversation: &Conversation, stream: u32, status: &Status) {
    let headers = refusal(status);
    conversation.with(|protocol| protocol.put_refusal(stream, &headers));
}

/// What the only head of a refused call says.
pub fn refusal(status: &Status) -> HeaderMap {
    let mut headers = ending::trailers(status);
    if status.code == Code::Unimplemented {
        headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
    }
    headers
}

/// Ends what is no call.
pub fn turn_away(conversation: &Conversation, stream: u32, refusal: &Refusal) {
    match refusal {
        Refusal::Grpc(status) => refuse(conversation, stream, status),
        Refusal::Http(status) => {
            let mut headers = HeaderMap::new();
            if *status == StatusCode::METHOD_NOT_ALLOWED {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            conversation.with(|protocol| protocol.put_head(stream, *status, &headers, true));
        }
    }
}

/// Sends DATA as its reader makes room. False: the stream is gone, or its reader was too slow and it was reset.
pub async fn write(handle: &Handle, data: &mut impl Buf) -> bool {
    let seconds = data.remaining() / STALL_BYTES_PER_S;
    let until = Instant::now() + STALL_TIMEOUT + Duration::from_secs(seconds as u64);
    while data.has_remaining() {
        let most = data.remaining().min(WHOLE_ANSWER_BYTES);
        match timeout_at(until, poll_fn(|context| handle.poll_room(most, context))).await {
            Ok(Ok(room)) => handle.send(data, room),
            Ok(Err(_)) => return false,
            Err(_) => {
                handle.reset(Reason::Cancel);
                return false;
            }
        }
    }
    true
}
