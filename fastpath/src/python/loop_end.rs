//! Where an asyncio loop gets answers back in bulk: the futures that wait, and a socket that wakes the loop once for all.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

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
pub struct Waiting<T> {
    calls: Vec<Slot<T>>,
    free: Vec<usize>,
}

struct Slot<T> {
    /// Counts the calls that had this slot, so that a late answer or cancel of an earlier one is told apart.
    turn: u32,
    call: Option<(Py<PyAny>, Option<T>)>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { calls: Vec::new(), free: Vec::new() }
    }
}

impl<T> Waiting<T> {
    /// A slot for a new call. Its token is the slot's place and turn.
    pub fn open(&mut self, future: Py<PyAny>) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.calls.push(Slot { turn: 0, call: None });
            self.calls.len() - 1
        });
        let slot = &mut self.calls[place];
        slot.call = Some((future, None));
        (u64::from(slot.turn) << 32) | place as u64
    }

    /// The slot of a call that still waits.
    fn slot(&mut self, token: u64) -> Option<(usize, &mut Slot<T>)> {
        let place = usize::try_from(token & u64::from(u32::MAX)).ok()?;
        let slot = self.calls.get_mut(place)?;
        (u64::from(slot.turn) == token >> 32 && slot.call.is_some()).then_some((place, slot))
    }

    pub fn keep(&mut self, token: u64, ticket: T) {
        if let Some((_, Slot { call: Some((_, kept)), .. })) = self.slot(token) {
            *kept = Some(ticket);
        }
    }

    /// The call has ended: its future, and what would have cancelled it.
    pub fn close(&mut self, token: u64) -> Option<(Py<PyAny>, Option<T>)> {
        let (place, slot) = self.slot(token)?;
        slot.turn = slot.turn.wrapping_add(1);
        let call = slot.call.take()?;
        self.free.push(place);
        Some(call)
    }

    /// Ends the call of a future; gives what cancels it. Looks at every call, for callers who seldom go away.
    pub fn close_future(&mut self, future: &Bound<'_, PyAny>) -> Option<T> {
        let has = |slot: &Slot<T>| slot.call.as_ref().is_some_and(|(held, _)| held.is(future));
        let place = self.calls.iter().position(has)?;
        let token = (u64::from(self.calls[place].turn) << 32) | place as u64;
        self.close(token)?.1
    }

    /// All calls that still wait.
    pub fn into_calls(self) -> impl Iterator<Item = (Py<PyAny>, Option<T>)> {
        self.calls.into_iter().filter_map(|slot| slot.call)
    }
}
