//! The body of a stream of requests: its messages, one by one, no faster than they are wanted.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::RecvStream;
use tokio::time::{Sleep, sleep};

use super::body::{NoMessage, cut_off};
use super::settings::BODY_TIMEOUT;
use super::unfinished::{Held, Unfinished};
use crate::grpc::{Deframer, Encoding};
use crate::status::{Code, Status};

/// Reads a body as it comes.
pub struct StreamBody {
    stream: RecvStream,
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
        stream: RecvStream,
        encoding: Encoding,
        max_message_bytes: usize,
        unfinished: &Rc<Unfinished>,
    ) -> Self {
        Self {
            stream,
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
            match self.stream.poll_data(context) {
                Poll::Ready(Some(Ok(piece))) => self.take(piece),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(NoMessage::Gone)),
                Poll::Ready(None) if self.deframer.is_empty() => return Poll::Ready(Ok(None)),
                Poll::Ready(None) => return Poll::Ready(Err(cut_off().into())),
                Poll::Pending => return self.wait(context),
            }
        }
    }

    /// No message is wanted now. What has come is taken from h2 all the same, whose budget for small DATA is the whole
    /// connection's; that its room is not given back holds the caller.
    pub fn hold(&mut self, context: &mut Context<'_>) {
        self.patience = None;
        while let Poll::Ready(Some(Ok(piece))) = self.stream.poll_data(context) {
            self.take(piece);
        }
    }

    fn take(&mut self, piece: Bytes) {
        self.unreleased += piece.len();
        self.deframer.push(piece);
    }

    fn release(&mut self) {
        if self.unreleased > 0 {
            let _ = self.stream.flow_control().release_capacity(std::mem::take(&mut self.unreleased));
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
