//! Where answers go, in bulk, and how a thread waits for them.

use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use super::failure::Failure;

/// How one call ended.
#[derive(Debug)]
pub struct Reply {
    /// The caller's own name for the call.
    pub token: u64,
    pub result: Result<Bytes, Box<Failure>>,
}

/// A caller's end; several calls share one, so that one wake is enough for all that ended meanwhile.
pub trait Outbox: Send + Sync {
    /// Takes replies on the client's thread; must not wait.
    fn deliver(&self, replies: Vec<Reply>);
}

/// An outbox that one thread waits at.
#[derive(Default)]
pub struct Waiter {
    replies: Mutex<Vec<Reply>>,
    news: Condvar,
}

impl Outbox for Waiter {
    fn deliver(&self, replies: Vec<Reply>) {
        let mut waiting = self.replies.lock();
        if waiting.is_empty() {
            *waiting = replies;
        } else {
            waiting.extend(replies);
        }
        drop(waiting);
        self.news.notify_one();
    }
}

impl Waiter {
    /// The replies so far, once there is one; nothing where there is none at `until`.
    pub fn wait(&self, until: Instant) -> Vec<Reply> {
        let mut replies = self.replies.lock();
        let _ = self.news.wait_while_until(&mut replies, |replies| replies.is_empty(), until);
        std::mem::take(&mut *replies)
    }
}
