//! One stream as a task reads and writes it. A task that ends, or is ended, resets a stream that it has not closed.

use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::{HeaderMap, StatusCode};

use super::conversation::Conversation;
use super::send::Ending;
use crate::grpc::Encoding;
use crate::http2::frame::Reason;

/// The stream was reset, or its connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// The task's end of a stream.
pub struct Handle {
    conversation: Rc<Conversation>,
    stream: u32,
}

impl Handle {
    pub(super) fn new(conversation: Rc<Conversation>, stream: u32) -> Self {
        Self { conversation, stream }
    }

    /// All that has come of the body; none at its end. Its room in the windows is given back by `release`.
    pub fn poll_data(&self, context: &Context<'_>) -> Poll<Option<Result<Bytes, Gone>>> {
        self.conversation.with(|protocol| {
            let Some(state) = protocol.streams.get_mut(&self.stream) else {
                return Poll::Ready(Some(Err(Gone)));
            };
            let Some(inbox) = &mut state.inbox else { return Poll::Ready(None) };
            if !inbox.data.is_empty() {
                return Poll::Ready(Some(Ok(inbox.data.split().freeze())));
            }
            if state.has_ended {
                return Poll::Ready(None);
            }
            inbox.reader = Some(context.waker().clone());
            Poll::Pending
        })
    }

    /// Those of a body that has ended.
    #[must_use]
    pub fn take_trailers(&self) -> Option<HeaderMap> {
        self.conversation
            .with(|protocol| protocol.streams.get_mut(&self.stream)?.inbox.as_mut()?.trailers.take())
    }

    /// So many bytes of the body were read: their client may send as many again.
    pub fn release(&self, bytes: usize) {
        self.conversation.with(|protocol| protocol.release(self.stream, bytes));
    }

    /// The head of a gRPC answer.
    pub fn send_answer_head(&self, encoding: Encoding) -> Result<(), Gone> {
        let sent = self.conversation.with(|protocol| protocol.put_answer_head(self.stream, encoding));
        if sent { Ok(()) } else { Err(Gone) }
    }

    /// Any head, which may be all there is.
    pub fn send_head(&self, status: StatusCode, headers: &HeaderMap, ends: bool) -> Result<(), Gone> {
        let sent = self.conversation.with(|protocol| {
            protocol.strikes.answer();
            protocol.put_head(self.stream, status, headers, ends)
        });
        if sent { Ok(()) } else { Err(Gone) }
    }

    /// How many bytes may be sent now, at most `most`, once there are any.
    pub fn poll_room(&self, most: usize, context: &Context<'_>) -> Poll<Result<usize, Gone>> {
        self.conversation.with(|protocol| match protocol.room_for_task(self.stream, most) {
            None => Poll::Ready(Err(Gone)),
            Some(0) if most > 0 => {
                if let Some(inbox) =
                    protocol.streams.get_mut(&self.stream).and_then(|state| state.inbox.as_mut())
                {
                    inbox.writer = Some(context.waker().clone());
                }
                Poll::Pending
            }
            Some(room) => Poll::Ready(Ok(room)),
        })
    }

    /// Sends so many bytes, for which there is room.
    pub fn send(&self, data: &mut impl Buf, bytes: usize) {
        self.conversation.with(|protocol| protocol.put_data(self.stream, data, bytes));
    }

    /// Ends the answer.
    pub fn end(&self, ending: Ending<'_>) {
        self.conversation.with(|protocol| protocol.end(self.stream, ending));
    }

    /// Ends a call whose answer has not begun.
    pub fn refuse(&self, headers: &HeaderMap) {
        self.conversation.with(|protocol| protocol.put_refusal(self.stream, headers));
    }

    /// Nothing happens to a stream that is closed.
    pub fn reset(&self, reason: Reason) {
        self.reset_with(reason as u32);
    }

    /// Likewise, with somebody else's code.
    pub fn reset_with(&self, code: u32) {
        self.conversation.with(|protocol| {
            if protocol.streams.contains_key(&self.stream) {
                protocol.reset_with(self.stream, code);
            }
        });
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.reset(Reason::Cancel);
    }
}
