//! One connection's protocol as its own task, the tasks of its calls and the thread share it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

use super::handle::Handle;
use super::protocol::Protocol;
use super::stream::{Inbox, Work};
use crate::door::settings::Settings;

/// Whoever writes to it wakes the connection's task, once a turn.
pub struct Conversation {
    protocol: RefCell<Protocol>,
    /// The connection's task, once it has rested.
    sleeper: RefCell<Option<Waker>>,
    is_awake: Cell<bool>,
}

impl Conversation {
    #[must_use]
    pub fn new(settings: &Settings) -> Rc<Self> {
        Rc::new(Self {
            protocol: RefCell::new(Protocol::new(settings)),
            sleeper: RefCell::default(),
            is_awake: Cell::new(true),
        })
    }

    /// Asks or changes the protocol; what that writes is sent soon.
    pub fn with<T>(&self, change: impl FnOnce(&mut Protocol) -> T) -> T {
        let (outcome, is_unsent) = {
            let protocol = &mut *self.protocol.borrow_mut();
            (change(protocol), !protocol.unsent.is_empty())
        };
        if is_unsent {
            self.wake();
        }
        outcome
    }

    /// Has the connection's task look around.
    pub fn wake(&self) {
        if !self.is_awake.replace(true)
            && let Some(sleeper) = &*self.sleeper.borrow()
        {
            sleeper.wake_by_ref();
        }
    }

    /// The connection's task works, and looks at everything before it rests.
    pub fn begin_turn(&self) {
        self.is_awake.set(true);
    }

    /// It rests until it is woken.
    pub fn end_turn(&self, waker: &Waker) {
        let mut sleeper = self.sleeper.borrow_mut();
        if !sleeper.as_ref().is_some_and(|sleeper| sleeper.will_wake(waker)) {
            *sleeper = Some(waker.clone());
        }
        self.is_awake.set(false);
    }

    /// A stream as a task reads and writes it.
    pub fn handle(self: &Rc<Self>, stream: u32) -> Handle {
        self.protocol.borrow_mut().open_inbox(stream);
        Handle::new(Rc::clone(self), stream)
    }

    /// Runs a call's task, until its end or its caller's.
    pub fn run(&self, stream: u32, task: impl Future<Output = ()> + 'static) {
        let task = tokio::task::spawn_local(task);
        self.protocol.borrow_mut().set_work(stream, Work::Runs(task.abort_handle()));
    }
}

impl Protocol {
    fn open_inbox(&mut self, stream: u32) {
        if let Some(state) = self.streams.get_mut(&stream) {
            state.inbox.get_or_insert_with(|| Box::new(Inbox::default()));
        }
    }
}
