//! Reads the answer to a unary call off its stream: head, one message, trailers; and what it means where they are not so.

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use http::{Response, StatusCode};

use super::failure::{Code, Failure};
use crate::grpc::frame::Frame;
use crate::grpc::{Deframer, Encoding};
use crate::status::{self, Status};

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// A call that got no answer, and whether the server can have seen it.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub failure: Failure,
    pub unseen: Unseen,
}

/// Whether a call surely did not reach the server's application, so that it may be sent again without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// The server may have run it.
    No,
    /// The server refused this one stream.
    Refused,
    /// The connection takes no more calls.
    Leaving,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { failure, unseen: Unseen::No }
    }
}

/// The message that a call is answered with, of at most `max_receive_bytes` once it is expanded.
pub async fn receive(response: ResponseFuture, max_receive_bytes: usize) -> Result<Bytes, Refusal> {
    let response = response.await.map_err(|error| refusal(&error))?;
    Ok(read(response, max_receive_bytes).await?)
}

async fn read(response: Response<RecvStream>, max_receive_bytes: usize) -> Result<Bytes, Failure> {
    let (head, mut body) = response.into_parts();
    if let Some(end) = Failure::of_trailers(&head.headers) {
        // Trailers without a message before them.
        return end.and_then(|()| Err(no_message()));
    }
    check_head(head.status, &head.headers)?;
    let frame = message(&mut body, max_receive_bytes).await?;
    let trailers = body.trailers().await.map_err(|error| refusal(&error).failure)?.unwrap_or_default();
    let Some(end) = Failure::of_trailers(&trailers) else {
        return Err(no_status());
    };
    end?;
    let frame = frame.ok_or_else(no_message)?;
    if !frame.compressed {
        return Ok(frame.message);
    }
    let opened = Encoding::parse(encoding_of(&head.headers))
        .and_then(|encoding| encoding.open(frame, max_receive_bytes));
    opened.map_err(|status| unreadable(status, max_receive_bytes))
}

/// What a head says of how messages are compressed.
pub fn encoding_of(headers: &HeaderMap) -> &[u8] {
    headers.get(GRPC_ENCODING).map_or(&b"identity"[..], |name| name.as_bytes())
}

pub fn no_status() -> Failure {
    Failure::new(Code::Unknown, "The server ended the call without a status.")
}

/// A message that is too long, or that is none.
pub fn unreadable(status: Status, max_receive_bytes: usize) -> Failure {
    if status.code == status::Code::ResourceExhausted {
        let sentence = format!("The answer is longer than {max_receive_bytes} bytes; ask for fewer rows.");
        return Failure::new(Code::ResourceExhausted, sentence);
    }
    Failure::new(Code::Internal, status.message)
}

/// Whether a head is that of a gRPC answer.
pub fn check_head(status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    if status == StatusCode::OK && content_type.starts_with(b"application/grpc") {
        return Ok(());
    }
    let shown: String = String::from_utf8_lossy(content_type).chars().take(64).collect();
    let sentence = format!(
        "The server answered HTTP {} with content-type {shown:?}; this is not gRPC.",
        status.as_u16()
    );
    Err(Failure::new(Code::of_http(status), sentence))
}

/// The only message of the body.
async fn message(body: &mut RecvStream, max_receive_bytes: usize) -> Result<Option<Frame>, Failure> {
    let mut deframer = Deframer::new(max_receive_bytes);
    let mut found = None;
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(|error| refusal(&error).failure)?;
        // The window is the connection's as well: what is read is given back at once. It fails for a stream that has ended.
        let _ = body.flow_control().release_capacity(piece.len());
        deframer.push(piece);
        while let Some(frame) =
            deframer.next_frame().map_err(|status| unreadable(status, max_receive_bytes))?
        {
            if found.replace(frame).is_some() {
                return Err(too_many_messages());
            }
        }
    }
    if !deframer.is_empty() {
        return Err(cut_short());
    }
    Ok(found)
}

pub fn cut_short() -> Failure {
    Failure::new(Code::Internal, "The server's answer ended inside a message.")
}

pub fn too_many_messages() -> Failure {
    Failure::new(Code::Internal, "The server answered with more than one message.")
}

pub fn no_message() -> Failure {
    Failure::new(Code::Internal, "The server answered OK without a message.")
}

/// What an error of HTTP/2 means for the call whose stream had it.
pub fn refusal(error: &h2::Error) -> Refusal {
    let reason = error.reason();
    if error.is_go_away() && error.is_remote() {
        // Given to streams above the last that the server looked at, alone (RFC 9113, section 6.8).
        let failure = Failure::new(Code::Unavailable, format!("The server ended the connection: {error}."));
        return Refusal { failure, unseen: Unseen::Leaving };
    }
    match reason {
        Some(reason) if error.is_reset() => {
            let failure = Failure::new(Code::of_reset(reason), format!("The call was reset: {error}."));
            let refused = error.is_remote() && reason == Reason::REFUSED_STREAM;
            Refusal { failure, unseen: if refused { Unseen::Refused } else { Unseen::No } }
        }
        // Lost, or ended by this side because the other broke HTTP/2's rules.
        _ => Failure::new(Code::Unavailable, format!("The connection was lost: {error}.")).into(),
    }
}
