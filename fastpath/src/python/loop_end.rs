//! Where an asyncio loop gets answers back in bulk: the futures that wait, and a socket that wakes the loop once for all.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use crate::batch::Tokens;

pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers on their way to the loop. Threads that hold no GIL put them in.
pub struct Mailbox<A> {
    answers: Mutex<Vec<A>>,
    /// Whether a byte is in the socket.
    signalled: AtomicBool,
    wake: UnixStream,
}

/// The loop's end of a mailbox.
pub struct Woken<A> {
    mailbox: Arc<Mailbox<A>>,
    socket: UnixStream,
}

impl<A> Woken<A> {
    pub fn new() -> PyResult<Self> {
        let (wake, socket) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        socket.set_nonblocking(true)?;
        let mailbox = Mailbox { answers: Mutex::default(), signalled: AtomicBool::new(false), wake };
        Ok(Self { mailbox: Arc::new(mailbox), socket })
    }

    pub fn mailbox(&self) -> Arc<Mailbox<A>> {
        Arc::clone(&self.mailbox)
    }

    /// Readable when answers wait.
    pub fn fileno(&self) -> i32 {
        self.socket.as_raw_fd()
    }

    /// All answers that wait.
    pub fn take(&self) -> Vec<A> {
        let mut byte = [0; 16];
        // Cleared before the answers are taken: one that comes after wakes the loop again.
        while (&self.socket).read(&mut byte).is_ok_and(|read| read == byte.len()) {}
        self.mailbox.signalled.store(false, Ordering::SeqCst);
        std::mem::take(&mut *locked(&self.mailbox.answers))
    }
}

impl<A> Mailbox<A> {
    pub fn put(&self, answers: Vec<A>) {
        let mut waiting = locked(&self.answers);
        if waiting.is_empty() {
            *waiting = answers;
        } else {
            waiting.extend(answers);
        }
        drop(waiting);
        if !self.signalled.swap(true, Ordering::SeqCst) {
            // A full socket wakes the loop as well.
            let _ = (&self.wake).write(&[1]);
        }
    }
}

/// The calls that have no answer yet, by token, each with what cancels it. Only the loop's thread touches it.
pub struct Waiting<T>(Tokens<(Py<PyAny>, Option<T>)>);

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self(Tokens::default())
    }
}

impl<T> Waiting<T> {
    /// A new call; gives its token.
    pub fn open(&mut self, future: Py<PyAny>) -> u64 {
        self.0.insert((future, None))
    }

    pub fn keep(&mut self, token: u64, ticket: T) {
        if let Some((_, kept)) = self.0.get_mut(token) {
            *kept = Some(ticket);
        }
    }

    /// The call has ended: its future, and what would have cancelled it.
    pub fn close(&mut self, token: u64) -> Option<(Py<PyAny>, Option<T>)> {
        self.0.take(token)
    }

    /// Ends the call of a future; gives what cancels it. Looks at every call, for callers who seldom go away.
    pub fn close_future(&mut self, future: &Bound<'_, PyAny>) -> Option<T> {
        let token = self.0.find(|(held, _)| held.is(future))?;
        self.close(token)?.1
    }

    /// All calls that still wait.
    pub fn into_calls(self) -> impl Iterator<Item = (Py<PyAny>, Option<T>)> {
        self.0.into_calls()
    }
}
