//! The client's thread: connects, hands calls to connections in order, ends them in time, gives answers back in bulk.
//!
//! All state is touched by that thread alone; the lock is there for the compiler, and is never waited for.

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Connection as Http2, ResponseFuture};
use parking_lot::{Mutex, MutexGuard};

use super::answer::{self, Refusal, Unseen};
use super::backoff::Backoff;
use super::call::Heads;
use super::calls::{Calls, Place, deliver};
use super::connect::{self, Stream};
use super::connection::Connection;
use super::failure::{Code, Failure};
use super::inbox::{Handed, Inbox};
use super::keepalive;
use super::settings::Settings;

/// More connections than one help against a server that limits the streams of each, and no further.
const MAX_CONNECTIONS: usize = 4;
/// How often a call is sent again after a server refused it unseen. gRFC A6 has one; but a refusal also tells how many
/// calls the server takes at a time, and a burst meets a few before that is known.
const MAX_REFUSED: u32 = 5;
/// So many answers go back even while the thread has more to do, so that callers need not wait for all of it.
const BULK_REPLIES: usize = 32;

pub struct Driver {
    settings: Settings,
    inbox: Arc<Inbox>,
    state: Mutex<State>,
}

struct State {
    calls: Calls,
    connections: Vec<Connection>,
    next_connection: u64,
    connecting: bool,
    backoff: Backoff,
    /// Why the last connection was not made.
    last_failure: String,
    heads: Heads,
    /// Of the task that runs `turn`.
    waker: Waker,
}

impl Driver {
    pub fn new(settings: Settings, inbox: Arc<Inbox>) -> Self {
        let state = State {
            calls: Calls::default(),
            connections: Vec::new(),
            next_connection: 0,
            connecting: false,
            backoff: Backoff::default(),
            last_failure: String::new(),
            heads: Heads::default(),
            waker: Waker::noop().clone(),
        };
        Self { settings, inbox, state: Mutex::new(state) }
    }

