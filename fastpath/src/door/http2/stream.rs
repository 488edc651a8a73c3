//! One stream: whose call it is, its windows, and what lies there for a task to read or for its client to make room for.

use std::task::Waker;
use std::time::Instant;

use bytes::BytesMut;
use http::HeaderMap;
use tokio::task::AbortHandle;

use crate::door::body::UnaryBody;
use crate::door::head::{Call, Head};
use crate::engine::Method;
use crate::grpc::Framed;

/// Who works on a call, and what ends when its caller has gone.
#[derive(Default)]
pub enum Work {
    #[default]
    Nobody,
    /// A unary call of a hot method whose message has not come whole.
    Arrives(Arriving),
    /// The engine has it, under this token.
    Waits(u64),
    /// A task of its own works on it; what the task holds ends with it.
    Runs(AbortHandle),
}

/// A unary call on its way in.
pub struct Arriving {
    pub method: Method,
    pub head: Head,
    pub body: UnaryBody,
    pub since: Instant,
}

/// A stream that is open on this side.
pub struct Stream {
    pub work: Work,
    /// What its client may still send, and what was read of it and not yet told.
    pub receive_window: i64,
    pub freed: u32,
    /// What lies with the task that reads it, or on its way there: the connection's window lacks it.
    pub held: u32,
    /// What it may still be sent.
    pub send_window: i64,
    /// The client's side is closed.
    pub has_ended: bool,
    /// What is missing of the length that its head has announced.
    pub missing: Option<u64>,
    /// An answer that waits for room, with which the call ends.
    pub queued: Option<Box<Framed>>,
    /// What a task reads, where one does.
    pub inbox: Option<Box<Inbox>>,
}

impl Stream {
    pub fn new(receive_window: u32, send_window: i64, call: &Call, has_ended: bool) -> Self {
        Self {
            work: Work::Nobody,
            receive_window: receive_window.into(),
            freed: 0,
            held: 0,
            send_window,
            has_ended,
            missing: call.content_length,
            queued: None,
            inbox: None,
        }
    }

    pub fn is_arriving(&self) -> bool {
        matches!(self.work, Work::Arrives(_))
    }

    /// Whether something would be sent if there were room for it.
    pub fn waits_for_room(&self) -> bool {
        self.queued.is_some() || self.inbox.as_ref().is_some_and(|inbox| inbox.writer.is_some())
    }

    /// So many bytes of the body have come. False: that contradicts what its head has announced.
    pub fn came(&mut self, bytes: usize) -> bool {
        if let Some(missing) = &mut self.missing {
            match missing.checked_sub(bytes as u64) {
                Some(left) if !self.has_ended || left == 0 => *missing = left,
                _ => return false,
            }
        }
        true
    }
}

/// What has come for the task that reads a stream, and whom to wake.
#[derive(Default)]
pub struct Inbox {
    pub data: BytesMut,
    pub trailers: Option<HeaderMap>,
    pub reader: Option<Waker>,
    pub writer: Option<Waker>,
}

impl Inbox {
    pub fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    pub fn wake_writer(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}
