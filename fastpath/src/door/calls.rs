//! The calls of one connection that have no answer yet, so that each can be dropped when its caller goes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use tokio::task::AbortHandle;

/// What ends a call whose caller has gone.
enum Open {
    /// The engine has it, under this token.
    Waits(u64),
    /// A task of its own works on it; what the task holds ends with it.
    Runs(AbortHandle),
}

/// Shared by a connection, its calls' tasks and the thread.
pub struct Calls {
    open: RefCell<HashMap<u32, Open, RandomState>>,
    /// Something was sent since the connection looked.
    answered: Cell<bool>,
    /// The connection's task.
    waker: RefCell<Option<Waker>>,
}

impl Calls {
    pub fn new() -> Rc<Self> {
        Rc::new(Self { open: RefCell::default(), answered: Cell::new(false), waker: RefCell::default() })
    }

    /// The engine has a call.
    pub fn waits(&self, stream: u32, token: u64) {
        self.open.borrow_mut().insert(stream, Open::Waits(token));
    }

    /// A call was answered, or its task ends.
    pub fn close(&self, stream: u32) {
        self.open.borrow_mut().remove(&stream);
        self.answered.set(true);
    }

    /// Runs a call's task, until its end or its caller's.
    pub fn run(self: &Rc<Self>, stream: u32, task: impl Future<Output = ()> + 'static) {
        let calls = Rc::clone(self);
        let task = tokio::task::spawn_local(async move {
            task.await;
            calls.close_task(stream);
        });
        self.open.borrow_mut().insert(stream, Open::Runs(task.abort_handle()));
    }

    /// A task may have handed its call to the engine, which then has the place.
    fn close_task(&self, stream: u32) {
        self.answered.set(true);
        let mut open = self.open.borrow_mut();
        if matches!(open.get(&stream), Some(Open::Runs(_))) {
            open.remove(&stream);
        }
    }

    /// The caller has reset its stream: its task is ended. The token, where the engine has the call.
    pub fn take(&self, stream: u32) -> Option<u64> {
        let open = self.open.borrow_mut().remove(&stream);
        open.and_then(Open::end)
    }

    /// The connection is gone: all its tasks are ended. The tokens of the calls that the engine has.
    pub fn take_all(&self) -> Vec<u64> {
        let open = std::mem::take(&mut *self.open.borrow_mut());
        open.into_values().filter_map(Open::end).collect()
    }

    /// Something was sent.
    pub fn answer(&self) {
        self.answered.set(true);
    }

    /// Whether something was sent since the last time.
    pub fn take_answered(&self) -> bool {
        self.answered.replace(false)
    }

    /// Remembers whom to wake.
    pub fn set_waker(&self, waker: &Waker) {
        let mut held = self.waker.borrow_mut();
        if !held.as_ref().is_some_and(|held| held.will_wake(waker)) {
            *held = Some(waker.clone());
        }
    }

    /// Has the connection's task look around.
    pub fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

impl Open {
    fn end(self) -> Option<u64> {
        match self {
            Self::Waits(token) => Some(token),
            Self::Runs(task) => {
                task.abort();
                None
            }
        }
    }
}
