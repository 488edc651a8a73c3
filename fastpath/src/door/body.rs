//! The body of a unary call: one message, and no more.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;

use super::unfinished::{Held, Unfinished};
use crate::grpc::frame::Frame;
use crate::grpc::{Deframer, Encoding};
use crate::status::{Code, Status};

/// Why there is no message.
#[derive(Debug)]
pub enum NoMessage {
    /// The caller is gone.
    Gone,
    Refused(Box<Status>),
}

impl From<Status> for NoMessage {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

/// Reads a body as it comes.
pub struct UnaryBody {
    stream: RecvStream,
    deframer: Deframer,
    frame: Option<Frame>,
    held: Held,
}

impl UnaryBody {
    pub fn new(stream: RecvStream, max_message_bytes: usize, unfinished: &Rc<Unfinished>) -> Self {
        let held = Held::nothing(unfinished);
        Self { stream, deframer: Deframer::new(max_message_bytes), frame: None, held }
    }

    /// The message, once the body has ended.
    pub fn poll_message(
        &mut self,
        encoding: Encoding,
        max_message_bytes: usize,
        context: &mut Context<'_>,
    ) -> Poll<Result<Bytes, NoMessage>> {
        loop {
            let piece = match poll_piece(&mut self.stream, context) {
                Poll::Ready(Some(Ok(piece))) => piece,
                Poll::Ready(Some(Err(()))) => return Poll::Ready(Err(NoMessage::Gone)),
                Poll::Ready(None) => break,
                Poll::Pending => {
                    self.held.set(self.deframer.len())?;
                    return Poll::Pending;
                }
            };
            self.deframer.push(piece);
            if self.frame.is_none() {
                self.frame = self.deframer.next_frame()?;
            }
            if self.frame.is_some() && !self.deframer.is_empty() {
                return Poll::Ready(Err(not_one("more than one").into()));
            }
        }
        let Some(frame) = self.frame.take() else {
            return Poll::Ready(Err(if self.deframer.is_empty() {
                not_one("none").into()
            } else {
                cut_off().into()
            }));
        };
        Poll::Ready(encoding.open(frame, max_message_bytes).map_err(NoMessage::from))
    }
}

/// The next piece of a body, its room in the windows given back at once: what is read is bounded elsewhere. An error: the
/// caller is gone.
fn poll_piece(stream: &mut RecvStream, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, ()>>> {
    Poll::Ready(match ready!(stream.poll_data(context)) {
        Some(Ok(piece)) => {
            let _ = stream.flow_control().release_capacity(piece.len());
            Some(Ok(piece))
        }
        Some(Err(_)) => Some(Err(())),
        None => None,
    })
}

/// A body that ends inside a message.
pub fn cut_off() -> Status {
    Status::new(Code::Internal, "The request ended inside a message; the rest of it never came.")
}

fn not_one(count: &str) -> Status {
    Status::new(Code::Unimplemented, format!("A unary call has one message; this one has {count}."))
}