    /// Runs until the channel is closed, as the main task of a runtime that has this thread alone.
    pub async fn run(self: Arc<Self>) {
        let mut sleep = pin!(tokio::time::sleep(Duration::ZERO));
        let mut news = pin!(self.inbox.news());
        std::future::poll_fn(|cx| {
            while news.as_mut().poll(cx).is_ready() {
                news.set(self.inbox.news());
            }
            while let ControlFlow::Continue(earliest) = self.turn(cx) {
                let Some(earliest) = earliest else { return Poll::Pending };
                if sleep.deadline().into_std() != earliest {
                    sleep.as_mut().reset(earliest.into());
                }
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.expire(Instant::now());
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Ends every call that has no answer, and refuses those that come.
    pub fn end(&self) {
        self.inbox.close();
        let mut state = self.state.lock();
        for call in self.inbox.take().calls {
            state.calls.admit(call);
        }
        state.calls.fail_all(&Failure::new(Code::Cancelled, "The channel was closed."));
        state.connections.clear();
        deliver_unlocked(state);
    }

    /// Takes what was handed in and sends what can be sent. Gives the earliest deadline, until the channel is
    /// closed.
    fn turn(self: &Arc<Self>, cx: &mut Context<'_>) -> ControlFlow<(), Option<Instant>> {
        let Handed { calls, gone, closed } = self.inbox.take();
        let mut state = self.state.lock();
        state.waker.clone_from(cx.waker());
        for call in calls {
            state.calls.admit(call);
        }
        for id in gone {
            let left = state.calls.cancel(id);
            state.left(left);
        }
        if closed {
            return ControlFlow::Break(());
        }
        self.dispatch(&mut state, cx);
        ControlFlow::Continue(state.calls.earliest())
    }

    /// Sends the calls that wait, in order, as far as there is room.
    fn dispatch(self: &Arc<Self>, state: &mut State, cx: &mut Context<'_>) {
        let now = Instant::now();
        loop {
            let State { connections, calls, heads, .. } = state;
            let Some(call) = calls.next_waiting() else { break };
            let Some(connection) = connections.iter_mut().find_map(|each| each.with_room(cx)) else { break };
            let id = call.id;
            match connection.send(call, heads, now) {
                Ok(response) => {
                    connection.calls += 1;
                    let connection = connection.id;
                    let task = tokio::spawn(Arc::clone(self).answer(connection, id, response));
                    calls.begin(id, Place { connection, task: task.abort_handle() });
                }
                // It waits on, for another connection.
                Err(Refusal { unseen: Unseen::Leaving, .. }) => {}
                Err(Refusal { failure, .. }) => calls.end(id, Err(failure)),
            }
        }
        state.connections.retain(|connection| !connection.leaving || connection.calls > 0);
        if state.calls.has_waiting() {
            self.connect(state, now);
        }
    }

    /// Opens a connection, where one more would help.
    fn connect(self: &Arc<Self>, state: &mut State, now: Instant) {
        if state.connecting {
            return;
        }
        let none_stays = state.staying().next().is_none();
        if state.backoff.holds(now) {
            if none_stays {
                state.fail_waiting();
            }
            return;
        }
        // A server that refuses what it announced to take has enough to do.
        let full = state.staying().all(Connection::is_full);
        if none_stays || full && state.connections.len() < MAX_CONNECTIONS {
            state.connecting = true;
            tokio::spawn(Arc::clone(self).open());
        }
    }

    async fn open(self: Arc<Self>) {
        let Settings { target, tls, keepalive, .. } = &self.settings;
        let opened = connect::open(target, tls.clone(), *keepalive).await;
        let mut state = self.state.lock();
        state.connecting = false;
        match opened {
            Ok((sender, connection)) => {
                let id = state.next_connection;
                state.next_connection += 1;
                state.backoff.reset();
                let task = tokio::spawn(Arc::clone(&self).carry(id, connection));
                let most = state.connections.iter().map(|each| each.most).min().unwrap_or(usize::MAX);
                state.connections.push(Connection::new(id, sender, task.abort_handle(), most));
            }
            Err(sentence) => {
                state.backoff.failed(Instant::now());
                state.last_failure = sentence;
                if state.staying().next().is_none() {
                    state.fail_waiting();
                }
            }
        }
        state.waker.wake_by_ref();
    }

    /// Moves a connection's bytes until it ends. Its calls learn why from their own streams.
    async fn carry(self: Arc<Self>, id: u64, mut connection: Http2<Box<dyn Stream>, Bytes>) {
        match connection.ping_pong() {
            None => drop(connection.await),
            Some(pings) => {
                let busy = || self.state.lock().connection(id).is_some_and(|connection| connection.calls > 0);
                tokio::select! {
                    _ = connection => {}
                    () = keepalive::watch(pings, self.settings.keepalive, busy) => {}
                }
            }
        }
        let mut state = self.state.lock();
        state.connections.retain(|connection| connection.id != id);
        state.waker.wake_by_ref();
    }

    /// Reads one call's answer.
    async fn answer(self: Arc<Self>, connection: u64, id: u64, response: ResponseFuture) {
        let result = answer::receive(response, self.settings.max_receive_bytes).await;
        let mut state = self.state.lock();
        let unseen = result.as_ref().map_or_else(|refusal| refusal.unseen, |_| Unseen::No);
        state.left(Some(connection));
        if let Some(connection) = state.connection(connection) {
            match unseen {
                Unseen::No => connection.took(),
                Unseen::Refused => connection.refused(),
                Unseen::Leaving => connection.leaving = true,
            }
        }
        let again = unseen != Unseen::No && state.calls.refused(id).is_some_and(|times| times < MAX_REFUSED);
        if again {
            state.calls.put_back(id);
        } else {
            state.calls.end(id, result.map_err(|refusal| refusal.failure));
        }
        if state.calls.has_waiting() {
            state.waker.wake_by_ref();
        }
        if state.calls.ended() >= BULK_REPLIES {
            deliver_unlocked(state);
        }
    }

    fn expire(&self, now: Instant) {
        let mut state = self.state.lock();
        for connection in state.calls.expire(now) {
            state.left(Some(connection));
        }
    }

    /// Gives back what has ended. The thread does so whenever it has nothing else to do.
    pub fn flush(&self) {
        deliver_unlocked(self.state.lock());
    }
}

fn deliver_unlocked(mut state: MutexGuard<'_, State>) {
    let ended = state.calls.take_ended();
    drop(state);
    deliver(ended);
}

impl State {
    fn connection(&mut self, id: u64) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|connection| connection.id == id)
    }

    /// The connections that take calls, now or later.
    fn staying(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().filter(|connection| !connection.leaving)
    }

    /// A call is no longer on the connection.
    fn left(&mut self, connection: Option<u64>) {
        if let Some(connection) = connection.and_then(|id| self.connection(id)) {
            connection.calls -= 1;
        }
    }

    fn fail_waiting(&mut self) {
        let failure = Failure::new(Code::Unavailable, self.last_failure.clone());
        self.calls.fail_waiting(&failure);
    }
}
