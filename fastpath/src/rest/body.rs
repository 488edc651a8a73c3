//! The body of a request, as far as its limit and its time go.

use std::rc::Rc;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use super::answer::Refusal;
use crate::door::settings::BODY_TIMEOUT;
use crate::door::unfinished::{Held, Unfinished};
use crate::status::{Code, Status};

/// What is too long is read on so far and thrown away: a sender who is cut off while it sends does not read the refusal.
const MOST_THROWN_AWAY_BYTES: u64 = 64 * 1024 * 1024;

/// # Errors
/// 413: longer than `most_bytes`. 408: not there in time. 503: all bodies on their way fill the memory.
pub async fn read(body: Incoming, most_bytes: usize, unfinished: &Rc<Unfinished>) -> Result<Bytes, Refusal> {
    timeout(BODY_TIMEOUT, read_all(body, most_bytes, unfinished)).await.unwrap_or_else(|_| {
        let sentence = format!("The request's body did not come within {} s.", BODY_TIMEOUT.as_secs());
        Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded, sentence))
    })
}

/// Reads a body that nobody wants to its end, so that the connection can be kept for the next request.
pub async fn discard(body: Incoming) {
    let length = body.size_hint().lower();
    let _ = timeout(BODY_TIMEOUT, throw_away(body, length)).await;
}

async fn read_all(
    mut body: Incoming,
    most_bytes: usize,
    unfinished: &Rc<Unfinished>,
) -> Result<Bytes, Refusal> {
    if let Some(length) = body.size_hint().exact()
        && length > most_bytes as u64
    {
        throw_away(body, length).await;
        return Err(too_long(length, most_bytes));
    }
    let mut held = Held::nothing(unfinished);
    let mut pieces = Pieces::None;
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| gone())?.into_data() else { continue };
        let bytes = pieces.len() + piece.len();
        if bytes > most_bytes {
            throw_away(body, bytes as u64).await;
            return Err(too_long(bytes as u64, most_bytes));
        }
        held.set(bytes)?;
        let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
        pieces.push(piece, expected.min(most_bytes - bytes));
    }
    Ok(pieces.into_bytes())
}

/// What has come of a body; nearly always it is one piece, which is not copied.
enum Pieces {
    None,
    One(Bytes),
    Many(Vec<u8>),
}

impl Pieces {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(piece) => piece.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    /// `expected` more bytes will follow, as far as is known.
    fn push(&mut self, piece: Bytes, expected: usize) {
        match self {
            Self::None => *self = Self::One(piece),
            Self::One(first) => {
                let mut bytes = Vec::with_capacity(first.len() + piece.len() + expected);
                bytes.extend_from_slice(first);
                bytes.extend_from_slice(&piece);
                *self = Self::Many(bytes);
            }
            Self::Many(bytes) => bytes.extend_from_slice(&piece),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::None => Bytes::new(),
            Self::One(piece) => piece,
            Self::Many(bytes) => bytes.into(),
        }
    }
}

/// Reads a body that has such a length, or is that long already, to its end if that is near enough.
async fn throw_away(mut body: Incoming, length: u64) {
    if length > MOST_THROWN_AWAY_BYTES {
        return;
    }
    let mut bytes = 0;
    while let Some(Ok(frame)) = body.frame().await {
        bytes += frame.data_ref().map_or(0, |piece| piece.len() as u64);
        if bytes > MOST_THROWN_AWAY_BYTES {
            return;
        }
    }
}

fn too_long(bytes: u64, most_bytes: usize) -> Refusal {
    let sentence = format!("The body has {bytes} bytes or more; at most {most_bytes} are taken.");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, sentence)
}

/// Nobody is there any more to read it.
fn gone() -> Refusal {
    Status::new(Code::Cancelled, "The request's body was not sent to its end.").into()
}
