//! One HTTP/2 connection, as the driver sees it: whether a call may begin on it, and the calls under way.

use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use tokio::task::AbortHandle;

use super::answer::{Refusal, Unseen, refusal};
use super::call::{Call, Heads};
use super::failure::{Code, Failure};

pub struct Connection {
    /// Unique in its channel.
    pub id: u64,
    sender: SendRequest<Bytes>,
    /// Calls whose answers are not complete.
    pub calls: usize,
    /// As many calls at a time as the server has been seen to take, whatever it announces: some count streams that are
    /// over, and refuse new ones until they have cleared up.
    pub most: usize,
    /// Answers since `most` was last changed.
    answers: usize,
    /// It takes no more calls; those under way finish.
    pub leaving: bool,
    /// Moves its bytes; to abort it closes the socket.
    task: AbortHandle,
}

impl Connection {
    /// `most` is what the channel's other connections have found, or `usize::MAX`.
    pub fn new(id: u64, sender: SendRequest<Bytes>, task: AbortHandle, most: usize) -> Self {
        Self { id, sender, calls: 0, most, answers: 0, leaving: false, task }
    }

    /// Itself, where the server takes one more call now; where not, `cx` is woken once it may, or the connection is given up.
    pub fn with_room(&mut self, cx: &mut Context<'_>) -> Option<&mut Self> {
        if self.leaving || self.calls >= self.most || self.is_full() {
            return None;
        }
        match self.sender.poll_ready(cx) {
            Poll::Ready(Ok(())) => Some(self),
            Poll::Ready(Err(_)) => {
                self.leaving = true;
                None
            }
            Poll::Pending => None,
        }
    }

    /// Whether it has all the calls that the server announced to take, so that another connection would help.
    pub fn is_full(&self) -> bool {
        self.calls >= self.sender.current_max_send_streams()
    }

    /// A call was answered; one more at a time is tried after as many of them as there are at a time.
    pub fn took(&mut self) {
        self.answers += 1;
        if self.most != usize::MAX && self.answers >= self.most {
            self.most += 1;
            self.answers = 0;
        }
    }

    /// The server refused a call while it had those that are still under way.
    pub fn refused(&mut self) {
        self.most = self.most.min(self.calls).max(1);
        self.answers = 0;
    }

    /// Sends a call whole.
    pub fn send(&mut self, call: &Call, heads: &mut Heads, now: Instant) -> Result<ResponseFuture, Refusal> {
        let head = heads.of(call.uri.clone(), call.deadline.saturating_duration_since(now));
        let sent = self.sender.send_request(head, false).and_then(|(response, mut body)| {
            body.send_data(call.framed.clone(), true)?;
            Ok(response)
        });
        sent.map_err(|error| {
            if error.reason().is_none() && !error.is_io() {
                let sentence = format!("The call cannot be sent: {error}.");
                return Failure::new(Code::Internal, sentence).into();
            }
            self.leaving = true;
            Refusal { unseen: Unseen::Leaving, ..refusal(&error) }
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}
