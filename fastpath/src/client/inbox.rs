//! What callers hand to the client's thread: one lock and at most one wake for however many calls.

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::call::Call;

/// What has been handed in since the thread last looked.
#[derive(Default)]
pub struct Handed {
    pub calls: Vec<Call>,
    /// Ids of calls whose callers have gone.
    pub gone: Vec<u64>,
    pub closed: bool,
}

#[derive(Default)]
struct State {
    handed: Handed,
    /// Whether the thread sleeps, or is about to: only then is it woken.
    idle: bool,
}

#[derive(Default)]
pub struct Inbox {
    state: Mutex<State>,
    news: Notify,
}

impl Inbox {
    /// Hands in calls; gives them back where the channel is closed.
    pub fn submit(&self, calls: &mut Vec<Call>) -> Result<(), Closed> {
        let mut state = self.state.lock();
        if state.handed.closed {
            return Err(Closed);
        }
        if state.handed.calls.is_empty() {
            std::mem::swap(&mut state.handed.calls, calls);
        } else {
            state.handed.calls.append(calls);
        }
        self.wake(state);
        Ok(())
    }

    /// The caller of a call is gone.
    pub fn cancel(&self, id: u64) {
        let mut state = self.state.lock();
        state.handed.gone.push(id);
        self.wake(state);
    }

    pub fn close(&self) {
        let mut state = self.state.lock();
        state.handed.closed = true;
        self.wake(state);
    }

    fn wake(&self, mut state: parking_lot::MutexGuard<'_, State>) {
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        if idle {
            self.news.notify_one();
        }
    }

    /// Everything that was handed in, on the client's thread. `closed` stays so.
    pub fn take(&self) -> Handed {
        let mut state = self.state.lock();
        let closed = state.handed.closed;
        Handed { closed, ..std::mem::replace(&mut state.handed, Handed { closed, ..Handed::default() }) }
    }

    /// Just before the thread sleeps: what came meanwhile keeps it awake, what comes from now on wakes it.
    pub fn before_sleep(&self) {
        let mut state = self.state.lock();
        let Handed { calls, gone, closed } = &state.handed;
        if calls.is_empty() && gone.is_empty() && !closed {
            state.idle = true;
        } else {
            drop(state);
            self.news.notify_one();
        }
    }

    /// The thread is awake, whatever woke it.
    pub fn after_sleep(&self) {
        self.state.lock().idle = false;
    }

    /// Waits until something may have been handed in.
    pub async fn news(&self) {
        self.news.notified().await;
    }
}

/// The channel is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;
