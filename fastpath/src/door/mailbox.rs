//! What other threads send to an I/O thread: answers from model threads and the reaper, connections from the listener,
//! and what to do next. One lock and at most one wake for all that lies there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::batch::{Answer, Outbox, Spin};
use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;

/// Other news than answers.
pub enum News {
    Connection(std::net::TcpStream, Place),
    /// Connections are told to go; their calls finish.
    Drain,
    /// Connections are closed and the thread ends.
    Stop,
}

/// A connection's place, among those of its thread and of the process; given back when dropped.
pub struct Place {
    connections: Arc<AtomicUsize>,
    _room: OwnedSemaphorePermit,
}

impl Place {
    /// `connections` counts those of the thread.
    pub fn take(connections: &Arc<AtomicUsize>, room: OwnedSemaphorePermit) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self { connections: Arc::clone(connections), _room: room }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What lies in a mailbox.
#[derive(Default)]
pub struct Mail {
    pub answers: Vec<Answer>,
    pub news: Vec<News>,
}

/// The mailbox of one I/O thread.
#[derive(Default)]
pub struct Mailbox {
    inner: Mutex<Inner>,
    /// Something lies there: for an owner that waits awake, who would keep the lock from others by looking.
    has_mail: AtomicBool,
}

#[derive(Default)]
struct Inner {
    mail: Mail,
    /// The owner, while it waits.
    waiting: Option<Waker>,
}

impl Mailbox {
    pub fn send(&self, news: News) {
        self.put(|mail| mail.news.push(news));
    }

    /// All that lies there. Asked by the owner alone; what was in `mail` is dropped, its memory is used again.
    pub fn poll_take(&self, mail: &mut Mail, context: &Context<'_>) -> Poll<()> {
        mail.answers.clear();
        mail.news.clear();
        let mut inner = self.inner.lock();
        if inner.mail.answers.is_empty() && inner.mail.news.is_empty() {
            inner.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        std::mem::swap(&mut inner.mail, mail);
        self.has_mail.store(false, Ordering::Relaxed);
        Poll::Ready(())
    }

    /// Waits awake for mail for a moment, where that pays (see `Spin`), and gives how long. Called by the owner alone, before
    /// `poll_take`; whoever puts something there meanwhile need not wake it, which takes a system call.
    pub fn spin(&self, spin: &mut Spin) -> Duration {
        self.inner.lock().waiting = None;
        spin.wait(|| self.has_mail.load(Ordering::Relaxed))
    }

    fn put(&self, change: impl FnOnce(&mut Mail)) {
        let waiting = {
            let mut inner = self.inner.lock();
            change(&mut inner.mail);
            self.has_mail.store(true, Ordering::Relaxed);
            inner.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl Outbox for Mailbox {
    fn deliver(&self, answers: Vec<Answer>) {
        self.put(|mail| {
            if mail.answers.is_empty() {
                mail.answers = answers;
            } else {
                mail.answers.extend(answers);
            }
        });
    }
}
