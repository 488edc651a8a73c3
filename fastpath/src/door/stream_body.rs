//! The body of a stream of requests: its messages, one by one, no faster than they are wanted.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::{Sleep, sleep};

use super::body::cut_off;
use super::http2::Handle;
use super::settings::BODY_TIMEOUT;
use super::unfinished::{Held, Unfinished};
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
pub struct StreamBody {
    handle: Rc<Handle>,
    deframer: Deframer,
    encoding: Encoding,
    max_message_bytes: usize,
    held: Held,
    /// Bytes whose room in the windows was not given back.
    unreleased: usize,
    /// Until when a message that has begun must end.
    patience: Option<Pin<Box<Sleep>>>,
}

impl StreamBody {
    pub fn new(
        handle: Rc<Handle>,
        encoding: Encoding,
        max_message_bytes: usize,
        unfinished: &Rc<Unfinished>,
    ) -> Self {
        Self {
            handle,
            deframer: Deframer::new(max_message_bytes),
            encoding,
            max_message_bytes,
            held: Held::nothing(unfinished),
            unreleased: 0,
            patience: None,
        }
    }

    /// The next message; none at the end of the body.
    pub fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, NoMessage>> {
        loop {
            if let Some(frame) = self.deframer.next_frame()? {
                self.patience = None;
                return Poll::Ready(Ok(Some(self.encoding.open(frame, self.max_message_bytes)?)));
            }
            self.release();
            match self.handle.poll_data(context) {
                Poll::Ready(Some(Ok(piece))) => self.take(piece),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(NoMessage::Gone)),
                Poll::Ready(None) if self.deframer.is_empty() => return Poll::Ready(Ok(None)),
                Poll::Ready(None) => return Poll::Ready(Err(cut_off().into())),
                Poll::Pending => return self.wait(context),
            }
        }
    }

    /// No message is wanted now. That the room of what comes is not given back holds the caller.
    pub fn hold(&mut self) {
        self.patience = None;
    }

    fn take(&mut self, piece: Bytes) {
        self.unreleased += piece.len();
        self.deframer.push(piece);
    }

    fn release(&mut self) {
        if self.unreleased > 0 {
            self.handle.release(std::mem::take(&mut self.unreleased));
        }
    }

    /// The rest of a message must come in time, and must not be too much together with others'.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, NoMessage>> {
        self.held.set(self.deframer.len())?;
        if self.deframer.is_empty() {
            self.patience = None;
            return Poll::Pending;
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(BODY_TIMEOUT)));
        patience.as_mut().poll(context).map(|()| {
            let sentence = format!("The rest of a message did not come within {} s.", BODY_TIMEOUT.as_secs());
            Err(Status::new(Code::DeadlineExceeded, sentence).into())
        })
    }
}
